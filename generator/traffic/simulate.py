"""(plan, bucket) -> what its accounts did: pure, whole-shard vectorised, categories as integer codes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from generator.arrays import F64, I8, I32, I64, U64, Mask
from generator.population import accounts as people
from generator.population.accounts import Accounts
from generator.population.population_plan import PopulationPlan
from generator.traffic import attempts, quotations, request_log, routing, sessions
from generator.traffic.cross_shard import CrossShardCache
from generator.traffic.request_log import Columns, LogChunk

_PARCEL_ROWS = 100_000


@dataclass
class Shard:
    """All that one bucket of accounts did in one world.

    Attributes
    ----------
    accounts : Accounts
        Its accounts, and after them those of other buckets that stand in for some of them.
    size : int
        How many of them are the bucket's own.
    columns : dict of str to ndarray
        Columns of requests, by name, in the order of time; -1, NaN or (SimHash) 0 stands for null.
    owner : ndarray of int32
        Account that sent each row, as a position in `accounts`.
    item : ndarray of uint64
        What each prompt is about; equal for equal prompts.
    cost : ndarray of float64
        List price of each row, USD.
    day_edges : ndarray of int64
        First row of each day, and the number of rows.
    work : ndarray of bool
        Whether a row serves its cohort's work.
    kind : ndarray of int8
        Workload of each row, an index into `schema.KINDS`.
    """

    accounts: Accounts
    size: int
    columns: Columns
    owner: I32
    item: U64
    cost: F64
    day_edges: I64
    work: Mask
    kind: I8


def simulate(plan: PopulationPlan, bucket: int, book: CrossShardCache | None = None) -> Shard:
    """Everything that the accounts of a bucket do, sorted by time.

    Parameters
    ----------
    book : Book, optional
        Notes from buckets of the same world that were made before; it saves time, and changes nothing.
    """
    book = book or CrossShardCache(plan)
    own = people.accounts_in_bucket(plan, bucket)
    mates = routing.pod_members(plan, own)
    who = people.draw_accounts(plan, np.concatenate([own, mates]))
    n = sessions.request_counts(plan, who, np.arange(-1, plan.config.days))
    n[len(own) :][book.known[mates]] = 0
    parts, handed = [], []
    for some in sessions.account_chunks(n, _PARCEL_ROWS):
        made = attempts.make_attempts(plan, who, sessions.draw_sessions(plan, who, some, n))
        arrives = attempts.within_window(plan, who, made.sent)
        moves = made.author != made.sent.sender
        here = (made.sent.sender < len(own)) & (made.author < len(own))
        parts.append(request_log.log_attempts(plan, who, made.take(np.flatnonzero(arrives & here))))
        handed.append(made.take(np.flatnonzero(arrives & moves)))
    book.enter(who, handed)
    parts.append(request_log.log_attempts(plan, who, book.give(who, bucket)))
    columns, edges = _merged(plan, parts)
    item, cost, owner, work, kind = (columns.pop(name) for name in ("item", "cost", "owner", "work", "kind"))
    return Shard(who, len(own), columns, owner, item, cost, edges, work, kind)


def _merged(plan: PopulationPlan, parts: list[LogChunk]) -> tuple[Columns, I64]:
    """Columns in the order of arrival, and the first row of each day. Parcels are emptied column by column."""
    for part, ids in zip(parts, _quoted(plan, parts), strict=True):
        part.columns["echo_response_id"] = ids
    ts, resent = (np.concatenate(x) for x in zip(*((p.columns["ts"], p.resent) for p in parts), strict=True))
    order = _by_time(ts, resent)
    columns = {}
    for name in list(parts[0].columns):
        columns[name] = np.concatenate([part.columns.pop(name) for part in parts]).take(order)
    return columns, np.searchsorted(columns["day"], np.arange(plan.config.days + 1))


def _by_time(ts: I64, resent: Mask) -> I64:
    """Order of arrival; of those at the same moment second attempts come last, else their order stays."""
    # Packed with its number no row ties with another, so the fastest sort will do.
    packed = (ts << 26) | (resent.astype(np.int64) << 25) | np.arange(len(ts))
    packed.sort()
    packed &= (1 << 25) - 1
    return packed


def _quoted(plan: PopulationPlan, parts: list[LogChunk]) -> list[I64]:
    """request_id of the answer that each prompt quotes, for each part; -1: none."""
    source, day = (np.concatenate([getattr(p.questions, name) for p in parts]) for name in ("source", "day"))
    found = np.split(
        quotations.quoted_request_ids(plan, source, day), np.cumsum([len(p.questions.row) for p in parts])[:-1]
    )
    columns = [np.full(len(part.resent), -1, np.int64) for part in parts]
    for ids, part, answers in zip(columns, parts, found, strict=True):
        ids[part.questions.row] = answers
    return columns
