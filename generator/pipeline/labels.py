"""The truth, written from the cohort plan. Nothing that simulates reads this module or what it makes."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from generator import schema
from generator.arrays import F64, U64
from generator.config.parameters import COHORT_CHOICES
from generator.population.accounts import account_ids
from generator.population.cohorts import COHORT_DIALS
from generator.population.population_plan import PopulationPlan, variants
from generator.population.work_windows import work_days
from generator.rng import streams
from generator.traffic.simulate import Shard

EXTRACTION = schema.LABELS.index("extraction")
HALF_VALUE_OUTPUTS = (
    1_000_000  # useful outputs that reach half of the value of a concave curve, n / (n + this) (a)
)
_HASHES = 4096  # smallest hashes kept per campaign: the count of distinct ones then has a standard error of 1.6 %
_ANSWERED = 200  # HTTP status


def account_labels(plan: PopulationPlan, shard: Shard) -> pa.Table:
    """Labels of a shard's accounts, in their order.

    Parameters
    ----------
    plan : PopulationPlan
        The shard's world.
    shard : Shard
        Simulated requests: an account that sent none for its campaign cannot be found by anyone.
    """
    index = shard.accounts.index[: shard.size]
    cohort = plan.account_cohort[index]
    attack = plan.label[cohort] == EXTRACTION
    archetype = np.array([a for a, _ in variants()])[plan.archetype]
    names = np.array([plan.names[c] for c in cohort.tolist()])
    work = shard.work & (shard.columns["status"] == _ANSWERED)
    answered = np.bincount(shard.owner[work], minlength=shard.size)
    served = np.where(attack, answered, 0)
    columns = {
        "account_id": account_ids(plan.account_key[index]),
        "label": np.array(schema.LABELS)[plan.label[cohort]].tolist(),
        "archetype": archetype[cohort].tolist(),
        "cohort": names.tolist(),
        "campaign": pa.array(names.tolist(), mask=~attack),
        "tier": pa.array(np.array(schema.TIERS)[plan.tier[cohort]].tolist(), mask=~attack),
        "target": pa.array(np.array(COHORT_CHOICES["domain"])[plan.domain[cohort]].tolist(), mask=~attack),
        "served": served > 0,
        "extraction_requests": served,
        "cohort_requests": answered,
    }
    return pa.table(columns).cast(schema.arrow_schema("account_labels"))


def request_labels(plan: PopulationPlan, shard: Shard, day: int) -> pa.Table:
    """Labels of one day's requests, in their order.

    Parameters
    ----------
    plan : PopulationPlan
        The shard's world.
    shard : Shard
        Simulated requests.
    day : int
        Day, from 0.
    """
    rows = slice(shard.day_edges[day], shard.day_edges[day + 1])
    attack = (plan.label == EXTRACTION)[shard.accounts.cohort][shard.owner[rows]] & shard.work[rows]
    kinds = pa.array(schema.KINDS, pa.string())
    arrays = [
        pa.array(shard.columns["request_id"][rows]),
        pa.array(shard.columns["day"][rows]),
        pa.array(attack),
        pa.DictionaryArray.from_arrays(pa.array(shard.kind[rows].astype(np.int32)), kinds),
    ]
    return pa.Table.from_arrays(arrays, schema=schema.arrow_schema("request_labels"))


@dataclass
class Sums:
    """What the campaigns did in some shards.

    Attributes
    ----------
    counts : ndarray of float64, shape (campaigns, 7)
        Requests sent, rejected and useful; tokens in, tokens out and list price (USD) of the useful ones; list
        price of all.
    smallest : dict of int to ndarray of uint64
        Per campaign the smallest hashes of what its useful requests are about, which tell how many are distinct.
    """

    counts: F64
    smallest: dict[int, U64]

    def __add__(self, other: Sums) -> Sums:
        """Both together."""
        smallest = dict(self.smallest)
        for cohort, hashes in other.smallest.items():
            known = smallest.get(cohort, hashes)
            smallest[cohort] = np.union1d(known, hashes)[:_HASHES]
        return Sums(self.counts + other.counts, smallest)

    def distinct(self, cohort: int) -> int:
        """Distinct useful outputs of a campaign: exact below 4,096, then within about 2 %.

        Source: Bar-Yossef et al., "Counting distinct elements in a data stream", RANDOM 2002.

        Parameters
        ----------
        cohort : int
            Number of the campaign's cohort in the plan.
        """
        hashes = self.smallest.get(cohort, np.zeros(0, np.uint64))
        if len(hashes) < _HASHES:
            return len(hashes)
        return int((_HASHES - 1) * 2.0**64 / float(hashes[-1]))


def campaign_sums(plan: PopulationPlan, shard: Shard) -> Sums:
    """What the campaigns did in one shard.

    Parameters
    ----------
    plan : PopulationPlan
        The shard's world.
    shard : Shard
        Simulated requests.
    """
    cohort = shard.accounts.cohort[shard.owner]
    attack = np.flatnonzero((plan.label == EXTRACTION)[cohort])
    cohort = cohort[attack]
    known = np.flatnonzero(plan.label == EXTRACTION)
    campaign = np.searchsorted(known, cohort)
    answered = shard.columns["status"][attack] == _ANSWERED
    useful = answered & shard.work[attack]
    cost = shard.cost[attack]
    values = (
        np.ones(len(attack)),
        ~answered,
        useful,
        useful * shard.columns["input_tokens"][attack],
        useful * shard.columns["output_tokens"][attack],
        useful * cost,
        cost,
    )
    counts = np.stack(
        [np.bincount(campaign, v.astype(np.float64), len(known)) for v in values], axis=1, dtype=np.float64
    )
    hashes = streams.mix(shard.item[attack])
    smallest = {int(c): np.unique(hashes[useful & (cohort == c)])[:_HASHES] for c in np.unique(cohort[useful])}
    return Sums(counts, smallest)


def campaigns(plan: PopulationPlan, sums: Sums, accounts: pa.Table) -> pa.Table:
    """The campaigns table: dials, window, what was planned, rejected and collected, and what it was worth.

    Parameters
    ----------
    plan : PopulationPlan
        The world.
    sums : Sums
        What its campaigns did in all shards together.
    accounts : pyarrow.Table
        Labels of all its accounts.
    """
    served = Counter(accounts.filter(accounts["served"])["campaign"].to_pylist())
    rows: list[dict[str, Any]] = []
    kinds = variants()
    begins, ends = work_days(plan)
    for i, c in enumerate(np.flatnonzero(plan.label == EXTRACTION).tolist()):
        dials = {name: round(float(plan.dials[name][c]), 6) for name in COHORT_DIALS}
        n, distinct = sums.counts[i], sums.distinct(c)
        rows.append(
            {
                "campaign": plan.names[c],
                "archetype": kinds[plan.archetype[c]][0],
                "tier": schema.TIERS[plan.tier[c]],
                "target": COHORT_CHOICES["domain"][plan.domain[c]],
                "first_day": max(0, int(begins[c])),
                "last_day": min(plan.config.days, int(ends[c])) - 1,
                "accounts": int(plan.sizes[c]),
                "accounts_served": served[plan.names[c]],
                "requests_planned": int(n[0]),
                "requests_rejected": int(n[1]),
                "extraction_requests": int(n[2]),
                "extraction_input_tokens": int(n[3]),
                "extraction_output_tokens": int(n[4]),
                "distinct_outputs": distinct,
                "list_price_usd": round(float(n[5]), 4),
                "list_price_all_usd": round(float(n[6]), 4),
                "student_value": round(distinct / (distinct + HALF_VALUE_OUTPUTS), 9),
                "dials": json.dumps(dials),
            }
        )
    return pa.Table.from_pylist(rows, schema=schema.arrow_schema("campaigns"))
