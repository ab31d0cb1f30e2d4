"""The sending side: submissions to a server, with a team's token that is carried nowhere else."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from generator.errors import UserError, printable
from leaderboard.records import submission

_SECONDS = 120.0
_REDIRECTS = (301, 302, 303, 307, 308)
_LOOK_SECONDS = 1.0  # between two looks at a submission
_WAITING = ("queued", "running")
_LARGEST = 64 << 20  # bytes of an answer, where no other limit is named


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Follows nowhere: who is sent elsewhere would take the token along."""

    def redirect_request(self, *_: object) -> None:
        return None


_OPENER = urllib.request.build_opener(_NoRedirects)


def token(file: Path | None) -> str:
    """Token of a team, from the file that holds it.

    Parameters
    ----------
    file : Path, optional
        As the command line names it.

    Raises
    ------
    UserError
        If there is no such file.
    """
    if file is None or not file.is_file():
        raise UserError(f"--token-file {file or ''} is no file: put the team's token into one and name it")
    return file.read_text("utf-8").strip()


class Server:
    """A server that knows the team.

    Parameters
    ----------
    address : str
        Its address, e.g. https://board.example.org.
    token : str
        Of the team.
    """

    def __init__(self, address: str, token: str) -> None:
        if not address.startswith(("http://", "https://")):
            raise UserError(f"--server {address[:80]} is no address: begin with https:// or http://")
        if not token.isascii() or not token.isprintable() or not token:
            raise UserError("the token is none: take it as the organiser sent it")
        self.address, self._token = address.rstrip("/"), token

    def ask(self, method: str, path: str, body: bytes | None = None, largest: int | None = _LARGEST) -> bytes:
        """What the server answers.

        Parameters
        ----------
        method, path : str
            Of HTTP; the path begins with a slash.
        body : bytes, optional
            What is sent.
        largest : int or None
            Most bytes of the answer that are read; None for all.

        Raises
        ------
        UserError
            If it refuses, sends elsewhere or does not answer.
        """
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/octet-stream"}
        # Only http and https get here, see `__init__`.
        request = urllib.request.Request(self.address + path, body, headers, method=method)  # noqa: S310
        try:
            with _OPENER.open(request, timeout=_SECONDS) as answer:
                return bytes(answer.read(largest))
        except urllib.error.HTTPError as error:
            if error.code in _REDIRECTS:
                place = printable(error.headers.get("location", "")[:200])
                raise UserError(
                    f"{self.address} sends elsewhere, to {place}: the token is not carried there; if you trust "
                    "that address, name it as --server"
                ) from error
            raise UserError(f"the server says {error.code}: {_detail(error.read(1 << 16))}") from error
        except OSError as error:
            remedy = "try again, what it has received is kept"
            raise UserError(f"{self.address} does not answer ({error}): {remedy}") from error


def send(
    server: Server, path: Path, task: str, world: str = "", tick: Callable[[str], None] = lambda state: None
) -> dict[str, Any]:
    """Send a submission, and wait for its scores.

    Parameters
    ----------
    server : Server
        Of the board, with the team's token.
    path : Path
        Folder with predictions and card, or a predictions file alone.
    task : str
        Key of `task_definitions.TASKS`.
    world : str
        Key of the dataset, as in the board's addresses; the board's first without.
    tick : callable
        Told the state of the submission whenever it was looked at.

    Returns
    -------
    dict of str to Any
        The submission as the server describes it, with "entry" and "scores".

    Raises
    ------
    UserError
        With all faults that the card, or the server, has found.
    """
    file, card = submission.located(path)
    texts = {k: str(v).lower() if isinstance(v, bool) else v for k, v in asdict(card).items() if k != "team"}
    query = urlencode(texts | ({"world": world} if world else {}))
    id_ = json.loads(server.ask("PUT", f"/api/v1/submissions/{task}?{query}", file.read_bytes()))["id"]
    job: dict[str, Any]
    while (job := json.loads(server.ask("GET", f"/api/v1/submissions/{id_}")))["state"] in _WAITING:
        tick(job["state"])
        time.sleep(_LOOK_SECONDS)
    if job["error"]:
        raise UserError(f"{path} was not scored: {job['error']}")
    return job


def _detail(body: bytes) -> str:
    try:
        text = str(json.loads(body)["detail"])
    except (ValueError, KeyError, TypeError):
        text = "nothing more"
    return printable(text[:2000])
