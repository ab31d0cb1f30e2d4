"""(plan, bucket) -> tables: pure, whole-shard vectorised, categories as integer codes end to end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from generator import accounts as people
from generator import arrivals, content, network, provider, schema, streams, tokens
from generator.accounts import Accounts
from generator.archetypes import CHOICES
from generator.arrivals import DAY_MS
from generator.cohorts import Plan

I64 = npt.NDArray[np.int64]
POOLS: dict[str, tuple[str, ...]] = {
    **CHOICES,
    "endpoint": ("messages", "batches"),
    "model": tuple(m[0] for m in provider.MODELS),
    "service_tier": ("standard", "batch", "priority"),
    "stop_reason": provider.STOP_REASONS,
    "error_type": provider.ERRORS,
    "country": network.COUNTRIES,
    "language": content.LANGUAGES,
    "stop_category": content.STOP_CATEGORIES,
}
_TEMPERATURES = np.array([np.nan, 0.0, 0.2, 0.7, 1.0], np.float32)
_TEMPERATURE_WEIGHTS = np.array([0.4, 0.2, 0.12, 0.18, 0.1])
# Spelt out, because pyarrow imports pandas to tell numpy types.
_NUMPY = {
    t: np.dtype(np.float32 if t == pa.float32() else str(t))
    for t in {c.dtype for c in schema.REQUESTS}
    if pa.types.is_primitive(t) and not pa.types.is_timestamp(t)
}
_FINGERPRINTED = 64  # tokens; shorter answers carry no usable fingerprint


@dataclass
class Shard:
    """All that one bucket of accounts did in one world.

    Attributes
    ----------
    accounts : Accounts
        Its accounts.
    columns : dict of str to ndarray
        Columns of requests, by name, in the order of time; -1 or NaN stands for null.
    owner : ndarray of int64
        Account of each row, as a position in `accounts`.
    day_edges : ndarray of int64
        First row of each day, and the number of rows.
    work : ndarray of bool
        Whether a row serves its cohort's work.
    kind : ndarray of int32
        Workload of each row, an index into `schema.KINDS`.
    """

    accounts: Accounts
    columns: dict[str, npt.NDArray[Any]]
    owner: I64
    day_edges: I64
    work: npt.NDArray[np.bool_]
    kind: npt.NDArray[np.int32]


def simulate(plan: Plan, bucket: int) -> Shard:
    """Everything that the accounts of a bucket do, sorted by time."""
    who = people.make(plan, people.in_bucket(plan, bucket))
    found = arrivals.sessions(plan, who)
    session = np.repeat(np.arange(len(found.length)), found.length)
    key = streams.items(found.key[session], np.arange(len(session)) - found.first[session])
    used = tokens.usage(who, found, session, key)
    ts = arrivals.times(who, found, session, streams.child(key, "gap"), used.pause)
    model = provider.models(plan, who, found)
    answer = provider.respond(plan, who, found, session, key, ts, used, model[session])
    columns = _metadata(who, found, session, key, used, answer)
    columns |= {"ts": ts, "model": model[session]}
    place = network.addresses(plan, who, found.account, streams.child(found.key, "address"))
    columns |= {name: values[session] for name, values in place.items()}
    columns |= _content(plan, who, found, session, key, used, answer)

    # Time is unique enough to sort by once it is packed with the row number: no ties, no stable sort needed.
    inside = np.flatnonzero((ts >= 0) & (ts < plan.config.days * DAY_MS))
    order = inside[np.sort((ts[inside] << 24) | np.arange(len(inside))) & ((1 << 24) - 1)]
    # Narrow before the gather: half of its time is memory.
    columns = {name: values.astype(_stored(name), copy=False)[order] for name, values in columns.items()}
    columns["day"] = columns["ts"] // DAY_MS
    edges = np.searchsorted(columns["day"], np.arange(plan.config.days + 1))
    owner = found.account[session][order]
    return Shard(who, columns, owner, edges, found.work[session][order], tokens.kinds(who, owner))


def requests(plan: Plan, shard: Shard) -> Iterator[tuple[int, pa.Table]]:
    """Tables of requests, one per day."""
    start = np.int64(int(plan.config.window(plan.split).timestamp() * 1000))
    ids = pa.array(people.names(shard.accounts.key), pa.string())
    pools = {name: pa.array(values, pa.string()) for name, values in POOLS.items()}
    for day in range(plan.config.days):
        rows = slice(shard.day_edges[day], shard.day_edges[day + 1])
        arrays = []
        for column in schema.REQUESTS:
            if column.name == "account_id":
                codes = pa.array(shard.owner[rows].astype(np.int32))
                arrays.append(pa.DictionaryArray.from_arrays(codes, ids))
            elif column.name == "ts":
                arrays.append(pa.array(shard.columns["ts"][rows] + start).cast(column.dtype))
            else:
                arrays.append(_array(column, shard.columns[column.name][rows], pools))
        yield day, pa.Table.from_arrays(arrays, schema=schema.arrow_schema("requests"))


def account_rows(plan: Plan, who: Accounts) -> pa.Table:
    """The accounts table of some accounts."""
    start = plan.config.window(plan.split)
    created = np.floor(who.created.astype(np.float64) * DAY_MS).astype(np.int64)
    created += (streams.uniform_wide(streams.child(who.key, "sign-up time")) * 600_000).astype(np.int64)
    paid, on_file = network.payment(plan, who)
    domains, organizations = network.emails(plan, who)
    columns: dict[str, Any] = {
        "account_id": people.names(who.key),
        "created": pa.array(created + int(start.timestamp() * 1000)).cast(schema.TIMESTAMP),
        "payment_id": pa.array(paid, mask=~on_file),
        "email_domain": domains,
        "organization": organizations,
        "signup_prefix": network.signup_prefix(plan, who),
    }
    for name in ("plan", "verification", "payment_type", "email_type"):
        codes = pa.array(who.choices[name].astype(np.int32))
        columns[name] = pa.DictionaryArray.from_arrays(codes, pa.array(CHOICES[name], pa.string()))
    arrays = [
        pa.array(columns[c.name], c.dtype) if isinstance(columns[c.name], list) else columns[c.name]
        for c in schema.ACCOUNTS
    ]
    return pa.table(
        [pa.array(a) if isinstance(a, np.ndarray) else a for a in arrays],
        names=[c.name for c in schema.ACCOUNTS],
    ).cast(schema.arrow_schema("accounts"))


def _stored(name: str) -> np.dtype[Any]:
    """Type of a column while it waits to be written: codes for categories, milliseconds for times."""
    dtype = schema.column(f"requests.{name}").dtype
    return np.dtype(np.int32) if dtype == schema.CATEGORY else _NUMPY.get(dtype, np.dtype(np.int64))


def _array(column: schema.Column, values: npt.NDArray[Any], pools: dict[str, pa.Array]) -> pa.Array:
    """Arrow array of one column; -1 (NaN for floats) means null where the column is nullable."""
    if column.dtype == schema.CATEGORY:
        codes = pa.array(values.astype(np.int32), mask=values < 0 if column.nullable else None)
        return pa.DictionaryArray.from_arrays(codes, pools[column.name])
    mask = None
    if column.nullable:
        mask = np.isnan(values) if values.dtype.kind == "f" else values == (0 if values.dtype.kind == "u" else -1)
    typed = values.astype(_NUMPY[column.dtype], copy=False)
    return pa.array(typed, column.dtype, mask=mask)


def _metadata(
    who: Accounts,
    found: arrivals.Sessions,
    session: I64,
    key: streams.U64,
    used: tokens.Usage,
    answer: provider.Response,
) -> dict[str, npt.NDArray[Any]]:
    row, d = found.account[session], who.dials
    bits = streams.child(found.key, "metadata")
    settings = streams.child(who.key, "settings 2")
    batch = (streams.uniform(bits, 0) < d["batch"][found.account])[session]
    priority = (streams.uniform(settings, 0) < np.float32(0.04))[row]
    streamed = (streams.uniform(bits, 1) < d["stream"][found.account])[session] & ~batch
    failed = answer.error >= 0
    users = np.floor(d["end_users"]).astype(np.int64)[found.account]
    user = network.opaque63(
        streams.items(
            streams.child(who.key, "end users")[found.account], streams.below(bits, np.maximum(users, 1))
        )
    )
    conversation = network.opaque63(streams.child(found.key, "conversation id"))[session]
    return {
        "request_id": network.opaque63(streams.child(key, "request id")),
        "api_key": (streams.halves(bits, 2) % (1 + streams.halves(settings, 1) % 3)[found.account])[session],
        "channel": who.choices["channel"][row],
        "endpoint": batch.astype(np.int32),
        "service_tier": np.where(batch, 1, np.where(priority, 2, 0)).astype(np.int32),
        "stream": streamed,
        "max_tokens": used.max_tokens,
        "temperature": _TEMPERATURES[streams.pick(settings, _TEMPERATURE_WEIGHTS, 2)][row],
        "tools": np.floor(d["tools"]).astype(np.int16)[row],
        "messages": 1 + 2 * used.turn,
        "input_tokens": used.input,
        "output_tokens": np.where(failed, 0, used.output),
        "reasoning_tokens": np.where(failed, 0, used.reasoning),
        "cache_creation_input_tokens": np.where(failed, 0, used.cache_write),
        "cache_read_input_tokens": np.where(failed, 0, used.cache_read),
        "stop_reason": answer.stop,
        "status": answer.status,
        "error_type": answer.error,
        "retries": answer.retries,
        "latency_ms": answer.latency,
        "ttft_ms": np.where(failed | ~streamed, -1, answer.first_token),
        "sdk": who.choices["sdk"][row],
        "conversation_id": np.where(used.conversing, conversation, -1),
        "end_user_id": np.where(users > 0, user, -1)[session],
    }


def _content(
    plan: Plan,
    who: Accounts,
    found: arrivals.Sessions,
    session: I64,
    key: streams.U64,
    used: tokens.Usage,
    answer: provider.Response,
) -> dict[str, npt.NDArray[Any]]:
    said = content.prompts(plan, who, found)
    item = content.work_items(plan, who, found, said, session, key)
    tools = np.floor(who.dials["tools"])[found.account] >= 1
    scope = np.where(said.templated, said.template, streams.child(who.key, "tools")[found.account])
    tools_hash = network.opaque63(streams.child(scope, "tools hash"))
    fingerprint = (answer.error < 0) & (used.output >= _FINGERPRINTED)
    sketch = streams.child(key, "answer") | np.uint64(1)  # 0 stands for null
    embedding = content.embedding(who, found, said, session, item)
    return {
        "system_prompt_hash": np.where(said.templated, content.prompt_hash(said), -1)[session],
        "tools_hash": np.where(tools, tools_hash, -1)[session],
        "prompt_simhash": content.simhash(who, found, said, session, item),
        **{f"prompt_emb_{i:02d}": values for i, values in enumerate(embedding)},
        "language": said.language[session],
        "stop_category": content.stop_category(said, session, streams.child(key, "category")),
        "response_simhash": np.where(fingerprint, sketch, np.uint64(0)),
        "echo_response_id": _echoes(plan, who, found, session),
    }


def _echoes(plan: Plan, who: Accounts, found: arrivals.Sessions, session: I64) -> I64:
    """request_id quoted by the first prompt of some sessions: an answer a cohort member got the day before."""
    quoted = np.full(len(session), -1, np.int64)
    bits = streams.child(found.key, "echo")
    asks = np.flatnonzero(
        (streams.uniform(bits) < who.dials["echo"][found.account]) & (found.day >= 1) & found.work
    )
    if len(asks) == 0:
        return quoted
    cohort = who.cohort[found.account[asks]]
    seat = np.cumsum(plan.sizes) - plan.sizes
    wanted, back = np.unique(seat[cohort] + streams.below(bits[asks], plan.sizes[cohort]), return_inverse=True)
    source = people.make(plan, wanted)
    days = np.arange(plan.config.days)
    there = arrivals.counts(plan, source, days)[back, found.day[asks] - 1]
    day_keys = streams.items(streams.child(source.key, "days")[back], found.day[asks])
    first = streams.items(
        streams.items(streams.child(day_keys, "session"), np.zeros(len(asks), np.int64)),
        np.zeros(len(asks), np.int64),
    )
    ids = network.opaque63(streams.child(first, "request id"))
    quoted[found.first[asks]] = np.where(there > 0, ids, -1)
    return quoted
