"""What is logged of requests: few enough at a time that their columns stay in the processor's cache."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from generator import schema
from generator.arrays import I32, I64, U64, Mask
from generator.config.parameters import CHOICES
from generator.population import addresses
from generator.population.accounts import Accounts
from generator.population.population_plan import PopulationPlan
from generator.rng import opaque_ids, streams
from generator.traffic import content, provider, quotations, routing
from generator.traffic.attempts import Attempts
from generator.traffic.provider import Response
from generator.traffic.sessions import DAY_MS
from generator.workloads import token_usage
from generator.workloads.batch import Sessions
from generator.workloads.token_usage import Usage

Columns = dict[str, npt.NDArray[Any]]
_TEMPERATURES = np.array([np.nan, 0.0, 0.2, 0.7, 1.0], np.float32)
_TEMPERATURE_WEIGHTS = np.array([0.4, 0.2, 0.12, 0.18, 0.1])
_CONSOLE, _AGGREGATOR = (CHOICES["channel"].index(c) for c in ("console", "aggregator"))
_FINGERPRINTED = 64  # tokens; shorter answers carry no usable fingerprint
# Narrow types: rows are put in the order of time later, and the fewer bytes move the better.
_NARROW = {c.name: schema.numpy_type(c) for c in schema.REQUESTS} | {
    "owner": np.dtype(np.int32),
    "kind": np.dtype(np.int8),
}


@dataclass
class LogChunk:
    """What is logged of some requests.

    Attributes
    ----------
    columns : dict of str to ndarray
        Columns of requests, and of `world.Shard`, by name.
    resent : ndarray of bool
        Whether a row is a second attempt.
    questions : echo.Questions
        Rows that quote an answer.
    """

    columns: Columns
    resent: Mask
    questions: quotations.Quotations


def log_attempts(plan: PopulationPlan, who: Accounts, made: Attempts) -> LogChunk:
    """What is logged of some attempts, one row each."""
    found, session, key, used, cost, sent = made.found, made.session, made.key, made.used, made.cost, made.sent
    model, batch, sender, ts, resent = made.model, made.batch, sent.sender, sent.ts, sent.resent
    leg = routing.session_legs(found, session, sender)
    hopped = np.flatnonzero(sender != found.account[session])
    _readdress(who, found, used, leg, hopped)
    cost[hopped] = provider.list_price(model[session[hopped]], used.take(hopped), batch[session[hopped]])
    answer = provider.respond(who, found.account[session], key, ts, used, model[session], sent.error, made.slow)
    said = content.draw_content(plan, who, found)
    item, probe = content.draw_items(plan, who, found, said, session, key, made.opening)
    columns = _body(who, found, leg, batch, used, answer) | _sender(who, found, session, sender)
    where = addresses.session_addresses(
        plan, who, leg.sender, streams.child(found.key[leg.session], "address"), found.work[leg.session]
    )
    columns |= {name: values[leg.of] for name, values in where.items()}
    columns |= _content(who, found, said, session, key, item, probe, model, used, answer, columns["tools"] > 0)
    columns |= {
        "request_id": opaque_ids.opaque63(streams.child(np.where(resent, ~key, key), "request id")),
        "ts": ts,
        "day": ts // DAY_MS,
        "model": model[session],
        "retries": made.repeated & ~resent,
        "owner": sender,
        "item": item,
        "cost": np.where(answer.error < 0, cost, 0),
        "work": found.work[session],
        "kind": token_usage.kinds(who, found.account[session]),
    }
    narrow = {n: v.astype(_NARROW.get(n, v.dtype), copy=False) for n, v in columns.items()}
    return LogChunk(narrow, resent, quotations.draw_quotations(plan, who, found, session, key))


def _readdress(who: Accounts, found: Sessions, used: Usage, leg: routing.SessionLegs, at: I64) -> None:
    """What changes when another account sends a request: its limit holds, and it has no part in the cache."""
    limit = token_usage.answer_limits(who, leg.sender[leg.of[at]], found.key[leg.session[leg.of[at]]])
    used.max_tokens[at] = limit
    used.cut[at] = used.output[at] >= limit
    used.output[at] = np.minimum(used.output[at], limit)
    used.reasoning[at] = np.minimum(used.reasoning[at], limit - 1)
    used.cache_read[at] = 0


def _body(
    who: Accounts, found: Sessions, leg: routing.SessionLegs, batch: Mask, used: Usage, answer: Response
) -> Columns:
    """What the sender's software put into the request, and what came back."""
    row, key = leg.sender, found.key[leg.session]
    settings = token_usage.settings_keys(who, row, key)
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
    talks = token_usage.is_conversation(who, found)[session]
    conversation = opaque_ids.opaque63(streams.child(found.key, "conversation id"))[session]
    return {
        "api_key": streams.halves(bits, 2)[session] % keys[sender],
        "channel": channel,
        "conversation_id": np.where(talks & (channel != _AGGREGATOR), conversation, -1),
        "end_user_id": np.where(
            (users > 0)[session] & (channel == _CONSOLE), opaque_ids.opaque63(user)[session], -1
        ),
    }


def _content(
    who: Accounts,
    found: Sessions,
    said: content.SessionContent,
    session: I64,
    key: U64,
    item: U64,
    probe: Mask,
    model: I32,
    used: Usage,
    answer: Response,
    offered: Mask,
) -> Columns:
    scope = np.where(said.templated, said.template, streams.child(who.key, "tools")[found.account])
    tools_hash = opaque_ids.opaque63(streams.child(scope, "tools hash"))
    fingerprint = (answer.error < 0) & (used.output >= _FINGERPRINTED)
    sketch = content.response_simhash(item, model[session], key)
    embedding = content.prompt_embedding(who, found, said, session, item)
    return {
        "system_prompt_hash": np.where(said.templated, content.system_prompt_hash(said), -1)[session],
        "tools_hash": np.where(offered, tools_hash[session], -1),
        "prompt_simhash": content.prompt_simhash(who, found, said, session, item, probe),
        **{f"prompt_emb_{i:02d}": values for i, values in enumerate(embedding)},
        "language": said.language[session],
        "stop_category": content.stop_category(said, session, streams.child(key, "category")),
        "response_simhash": np.where(fingerprint, sketch, np.uint64(0)),
    }
