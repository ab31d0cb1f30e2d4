"""A folder of traces: which file speaks for which workload kind, and what serves as its peer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from generator.errors import UserError
from generator.fidelity.trace_checks import check_columns
from generator.fidelity.traces import KIND_VALUES, MIN_ROWS, Log, check_kind, from_parquet, header

# Traces that agree in these are of the same nature: one can be the other's peer.
NATURE = ("source", "account", "global_time", "hour_valid", "real_arrivals", "cap_mode")
# Halves of halves must be large enough for a classifier of accounts, which needs forty.
_MIN_ACCOUNTS_TO_HALVE = 4 * 40
_HALVING_SEED = 0


@dataclass(frozen=True)
class ReferenceTrace:
    """A file that has rows of a workload kind.

    Attributes
    ----------
    path : Path
        The file.
    kind : str
        One of `schema.KINDS`.
    meta : mapping
        What the file says about itself, see `Log`.
    """

    path: Path
    kind: str
    meta: Mapping[str, Any]

    def same_nature(self, other: ReferenceTrace) -> bool:
        """Whether both speak for the same kind, from the same source and in the same way.

        Parameters
        ----------
        other : ReferenceTrace
            The other one.
        """
        return self.kind == other.kind and all(self.meta.get(key) == other.meta.get(key) for key in NATURE)


@dataclass(frozen=True)
class Pair:
    """A reference with its peer.

    Attributes
    ----------
    kind : str
        One of `schema.KINDS`.
    reference, peer : Log
        Two real logs; None: no peer.
    note : str
        In words, where the peer comes from.
    """

    kind: str
    reference: Log
    peer: Log | None
    note: str


def scan(folder: Path) -> list[ReferenceTrace]:
    """Usable traces of a folder, by kind and file name; files of other content are passed over.

    Parameters
    ----------
    folder : Path
        Folder of Parquet files.

    Raises
    ------
    UserError
        If there is no such folder, no usable trace in it, or a trace that lacks a column.
    """
    if not folder.is_dir():
        raise UserError(f"{folder} is no folder; give one that holds traces as Parquet files")
    files = sorted(f for f in folder.glob("*.parquet") if not f.name.startswith("."))  # ._x: macOS
    order = list(KIND_VALUES)
    traces = sorted((t for file in files for t in _traces(file)), key=lambda t: (order.index(t.kind), t.path.name))
    if not traces:
        raise UserError(
            f"{folder} holds {len(files)} Parquet files, and none has {MIN_ROWS} rows of a workload kind with "
            f"ts_s, input_tokens, output_tokens and kind ({', '.join(KIND_VALUES)}); give another folder"
        )
    return traces


def pairs(folder: Path, peers: Path | None = None, kind: str | None = None) -> list[Pair]:
    """Every reference of a folder with its peer.

    Parameters
    ----------
    folder : Path
        Folder of references.
    peers : Path, optional
        Folder of other traces of the same nature; without it, and without a second file in the folder, a half
        of the reference is its peer.
    kind : str, optional
        This kind only.

    Raises
    ------
    UserError
        If nothing speaks for the kind.
    """
    if kind is not None:
        check_kind(kind)
    traces = scan(folder)
    if kind is not None:
        kinds = sorted({t.kind for t in traces})
        traces = [t for t in traces if t.kind == kind]
        if not traces:
            raise UserError(f"{folder} has no usable trace of kind {kind}, only of {', '.join(kinds)}")
    others = scan(peers) if peers else traces
    return [_pair(trace, [o for o in others if o.path != trace.path]) for trace in traces]


def _traces(file: Path) -> Iterator[ReferenceTrace]:
    import polars as pl

    columns, meta = header(file)
    if not check_columns(file, columns):
        return
    usable = pl.scan_parquet(file, glob=False).drop_nulls(["input_tokens", "output_tokens"])
    counts = dict(usable.group_by(pl.col("kind").cast(pl.String)).len().collect().iter_rows())
    for kind, values in KIND_VALUES.items():
        if sum(counts.get(value, 0) for value in values) >= MIN_ROWS:
            yield ReferenceTrace(file, kind, meta)


def _pair(trace: ReferenceTrace, others: list[ReferenceTrace]) -> Pair:
    log = from_parquet(trace.path, trace.kind)
    twin = next((o for o in others if trace.same_nature(o)), None)
    if twin is not None:
        peer = from_parquet(twin.path, twin.kind)
        return Pair(trace.kind, log, peer, f"peer: {twin.path.name}")
    return Pair(trace.kind, *halved(log))


def halved(log: Log) -> tuple[Log, Log | None, str]:
    """A log's own half as its peer: by account, or in time where there are none.

    Parameters
    ----------
    log : Log
        The reference.

    Returns
    -------
    reference, peer : Log
        The halves; the whole log and None where it is too small.
    note : str
        In words, what was done.
    """
    if not log.has_accounts:
        if len(log) < 2 * MIN_ROWS:
            return log, None, f"no peer: {len(log)} rows"
        early = np.arange(len(log)) < len(log) // 2
        return log.take(early), log.take(~early), "peer: second half in time"
    if log.accounts < _MIN_ACCOUNTS_TO_HALVE:
        return log, None, f"no peer: {log.accounts} accounts"
    mixed = np.random.default_rng(_HALVING_SEED).permutation(np.unique(log.account))
    first = np.isin(log.account, mixed[: len(mixed) // 2])
    return log.take(first), log.take(~first), "peer: other half of accounts"
