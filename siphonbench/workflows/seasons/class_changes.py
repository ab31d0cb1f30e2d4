"""What may change while a class goes on, one change at a time: roster, tokens and deadline; also while served."""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from generator import files
from generator.errors import UserError
from siphonbench.workflows.seasons import class_folder
from siphonbench.workflows.seasons.class_folder import FILE, HANDOUT, LOCK, Class

if TYPE_CHECKING:
    from leaderboard.seasons.submissions import SeasonService


@contextmanager
def changing(folder: Path) -> Iterator[Class]:
    """A class that nobody else changes inside the block; what others changed before is in it.

    Parameters
    ----------
    folder : Path
        Of the class.

    Yields
    ------
    Class
        As its folder has it now.

    Raises
    ------
    UserError
        If it holds none.
    """
    class_folder.opened(folder)
    descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield class_folder.opened(folder)
    finally:
        os.close(descriptor)


def new_token(room: Class, nickname: str) -> str:
    """Write a token into what a student is handed out.

    Parameters
    ----------
    room : Class
        The class.
    nickname : str
        Of the student.

    Returns
    -------
    str
        Its SHA-256, to be kept.
    """
    token = secrets.token_urlsafe(32)
    files.write_text(room.folder / HANDOUT / nickname / "token.txt", token + "\n")
    return hashlib.sha256(token.encode()).hexdigest()


def revoke(folder: Path, student: str, again: bool = False) -> str:
    """End a student's token; what was handed in stays.

    Parameters
    ----------
    folder : Path
        Of the class.
    student : str
        Nickname or id.
    again : bool
        Whether a new one is written into the hand-out.

    Returns
    -------
    str
        Nickname.

    Raises
    ------
    UserError
        If there is no such student.
    """
    with changing(folder) as room:
        nickname = _nickname(room, student)
        tokens = {k: v for k, v in (room.tokens or {}).items() if k != nickname}
        if again:
            tokens[nickname] = new_token(room, nickname)
        else:
            (folder / HANDOUT / nickname / "token.txt").unlink(missing_ok=True)
        replace(room, tokens=tokens).save()
    return nickname


def _nickname(room: Class, student: str) -> str:
    names = [s.nickname for s in room.students if student in (s.nickname, s.id)]
    if not names:
        raise UserError(f"{room.folder} has no student {student[:80]!r}: name one by nickname or id")
    return names[0]


def extend(folder: Path, deadline: str, student: str = "") -> datetime:
    """Move the deadline of a class, or of one student, to a later moment.

    Parameters
    ----------
    folder : Path
        Of the class.
    deadline : str
        ISO format, UTC where it names no zone; a date alone means its end.
    student : str
        Nickname or id of who may hand in later than the others; "": all.

    Raises
    ------
    UserError
        If it is no time, not later than the deadline there is, or there is no such student.
    """
    from leaderboard.records import moments

    faults: list[str] = []
    closes = moments.parse(deadline, "deadline", faults, end=True)
    if closes is None:
        raise UserError("; ".join(faults))
    with changing(folder) as room:
        nickname = _nickname(room, student) if student else ""
        before = max(room.rules.closes, room.deadlines.get(nickname, room.rules.closes))
        if closes <= before:
            last = moments.moment(before)
            raise UserError(f"deadline: {moments.moment(closes)} is not after {last}: a deadline only moves on")
        if student:
            replace(room, extended=(room.extended or {}) | {nickname: moments.moment(closes)}).save()
        else:
            replace(room, rules=replace(room.rules, closes=closes)).save()
    return closes


class ServedClass:
    """A class whose folder may change while it is served.

    Parameters
    ----------
    folder : Path
        Of the class.
    service : SeasonService
        Whose rules follow those of the folder.
    """

    def __init__(self, folder: Path, service: SeasonService) -> None:
        self._folder, self._service = folder, service
        self._read: tuple[int, int] = (0, 0)
        self.refresh()

    def refresh(self) -> None:
        """Read the class again if its file is another one by now."""
        status = (self._folder / FILE).stat()
        version = (status.st_mtime_ns, status.st_ino)
        if version != self._read:
            self._room = class_folder.opened(self._folder)
            self._service.rules, self._service.extended = self._room.rules, self._room.deadlines
            self._read = version

    def find(self, token: str) -> str | None:
        """Nickname of the student of a token; None for one that is none any more.

        Parameters
        ----------
        token : str
            As a stranger sends it.
        """
        return self._room.nickname(token)
