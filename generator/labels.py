"""The truth, written from the cohort plan. Nothing that simulates reads this module or what it makes."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from generator import accounts as people
from generator import provider, schema
from generator.cohorts import COHORT_DIALS, TARGETS, Plan, variants, work_days
from generator.world import Shard

EXTRACTION = schema.LABELS.index("extraction")
# Useful outputs after which half of the value is reached: a concave curve, value = n / (n + this) (assumption).
HALF_VALUE_OUTPUTS = 1_000_000
_SUMS = ("requests_planned", "requests_rejected", "extraction_requests", "input", "output")


def account_labels(plan: Plan, index: npt.NDArray[np.int64]) -> pa.Table:
    """Labels of the accounts with the given numbers."""
    cohort = plan.account_cohort[index]
    attack = plan.label[cohort] == EXTRACTION
    archetype = np.array([a for a, _ in variants()])[plan.archetype]
    names = np.array(plan.names)
    columns = {
        "account_id": people.names(plan.account_key[index]),
        "label": np.array(schema.LABELS)[plan.label[cohort]].tolist(),
        "archetype": archetype[cohort].tolist(),
        "cohort": names[cohort].tolist(),
        "campaign": pa.array(names[cohort].tolist(), mask=~attack),
        "tier": pa.array(np.array(schema.TIERS)[plan.tier[cohort]].tolist(), mask=~attack),
        "target": pa.array(np.array(list(TARGETS))[plan.domain[cohort]].tolist(), mask=~attack),
    }
    return pa.table(columns).cast(schema.arrow_schema("account_labels"))


def request_labels(plan: Plan, shard: Shard, day: int) -> pa.Table:
    """Labels of one day's requests, in their order."""
    rows = slice(shard.day_edges[day], shard.day_edges[day + 1])
    attack = (plan.label == EXTRACTION)[shard.accounts.cohort][shard.owner[rows]] & shard.work[rows]
    kinds = pa.array(schema.KINDS, pa.string())
    arrays = [
        pa.array(shard.columns["request_id"][rows]),
        pa.array(shard.columns["day"][rows].astype(np.int32)),
        pa.array(attack),
        pa.DictionaryArray.from_arrays(pa.array(shard.kind[rows].astype(np.int32)), kinds),
    ]
    return pa.Table.from_arrays(arrays, schema=schema.arrow_schema("request_labels"))


def campaign_sums(plan: Plan, shard: Shard) -> npt.NDArray[np.float64]:
    """What the campaigns did in one shard, shape (cohorts, 6): counts, tokens, and list price in USD."""
    cohort = shard.accounts.cohort[shard.owner]
    attack = np.flatnonzero((plan.label == EXTRACTION)[cohort])
    cohort = cohort[attack]
    column = {name: shard.columns[name][attack] for name in ("status", "input_tokens", "output_tokens", "model")}
    answered = column["status"] == 200
    useful = answered & shard.work[attack]
    prices = np.array([[m[1], m[2]] for m in provider.MODELS])[column["model"]] / 1e6
    cost = prices[:, 0] * column["input_tokens"] + prices[:, 1] * column["output_tokens"]
    values = (
        np.ones(len(attack)),
        ~answered,
        useful,
        useful * column["input_tokens"],
        useful * column["output_tokens"],
        useful * cost,
    )
    return np.stack([np.bincount(cohort, v.astype(np.float64), len(plan.names)) for v in values], axis=1)


def campaigns(plan: Plan, sums: npt.NDArray[np.float64]) -> pa.Table:
    """The campaigns table: dials, window, what was planned, rejected and collected, and what it was worth."""
    rows: list[dict[str, Any]] = []
    kinds = variants()
    begins, ends = work_days(plan)
    for c in np.flatnonzero(plan.label == EXTRACTION):
        dials = {name: round(float(plan.dials[name][c]), 6) for name in COHORT_DIALS}
        n = sums[c]
        rows.append(
            {
                "campaign": plan.names[c],
                "archetype": kinds[plan.archetype[c]][0],
                "tier": schema.TIERS[plan.tier[c]],
                "target": list(TARGETS)[plan.domain[c]],
                "first_day": int(begins[c]),
                "last_day": min(plan.config.days, int(ends[c])) - 1,
                "accounts": int(plan.sizes[c]),
                "requests_planned": int(n[0]),
                "requests_rejected": int(n[1]),
                "extraction_requests": int(n[2]),
                "extraction_input_tokens": int(n[3]),
                "extraction_output_tokens": int(n[4]),
                "list_price_usd": round(float(n[5]), 4),
                "student_value": round(float(n[2] / (n[2] + HALF_VALUE_OUTPUTS)), 9),
                "dials": json.dumps(dials),
            }
        )
    return pa.Table.from_pylist(rows, schema=schema.arrow_schema("campaigns"))
