"""Requests on their way to the provider: who made them, when they arrive, who sends them and what becomes of them.

Whether a request is turned down depends on all that its author did before, so whole accounts are made at a time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from generator.arrays import F64, I32, I64, U64, Mask
from generator.rng import streams
from generator.traffic import provider, rate_limits, routing, sessions
from generator.traffic.routing import RoutedRequests
from generator.traffic.sessions import DAY_MS
from generator.workloads import token_usage
from generator.workloads.batch import Sessions
from generator.workloads.token_usage import Usage

if TYPE_CHECKING:
    from generator.population.accounts import Accounts
    from generator.population.population_plan import PopulationPlan


@dataclass
class Attempts:
    """Sessions, their requests, and the attempts at them.

    Attributes
    ----------
    found : Sessions
        The sessions.
    model, batch : ndarray
        Model that each session asks for, and whether it is a batch.
    session : ndarray of int64
        Session of each request.
    key : ndarray of uint64
        Stream of each request.
    used, cost : Usage, ndarray of float64
        Tokens and list price (USD) of each request.
    slow, opening, repeated : ndarray of bool
        Whether the provider is overloaded when it arrives, it opens its session, and it repeats one that failed.
    sent : Sent
        The attempts: some requests are sent twice.
    """

    found: Sessions
    model: I32
    batch: Mask
    session: I64
    key: U64
    used: Usage
    cost: F64
    slow: Mask
    opening: Mask
    repeated: Mask
    sent: RoutedRequests

    @property
    def author(self) -> I64:
        """Account that made the request of each attempt."""
        return np.asarray(self.found.account[self.session[self.sent.row]])

    def take(self, at: I64) -> Attempts:
        """Some of the attempts, as many requests, and only sessions that these belong to."""
        row = self.sent.row[at]
        session = self.session[row]
        needed = np.bincount(session, minlength=len(self.model)) > 0
        kept = np.flatnonzero(needed)
        return Attempts(
            found=self.found.take(kept),
            model=self.model[kept],
            batch=self.batch[kept],
            session=(np.cumsum(needed) - 1)[session],
            sent=replace(map_arrays(lambda x: x[at], self.sent), row=np.arange(len(at))),
            **{name: map_arrays(lambda x: x[row], getattr(self, name)) for name in _OF_REQUESTS},
        )


_OF_REQUESTS = ("key", "used", "cost", "slow", "opening", "repeated")


def make_attempts(plan: PopulationPlan, who: Accounts, found: Sessions) -> Attempts:
    """All that comes of all sessions of some accounts."""
    session, key = sessions.expand_requests(found)
    used = token_usage.draw_usage(who, found, session, key)
    ts = sessions.arrival_times(who, found, session, streams.child(key, "gap"), used.pause)
    model = provider.requested_models(plan, who, found)
    batch = provider.is_batch(who, found)
    cost = provider.list_price(model[session], used, batch[session])
    slow = rate_limits.is_overloaded(plan, ts)
    error, repeated = rate_limits.request_errors(who, found, session, key, ts, used, cost, slow)
    sent = routing.route_requests(plan, who, found, session, key, ts, used.turn, error)
    opening = np.zeros(len(session), np.bool_)
    opening[found.first] = True
    return Attempts(found, model, batch, session, key, used, cost, slow, opening, repeated, sent)


def within_window(plan: PopulationPlan, who: Accounts, sent: RoutedRequests) -> Mask:
    """Which attempts arrive in the window, on living accounts."""
    day = sent.ts / DAY_MS
    alive = (day >= who.born[sent.sender]) & (day < who.gone[sent.sender])
    return np.asarray(alive & (sent.ts >= 0) & (sent.ts < plan.config.days * DAY_MS))


def map_arrays(make_one: Callable[..., Any], *parts: Any) -> Any:
    """The same done to each array of some dataclasses of one kind: one of that kind."""
    first = parts[0]
    if isinstance(first, np.ndarray):
        return make_one(*parts)
    return replace(
        first, **{f.name: map_arrays(make_one, *(getattr(p, f.name) for p in parts)) for f in fields(first)}
    )
