"""Both sides of the comparison, synthetic and real, brought to one form: times, accounts, tokens."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from generator import schema
from generator.arrays import F64, I64
from generator.errors import UserError
from generator.fidelity.trace_checks import ROW, TIMES, TOKENS, check_rows, lacks

if TYPE_CHECKING:
    import polars as pl

    from generator.dataset import Split


# Two real services of one kind differ far more than a half of one from the other: traces of other natures, such as
# the arena in which two models answer each question, speak for no kind.
KIND_VALUES: dict[str, tuple[str, ...]] = {kind: (kind,) for kind in schema.KINDS}

# What plays the account on the synthetic side. A real trace of agents knows sessions, not people.
SYNTHETIC_ACCOUNT = dict.fromkeys(schema.KINDS, "account_id") | {"agent": "conversation_id"}
REAL_ACCOUNT = ("account_id", "client_id", "session_id")  # the first that has values

MIN_ACCOUNTS = 20  # with fewer, a log is read as one stream (a)
MAX_ACCOUNTS = 4000  # of more, so many are drawn: enough for stable medians (a)
MIN_ROWS = 200  # the least that can be compared (a)
_SUBSET_SEED = 12345
_ANSWERED = 200  # HTTP status


@dataclass(frozen=True)
class Log:
    """A usage log, rows by time.

    Attributes
    ----------
    ts : ndarray of float64
        Seconds; from 1970-01-01 UTC, or from wherever the trace begins.
    account : ndarray of int64
        Account of the row, numbered by first appearance.
    input, output : ndarray of float64
        Tokens.
    meta : mapping
        What the trace says about itself: source, account, global_time, hour_valid, real_arrivals, cap_mode.
    name : str
        Name of the file or split.
    """

    ts: F64
    account: I64
    input: F64
    output: F64
    meta: Mapping[str, Any] = field(default_factory=dict)
    name: str = "log"

    def __len__(self) -> int:
        return len(self.ts)

    def take(self, rows: npt.NDArray[Any]) -> Log:
        """Some of the rows.

        Parameters
        ----------
        rows : ndarray of bool or int
            A mask, or positions in their new order.
        """
        parts = {name: getattr(self, name)[rows] for name in ("ts", "account", "input", "output")}
        return replace(self, **parts)

    @property
    def accounts(self) -> int:
        """Number of accounts."""
        return len(np.unique(self.account))

    @property
    def has_accounts(self) -> bool:
        """Whether there are enough accounts to compare them."""
        return self.accounts >= MIN_ACCOUNTS

    @property
    def one_clock(self) -> bool:
        """Whether times of different accounts may be compared."""
        return bool(self.meta.get("global_time", True))

    @property
    def real_arrivals(self) -> bool:
        """Whether gaps between requests of the whole log mean anything."""
        return self.one_clock and bool(self.meta.get("real_arrivals", True))

    @property
    def has_hours(self) -> bool:
        """Whether times tell the hour of day."""
        return bool(self.meta.get("hour_valid", True))


def build(
    ts: npt.ArrayLike,
    account: npt.ArrayLike | None,
    tokens: tuple[npt.ArrayLike, npt.ArrayLike],
    meta: Mapping[str, Any] | None = None,
    name: str = "log",
) -> Log:
    """A log from columns in any row order.

    Parameters
    ----------
    ts : array_like, shape (rows,)
        Seconds.
    account : array_like, shape (rows,), or None
        Names of accounts, of any type; None is a log without accounts.
    tokens : (array_like, array_like), shape (rows,) each
        Input and output tokens.
    meta : mapping, optional
        What the trace says about itself, see `Log`.
    name : str
        Name of the file or split.

    Examples
    --------
    >>> build([2.0, 1.0], ["b", "a"], ([10, 20], [1, 2])).account
    array([0, 1])
    """
    times = np.asarray(ts, np.float64)
    order = np.argsort(times, kind="stable")
    names = np.zeros(len(times), np.int64) if account is None else np.asarray(account)[order]
    _, first, code = np.unique(names, return_index=True, return_inverse=True)
    by_appearance = np.argsort(np.argsort(first)).astype(np.int64)
    read, written = (np.asarray(side, np.float64)[order] for side in tokens)
    return Log(times[order], by_appearance[code], read, written, meta or {}, name)


def from_dataset(
    split: Split, kind: str, account: str | None = None, everyone: bool = False, failed: bool = False
) -> Log:
    """Answered requests of one workload kind, of benign accounts.

    Parameters
    ----------
    split : Split
        Split with its labels open.
    kind : str
        One of `schema.KINDS`.
    account : str, optional
        Column that plays the account; `SYNTHETIC_ACCOUNT` of the kind if left out.
    everyone : bool
        Keep accounts of every label.
    failed : bool
        Keep requests that were rejected or failed; real traces hold answered ones.

    Raises
    ------
    UserError
        If there is no such kind, or fewer than 200 such requests.
    """
    import polars as pl

    check_kind(kind)
    name = account or SYNTHETIC_ACCOUNT[kind]
    columns = list(dict.fromkeys(["account_id", name, "ts", "status", *TOKENS]))
    truth = zip(split.requests.buckets(), split.request_labels.buckets(), strict=True)
    rows = pl.concat(
        [
            pl.concat(
                [requests.select(columns), labels.select("kind")], how="horizontal"
            )  # rows in the same order
            for requests, labels in truth
        ]
    ).filter(pl.col("kind").cast(pl.String) == kind)
    if not failed:
        rows = rows.filter(pl.col("status") == _ANSWERED)
    if not everyone:
        benign = split.labels.polars().filter(pl.col("label").cast(pl.String) == "benign")
        known = benign.select(pl.col("account_id").cast(pl.String)).collect()["account_id"]
        rows = rows.filter(pl.col("account_id").cast(pl.String).is_in(known.implode()))
    log = _collect(rows, name, {}, f"{split.name} {kind}")
    if len(log) < MIN_ROWS:
        raise UserError(
            f"{split.name} has {len(log)} benign requests of kind {kind}, and {MIN_ROWS} are the least "
            "that can be compared; take another kind, or a larger preset"
        )
    return log


def from_parquet(path: Path, kind: str | None = None, account: str | None = None) -> Log:
    """A trace file, or a plain log with ts and account_id.

    Parameters
    ----------
    path : Path
        File with a time (ts, or ts_s in seconds), input_tokens and output_tokens; perhaps accounts and a kind.
    kind : str, optional
        Rows of this workload kind only, where the file tells kinds apart.
    account : str, optional
        Column that plays the account; the first of `REAL_ACCOUNT` that has values if left out.

    Raises
    ------
    UserError
        If the file can't be read, lacks a column, or holds times or tokens that are none.
    """
    import polars as pl

    columns, meta = header(path)
    if missing := lacks(columns):
        raise UserError(f"{path} has no {' and no '.join(missing)}, so it is no usage log; give another file")
    rows = pl.scan_parquet(path, row_index_name=ROW, glob=False)
    if kind is not None and "kind" in columns:
        rows = rows.filter(pl.col("kind").cast(pl.String).is_in(list(KIND_VALUES[check_kind(kind)])))
    check_rows(path, rows)
    choice = [c for c in ((account,) if account else REAL_ACCOUNT) if c in columns]
    filled = rows.select(pl.col(choice).is_not_null().any()).collect() if choice else pl.DataFrame()
    name = next((c for c in choice if filled[c][0]), None)
    return _collect(rows, name, meta, path.stem)


def header(path: Path) -> tuple[list[str], dict[str, Any]]:
    """Columns of a Parquet file, and what its metadata says about the trace.

    Parameters
    ----------
    path : Path
        The file.

    Raises
    ------
    UserError
        If it is no Parquet file, or its metadata is no JSON.
    """
    import polars as pl

    try:
        columns = pl.scan_parquet(path, glob=False).collect_schema()
        meta = json.loads(pl.read_parquet_metadata(path).get("trace_meta", "{}"))
    except (pl.exceptions.PolarsError, ValueError) as error:
        raise UserError(f"{path} can't be read as a Parquet trace ({error}); repair or remove it") from error
    return list(columns), meta if isinstance(meta, dict) else {}


def check_kind(kind: str) -> str:
    """The kind itself.

    Parameters
    ----------
    kind : str
        Name of a workload kind.

    Raises
    ------
    UserError
        If there is no such workload kind.
    """
    if kind not in KIND_VALUES:
        raise UserError(f"no workload kind {kind!r}: choose {', '.join(KIND_VALUES)}")
    return kind


def _collect(rows: pl.LazyFrame, account: str | None, meta: Mapping[str, Any], name: str) -> Log:
    """Usable rows of at most so many accounts, a choice that is always the same."""
    import polars as pl

    columns = rows.collect_schema()
    time = next(c for c in TIMES if c in columns)
    stamp = pl.col(time).dt.epoch("us") / 1e6 if columns[time].is_temporal() else pl.col(time).cast(pl.Float64)
    holder = pl.lit(0) if account is None else pl.col(account).to_physical()
    frame = rows.select(stamp.alias("ts"), holder.alias("account"), *(pl.col(c).cast(pl.Float64) for c in TOKENS))
    usable = frame.drop_nulls().drop_nans().collect()
    accounts = usable["account"].unique(maintain_order=True)
    if len(accounts) > MAX_ACCOUNTS:
        chosen = np.random.default_rng(_SUBSET_SEED).choice(len(accounts), MAX_ACCOUNTS, replace=False)
        usable = usable.filter(pl.col("account").is_in(accounts[np.sort(chosen)].implode()))
    ts, accounts_of, read, written = (usable[c].to_numpy() for c in ("ts", "account", *TOKENS))
    return build(ts, accounts_of, (read, written), meta, name)
