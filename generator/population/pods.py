"""Pods: a handful of accounts of one cohort that stand in for each other, as behind a gateway.

They are small so that a shard can make the whole pod of its accounts without making the whole cohort.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from generator.arrays import I64, U64
from generator.config.parameters import CHOICES
from generator.population.accounts import relays
from generator.rng import streams
from generator.schema import DAY_MS

if TYPE_CHECKING:
    from generator.population.accounts import Accounts
    from generator.population.population_plan import PopulationPlan

POD = 6  # accounts (a)
_AGGREGATOR = CHOICES["channel"].index("aggregator")


def pod_members(plan: PopulationPlan, index: I64) -> I64:
    """Accounts outside `index` that stand in for one of those in it.

    Parameters
    ----------
    plan : PopulationPlan
        Plan of the world.
    index : ndarray of int64
        Accounts, by number in the plan.
    """
    cohort = plan.account_cohort[index]
    pods = np.unique(pod_first(plan, index[relays(plan.dials)[cohort]]))
    size = _pod_size(plan, pods)
    member = np.repeat(pods, size) + np.arange(size.sum()) - np.repeat(np.cumsum(size) - size, size)
    return np.setdiff1d(member, index)


def stand_in(plan: PopulationPlan, accounts: Accounts, sender: I64, bits: U64, ts: I64) -> I64:
    """Another member of each sender's pod, alive, of its kind of work and as visible, or the sender itself.

    Parameters
    ----------
    plan : PopulationPlan
        Plan of the world.
    accounts : Accounts
        Senders and the members of their pods.
    sender : ndarray of int64, shape (n,)
        Positions in them.
    bits : ndarray of uint64, shape (n,)
        One draw each; members of a pod with the same draw have different ones that stand in for them.
    ts : ndarray of int64, shape (n,)
        When, milliseconds since the window began.
    """
    index = accounts.index[sender]
    first = pod_first(plan, index)
    size = _pod_size(plan, first)
    # One of the others, evenly: so many seats further round the pod.
    step = 1 + streams.below(bits, np.maximum(size - 1, 1))
    other = accounts.places(first + (index - first + step) % size)
    day = ts.astype(np.float32) / np.float32(DAY_MS)
    alive = (accounts.born[other] <= day) & (accounts.gone[other] > day)
    kind, hides = accounts.choices["kind"], accounts.choices["channel"] == _AGGREGATOR
    # Nor does a conversation go to where it can't be seen to go on.
    return np.where(alive & (kind[other] == kind[sender]) & (hides[other] == hides[sender]), other, sender)


def pod_first(plan: PopulationPlan, index: I64) -> I64:
    """First member of the pod of each account, all by number in the plan.

    Parameters
    ----------
    plan : PopulationPlan
        Plan of the world.
    index : ndarray of int64
        Accounts.
    """
    return np.asarray(index - plan.account_member[index] % POD)


def _pod_size(plan: PopulationPlan, first: I64) -> I64:
    return np.asarray(np.minimum(POD, plan.sizes[plan.account_cohort[first]] - plan.account_member[first]))
