"""What a release says about itself in every host's metadata."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from generator.manifest import TRUTH_FOLDER, table_of
from generator.schema import PUBLIC, SPLITS, TABLES

TITLE = "SiphonBench"
CREATOR = "The SiphonBench maintainers"
LICENCE = "https://creativecommons.org/licenses/by/4.0/"
KEYWORDS = ("abuse detection", "model extraction", "distillation", "graph anomaly detection", "synthetic data")
SUMMARY = (
    "Synthetic request logs of an invented language-model API, with hidden campaigns of many accounts that "
    "collect answers to train a copy of the model. No real log, prompt, answer or person is in it."
)


@dataclass(frozen=True)
class ReleaseInfo:
    """One release, as its metadata files need it.

    Attributes
    ----------
    manifest : dict
        As it stands in the folder.
    published : str
        Date, ISO format.
    owner : str
        Account at the hosts, for the ids that they ask for.
    """

    manifest: dict[str, Any]
    published: str
    owner: str

    @property
    def name(self) -> str:
        """Name in addresses, e.g. "siphonbench-nano-seed7"."""
        return f"siphonbench-{self.manifest['name']}"

    @property
    def title(self) -> str:
        """Name in headings."""
        return f"{TITLE} {self.manifest['name']}"

    @property
    def version(self) -> str:
        """Version of the generator."""
        return str(self.manifest["versions"]["siphonbench"])

    @property
    def files(self) -> dict[str, dict[str, Any]]:
        """Every data file, by its path."""
        return {p: e for split in self.manifest["splits"].values() for p, e in split["files"].items()}

    @property
    def tables(self) -> list[tuple[str, str, list[str]]]:
        """Folder, table and paths: what is read as one."""
        paths: dict[tuple[str, str], list[str]] = {}
        for path in self.files:
            paths.setdefault((path.split("/")[0], table_of(path)), []).append(path)
        order = {name: i for i, name in enumerate((*SPLITS, TRUTH_FOLDER, *TABLES))}
        return [(*key, paths[key]) for key in sorted(paths, key=lambda k: (order[k[0]], order[k[1]]))]

    @property
    def rows(self) -> int:
        """Rows of the public tables."""
        return sum(e["rows"] for p, e in self.files.items() if table_of(p) in PUBLIC)


def pattern(folder: str, table: str, paths: list[str]) -> str:
    """One path, or the pattern that fits all paths of a table.

    Parameters
    ----------
    folder, table : str
        Split (or `TRUTH_FOLDER`) and table.
    paths : list of str
        Files of the table in the folder.

    Examples
    --------
    >>> pattern("train", "requests", ["train/requests/day-000/bucket-0000.parquet"])
    'train/requests/*/*.parquet'
    """
    return paths[0] if paths == [f"{folder}/{table}.parquet"] else f"{folder}/{table}/*/*.parquet"
