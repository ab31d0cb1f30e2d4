"""What is rejected on one account is sent again on another: within what that one sets aside for others.

Shards, and chunks inside them, are made apart, so that no account sees what else comes to its stand-in. So each
minute by the clock has a rota: an account then stands in for one other member of its pod, and what it does
for that one is counted where the author's requests are made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from generator.arrays import I64, Mask, run_starts
from generator.population import subscription_plans
from generator.population.pods import POD, pod_first, stand_in
from generator.rng import streams
from generator.schema import DAY_MS
from generator.traffic import provider, routing
from generator.traffic.rate_limits import MINUTE_MS, OWN_PART, REJECTED

if TYPE_CHECKING:
    from generator.population.accounts import Accounts
    from generator.population.population_plan import PopulationPlan
    from generator.workloads.batch import RequestBatch

_LEAST_DELAY_MS, _PATIENCE_MS = 500, 8_000  # shortest delay until another member tries, and what chance adds (a)
# Of a stand-in's limits: any minute touches two by the clock, and a day has room for each of the others.
_OF_A_MINUTE, _OF_A_DAY = (1 - OWN_PART) / 2, (1 - OWN_PART) / (POD - 1)
_EPSILON = 1e-9  # shares of limits are whole numbers but for rounding


def hand_over(
    plan: PopulationPlan,
    batch: RequestBatch,
    tokens: tuple[I64, I64],
    first: routing.RoutedRequests,
    first_token: I64,
    latest: I64,
) -> routing.RoutedRequests:
    """What was rejected is sent once more, by another member, who gets an answer.

    Parameters
    ----------
    plan : PopulationPlan
        Plan of the world.
    batch : RequestBatch
        The requests, as their authors make them: all of theirs.
    tokens : tuple of ndarray of int64, shape (requests,)
        Of the prompts, and of the answers.
    first : RoutedRequests
        The first attempts, one a request.
    first_token : ndarray of int64, shape (requests,)
        Milliseconds to the first token, had there been an answer.
    latest : ndarray of int64, shape (requests,)
        Until when an answer is of use to begin, milliseconds since the window began.
    """
    gives_up = streams.uniform(batch.stream("relay"), 1) < batch.dial("handover")
    row = np.flatnonzero((first.error == REJECTED) & (tokens[0] <= routing.LONGEST) & gives_up)
    key, author, accounts = batch.key[row], batch.account[row], batch.accounts
    told = first.ts[row] + provider.failure_times(first_token[row], routing.attempt_keys(key, first.attempt[row]))
    ts = told + _LEAST_DELAY_MS + streams.below(streams.child(key, "second attempt"), _PATIENCE_MS)
    pod = plan.account_key[pod_first(plan, accounts.index[author])]
    # The number of a minute is above 0 on the evening before the window, too.
    rota = streams.items(streams.child(pod, "rota"), (ts + DAY_MS) // MINUTE_MS)
    sender = stand_in(plan, accounts, author, rota, ts)
    at = np.flatnonzero((sender != author) & (ts <= latest[row]))
    at = at[_fits(accounts, author[at], sender[at], ts[at], (tokens[0] + tokens[1])[row[at]])]
    n = len(at)
    return routing.RoutedRequests(
        row[at], sender[at], ts[at], np.full(n, -1, np.int32), np.ones(n, np.int64), np.ones(n, np.bool_)
    )


def _fits(accounts: Accounts, author: I64, sender: I64, ts: I64, tokens: I64) -> Mask:
    """Which requests fit into what their senders set aside; none is heavier than the limits' own mean."""
    pair = author * len(accounts) + sender  # what others hand over may be made elsewhere
    plan = accounts.choices["plan"][sender]
    a_minute, a_day = subscription_plans.REQUESTS_PER_MINUTE[plan], subscription_plans.REQUESTS_PER_DAY[plan]
    fits = tokens * a_minute <= subscription_plans.TOKENS_PER_MINUTE[plan]
    fits &= _number(pair, ts, MINUTE_MS) <= _OF_A_MINUTE * a_minute + _EPSILON
    fits &= _number(pair, ts, DAY_MS) <= _OF_A_DAY * a_day + _EPSILON
    return np.asarray(fits)


def _number(pair: I64, ts: I64, length: int) -> I64:
    """Number of each request among those of its author and sender in the same stretch of time, from 1."""
    order = np.lexsort((ts, ts // length, pair))
    result = np.empty(len(order), np.int64)
    result[order] = 1 + np.arange(len(order)) - run_starts(pair[order], ts[order] // length)
    return result
