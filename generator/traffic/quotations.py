"""Which prompts hold an earlier answer, as the provider's index reports it: with misses and false finds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from generator.arrays import I64, U64
from generator.population import accounts as people
from generator.rng import opaque_ids, streams
from generator.traffic import sessions

if TYPE_CHECKING:
    from generator.population.accounts import Accounts
    from generator.population.population_plan import PopulationPlan
    from generator.workloads.batch import Sessions

# Of the quoted answers the index finds this share; of all prompts it takes so many for a quotation (both (a)).
_FOUND = np.float32(0.85)
_FALSE = np.float32(0.0004)


@dataclass
class Quotations:
    """Rows whose prompt quotes an answer, and whose: account (by number) and day.

    Attributes
    ----------
    row, source, day : ndarray of int64
        Of equal length.
    """

    row: I64
    source: I64
    day: I64


def draw_quotations(plan: PopulationPlan, who: Accounts, found: Sessions, session: I64, key: U64) -> Quotations:
    """Which prompts quote an answer.

    How often an account quotes answers is its habit; whether they are its own or those of another member is a
    matter of the cohort. Quoted is an answer of the day before, so never one of the own conversation.
    """
    row = found.account[session]
    bits = streams.child(key, "echo")
    quotes = streams.uniform(bits, 0) < who.dials["echo"][row] * _FOUND
    mistaken = streams.uniform(bits, 1) < _FALSE
    asks = np.flatnonzero((quotes | mistaken) & (found.day[session] >= 1))
    row, at = row[asks], session[asks]
    more = streams.child(key[asks], "echoed account")
    cohort = who.cohort[row]
    cross = found.work[at] & (streams.uniform(bits[asks], 2) < who.dials["echo_cross"][row])
    mate = (np.cumsum(plan.sizes) - plan.sizes)[cohort] + streams.below(more, plan.sizes[cohort])
    stranger = streams.below(more, plan.config.accounts)  # those of the mix come first
    source = np.where(quotes[asks], np.where(cross, mate, who.index[row]), stranger)
    return Quotations(asks, source, found.day[at] - 1)


def quoted_request_ids(plan: PopulationPlan, source: I64, day: I64) -> I64:
    """request_id of the first answer that each account (by number) got on a day; -1: it asked nothing."""
    wanted, back = np.unique(source, return_inverse=True)
    who = people.draw_accounts(plan, wanted)
    there = sessions.request_counts(plan, who, np.arange(plan.config.days))[back, day]
    first = sessions.session_keys(sessions.day_keys(who, day, back), np.zeros(len(back), np.int64))
    ids = opaque_ids.opaque63(streams.child(streams.items(first, np.zeros(len(back), np.int64)), "request id"))
    return np.where(there > 0, ids, -1)
