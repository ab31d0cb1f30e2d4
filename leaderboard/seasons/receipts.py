"""Receipts: every attempt is a link of one hash chain, so that none is added, dropped or changed unnoticed.

The first link stands on the season's commitment, each later one on the link before. Who holds a receipt holds the
whole past of the season: a chain that was rewritten anywhere before it no longer reaches it.

Source: Haber and Stornetta, "How to time-stamp a digital document", Journal of Cryptology 3 (1991).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from generator.errors import UserError
from leaderboard.seasons.attempts_table import ATTEMPTS, CLOSING

_LARGEST = 1 << 16  # bytes of a receipt
_A = ATTEMPTS.c


@dataclass(frozen=True)
class ChainLink:
    """One attempt, as its team holds it and as the season publishes it.

    Attributes
    ----------
    number : int
        Place in the chain of all attempts of the season, from 1.
    id, team, task : str
        Of the attempt.
    file : str
        SHA-256 of the rows that were taken.
    made : float
        When it came, seconds since 1970, UTC.
    previous : str
        Digest of the link before; the season's commitment for the first.
    """

    number: int
    id: str
    team: str
    task: str
    file: str
    made: float
    previous: str

    @property
    def digest(self) -> str:
        """SHA-256 over all the fields."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()

    def receipt(self, commitment: str) -> dict[str, Any]:
        """What the team keeps, as plain values.

        Parameters
        ----------
        commitment : str
            Of the season.
        """
        return asdict(self) | {"digest": self.digest, "commitment": commitment}


@dataclass(frozen=True)
class Closing:
    """The end of a chain, published before the secret is.

    Attributes
    ----------
    commitment : str
        Of the season.
    attempts : int
        Length of the chain.
    head : str
        Digest of its last link; the commitment if there is none.
    closed : float
        Seconds since 1970, UTC.
    beacon : str
        Public random value, known to nobody before; "" for none.
    """

    commitment: str
    attempts: int
    head: str
    closed: float
    beacon: str = ""


_KEYS = {f.name for f in fields(ChainLink)} | {"digest", "commitment"}
_CLOSING_KEYS = {f.name for f in fields(Closing)}


def append(connection: sa.Connection, commitment: str, values: dict[str, Any]) -> ChainLink:
    """Put an attempt at the end of the chain.

    Parameters
    ----------
    connection : sqlalchemy.Connection
        Inside `database.writing`, so that nobody else appends.
    commitment : str
        Of the season.
    values : dict
        Columns of `ATTEMPTS`; those of the chain are filled in.

    Raises
    ------
    UserError
        If the season is closed.
    """
    check_not_closed(connection)
    count, head = head_of(connection, commitment)
    own = {k: values[k] for k in ("id", "team", "task", "file", "made")}
    link = ChainLink(number=count + 1, previous=head, **own)
    chain = {"sequence": link.number, "previous": head, "digest": link.digest}
    connection.execute(ATTEMPTS.insert().values(**values, **chain))
    return link


def head_of(connection: sa.Connection, commitment: str) -> tuple[int, str]:
    """Length of the chain, and digest of its last link.

    Parameters
    ----------
    connection : sqlalchemy.Connection
        To the database of attempts.
    commitment : str
        What an empty chain stands on.
    """
    last = connection.execute(
        sa.select(_A.sequence, _A.digest).order_by(_A.sequence.desc()).limit(1)
    ).one_or_none()
    return (0, commitment) if last is None else (last.sequence, last.digest)


def link_of(row: Any) -> ChainLink:
    """The link of a row of `ATTEMPTS`.

    Parameters
    ----------
    row : sqlalchemy.Row
        With all of its columns.
    """
    return ChainLink(row.sequence, row.id, row.team, row.task, row.file, row.made, row.previous)


def closing(connection: sa.Connection) -> Closing | None:
    """How the season ended; None while it goes on.

    Parameters
    ----------
    connection : sqlalchemy.Connection
        To the database of attempts.
    """
    row = connection.execute(sa.select(*(CLOSING.c[f.name] for f in fields(Closing)))).one_or_none()
    return None if row is None else Closing(**row._mapping)


def check_not_closed(connection: sa.Connection) -> None:
    """Refuse what comes once the season is closed.

    Parameters
    ----------
    connection : sqlalchemy.Connection
        To the database of attempts.

    Raises
    ------
    UserError
        If it is.
    """
    if closing(connection) is not None:
        raise UserError("the season is closed and its secret comes out: nothing is taken any more")


def close(connection: sa.Connection, commitment: str, now: float, beacon: str) -> Closing:
    """End the chain for good; who comes second gets the same end.

    Parameters
    ----------
    connection : sqlalchemy.Connection
        Inside `database.writing`.
    commitment : str
        Of the season.
    now : float
        Seconds since 1970.
    beacon : str
        Public random value, or "".

    Raises
    ------
    UserError
        If it was closed with another beacon value.
    """
    end = closing(connection)
    if end is None:
        end = Closing(commitment, *head_of(connection, commitment), now, beacon)
        connection.execute(CLOSING.insert().values(one=1, **asdict(end)))
    elif beacon not in ("", end.beacon):
        raise UserError(f"the season was closed with the beacon value {end.beacon!r}: it can't be changed")
    return end


def read_folder(folder: Path) -> Iterator[tuple[str, ChainLink | Closing, str]]:
    """Receipts and closings that teams hold.

    Parameters
    ----------
    folder : Path
        Of JSON files: answers of the server as they came, or receipts alone.

    Yields
    ------
    tuple
        Name of the file, link or closing, and the commitment that it names.

    Raises
    ------
    UserError
        If one of them is none, or there is no JSON file.
    """
    paths = sorted(folder.glob("*.json"))
    if not paths:
        raise UserError(f"--receipts {folder} holds no .json file: put the teams' receipts there")
    for path in paths:
        yield path.name, *_read(path)


def _read(path: Path) -> tuple[ChainLink | Closing, str]:
    try:
        with path.open(encoding="utf-8") as file:
            document = json.loads(file.read(_LARGEST))
        document = document.get("receipt", document)
        if set(document) == _CLOSING_KEYS:
            return Closing(**document), str(document["commitment"])
        values = {k: document[k] for k in _KEYS}
        digest, commitment = values.pop("digest"), values.pop("commitment")
        link = ChainLink(**values)
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise UserError(f"{path} is no receipt ({error!r}): keep receipts as they were given") from error
    if digest != link.digest:
        raise UserError(f"{path}: its digest is not that of its fields: the file was changed after it was given")
    return link, str(commitment)
