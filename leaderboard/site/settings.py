"""What one site serves: datasets, the store behind it, and its limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from generator import dataset, schema
from generator.errors import UserError
from leaderboard.intake.scorer import Limits
from leaderboard.records.task_definitions import TASKS
from leaderboard.tracking.store import Store

SHOWN = 12  # characters of a dataset's digest that name it in addresses


@dataclass(frozen=True)
class ServedDataset:
    """One dataset, and what may be submitted for it.

    Attributes
    ----------
    folder : Path
        The dataset, labels included: only the scoring process opens them.
    manifest : mapping
        Of the dataset.
    split : str
        The split that is scored.
    tasks : tuple of str
        Tasks whose boards are shown.
    generate : str
        Command that makes the same bytes; "" where there is none, or nobody may know it.
    """

    folder: Path
    manifest: Mapping[str, Any] = field(repr=False)
    split: str = "test"
    tasks: tuple[str, ...] = tuple(TASKS)
    generate: str = ""

    @classmethod
    def at(cls, folder: Path, split: str = "test", tasks: tuple[str, ...] | None = None) -> ServedDataset:
        """Dataset of a folder.

        Parameters
        ----------
        folder : Path
            With labels.
        split : str
            The one that is scored.
        tasks : tuple of str, optional
            Of `task_definitions.TASKS`.

        Raises
        ------
        UserError
            If there is no complete dataset, or no such split in it.
        """
        manifest = dataset.read_manifest(folder)
        if split not in manifest["splits"]:
            raise UserError(f"{folder} has no split {split!r}: choose {', '.join(manifest['splits'])}")
        return cls(folder.resolve(), manifest, split, tuple(TASKS) if tasks is None else tasks)

    @property
    def submitted(self) -> tuple[str, ...]:
        """Those of its tasks that a file can answer."""
        return tuple(task for task in self.tasks if not TASKS[task].replayed)

    @property
    def digest(self) -> str:
        """Digest of the dataset."""
        return str(self.manifest["digest"])

    @property
    def key(self) -> str:
        """What names it in addresses."""
        return self.digest[:SHOWN]

    @property
    def name(self) -> str:
        """What people call it."""
        return str(self.manifest["name"])

    @property
    def downloads(self) -> dict[str, int]:
        """Files that may be handed out, with their bytes: all but what the scored split's truth stands in."""
        splits = self.manifest["splits"].items()
        return {
            path: int(file["bytes"])
            for split, told in splits
            for path, file in told["files"].items()
            if split != self.split or path.split("/")[1].partition(".")[0] in schema.PUBLIC
        }

    def rows(self, task: str) -> int:
        """Rows that a complete submission has.

        Parameters
        ----------
        task : str
            Key of `task_definitions.TASKS`.
        """
        counts = self.manifest["splits"][self.split]["counts"]
        return int(counts[TASKS[task].counted])

    def cap(self, task: str) -> int:
        """Bytes that a submission may have; nothing beyond them is read.

        Parameters
        ----------
        task : str
            Key of `task_definitions.TASKS`.
        """
        return self.rows(task) * 128 + (1 << 16)


@dataclass(frozen=True)
class Settings:
    """One site.

    Attributes
    ----------
    store : Store
        Runs, teams and queue.
    worlds : tuple of World
        What it serves; the first is the one meant where none is named.
    limits : Limits
        What scoring one submission may take.
    team_hour : int
        Submissions that a team may send in an hour.
    address_minute : int
        Uploads and refused tokens of one address in a minute.
    upload_seconds, idle_seconds : float
        A whole upload, and a pause in it, may take so long.
    archetypes : mapping of str to str
        What people call each archetype.
    scoring : bool
        Whether this process empties the queue.
    docs : str
        Address of the documentation, for the footer; "" for none.
    """

    store: Store
    worlds: tuple[ServedDataset, ...]
    limits: Limits = field(default_factory=Limits)
    team_hour: int = 20
    address_minute: int = 60
    upload_seconds: float = 300.0
    idle_seconds: float = 15.0
    archetypes: Mapping[str, str] = field(default_factory=dict)
    scoring: bool = True
    docs: str = ""

    def world(self, key: str | None) -> ServedDataset | None:
        """Dataset of a key; None if there is none.

        Parameters
        ----------
        key : str or None
            In addresses, or a whole digest; the first dataset without.
        """
        if key is None:
            return self.worlds[0]
        return next((w for w in self.worlds if key in (w.key, w.digest)), None)
