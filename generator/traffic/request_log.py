"""What is logged of requests: few enough at a time that their columns stay in the processor's cache."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from generator import schema
from generator.arrays import I8, I64, Mask
from generator.config.parameters import CHOICES, TOPICS_PER_DOMAIN
from generator.population import addresses
from generator.population.accounts import Accounts
from generator.population.population_plan import PopulationPlan
from generator.prompts import categories, embeddings, revisions, simhash, wordings
from generator.rng import opaque_ids, streams
from generator.schema import DAY_MS
from generator.text import choices
from generator.text.tasks import tasks_of
from generator.traffic import provider, quotations, routing, text_samples
from generator.traffic.attempts import Attempts
from generator.traffic.prompt_items import PromptItems
from generator.traffic.provider import Response
from generator.traffic.routing import SessionLegs
from generator.traffic.session_content import TECHNICAL, SessionContent
from generator.traffic.text_samples import TextSample, own_tokens
from generator.workloads.batch import RequestBatch
from generator.workloads.token_usage import Usage, answer_limits, is_conversation, offered_tools, settings_keys

Columns = dict[str, npt.NDArray[Any]]
_TEMPERATURES = np.array([np.nan, 0.0, 0.2, 0.7, 1.0], np.float32)
_TEMPERATURE_WEIGHTS = np.array([0.4, 0.2, 0.12, 0.18, 0.1])  # (a)
_CONSOLE, _AGGREGATOR = (CHOICES["channel"].index(c) for c in ("console", "aggregator"))
_FINGERPRINTED = 64  # tokens; shorter answers carry no usable fingerprint (a)
_PRIORITY = np.float32(0.04)  # share of paid accounts of the priority tier (a)
_ANSWERED, _BATCHES = 200, 1  # status, endpoint
_PRICED = ("input", "cache_read_input", "cache_creation_input", "output")
# Narrow types: rows are put in the order of time later, and the fewer bytes move the better.
_NARROW = {c.name: schema.numpy_type(c) for c in schema.REQUESTS} | {
    "owner": np.dtype(np.int32),
    "kind": np.dtype(np.int8),
}
_MOST_MESSAGES = np.iinfo(_NARROW["messages"]).max  # longer histories are logged as so long


@dataclass
class LogChunk:
    """What is logged of some requests.

    Attributes
    ----------
    columns : dict of str to ndarray, shape (rows,)
        Columns of requests, and of `simulate.Shard`, by name.
    resent : ndarray of bool, shape (rows,)
        Whether a row is a second attempt.
    quotations : Quotations
        Rows that quote an answer.
    texts : TextSample
        Rows that may be shown as text.
    """

    columns: Columns
    resent: Mask
    quotations: quotations.Quotations
    texts: TextSample


def log_attempts(plan: PopulationPlan, accounts: Accounts, attempts: Attempts, texts: int = 0) -> LogChunk:
    """What is logged of some attempts, one row each.

    Parameters
    ----------
    plan : PopulationPlan
        Plan of the world.
    accounts : Accounts
        Authors and senders.
    attempts : Attempts
        As many requests as attempts, see `Attempts.take`; their usage and cost change with the sender.
    texts : int
        Requests of each sender that are wanted as text.
    """
    batch, usage, cost, routed = attempts.requests(accounts), attempts.usage, attempts.cost, attempts.routed
    session, sessions, sender = batch.session, batch.sessions, routed.sender
    model, batch_tier = attempts.model[session], attempts.batch_tier
    legs = routing.session_legs(batch, sender)
    hopped = np.flatnonzero(sender != batch.account)
    _readdress(batch, usage, legs, hopped)
    cost[hopped] = provider.list_price(model[hopped], usage.take(hopped), batch_tier[session[hopped]])
    tools = offered_tools(accounts, legs.sender, sessions.key[legs.session])[legs.of]
    response = provider.respond(batch, usage, routed.error, tools)
    prompts, items = attempts.content, attempts.items
    columns = _settings(batch, legs, batch_tier, usage, response) | {"tools": tools}
    columns |= _latency(attempts, columns["stream"]) | _sender(batch, sender)
    address_bits = streams.child(sessions.key[legs.session], "address")
    starts, works = sessions.start[legs.session], sessions.work[legs.session]
    places = addresses.session_addresses(plan, accounts, legs.sender, address_bits, works, starts)
    columns |= {name: values[legs.of] for name, values in places.items()}
    columns |= _content(batch, prompts, items, usage, tools)
    sketch = simhash.response_simhash(items.key, model, batch.key)
    fingerprint = (response.error < 0) & (usage.output >= _FINGERPRINTED)
    columns |= {
        "response_simhash": np.where(fingerprint, sketch, np.uint64(0)),
        "request_id": _request_ids(plan, batch, attempts),
        "ts": routed.ts,
        "day": routed.ts // DAY_MS,
        "model": model,
        "retries": np.where(routed.resent, 0, routed.attempt),
        "owner": sender,
        "item": items.key,
        "key": batch.key,
        "cost": np.where(response.error < 0, cost, 0),
        "work": sessions.work[session],
        "kind": accounts.choices["kind"][batch.account],
    }
    narrow = {n: v.astype(_NARROW.get(n, v.dtype), copy=False) for n, v in columns.items()}
    sample = text_samples.draw_sample(plan, accounts, attempts, columns["request_id"], texts)
    return LogChunk(narrow, routed.resent, quotations.draw_quotations(plan, batch, routed.ts, usage), sample)


def serve(plan: PopulationPlan, columns: Columns) -> None:
    """Add the model that answers each request; price and fingerprint of the answer follow it.

    How long an answer takes does not: it waits in the queue of the model asked for (a).

    Parameters
    ----------
    plan : PopulationPlan
        Plan of the world.
    columns : dict of str to ndarray, shape (rows,)
        All rows of some accounts, in the order of time.
    """
    served = columns["served_model"] = provider.served_models(plan, columns)
    at = np.flatnonzero((served != columns["model"]) & (columns["status"] == _ANSWERED))
    prompt, read, write, output = (columns[f"{name}_tokens"][at] for name in _PRICED)
    batches = columns["endpoint"][at] == _BATCHES
    columns["cost"][at] = provider.token_price(served[at], (prompt, read, write, output), batches)
    printed = at[columns["response_simhash"][at] > 0]
    columns["response_simhash"][printed] = simhash.response_simhash(
        columns["item"][printed], served[printed], columns["key"][printed]
    )


def _request_ids(plan: PopulationPlan, batch: RequestBatch, attempts: Attempts) -> I64:
    author = batch.accounts.index[batch.account]
    return opaque_ids.request_ids(plan.root, author, attempts.serial, attempts.routed.attempt)


def _readdress(batch: RequestBatch, usage: Usage, legs: SessionLegs, hopped: I64) -> None:
    """What changes when another account sends a request: its limit holds."""
    leg = legs.of[hopped]
    limit = answer_limits(batch.accounts, legs.sender[leg], batch.sessions.key[legs.session[leg]])
    usage.max_tokens[hopped] = limit
    usage.cut[hopped] = usage.output[hopped] >= limit
    usage.output[hopped] = np.minimum(usage.output[hopped], limit)
    usage.reasoning[hopped] = np.minimum(usage.reasoning[hopped], limit - 1)


def _settings(
    batch: RequestBatch, legs: SessionLegs, batch_tier: Mask, usage: Usage, response: Response
) -> Columns:
    """What the sender's software put into the request, and what came back."""
    accounts, sender, key = batch.accounts, legs.sender, batch.sessions.key[legs.session]
    settings = settings_keys(accounts, sender, key)
    bits = streams.child(key, "metadata")
    paying = accounts.choices["plan"] != CHOICES["plan"].index("free")
    priority = (paying & (streams.uniform(streams.child(accounts.key, "priority")) < _PRIORITY))[sender]
    tier = batch_tier[legs.session]
    streamed = ((streams.uniform(bits, 1) < accounts.dials["stream"][sender]) & ~tier)[legs.of]
    failed = response.error >= 0
    return {
        "endpoint": tier.astype(np.int32)[legs.of],
        "service_tier": np.where(tier, 1, np.where(priority, 2, 0)).astype(np.int32)[legs.of],
        "stream": streamed,
        "max_tokens": usage.max_tokens,
        "temperature": _TEMPERATURES[streams.pick(settings, _TEMPERATURE_WEIGHTS, 2)][legs.of],
        "messages": np.minimum(1 + 2 * usage.turn, _MOST_MESSAGES),
        "input_tokens": usage.input,
        "output_tokens": np.where(failed, 0, usage.output),
        "reasoning_tokens": np.where(failed, 0, usage.reasoning),
        "cache_creation_input_tokens": np.where(failed, 0, usage.cache_write),
        "cache_read_input_tokens": np.where(failed, 0, usage.cache_read),
        "stop_reason": response.stop,
        "status": response.status,
        "error_type": response.error,
    }


def _latency(attempts: Attempts, streamed: Mask) -> Columns:
    """How long each attempt took."""
    timing, routed = attempts.timing, attempts.routed
    failed = routed.error >= 0
    failure = provider.failure_times(timing.first_token, routing.attempt_keys(attempts.key, routed.attempt))
    return {
        "latency_ms": np.where(failed, failure, timing.latency),
        "ttft_ms": np.where(failed | ~streamed, -1, timing.first_token),
    }


def _sender(batch: RequestBatch, sender: I64) -> Columns:
    """What the sending account adds. Marketplaces pass on no end user, the aggregator no conversation either."""
    accounts, sessions, session = batch.accounts, batch.sessions, batch.session
    bits = streams.child(sessions.key, "sender")
    nth = streams.halves(bits, 2)[session] % np.floor(accounts.dials["keys"]).astype(np.int64)[sender]
    users = np.floor(accounts.dials["end_users"]).astype(np.int64)[sessions.account]
    which = streams.below(bits, np.maximum(users, 1))
    user = streams.items(streams.child(accounts.key, "end users")[sessions.account], which)
    channel = accounts.choices["channel"][sender]
    talks = is_conversation(accounts, sessions)[session]
    conversation = opaque_ids.opaque53(streams.child(sessions.key, "conversation id"))[session]
    named = (users > 0)[session] & (channel == _CONSOLE)
    return {
        "api_key": opaque_ids.opaque53(revisions.api_keys(accounts.key[sender], nth, sessions.start[session])),
        "channel": channel,
        "conversation_id": np.where(talks & (channel != _AGGREGATOR), conversation, -1),
        "end_user_id": np.where(named, opaque_ids.opaque53(user)[session], -1),
    }


def _content(
    batch: RequestBatch, prompts: SessionContent, items: PromptItems, usage: Usage, tools: I64
) -> Columns:
    """What the provider's index holds of the prompts."""
    session = batch.session
    tools_hash = opaque_ids.opaque53(streams.items(streams.child(prompts.tools, "hash")[session], tools))
    of_template = np.where(items.check | ~prompts.templated[session], -1, session)
    embedding = _embedding(batch, prompts, items, usage, of_template)
    prompt_hash = opaque_ids.opaque53(streams.child(prompts.template, "hash"))
    manner = wordings.manners(prompts.task, prompts.template_language)
    return {
        "system_prompt_hash": np.where(prompts.templated, prompt_hash, -1)[session],
        "tools_hash": np.where(tools > 0, tools_hash, -1),
        "prompt_simhash": simhash.prompt_simhash(prompts.template, prompts.fixed, manner, items.key, of_template),
        **{f"prompt_emb_{i:02d}": values for i, values in enumerate(embedding)},
        "language": items.language,
        "stop_category": categories.stop_category(items.topic, batch.stream("category")),
    }


def _embedding(
    batch: RequestBatch, prompts: SessionContent, items: PromptItems, usage: Usage, of_template: I64
) -> I8:
    """Embeddings of prompts, shape (dimensions, requests): their first sentences, and what follows."""
    kind, templated = batch.accounts.choices["kind"][batch.account], of_template >= 0
    stream = choices.turns(items.key, usage.turn)
    task = tasks_of(items.key, items.topic // TOPICS_PER_DOMAIN)
    instruction = wordings.instructions(prompts.template, prompts.task, prompts.template_language)
    opening = np.where(templated, instruction[batch.session], wordings.questions(stream, task, items.language))
    spoken = (usage.turn == 0) & (templated | ~TECHNICAL[kind])
    tokens = own_tokens(usage.input, usage.turn, templated)
    return embeddings.prompt_embedding(
        items.key,
        items.topic,
        items.language,
        np.where(spoken, opening, wordings.NOTHING),
        spoken & ~templated,
        wordings.words(wordings.material(prompts.fixed), of_template, stream, tokens),
    )
