"""Requests on their way to the provider: who made them, when they arrive, who sends them and what becomes of them.

Whether a request is turned down depends on all that its author did before, so whole accounts are made at a time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from generator.arrays import F64, I32, I64, U64, Mask, map_arrays
from generator.population import model_calendar
from generator.schema import DAY_MS, KINDS
from generator.traffic import handovers, provider, rate_limits, routing
from generator.traffic.prompt_items import PromptItems, draw_items, recurring_prompts
from generator.traffic.routing import RoutedRequests
from generator.traffic.session_content import SessionContent, draw_content
from generator.traffic.sessions import arrival_times, pauses
from generator.workloads import prompt_cache
from generator.workloads.batch import RequestBatch, Sessions
from generator.workloads.prompt_cache import NOBODY
from generator.workloads.token_usage import Usage, draw_usage, forget_lost_answers

if TYPE_CHECKING:
    from generator.population.accounts import Accounts
    from generator.population.population_plan import PopulationPlan


@dataclass
class Timing:
    """When requests arrive and how long their answers take; arrays of shape (requests,).

    Attributes
    ----------
    ts : ndarray of int64
        First arrival, milliseconds since the window began.
    latency, first_token : ndarray of int64
        Milliseconds to the end and to the first token of the answer, if there is one.
    """

    ts: I64
    latency: I64
    first_token: I64


@dataclass
class Attempts:
    """Sessions, their requests, and the attempts at them.

    Attributes
    ----------
    sessions : Sessions
        The sessions.
    model, batch_tier : ndarray, shape (sessions,)
        Model that each session asks for, and whether it is a batch.
    content : SessionContent, shape (sessions,)
        Templates, topics and languages.
    session : ndarray of int64, shape (requests,)
        Session of each request.
    key : ndarray of uint64, shape (requests,)
        Stream of each request.
    serial : ndarray of int64, shape (requests,)
        Number of each request among all that its author makes.
    usage, cost : Usage, ndarray of float64, shape (requests,)
        Tokens and list price (USD) of each request.
    items : PromptItems, shape (requests,)
        What each request is about.
    timing : Timing, shape (requests,)
        When each arrives and how long its answer takes.
    routed : RoutedRequests
        The attempts: some requests are sent more than once.
    """

    sessions: Sessions
    model: I32
    batch_tier: Mask
    content: SessionContent
    session: I64
    key: U64
    serial: I64
    usage: Usage
    cost: F64
    items: PromptItems
    timing: Timing
    routed: RoutedRequests

    @property
    def author(self) -> I64:
        """Account that made the request of each attempt."""
        return np.asarray(self.sessions.account[self.session[self.routed.row]])

    def requests(self, accounts: Accounts) -> RequestBatch:
        """The requests as a batch.

        Parameters
        ----------
        accounts : Accounts
            Accounts that the sessions were drawn for.
        """
        return RequestBatch(accounts, self.sessions, self.session, self.key)

    def take(self, at: I64) -> Attempts:
        """Some of the attempts, as many requests, and only sessions that these belong to.

        Parameters
        ----------
        at : ndarray of int64
            Which of the attempts.
        """
        row = self.routed.row[at]
        session = self.session[row]
        needed = np.bincount(session, minlength=len(self.model)) > 0
        kept = np.flatnonzero(needed)
        return Attempts(
            sessions=self.sessions.take(kept),
            model=self.model[kept],
            batch_tier=self.batch_tier[kept],
            content=map_arrays(lambda x: x[kept], self.content),
            session=(np.cumsum(needed) - 1)[session],
            routed=replace(map_arrays(lambda x: x[at], self.routed), row=np.arange(len(at))),
            **{name: map_arrays(lambda x: x[row], getattr(self, name)) for name in _OF_REQUESTS},
        )


_OF_REQUESTS = ("key", "serial", "usage", "cost", "items", "timing")


def make_attempts(plan: PopulationPlan, accounts: Accounts, sessions: Sessions) -> Attempts:
    """All that comes of all sessions of some accounts.

    Lengths come first, then times, then what is turned down and tried again; last what depends on answers:
    histories without those that were lost, and the cache.

    Parameters
    ----------
    plan : PopulationPlan
        Plan of the world.
    accounts, sessions : Accounts, Sessions
        Accounts and all their sessions.
    """
    batch = RequestBatch.of(accounts, sessions)
    content = draw_content(plan, accounts, sessions)
    items = draw_items(plan, batch, content)
    usage = draw_usage(batch, recurring_prompts(plan, batch, content, items))
    model, batch_tier = provider.requested_models(plan, accounts, sessions), provider.is_batch(accounts, sessions)
    opening = rate_limits.opening_requests(sessions, len(batch))
    waits = usage.conversing | (accounts.choices["kind"][batch.account] == KINDS.index("agent"))
    terms = _Terms(plan, batch, model[batch.session], batch_tier[batch.session], opening, waits)
    relayed = routing.relayed_turns(batch, usage.turn, usage.input)
    own = np.where(relayed > 0, NOBODY, batch.account)  # what is relayed counts on nothing in a cache
    timing = _arrivals(terms, usage, own)
    routed = _attempts_at(terms, usage, timing, relayed, own)
    answered = np.bincount(routed.row[routed.error < 0], minlength=len(batch)) > 0
    forget_lost_answers(batch, usage, answered)
    _use_cache(terms, content, usage, routed)
    alone = np.flatnonzero(~terms.waits)  # answers that nobody waits for may hang on what they read from the cache
    timing.latency[alone], timing.first_token[alone] = terms.answer_times(alone, timing.ts, usage)
    first = sessions.first[np.searchsorted(sessions.account, sessions.account)][batch.session]
    return Attempts(
        sessions=sessions,
        model=model,
        batch_tier=batch_tier,
        content=content,
        session=batch.session,
        key=batch.key,
        serial=np.arange(len(batch)) - first,
        usage=usage,
        cost=terms.price(usage),
        items=items,
        timing=timing,
        routed=routed,
    )


@dataclass(frozen=True)
class _Terms:
    """All requests of whole accounts; the model of each, and whether it is part of a batch, opens its account-day,
    and is one whose answer its session waits for.
    """

    plan: PopulationPlan
    batch: RequestBatch
    model: I32
    batch_tier: Mask
    opening: Mask
    waits: Mask

    def price(self, usage: Usage) -> F64:
        return provider.list_price(self.model, usage, self.batch_tier)

    def answer_times(self, rows: I64, ts: I64, usage: Usage) -> tuple[I64, I64]:
        """Milliseconds to the end and to the first token of the answers to some of the requests."""
        overloaded = rate_limits.is_overloaded(self.plan, ts[rows])
        return provider.answer_times(
            self.batch.take(rows), ts[rows], usage.take(rows), self.model[rows], overloaded, self.batch_tier[rows]
        )


def _arrivals(terms: _Terms, usage: Usage, own: I64) -> Timing:
    """When requests arrive: in conversations after the answer before, else when the session wants them.

    How long an answer takes depends on its hour, and its hour on all answers before. So that hour is taken without
    their times: an answer may be as slow as it would have been some minutes earlier.
    """
    batch = terms.batch
    gaps = pauses(batch, usage.pause)
    about = arrival_times(batch, gaps)
    usage.cache_read[:] = prompt_cache.conversation_reads(batch, usage, about, own)
    latency, first_token = np.zeros((2, len(batch)), np.int64)
    rows = np.flatnonzero(terms.waits)
    latency[rows], first_token[rows] = terms.answer_times(rows, about, usage)
    # The wait before a session's first request is not read.
    ts = arrival_times(batch, gaps + np.r_[0, latency[:-1]])
    queued = rate_limits.queued(batch.accounts, batch.account, ts, ~terms.waits & ~terms.opening)
    return Timing(queued, latency, first_token)


def _attempts_at(terms: _Terms, usage: Usage, timing: Timing, relayed: U64, own: I64) -> RoutedRequests:
    """All attempts at the requests: handed over to another member, or tried again until answered or given up."""
    plan, batch, ts = terms.plan, terms.batch, timing.ts
    sender = routing.senders(plan, batch, ts, relayed)
    usage.cache_read[:] = prompt_cache.conversation_reads(batch, usage, ts, own)
    tokens = usage.input - usage.cache_read + usage.output
    overloaded = rate_limits.is_overloaded(plan, ts)
    error, spent = rate_limits.request_errors(batch, ts, tokens, terms.price(usage), overloaded, terms.opening)
    tokens = _turn_down_cold_turns(terms, usage, ts, own, error)
    error[routing.with_foreign_reasoning(batch, usage.reasoning, sender, error)] = rate_limits.FOREIGN
    n = len(batch)
    first = RoutedRequests(np.arange(n), sender, ts, error, np.zeros(n, np.int64), np.zeros(n, np.bool_))
    latest = _latest(terms, timing)
    handed_over = handovers.hand_over(plan, batch, (usage.input, usage.output), first, timing.first_token, latest)
    kept = np.ones(n, np.bool_)
    kept[handed_over.row] = False
    sent, again = first, first.take(np.flatnonzero(kept & (error >= 0)))
    for _ in range(routing.MOST_RETRIES):
        again = routing.send_again(batch, again, timing.first_token, latest)
        if not len(again.row):
            break
        key = routing.attempt_keys(batch.key[again.row], again.attempt)
        again.error[:] = rate_limits.provider_failures(key, rate_limits.is_overloaded(plan, again.ts))
        full = routing.finds_no_room(batch, tokens, sent, again)
        again.error[full | spent[again.row]] = rate_limits.REJECTED
        sent = sent.and_then(again)
    return sent.and_then(handed_over)


def _turn_down_cold_turns(terms: _Terms, usage: Usage, ts: I64, own: I64, error: I32) -> I64:
    """Reject turns that are too heavy because the turn before failed and left no cache; tokens that count then."""
    batch, opening = terms.batch, terms.opening
    while True:
        found = prompt_cache.conversation_reads(batch, usage, ts, np.where(error < 0, own, NOBODY))
        colder = (error < 0) & (found < usage.cache_read)
        tokens = usage.input - found + usage.output
        if not colder.any():
            return tokens
        usage.cache_read[colder] = found[colder]
        touched = np.zeros(len(batch.accounts), np.bool_)
        touched[batch.account[colder]] = True
        at = np.flatnonzero(touched[batch.account])
        over = rate_limits.too_fast(batch.accounts, batch.account[at], ts[at], tokens[at], opening[at])
        error[at[over & (error[at] < 0)]] = rate_limits.REJECTED


def _latest(terms: _Terms, timing: Timing) -> I64:
    """Until when another attempt is of use: in a conversation its answer must be there before the next turn."""
    following, session = np.r_[timing.ts[1:], 0] - timing.latency, terms.batch.session
    has_next = np.r_[session[1:] == session[:-1], False] if len(session) else np.zeros(0, np.bool_)
    return np.where(has_next & terms.waits, following, np.iinfo(np.int64).max)


def _use_cache(terms: _Terms, content: SessionContent, usage: Usage, routed: RoutedRequests) -> None:
    """Set what is read from the cache and written to it, by what was answered to its first sender."""
    batch, logged = terms.batch, model_calendar.is_offered(terms.plan, terms.model[routed.row], routed.ts)
    for who in (routed.sender, batch.account[routed.row]):
        logged &= routed.ts / DAY_MS >= batch.accounts.born[who]  # what is not leaves nothing in the cache
    at = np.flatnonzero((routed.error < 0) & ~routed.resent & logged)
    served, ts = np.full(len(batch), NOBODY), routed.ts[: len(batch)].copy()
    served[routed.row[at]], ts[routed.row[at]] = routed.sender[at], routed.ts[at]
    template = np.where(content.templated, content.template, np.uint64(0))
    prompt_cache.fill_counters(batch, template, usage, ts, served)
