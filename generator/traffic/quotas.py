"""The plan of a world in which cohorts with a quota send as many requests as it says."""

from __future__ import annotations

import math

import numpy as np
from scipy import optimize

from generator.config.dataset_config import Config
from generator.population.accounts import Accounts, capped, draw_accounts
from generator.population.cohorts import build_plan
from generator.population.parameter_draws import extra_cohorts
from generator.population.population_plan import PopulationPlan
from generator.traffic.sessions import request_counts

_MOST = 1000.0  # times: how far a quota may be from what the members' habits give (a)
_DIGITS = 4  # of a factor: coarser than what differs between processors, finer than 1 in 1,000


def plan_world(config: Config, split: str) -> PopulationPlan:
    """Plan of one world; cohorts with a quota send more, or less, see `PopulationPlan.quota_factors`.

    Nothing else of their habits changes: they keep their idle days and the spread of their volumes.

    Parameters
    ----------
    config : Config
        Config of the dataset.
    split : str
        One of its splits.
    """
    plan = build_plan(config, split)
    for cohort, extra in zip(extra_cohorts(plan), config.cohorts, strict=True):
        if extra.requests:
            members = draw_accounts(plan, np.flatnonzero(plan.account_cohort == cohort))
            plan.rate_factor[cohort] = _factor(plan, members, extra.requests)
    return plan


def _factor(plan: PopulationPlan, members: Accounts, quota: int) -> float:
    """Factor of the members' rates at which they send as many requests as the quota says."""
    days, cap = np.arange(plan.config.days), np.float32(plan.config.rate_cap)
    capped_rate = members.dials["rate"]
    free = capped_rate / (1 - capped_rate / cap)

    def excess(log_factor: float) -> float:
        factor = np.full(len(free), math.exp(log_factor), np.float32)
        members.dials["rate"] = capped(free * plan.quota_factors(members.index, factor), cap)
        return math.log(max(int(request_counts(plan, members, days).sum()), 1) / quota)

    ends = -math.log(_MOST), math.log(_MOST)
    low, high = (excess(end) for end in ends)
    root = optimize.brentq(excess, *ends, xtol=10.0**-_DIGITS) if low < 0 < high else ends[int(high <= 0)]
    return float(f"{math.exp(root):.{_DIGITS}g}")
