"""Requests on their way to the provider: who made them, when they arrive, who sends them and what becomes of them.

Whether a request is turned down depends on all that its author did before, so whole accounts are made at a time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from generator.arrays import F64, I32, I64, U64, Mask
from generator.traffic import provider, rate_limits, routing
from generator.traffic.content import PromptItems, SessionContent, draw_content, draw_items, recurring_prompts
from generator.traffic.routing import RoutedRequests
from generator.traffic.sessions import DAY_MS, arrival_times
from generator.workloads.batch import RequestBatch, Sessions
from generator.workloads.token_usage import Usage, draw_usage

if TYPE_CHECKING:
    from generator.population.accounts import Accounts
    from generator.population.population_plan import PopulationPlan


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
    overloaded, repeated : ndarray of bool, shape (requests,)
        Whether the provider is overloaded when it arrives, and it repeats one that failed.
    routed : RoutedRequests
        The attempts: some requests are sent twice.
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
    overloaded: Mask
    repeated: Mask
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


_OF_REQUESTS = ("key", "serial", "usage", "cost", "items", "overloaded", "repeated")


def make_attempts(plan: PopulationPlan, accounts: Accounts, sessions: Sessions) -> Attempts:
    """All that comes of all sessions of some accounts.

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
    ts = arrival_times(batch, usage.pause)
    model = provider.requested_models(plan, accounts, sessions)
    batch_tier = provider.is_batch(accounts, sessions)
    cost = provider.list_price(model[batch.session], usage, batch_tier[batch.session])
    overloaded = rate_limits.is_overloaded(plan, ts)
    error, repeated = rate_limits.request_errors(batch, ts, usage, cost, overloaded)
    routed = routing.route_requests(plan, batch, ts, usage.turn, error)
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
        cost=cost,
        items=items,
        overloaded=overloaded,
        repeated=repeated,
        routed=routed,
    )


def within_window(plan: PopulationPlan, accounts: Accounts, routed: RoutedRequests) -> Mask:
    """Which attempts arrive in the window, on living accounts.

    Parameters
    ----------
    plan : PopulationPlan
        Plan of the world.
    accounts, routed : Accounts, RoutedRequests
        Accounts, and the attempts that they send.
    """
    day = routed.ts / DAY_MS
    alive = (day >= accounts.born[routed.sender]) & (day < accounts.gone[routed.sender])
    return np.asarray(alive & (routed.ts >= 0) & (routed.ts < plan.config.days * DAY_MS))


def map_arrays(function: Callable[..., Any], *parts: Any) -> Any:
    """The same done to each array of some dataclasses of one kind: one of that kind.

    Parameters
    ----------
    function : callable
        Takes as many arrays as there are parts, and returns one.
    *parts : dataclass or ndarray
        Dataclasses of one kind, whose fields are arrays or such dataclasses.
    """
    first = parts[0]
    if isinstance(first, np.ndarray):
        return function(*parts)
    mapped = {f.name: map_arrays(function, *(getattr(part, f.name) for part in parts)) for f in fields(first)}
    return replace(first, **mapped)
