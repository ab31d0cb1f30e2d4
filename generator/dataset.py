"""The reading side: load a dataset, scan tables lazily, look at it as of a day, keep sealed labels sealed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

from generator import remote, schema
from generator.config.campaign_schedule import LEAST_OF_TIER
from generator.errors import MaskedLabelsError, UserError
from generator.manifest import MANIFEST, MASKED, read_manifest, table_of
from generator.table import Table, scan

__all__ = ["MANIFEST", "MASKED", "Dataset", "Split", "Table", "load", "read_manifest"]

_NO_TEXT = "the dataset was made without text: generate it with --text sample, or ingest logs with --keep-text"


@dataclass(frozen=True)
class Split:
    """One world of a dataset: its public tables, and its truth where that is not masked.

    Attributes
    ----------
    name : str
        "train", "validation" or "test".
    start : datetime
        First moment of the window, UTC.
    days : int
        Length of the window, in days (after `as_of`, of its visible part).
    tables : mapping of str to Table
        Every table that is on disk; use the properties.
    masked : bool
        Whether labels are refused.
    observed : bool
        Whether observed labels stand where truth stood, see `observed_labels.in_place_of_truth`.
    missing : frozenset of str
        Public columns, as table.column, that nobody recorded: they are null in every row.
    """

    name: str
    start: datetime
    days: int
    tables: Mapping[str, Table]
    masked: bool
    observed: bool = False
    missing: frozenset[str] = frozenset()

    @property
    def requests(self) -> Table:
        """One row per request, by time inside a file."""
        return self.tables["requests"]

    @property
    def accounts(self) -> Table:
        """One row per account."""
        return self.tables["accounts"]

    @property
    def releases(self) -> Table:
        """One row per model: release and price list."""
        return self.tables["releases"]

    @property
    def prompts(self) -> Table:
        """One row per request whose prompt can be read, in the order of `requests`.

        Raises
        ------
        UserError
            If the dataset was made without text.
        """
        if why := self.lacking(("prompts.prompt",)):
            raise UserError(why)
        return self.tables["prompts"]

    @property
    def labels(self) -> Table:
        """One row per account: label, archetype, cohort, campaign, tier."""
        return self._truth("account_labels")

    @property
    def request_labels(self) -> Table:
        """One row per request, in the order of `requests`."""
        return self._truth("request_labels")

    @property
    def campaigns(self) -> Table:
        """One row per campaign, with its drawn dials and economics."""
        return self._truth("campaigns")

    def as_of(self, day: int) -> Split:
        """What was known when `day` ended: earlier requests, and accounts created by then. No truth.

        Parameters
        ----------
        day : int
            Day of the window, from 0.

        Raises
        ------
        UserError
            If the window has no such day.
        """
        import polars as pl

        if not 0 <= day < self.days:
            raise UserError(f"day {day} is outside the window of {self.name}: choose 0 to {self.days - 1}")
        end = self.start + timedelta(days=day + 1)
        known = {"requests": pl.col("ts") < end, "accounts": (pl.col("created") < end).fill_null(True)}
        known["prompts"] = pl.col("day") <= day
        tables = {name: t.where(known[name]) if name in known else t for name, t in self._public().items()}
        return replace(self, days=day + 1, tables=tables, masked=True)

    def restrict(self, fields: Iterable[str]) -> Split:
        """The same split with declared fields (and keys) only; truth as it was.

        Parameters
        ----------
        fields : iterable of str
            table.column names, see `schema.check_fields`.

        Raises
        ------
        UserError
            If a field is of a table that this dataset was made without.
        """
        declared = schema.check_fields(fields)
        if why := self.lacking(declared):
            raise UserError(why)
        tables = dict(self.tables)
        for name, table in self._public().items():
            tables[name] = table.restrict(f.partition(".")[2] for f in declared if f.startswith(name + "."))
        return replace(self, tables=tables)

    def without(self, fields: Iterable[str]) -> Split:
        """The same split as if nobody had recorded some public columns: they are null in every row.

        Parameters
        ----------
        fields : iterable of str
            table.column names, see `schema.check_fields`; keys stay as they are.
        """
        hidden = {f for f in schema.check_fields(fields) if schema.column(f).group != "K"}
        tables = {**self.tables, **{name: table.hide(hidden) for name, table in self._public().items()}}
        return replace(self, tables=tables, missing=self.missing | hidden)

    def lacking(self, fields: Iterable[str]) -> str:
        """Why some public fields can't be read here; "" if all can.

        Parameters
        ----------
        fields : iterable of str
            table.column names.
        """
        absent = [f for f in fields if f.partition(".")[0] in set(schema.OPTIONAL) - set(self.tables)]
        return f"{self.name} has no {absent[0]}: {_NO_TEXT}" if absent else ""

    def without_labels(self) -> Split:
        """The same split as a detector sees it when it scores."""
        return replace(self, tables=self._public(), masked=True)

    def _public(self) -> dict[str, Table]:
        return {name: self.tables[name] for name in schema.PUBLIC if name in self.tables}

    @property
    def labels_observed(self) -> Table:
        """One row per state that the provider gave an account, see `observed_labels`."""
        return self._truth("labels_observed")

    def _truth(self, table: str) -> Table:
        if self.observed and table in ("request_labels", "campaigns"):
            raise MaskedLabelsError(f"the {table} of {self.name} are truth, and observed labels alone may be seen")
        if self.masked:
            ask = f"ask for them by name: dataset.reveal({self.name!r})"
            raise MaskedLabelsError(f"the {table} of {self.name} are masked; {ask}")
        if table not in self.tables:
            raise MaskedLabelsError(
                f"the {table} of {self.name} are not in this folder: a release leaves them out, its config.toml"
                " makes them: siphonbench generate --config config.toml --out again (or its secret does)"
            )
        return self.tables[table]


@dataclass(frozen=True)
class Dataset:
    """A dataset on disk: three splits over consecutive windows that share no account.

    Attributes
    ----------
    path : Path
        Folder that holds the manifest.
    manifest : dict
        What was generated, with which versions, and every file's digest.
    splits : mapping of str to Split
        Train, validation and test; the labels of test are masked.
    """

    path: Path
    manifest: dict[str, Any]
    splits: Mapping[str, Split]

    @property
    def train(self) -> Split:
        """First window, labels open."""
        return self._split("train")

    @property
    def validation(self) -> Split:
        """Second window, labels open."""
        return self._split("validation")

    @property
    def test(self) -> Split:
        """Third window, labels masked: see `reveal`."""
        return self._split("test")

    @property
    def digest(self) -> str:
        """Logical content hash of all public tables."""
        return cast("str", self.manifest["digest"])

    @property
    def name(self) -> str:
        """Preset or scenario, and seed."""
        return cast("str", self.manifest["name"])

    def reveal(self, split: str) -> Split:
        """A split with its labels open, because somebody asked for them by name.

        Parameters
        ----------
        split : str
            Its name.

        Raises
        ------
        UserError
            If there is no such split.
        """
        return replace(self._split(split), masked=False)

    def _split(self, name: str) -> Split:
        if name not in self.splits:
            raise UserError(f"no split {name!r}: choose {', '.join(self.splits) or 'another dataset'}")
        return self.splits[name]

    def __repr__(self) -> str:
        lines = [f"Dataset {self.name} at {self.path}, digest {self.digest[:12]}"]
        for name, split in self.splits.items():
            n = self.manifest["splits"][name]["counts"]
            served = n.get("served", n.get("extraction", 0))
            known = "labels masked" if split.masked else f"prevalence {served / max(1, n['accounts']):.2%}"
            if self.manifest["config"].get("campaigns") and n.get("rarest_tier", LEAST_OF_TIER) < LEAST_OF_TIER:
                known += f"; only {n['rarest_tier']} campaigns served in a tier: ask for more, or for more days"
            some = f"{n['campaigns']:>3} campaigns" if "campaigns" in n else "sealed"
            lines.append(
                f"  {name:<10}  {split.start:%Y-%m-%d} + {split.days} days  {n['accounts']:>9,} accounts  "
                f"{n['requests']:>11,} requests  {some}  {known}"
            )
        return "\n".join(lines)


def load(path: str | Path, storage_options: dict[str, Any] | None = None) -> Dataset:
    """Open a dataset. Reads the manifest only; tables are scanned, or fetched and scanned, when asked for.

    Parameters
    ----------
    path : str or Path
        Folder written by `siphonbench generate` or `siphonbench release`, or an address that fsspec opens, such as
        hf://datasets/OWNER/NAME, s3://BUCKET/NAME or gs://BUCKET/NAME.
    storage_options : dict, optional
        For addresses: what the file system is opened with (endpoint, key, token).

    Raises
    ------
    UserError
        If there is no complete dataset, or the address can't be read.
    """
    address = remote.address(path)
    store = remote.open_store(address, MANIFEST, storage_options) if address else None
    root = store.folder if store else remote.local(path)
    manifest = read_manifest(root)
    splits = {}
    for name, meta in manifest["splits"].items():
        tables = {}
        for table, columns in schema.TABLES.items():
            buckets: dict[str, list[str]] = {}
            for file in sorted(f for f in meta["files"] if table_of(f) == table):
                buckets.setdefault(file.rpartition("/")[2], []).append(file)
            if buckets:
                parts = [scan(root, store, table, meta["files"], files) for _, files in sorted(buckets.items())]
                tables[table] = Table(table, parts, tuple(c.name for c in columns))
        start = datetime.fromisoformat(meta["start"]).replace(tzinfo=UTC)
        gaps = frozenset(meta.get("missing", ()))
        splits[name] = Split(name, start, int(meta["days"]), tables, name in MASKED, missing=gaps)
    return Dataset(root, manifest, splits)
