"""A submission that is sent to a served board, and watched until it is scored."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from generator.errors import UserError

if TYPE_CHECKING:
    from leaderboard.intake.http_client import Server

_LOOK_SECONDS = 1.0  # between two looks at a submission
_WAITING = ("queued", "running")


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
    from leaderboard.records import submission

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
