"""Nothing of one split may occur in another: accounts, cohorts, opaque values, prompts, behaviour to the digit."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np
import polars as pl

from generator.audit.artifacts import ids
from generator.audit.base import gate
from generator.audit.base.gate import Gate
from generator.audit.base.labelled_split import LabelledSplit
from generator.audit.shortcuts.aggregates import Aggregates
from generator.config import dataset_config
from generator.dataset import Dataset
from generator.traffic import quotas

_BUSY = 20
"""Accounts with more requests than this are compared by behaviour (a)."""
_ALIKE = 0.1
"""Share of an account's requests that may occur in another split before it counts as a near-duplicate (a)."""
_CHANCE = 1e-6
"""Chance that random numbers of two splits share more values than are allowed (a)."""
_NORMAL_FROM, _NORMAL_TAIL = 500, 5.0
"""From so many expected values on the normal law serves, and so many standard deviations are allowed."""
_NAME_BITS = 20
"""Invented names come from a pool of some million: two splits may hit on the same one."""


def gates(dataset: Dataset, described: Sequence[Aggregates]) -> list[Gate]:
    """Opaque values, accounts and cohorts that two splits share.

    Parameters
    ----------
    dataset : Dataset
        Any.
    described : sequence of Aggregates
        Of every split of it.
    """
    splits = [a.split for a in described]
    return [_values(splits), _accounts(splits, described), _cohorts(dataset)]


def _values(splits: list[LabelledSplit]) -> Gate:
    """Opaque values that occur in two splits, beyond what numbers of that width do by chance."""
    held = [_opaque(s) for s in splits]
    faults, total = [], 0
    for i, j in itertools.combinations(range(len(splits)), 2):
        for name, values in held[i].items():
            other = held[j][name]
            shared = len(values.filter(values.is_in(other.implode())))
            beyond = max(0, shared - _by_chance(values, other))
            total += beyond
            if beyond:
                faults.append((beyond, f"{name} of {splits[i].name} and {splits[j].name}"))
    where = "; ".join(f"{fault} {n}" for n, fault in sorted(faults, reverse=True)[:3])
    name = f"values of {len(held[0])} opaque columns in two splits, beyond chance"
    return gate.at_most(name, total, 0, "key the column by the world", where)


def _opaque(split: LabelledSplit) -> dict[str, pl.Series]:
    """Distinct values of each opaque column; e-mail domains of the kinds that are not public."""
    accounts = split.joined(split.source.accounts.polars())
    private = accounts.filter(~pl.col("email_type").cast(pl.String).is_in(["free", "disposable"]))
    values = {"account_id": ids.account_numbers(split), "e-mail domain": private["email_domain"].unique()}
    values |= {name: accounts[name].drop_nulls().unique() for name in ids.OF_ACCOUNTS}
    parts: dict[str, list[pl.Series]] = {name: [] for name in ids.OF_REQUESTS}
    for frame in split.buckets(*ids.OF_REQUESTS):
        for name in ids.OF_REQUESTS:
            parts[name].append(frame[name].drop_nulls().unique())
    return values | {name: pl.concat(p).unique() for name, p in parts.items()}


def _by_chance(a: pl.Series, b: pl.Series) -> int:
    """How many equal values two sets of random numbers of this width have at most: the tail of a Poisson law."""
    width = (
        _NAME_BITS if a.dtype == pl.String else max(int(x.to_numpy().max(initial=1)) for x in (a, b)).bit_length()
    )
    expected = len(a) * len(b) / 2.0**width
    most, term = 0, math.exp(-expected)
    left = 1 - term
    if expected > _NORMAL_FROM:  # exp would underflow; the normal tail is close enough
        return int(expected + _NORMAL_TAIL * math.sqrt(expected)) + 1
    while left > _CHANCE:
        most += 1
        term *= expected / most
        left -= term
    return most


def _accounts(splits: list[LabelledSplit], described: Sequence[Aggregates]) -> Gate:
    """Busy accounts whose requests or whose habits occur in another split."""
    habits = [_habits(a) for a in described]
    rows = [_requests(s) for s in splits]
    faults = []
    for i, j in itertools.combinations(range(len(splits)), 2):
        pair = f"{splits[i].name} and {splits[j].name}"
        same = len(habits[i] & habits[j])
        both = rows[i].join(rows[j].select("print").unique(), on="print", how="semi").group_by("row").len("shared")
        share = rows[i].group_by("row").len().join(both, on="row")
        near = int(((share["len"] > _BUSY) & (share["shared"] > _ALIKE * share["len"])).sum())
        faults += [(same, f"same habits in {pair}"), (near, f"same requests in {pair}")]
    where = "; ".join(f"{fault} {n}" for n, fault in sorted(faults, reverse=True)[:3] if n)
    name = f"near-duplicate accounts in two splits (more than {_BUSY} requests)"
    return gate.at_most(name, sum(n for n, _ in faults), 0, "key accounts by the world", where)


def _habits(a: Aggregates) -> set[bytes]:
    """Habits of busy accounts to three digits: token counts and gaps, which no two accounts share by accident."""
    wanted = [
        k
        for k, name in enumerate(a.names)
        if name
        in {f"{c}:{s}" for c in ("input_tokens", "output_tokens", "latency_ms", "gap") for s in ("mean", "sd")}
    ]
    busy = a.values[:, a.names.index("requests")] > _BUSY
    values = a.values[np.ix_(busy, np.array(wanted))].astype(np.float64)
    exponent = np.floor(np.log10(np.maximum(np.abs(values), 1e-9)))
    return {row.tobytes() for row in np.round(values / 10**exponent, 2) * 10**exponent}


def _requests(split: LabelledSplit) -> pl.DataFrame:
    """Fingerprint of each request: prompt and the size of prompt and answer."""
    columns = ("prompt_simhash", "input_tokens", "output_tokens")
    return pl.concat([f.select("row", print=pl.struct(columns).hash(0)) for f in split.buckets(*columns)])


def _cohorts(dataset: Dataset) -> Gate:
    """Cohorts of the plan whose key, or whose whole set of drawn dials, stands in two splits."""
    config = dataset_config.from_dict(dataset.manifest["config"], "manifest")
    marks: list[set[bytes]] = []
    for split in config.splits:
        plan = quotas.plan_world(config, split)
        dials = np.column_stack([plan.cohort_key.astype(np.float64), *plan.dials.values()])
        large = np.flatnonzero(plan.sizes >= 3)
        keys = {plan.cohort_key[c].tobytes() for c in large}
        drawn = np.array([np.unique(dials[:, k]).size > 1 for k in range(1, dials.shape[1])])
        marks.append(keys | {dials[c, 1:][drawn].tobytes() for c in large})
    shared = sum(len(a & b) for a, b in itertools.combinations(marks, 2))
    return gate.at_most("cohorts in two splits, by key or by all dials", shared, 0, "key cohorts by the world")
