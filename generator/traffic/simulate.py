"""(plan, bucket) -> what its accounts did: pure, whole-shard vectorised, categories as integer codes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from generator.arrays import F64, I8, I32, I64, U64, Mask, map_arrays
from generator.population.accounts import Accounts, accounts_in_bucket, draw_accounts
from generator.population.pods import pod_members
from generator.population.population_plan import PopulationPlan
from generator.traffic import attempts, quotations, request_log, routing, text_samples
from generator.traffic.cross_shard import CrossShardCache
from generator.traffic.request_log import Columns, LogChunk
from generator.traffic.sessions import account_chunks, draw_sessions, request_counts
from generator.traffic.text_samples import TextSample

_CHUNK_ROWS = 100_000  # requests whose columns stay in the processor's cache
_PACKED_BITS = 63  # of a whole number above 0: moment, second attempt and row


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
        Columns of requests, by name, in the order of time; -1 or NaN stands for null.
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
    texts : TextSample
        What is shown as text, of no request unless some were asked for.
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
    texts: TextSample


def simulate(plan: PopulationPlan, bucket: int, cache: CrossShardCache | None = None, texts: int = 0) -> Shard:
    """Everything that the accounts of a bucket do, sorted by time.

    Parameters
    ----------
    plan : PopulationPlan
        Plan of the world.
    bucket : int
        Number of the bucket.
    cache : CrossShardCache, optional
        Notes from buckets of the same world that were made before; it saves time, and changes nothing.
    texts : int
        Requests of each account that are wanted as text; all where it has fewer.
    """
    cache = cache or CrossShardCache(plan)
    own = accounts_in_bucket(plan, bucket)
    others = pod_members(plan, own)
    accounts = draw_accounts(plan, np.concatenate([own, others]))
    counts = request_counts(plan, accounts, np.arange(-1, plan.config.days))
    counts[len(own) :][cache.known[others]] = 0
    chunks, handed_over = [], []
    for some in account_chunks(counts, _CHUNK_ROWS):
        every = attempts.make_attempts(plan, accounts, draw_sessions(plan, accounts, some, counts))
        author, sender = every.author, every.routed.sender
        model = every.model[every.session[every.routed.row]]
        arrives = routing.within_window(plan, accounts, author, model, every.routed)
        here = (sender < len(own)) & (author < len(own))
        chunks.append(request_log.log_attempts(plan, accounts, every.take(np.flatnonzero(arrives & here)), texts))
        handed_over.append(every.take(np.flatnonzero(arrives & (author != sender))))
    cache.record(accounts, handed_over)
    chunks.append(request_log.log_attempts(plan, accounts, cache.take_for(accounts, bucket), texts))
    columns, edges, shown = _merged(plan, chunks, texts)
    request_log.serve(plan, columns)
    names = ("item", "cost", "owner", "work", "kind", "key")
    item, cost, owner, work, kind, _ = (columns.pop(name) for name in names)
    return Shard(accounts, len(own), columns, owner, item, cost, edges, work, kind, shown)


def _merged(plan: PopulationPlan, chunks: list[LogChunk], texts: int) -> tuple[Columns, I64, TextSample]:
    """Columns in the order of arrival, first row of each day, texts. Chunks are emptied column by column."""
    for chunk, ids in zip(chunks, _quoted(plan, chunks), strict=True):
        chunk.columns["echo_response_id"] = ids
    ts, resent = (np.concatenate(x) for x in zip(*((c.columns["ts"], c.resent) for c in chunks), strict=True))
    order = _by_time(ts, resent)
    columns = {}
    for name in list(chunks[0].columns):
        columns[name] = np.concatenate([chunk.columns.pop(name) for chunk in chunks]).take(order)
    sizes = [len(chunk.resent) for chunk in chunks]
    sample = text_samples.joined([c.texts for c in chunks], sizes, order, columns["owner"], texts)
    return columns, np.searchsorted(columns["day"], np.arange(plan.config.days + 1)), sample


def _by_time(ts: I64, resent: Mask) -> I64:
    """Order of arrival; of those at the same moment second attempts come last, else their order stays."""
    bits = len(ts).bit_length()
    if int(ts.max(initial=0)).bit_length() + 1 + bits > _PACKED_BITS:
        return np.lexsort((resent, ts))
    # Packed with its number no row ties with another, so the fastest sort will do.
    packed = (ts << (bits + 1)) | (resent.astype(np.int64) << bits) | np.arange(len(ts))
    packed.sort()
    packed &= (1 << bits) - 1
    return packed


def _quoted(plan: PopulationPlan, chunks: list[LogChunk]) -> list[I64]:
    """request_id of the answer that each prompt quotes, for each chunk; -1: none."""
    each = [chunk.quotations for chunk in chunks]
    together = map_arrays(lambda *x: np.concatenate(x), *each)
    ids = np.split(quotations.quoted_request_ids(plan, together), np.cumsum([len(q.row) for q in each])[:-1])
    columns = [np.full(len(chunk.resent), -1, np.int64) for chunk in chunks]
    for column, quoted, values in zip(columns, each, ids, strict=True):
        column[quoted.row] = values
    return columns
