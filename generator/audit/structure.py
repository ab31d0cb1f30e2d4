"""Gates about the make-up of a dataset: who stands beside the campaigns, and what the splits must not share."""

from __future__ import annotations

import hashlib
import io
from dataclasses import replace

import numpy as np
import polars as pl
import pyarrow.parquet as pq

from generator.audit.base import gate
from generator.audit.base.gate import Gate
from generator.audit.base.labelled_split import LabelledSplit
from generator.config import dataset_config
from generator.dataset import Dataset
from generator.pipeline import arrow_tables
from generator.population import cohorts, population_plan
from generator.traffic import simulate

_GROUP = 3
"""Members from which a benign cohort counts as a group."""
_SAMPLE = 6000
"""Accounts of each world that are made a second time, at least: whole buckets."""
_EXPECTED = 7.0
"""Accounts of a class that a file should hold, from which having none is no accident."""


def company(worlds: list[LabelledSplit]) -> Gate:
    """Benign accounts in groups, for each extraction account; the least of all worlds."""
    ratios = []
    for w in worlds:
        sizes = w.truth.filter(pl.col("label") == "benign").group_by("cohort").len()["len"].to_numpy()
        ratios.append((float(sizes[sizes >= _GROUP].sum()) / max(1, int(w.extraction.sum())), w.name))
    value, where = min(ratios)
    name = f"benign accounts in groups of {_GROUP} or more, per extraction account"
    return gate.at_least(name, value, 1, "raise the shares of group archetypes in the mix", where)


def archetypes(dataset: Dataset, worlds: list[LabelledSplit]) -> Gate:
    """Campaigns of each archetype that the config gives to campaigns, or that is there, in each world."""
    least = int(dataset.manifest["config"].get("least_campaigns", 0))
    made = dataset.manifest["config"] if least else {}
    counts = []
    for w in worlds:
        wanted = [*made.get("campaign_archetypes", ())]
        wanted += made.get("test_only_archetypes", ()) if w.name == "test" else ()
        held = (
            w.truth.filter(pl.col("label") == "extraction").group_by("archetype").agg(pl.col("cohort").n_unique())
        )
        found = dict.fromkeys(wanted, 0) | dict(held.iter_rows())
        counts += [(n, f"{archetype} in {w.name}") for archetype, n in found.items()]
    counts.sort()
    value, where = counts[0] if counts else (0, "no campaigns")
    remedy = "ask for more campaigns, or for fewer archetypes"
    return gate.at_least("campaigns of the rarest archetype of a split", value, least, remedy, where)


def one_class_files(worlds: list[LabelledSplit]) -> Gate:
    """Files of accounts without any extraction account, or without any benign one, where many were expected."""
    faults = []
    for w in worlds:
        for i, frame in enumerate(w.buckets()):
            rows = frame["row"].unique().to_numpy()
            for name, side in (("extraction", w.extraction), ("benign", w.benign)):
                expected = side.mean() * len(rows)
                if expected >= _EXPECTED and not side[rows].any():
                    faults.append(f"file {i} of {w.name} has no {name} account, {expected:.0f} expected")
    remedy = "deal accounts out to files by a hash of their id"
    return gate.at_most("files that hold one class", len(faults), 0, remedy, "; ".join(faults[:3]))


def permuted(dataset: Dataset) -> Gate:
    """Each world made twice, once with the labels turned round; of large worlds a sample of buckets."""
    made = dataset_config.from_dict(dataset.manifest["config"], "manifest")
    step = max(1, made.accounts // _SAMPLE)
    buckets = range(0, made.buckets, min(step, made.buckets))
    different = []
    for split in made.splits:
        plan = cohorts.build_plan(made, split)
        turned = _turned(plan)
        different += [
            f"{split} bucket {b}" for b in buckets if _public_digest(plan, b) != _public_digest(turned, b)
        ]
    where = f"{len(buckets)} of {made.buckets} buckets of each world made twice; " + ", ".join(different[:3])
    return gate.at_most(
        "buckets whose public bytes change when labels are permuted",
        len(different),
        0,
        "find what reads the label columns of the plan",
        where.rstrip("; "),
    )


def _turned(plan: population_plan.PopulationPlan) -> population_plan.PopulationPlan:
    """The plan with other truth: every cohort has another label than its own, and the tier is turned round."""
    labels = len(set(plan.label.tolist())) or 1
    other = (plan.label + 1) % max(2, labels)
    tier = np.where(plan.tier < 0, 0, -1).astype(plan.tier.dtype)
    return replace(plan, label=other.astype(plan.label.dtype), tier=tier)


def _public_digest(plan: population_plan.PopulationPlan, bucket: int) -> str:
    digest = hashlib.sha256()
    shard = simulate.simulate(plan, bucket)
    for table in [
        arrow_tables.account_rows(plan, shard.accounts.first(shard.size)),
        *(t for _, t in arrow_tables.requests(plan, shard)),
    ]:
        buffer = io.BytesIO()
        pq.write_table(table, buffer, compression="none")
        digest.update(buffer.getbuffer())
    return digest.hexdigest()
