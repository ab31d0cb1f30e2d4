"""A class as its folder keeps it: rules, students, and the worlds that they train on and are asked about."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from generator import files
from generator.errors import UserError

if TYPE_CHECKING:
    from generator.pipeline.sealed_worlds import Seal
    from leaderboard.seasons.roster import Student
    from leaderboard.seasons.rules import Rules

FILE, SECRET, HANDOUT, LOCK = "class.json", "class.secret", "hand-out", ".lock"
BOARDS = ("private", "nicknames")
_OPEN = ("train", "validation")
SPLITS = (*_OPEN, "test")
# No nickname begins with an underscore.
EVERYBODY, SHARED = "_everybody", "_shared"


@dataclass(frozen=True)
class Class:
    """A class, in a folder that only its instructor can enter.

    Attributes
    ----------
    folder : Path
        Of the class.
    rules : Rules
        What students may do.
    board : str
        One of `BOARDS`.
    same : bool
        Whether all students have the same world.
    students : tuple of Student
        With nicknames.
    tokens : dict of str to str
        SHA-256 of each student's token, by nickname.
    shared_test : bool
        Whether all students are asked about one hidden test split, beside training splits of their own.
    extended : dict of str to str
        Moments until which single students may hand in, by nickname, where these are later than the deadline.
    """

    folder: Path
    rules: Rules
    board: str
    same: bool
    students: tuple[Student, ...] = ()
    tokens: dict[str, str] | None = None
    shared_test: bool = False
    extended: dict[str, str] | None = None

    @property
    def deadlines(self) -> dict[str, datetime]:
        """Later deadlines of single students, by nickname."""
        return {nickname: datetime.fromisoformat(until) for nickname, until in (self.extended or {}).items()}

    @cached_property
    def seal(self) -> Seal:
        """The secret of the class."""
        from generator.pipeline import sealed_worlds

        return sealed_worlds.read(self.folder / SECRET)

    def trained_on(self, nickname: str) -> str:
        """Name of the world whose train and validation splits a student gets.

        Parameters
        ----------
        nickname : str
            Of the student.
        """
        return EVERYBODY if self.same else nickname

    def tested_on(self, nickname: str) -> str:
        """Name of the world whose test split a student is asked about.

        Parameters
        ----------
        nickname : str
            Of the student.
        """
        return SHARED if self.shared_test else self.trained_on(nickname)

    def seal_of(self, world: str) -> Seal:
        """What a world of the class is made from.

        Parameters
        ----------
        world : str
            See `trained_on` and `tested_on`.
        """
        from generator.rng import keyed_streams

        own = {EVERYBODY: "everybody"}.get(world, world)
        # Who gives the references learns on the shared world's own train split.
        splits = _OPEN if self.shared_test and world != SHARED else SPLITS
        secret = keyed_streams.derive(self.seal.config.secret, "student", own)
        return replace(self.seal, config=replace(self.seal.config, secret=secret, splits=splits))

    def world(self, name: str) -> Path:
        """Folder of a world with its labels, for the instructor alone; made if it is not there.

        Parameters
        ----------
        name : str
            See `trained_on` and `tested_on`.
        """
        from generator.pipeline import sealed_worlds

        folder = self.folder / "worlds" / name
        if not folder.exists():
            files.private_folder(folder.parent)
            sealed_worlds.world(self.seal_of(name), folder)
        return folder

    def nickname(self, token: str) -> str | None:
        """Nickname of the student of a token.

        Parameters
        ----------
        token : str
            As the student sends it.

        Returns
        -------
        str or None
            None for one that is none.
        """
        mine, owner = hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest(), None
        for nickname, known in (self.tokens or {}).items():
            if hmac.compare_digest(mine, known):
                owner = nickname
        return owner

    def save(self) -> None:
        """Write class.json, whole or not at all."""
        from leaderboard.records.moments import moment

        plain = asdict(replace(self, folder=Path()))
        plain["rules"] |= {k: moment(getattr(self.rules, k)) for k in ("opens", "closes")}
        del plain["folder"]
        files.write_text(self.folder / FILE, json.dumps(plain, indent=1), 0o600)


def opened(folder: Path) -> Class:
    """Class of a folder.

    Parameters
    ----------
    folder : Path
        As `new` wrote it.

    Raises
    ------
    UserError
        If it holds none.
    """
    from leaderboard.seasons.roster import Student
    from leaderboard.seasons.rules import Rules

    try:
        plain: dict[str, Any] = json.loads((folder / FILE).read_text("utf-8"))
        rules = plain["rules"]
        times = {k: datetime.fromisoformat(rules[k]) for k in ("opens", "closes")}
        plain["rules"] = Rules(**rules | times | {"tasks": tuple(rules["tasks"])})
        plain["students"] = tuple(Student(**s) for s in plain["students"])
        return Class(folder, **plain)
    except OSError as error:
        raise UserError(
            f"{folder} holds no class ({error.strerror}): make one with siphonbench class new"
        ) from error
    except (ValueError, TypeError, KeyError) as error:
        raise UserError(f"{folder / FILE} is no class ({error!r}): take the file as it was written") from error
