"""(plan, bucket) -> what its accounts did: pure, whole-shard vectorised, categories as integer codes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from generator import accounts as people
from generator import arrivals, content, echo, limits, network, provider, relay, streams, tokens
from generator.accounts import Accounts
from generator.archetypes import CHOICES
from generator.arrivals import DAY_MS, Sessions
from generator.cohorts import Plan
from generator.provider import Response
from generator.tokens import Usage

I64 = npt.NDArray[np.int64]
Columns = dict[str, npt.NDArray[Any]]
_TEMPERATURES = np.array([np.nan, 0.0, 0.2, 0.7, 1.0], np.float32)
_TEMPERATURE_WEIGHTS = np.array([0.4, 0.2, 0.12, 0.18, 0.1])
_CONSOLE, _AGGREGATOR = (CHOICES["channel"].index(c) for c in ("console", "aggregator"))
_FINGERPRINTED = 64  # tokens; shorter answers carry no usable fingerprint


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
    owner : ndarray of int64
        Account that sent each row, as a position in `accounts`.
    item : ndarray of uint64
        What each prompt is about; equal for equal prompts.
    cost : ndarray of float64
        List price of each row, USD.
    day_edges : ndarray of int64
        First row of each day, and the number of rows.
    work : ndarray of bool
        Whether a row serves its cohort's work.
    kind : ndarray of int32
        Workload of each row, an index into `schema.KINDS`.
    """

    accounts: Accounts
    size: int
    columns: Columns
    owner: I64
    item: streams.U64
    cost: npt.NDArray[np.float64]
    day_edges: I64
    work: npt.NDArray[np.bool_]
    kind: npt.NDArray[np.int32]


def simulate(plan: Plan, bucket: int) -> Shard:
    """Everything that the accounts of a bucket do, sorted by time."""
    own = people.in_bucket(plan, bucket)
    who = people.make(plan, np.concatenate([own, relay.mates(plan, own)]))
    found = arrivals.sessions(plan, who)
    session = np.repeat(np.arange(len(found.length)), found.length)
    key = streams.items(found.key[session], np.arange(len(session)) - found.first[session])
    used = tokens.usage(who, found, session, key)
    ts = arrivals.times(who, found, session, streams.child(key, "gap"), used.pause)
    model = provider.models(plan, who, found)
    batch = streams.uniform(streams.child(found.key, "batch")) < who.dials["batch"][found.account]
    cost = provider.price(model[session], used, batch[session])
    slow = limits.incident(plan, ts)
    error, repeated = limits.errors(who, found, session, key, ts, used, cost, slow)
    sent = relay.send(plan, who, found, session, key, ts, used.turn, error)

    # From here on rows are in the order of arrival, and only those that the bucket's own accounts send.
    order = _arrivals(plan, who, len(own), sent)
    row, sender, ts = sent.row[order], sent.sender[order], sent.ts[order]
    session, key, used, cost = session[row], key[row], used.take(row), cost[row]
    leg = relay.legs(found, session, sender)
    hopped = np.flatnonzero(sender != found.account[session])
    _readdress(who, found, used, leg, hopped)
    cost[hopped] = provider.price(model[session[hopped]], used.take(hopped), batch[session[hopped]])
    answer = provider.respond(
        who, found.account[session], key, ts, used, model[session], sent.error[order], slow[row]
    )
    said = content.prompts(plan, who, found)
    item, probe = content.work_items(plan, who, found, said, session, key, row == found.first[session])
    columns = _body(who, found, leg, batch, used, answer) | _sender(who, found, session, sender)
    where = network.addresses(
        plan, who, leg.sender, streams.child(found.key[leg.session], "address"), found.work[leg.session]
    )
    columns |= {name: values[leg.of] for name, values in where.items()}
    columns |= _content(plan, who, found, said, session, key, item, probe, model, used, answer)
    columns["tools_hash"] = np.where(columns["tools"] > 0, columns["tools_hash"], -1)
    columns |= {
        "request_id": network.opaque63(streams.child(np.where(sent.resent[order], ~key, key), "request id")),
        "ts": ts,
        "day": ts // DAY_MS,
        "model": model[session],
        "retries": repeated[row] & ~sent.resent[order],
    }
    edges = np.searchsorted(columns["day"], np.arange(plan.config.days + 1))
    kind = tokens.kinds(who, found.account[session])
    cost = np.where(answer.error < 0, cost, 0)
    return Shard(who, len(own), columns, sender, item, cost, edges, found.work[session], kind)


def _arrivals(plan: Plan, who: Accounts, size: int, sent: relay.Sent) -> I64:
    """Which requests arrive in the window, on living accounts of the bucket, in the order of time."""
    day = sent.ts / DAY_MS
    alive = (day >= who.born[sent.sender]) & (day < who.gone[sent.sender])
    inside = np.flatnonzero(alive & (sent.sender < size) & (sent.ts >= 0) & (sent.ts < plan.config.days * DAY_MS))
    # Time is unique enough to sort by once it is packed with the row number: no ties, no stable sort needed.
    packed = np.sort((sent.ts[inside] << 26) | np.arange(len(inside)))
    return np.asarray(inside[packed & ((1 << 26) - 1)])


def _readdress(who: Accounts, found: Sessions, used: Usage, leg: relay.Legs, at: I64) -> None:
    """What changes when another account sends a request: its limit holds, and it has no part in the cache."""
    limit = tokens.limits(who, leg.sender[leg.of[at]], found.key[leg.session[leg.of[at]]])
    used.max_tokens[at] = limit
    used.cut[at] = used.output[at] >= limit
    used.output[at] = np.minimum(used.output[at], limit)
    used.reasoning[at] = np.minimum(used.reasoning[at], limit - 1)
    used.cache_read[at] = 0


def _body(
    who: Accounts, found: Sessions, leg: relay.Legs, batch: npt.NDArray[np.bool_], used: Usage, answer: Response
) -> Columns:
    """What the sender's software put into the request, and what came back."""
    row, key = leg.sender, found.key[leg.session]
    settings = tokens.routes(who, row, key)
    bits = streams.child(key, "metadata")
    priority = (streams.uniform(streams.child(who.key, "priority")) < np.float32(0.04))[row]
    batch = batch[leg.session]
    streamed = ((streams.uniform(bits, 1) < who.dials["stream"][row]) & ~batch)[leg.of]
    tools = np.where(streams.uniform(settings, 0) < np.float32(0.7), who.dials["tools"][row], 0)
    failed = answer.error >= 0
    return {
        "endpoint": batch.astype(np.int32)[leg.of],
        "service_tier": np.where(batch, 1, np.where(priority, 2, 0)).astype(np.int32)[leg.of],
        "stream": streamed,
        "max_tokens": used.max_tokens,
        "temperature": _TEMPERATURES[streams.pick(settings, _TEMPERATURE_WEIGHTS, 2)][leg.of],
        "tools": np.floor(tools * (np.float32(0.5) + streams.uniform(settings, 1) / 2)).astype(np.int16)[leg.of],
        "messages": 1 + 2 * used.turn,
        "input_tokens": used.input,
        "output_tokens": np.where(failed, 0, used.output),
        "reasoning_tokens": np.where(failed, 0, used.reasoning),
        "cache_creation_input_tokens": np.where(failed, 0, used.cache_write),
        "cache_read_input_tokens": np.where(failed, 0, used.cache_read),
        "stop_reason": answer.stop,
        "status": answer.status,
        "error_type": answer.error,
        "latency_ms": answer.latency,
        "ttft_ms": np.where(failed | ~streamed, -1, answer.first_token),
    }


def _sender(who: Accounts, found: Sessions, session: I64, sender: I64) -> Columns:
    """What the sending account adds. Marketplaces pass on no end user, the aggregator no conversation either."""
    bits = streams.child(found.key, "sender")
    keys = 1 + streams.halves(streams.child(who.key, "api keys"), 1) % 3
    users = np.floor(who.dials["end_users"]).astype(np.int64)[found.account]
    user = streams.items(
        streams.child(who.key, "end users")[found.account], streams.below(bits, np.maximum(users, 1))
    )
    channel = who.choices["channel"][sender]
    talks = tokens.talks(who, found)[session]
    conversation = network.opaque63(streams.child(found.key, "conversation id"))[session]
    return {
        "api_key": streams.halves(bits, 2)[session] % keys[sender],
        "channel": channel,
        "conversation_id": np.where(talks & (channel != _AGGREGATOR), conversation, -1),
        "end_user_id": np.where((users > 0)[session] & (channel == _CONSOLE), network.opaque63(user)[session], -1),
    }


def _content(
    plan: Plan,
    who: Accounts,
    found: Sessions,
    said: content.Prompts,
    session: I64,
    key: streams.U64,
    item: streams.U64,
    probe: npt.NDArray[np.bool_],
    model: npt.NDArray[np.int32],
    used: Usage,
    answer: Response,
) -> Columns:
    scope = np.where(said.templated, said.template, streams.child(who.key, "tools")[found.account])
    tools_hash = network.opaque63(streams.child(scope, "tools hash"))
    fingerprint = (answer.error < 0) & (used.output >= _FINGERPRINTED)
    sketch = content.response_simhash(item, model[session], key)
    embedding = content.embedding(who, found, said, session, item)
    return {
        "system_prompt_hash": np.where(said.templated, content.prompt_hash(said), -1)[session],
        "tools_hash": tools_hash[session],
        "prompt_simhash": content.simhash(who, found, said, session, item, probe),
        **{f"prompt_emb_{i:02d}": values for i, values in enumerate(embedding)},
        "language": said.language[session],
        "stop_category": content.stop_category(said, session, streams.child(key, "category")),
        "response_simhash": np.where(fingerprint, sketch, np.uint64(0)),
        "echo_response_id": echo.echo_response_id(plan, who, found, session, key),
    }
