"""Which prompts hold an earlier answer, as the provider's index reports it: with misses and false finds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from generator.arrays import I64
from generator.population.accounts import draw_accounts
from generator.rng import opaque_ids, streams
from generator.traffic.sessions import request_counts

if TYPE_CHECKING:
    from generator.population.population_plan import PopulationPlan
    from generator.workloads.batch import RequestBatch

_RECALL = np.float32(0.85)  # share of the quoted answers that the index finds (a)
_FALSE_RATE = np.float32(0.0004)  # share of all prompts that it takes for a quotation (a)


@dataclass
class Quotations:
    """Rows whose prompt quotes an answer, and whose; arrays of shape (quotations,).

    Attributes
    ----------
    row : ndarray of int64
        Request whose prompt quotes, a row of its batch.
    source : ndarray of int64
        Account that got the answer, by number in the plan.
    day : ndarray of int64
        Day of the answer.
    """

    row: I64
    source: I64
    day: I64


def draw_quotations(plan: PopulationPlan, batch: RequestBatch) -> Quotations:
    """Which prompts quote an answer.

    How often an account quotes answers is its habit; whether they are its own or those of another member is a
    matter of the cohort. Quoted is an answer of the day before, so never one of the own conversation.

    Parameters
    ----------
    plan : PopulationPlan
        Plan of the world.
    batch : RequestBatch
        The requests.
    """
    accounts, sessions = batch.accounts, batch.sessions
    bits = batch.stream("echo")
    quotes = streams.uniform(bits, 0) < batch.dial("echo") * _RECALL
    mistaken = streams.uniform(bits, 1) < _FALSE_RATE
    row = np.flatnonzero((quotes | mistaken) & (sessions.day[batch.session] >= 1))
    account, session = batch.account[row], batch.session[row]
    more = streams.child(batch.key[row], "echoed account")
    cohort = accounts.cohort[account]
    cross = sessions.work[session] & (streams.uniform(bits[row], 2) < accounts.dials["echo_cross"][account])
    member = (np.cumsum(plan.sizes) - plan.sizes)[cohort] + streams.below(more, plan.sizes[cohort])
    stranger = streams.below(more, plan.config.accounts)  # those of the mix come first
    source = np.where(quotes[row], np.where(cross, member, accounts.index[account]), stranger)
    return Quotations(row, source, sessions.day[session] - 1)


def quoted_request_ids(plan: PopulationPlan, source: I64, day: I64) -> I64:
    """request_id of the first answer that each account got on a day; -1: it asked nothing.

    Parameters
    ----------
    plan : PopulationPlan
        Plan of the world.
    source, day : ndarray of int64, shape (quotations,)
        Account, by number in the plan, and day.
    """
    index, place = np.unique(source, return_inverse=True)
    accounts = draw_accounts(plan, index)
    requests = request_counts(plan, accounts, np.arange(-1, plan.config.days))
    serial = (np.cumsum(requests, axis=1) - requests)[place, day + 1]
    first = np.zeros(len(place), np.int64)
    ids = opaque_ids.request_ids(plan.root, source, serial, first)
    return np.where(requests[place, day + 1] > 0, ids, -1)
