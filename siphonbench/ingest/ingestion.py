"""A source becomes a dataset folder: read once, put aside, written; or only explained."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from generator import files
from generator.errors import UserError
from generator.pipeline import folder_target
from siphonbench.ingest import dataset_folder, mapping, pseudonyms, source_files
from siphonbench.ingest.faults import Faults
from siphonbench.ingest.formats import FORMATS
from siphonbench.ingest.record import FIELDS, UsageRecord, read_record
from siphonbench.ingest.rows import RowMaker
from siphonbench.ingest.source_files import Source, Tick
from siphonbench.ingest.spill import Spill, buckets_for

_BATCH = 5_000  # calls in memory at once
_EXPLAINED = 1_000  # entries that an explanation looks at


@dataclass(frozen=True)
class Ingested:
    """What became of a source.

    Attributes
    ----------
    folder : Path
        The dataset.
    key_file : Path
        Key of the pseudonyms.
    manifest : dict
        Its manifest.
    faults : Faults
        What was wrong, how often, where first.
    """

    folder: Path
    key_file: Path
    manifest: dict[str, Any]
    faults: Faults


@dataclass(frozen=True)
class FieldUse:
    """Where one field comes from.

    Attributes
    ----------
    name, column, paths : str
        Field, what it becomes, and the paths that are looked at.
    found : str
        Path that said something first, in the entries looked at; "" if none did.
    share : float
        Share of these entries in which one did.
    """

    name: str
    column: str
    paths: str
    found: str
    share: float


def ingest(
    source: Path,
    format_name: str,
    out: Path,
    own_mapping: Path | None = None,
    key_file: Path | None = None,
    keep_text: bool = False,
    on_read: Tick = lambda done, total: None,
    on_write: Tick = lambda done, total: None,
) -> Ingested:
    """Read logs and write them as a dataset without labels; the folder appears when it is complete.

    Parameters
    ----------
    source : Path
        File or folder of files.
    format_name : str
        Key of `FORMATS`.
    out : Path
        Folder that must not exist, or be empty.
    own_mapping : Path, optional
        TOML that says what is what instead of the format's own mapping, field by field.
    key_file : Path, optional
        Key of the pseudonyms, made if it is not there; left out, `out` + ".key".
    keep_text : bool
        Keep prompts as they are; else they are read for their sketches alone.
    on_read, on_write : callable
        Told (done, total) in bytes read, and in buckets written.

    Raises
    ------
    UserError
        If nothing usable is in the source, or a file or folder can't be used; nothing half-written stays.
    """
    faults = Faults()
    table = mapping.read_mapping(_known(format_name), own_mapping, FIELDS)
    opened = source_files.open_source(source, faults, on_read)
    folder_target.check_free(out)
    if source.resolve().is_relative_to(out.resolve()):
        raise UserError(f"--out {out} holds the source {source}: choose a folder beside it")
    key_file = key_file or out.with_name(out.name + ".key")
    key = pseudonyms.read_key(key_file, out)
    target = folder_target.Folder(out, files.staging(out))
    with target.lock():
        try:
            target.prepare()
            spill = Spill(target.root / folder_target.WORK, buckets_for(opened.size))
            spill.folder.mkdir(exist_ok=True)
            _put_aside(_records(opened, format_name, table), RowMaker(key, keep_text), spill)
            if not spill.rows:
                raise UserError(_nothing(source, format_name, faults))
            manifest = dataset_folder.IngestedFolder(target, format_name).write(spill, faults, on_write)
            target.publish()
        except BaseException:
            target.clear()
            raise
    return Ingested(out, key_file, manifest, faults)


def explain(source: Path, format_name: str, own_mapping: Path | None = None) -> tuple[list[FieldUse], Faults]:
    """Which path of the source becomes which column, as far as its first entries tell; nothing is written.

    Parameters
    ----------
    source, format_name, own_mapping
        As for `ingest`.

    Returns
    -------
    list of FieldUse
        One per field.
    Faults
        What is wrong with these entries.
    """
    faults = Faults()
    table = mapping.read_mapping(_known(format_name), own_mapping, FIELDS)
    opened = source_files.open_source(source, faults, lambda done, total: None)
    some = [entry for _, entry in islice(FORMATS[format_name].entries(opened), _EXPLAINED)]
    uses = []
    for name, (_, column) in FIELDS.items():
        paths = table.columns.get(name, ())
        hits = [path for entry in some if (path := table.first(entry, name)[0])]
        uses.append(FieldUse(name, column, ", ".join(paths), (hits or [""])[0], len(hits) / max(1, len(some))))
    return uses, faults


def _known(format_name: str) -> str:
    if format_name not in FORMATS:
        raise UserError(f"--format {format_name[:40]!r}: choose {', '.join(FORMATS)}")
    return format_name


def _records(source: Source, format_name: str, table: mapping.FieldMapping) -> Iterator[UsageRecord]:
    for where, entry in FORMATS[format_name].entries(source):
        if (record := read_record(entry, where, table, source.faults)) is not None:
            yield record


def _put_aside(records: Iterator[UsageRecord], maker: RowMaker, spill: Spill) -> None:
    try:
        while some := list(islice(records, _BATCH)):
            spill.add(maker.rows(some))
    finally:
        spill.close()


def _nothing(source: Path, format_name: str, faults: Faults) -> str:
    wrong = "; ".join(f"{count:,} times {what} ({first})" for what, count, first in faults.lines()[:3])
    see = f"siphonbench ingest {source} --format {format_name} --explain"
    return (
        f"{source} holds no call that can be used as {format_name}: {wrong or 'it is empty'}; see what is read "
        f"from where with: {see}"
    )
