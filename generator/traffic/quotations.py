"""Which prompts hold an earlier answer, as the provider's index reports it: with misses and false finds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from generator.arrays import I64, U64, Mask
from generator.population.accounts import draw_accounts
from generator.rng import exact_functions, opaque_ids, streams
from generator.schema import DAY_MS
from generator.traffic import provider, rate_limits, routing
from generator.traffic.routing import RoutedRequests
from generator.traffic.sessions import draw_sessions, request_counts
from generator.workloads.batch import RequestBatch
from generator.workloads.token_usage import Usage, draw_usage

if TYPE_CHECKING:
    from generator.population.accounts import Accounts
    from generator.population.population_plan import PopulationPlan

_RECALL = np.float32(0.85)  # share of the quoted answers that the index finds (a)
_FALSE_RATE = np.float32(0.0004)  # share of all prompts that it takes for a quotation (a)
_DELAY_MS, _DELAY_SIGMA = 0.4 * DAY_MS, np.float32(1.3)  # from answer to quotation: median, and SD of the log (a)
_READING_MS = 20_000  # shortest time from an answer's end to its quotation (a)


@dataclass
class Quotations:
    """Rows whose prompt may quote an answer, and whose; arrays of shape (quotations,).

    Attributes
    ----------
    row : ndarray of int64
        Request whose prompt quotes, a row of its batch.
    source : ndarray of int64
        Account that got the answer, by number in the plan.
    day : ndarray of int64
        Day of the answer.
    ts, room : ndarray of int64
        Arrival of the prompt, milliseconds since the window began, and its tokens.
    conversation : ndarray of uint64
        Stream of the conversation that the prompt is a turn of; 0: none.
    """

    row: I64
    source: I64
    day: I64
    ts: I64
    room: I64
    conversation: U64


def draw_quotations(plan: PopulationPlan, batch: RequestBatch, ts: I64, usage: Usage) -> Quotations:
    """Which prompts quote an answer.

    How often an account quotes answers is its habit; whether they are its own or those of another member is a
    matter of the cohort. An answer comes back in the same hour or days later.

    Parameters
    ----------
    plan : PopulationPlan
        Plan of the world.
    batch : RequestBatch
        The requests.
    ts : ndarray of int64, shape (requests,)
        Arrival, milliseconds since the window began.
    usage : Usage
        Tokens of each.
    """
    accounts, sessions = batch.accounts, batch.sessions
    bits = batch.stream("echo")
    quotes = streams.uniform(bits, 0) < batch.dial("echo") * _RECALL
    mistaken = streams.uniform(bits, 1) < _FALSE_RATE
    row = np.flatnonzero(quotes | mistaken)
    delay = exact_functions.exp(_DELAY_SIGMA * streams.normal(bits[row], 3)).astype(np.float64) * _DELAY_MS
    day = (ts[row] - delay.astype(np.int64)) // DAY_MS
    row, day = row[day >= 0], day[day >= 0]
    account, session = batch.account[row], batch.session[row]
    more = streams.child(batch.key[row], "echoed account")
    cohort = accounts.cohort[account]
    cross = sessions.work[session] & (streams.uniform(bits[row], 2) < accounts.dials["echo_cross"][account])
    member = plan.first_account[cohort] + streams.below(more, plan.sizes[cohort])
    stranger = streams.below(more, plan.config.accounts)  # those of the mix come first
    source = np.where(quotes[row], np.where(cross, member, accounts.index[account]), stranger)
    conversation = np.where(usage.conversing[row], sessions.key[session], np.uint64(0))
    return Quotations(row, source, day, ts[row], usage.input[row], conversation)


def quoted_request_ids(plan: PopulationPlan, quotations: Quotations) -> I64:
    """request_id of the answer that each prompt quotes: the first that the account was asked for on the day.

    No quotation is made of what was not answered, or not yet, of the own conversation, or of more than the prompt
    has room for: a longer prompt would cost more than was counted when limits were checked.

    Parameters
    ----------
    plan : PopulationPlan
        Plan of the world.
    quotations : Quotations
        Prompts that may quote.

    Returns
    -------
    ndarray of int64, shape (quotations,)
        -1: nothing is quoted.
    """
    index, place = np.unique(quotations.source, return_inverse=True)
    accounts, column = draw_accounts(plan, index), quotations.day + 1
    counts = request_counts(plan, accounts, np.arange(-1, plan.config.days))
    serial = (np.cumsum(counts, axis=1) - counts)[place, column]
    asked = counts[place, column] > 0
    wanted = np.zeros_like(counts)
    wanted[place, column] = counts[place, column]
    first, answered, ends, tokens = _first_answers(plan, accounts, wanted)
    days = plan.config.days + 1
    found = np.searchsorted(
        first.sessions.account * days + first.sessions.day + 1, place[asked] * days + column[asked]
    )
    late = ends[found] + _READING_MS <= quotations.ts[asked]
    other = first.sessions.key[found] != quotations.conversation[asked]
    fits = tokens[found] <= quotations.room[asked]
    quoted = np.zeros(len(place), np.bool_)
    quoted[asked] = answered[found] & late & other & fits
    ids = opaque_ids.request_ids(plan.root, quotations.source, serial, np.zeros(len(place), np.int64))
    return np.where(quoted, ids, -1)


def _first_answers(plan: PopulationPlan, accounts: Accounts, counts: I64) -> tuple[RequestBatch, Mask, I64, I64]:
    """First requests of account-days: whether they were answered at once, when the answer had ended, its tokens.

    No limit turns them down (`rate_limits.opening_requests`), and nothing else of their account matters. That
    their prompt may lie in the cache is not known here: then the answer has ended a little sooner.
    """
    sessions = draw_sessions(plan, accounts, counts=counts)
    opening = rate_limits.opening_requests(sessions, int(sessions.length.sum()))[sessions.first]
    at = np.flatnonzero(opening)
    sessions = replace(sessions.take(at), first=np.arange(len(at)))
    batch = RequestBatch(
        accounts, sessions, np.arange(len(at)), streams.items(sessions.key, np.zeros(len(at), np.int64))
    )
    usage, ts = draw_usage(batch), sessions.start
    model, batch_tier = provider.requested_models(plan, accounts, sessions), provider.is_batch(accounts, sessions)
    overloaded = rate_limits.is_overloaded(plan, ts)
    latency, _ = provider.answer_times(batch, ts, usage, model, overloaded, batch_tier)
    error = rate_limits.provider_failures(batch.key, overloaded)
    none = np.zeros(len(at), np.int64)
    first = RoutedRequests(np.arange(len(at)), sessions.account, ts, error, none, none > 0)
    arrives = routing.within_window(plan, accounts, sessions.account, model, first)
    return batch, arrives & (error < 0) & ~rate_limits.is_malformed(batch), ts + latency, usage.output
