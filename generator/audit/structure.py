"""Gates about the make-up of a dataset: who stands beside the campaigns, and what the splits must not share."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import polars as pl

from generator import integrity
from generator.audit.base import gate
from generator.audit.base.gate import Gate
from generator.audit.base.labelled_split import LabelledSplit
from generator.config import dataset_config
from generator.config.campaign_schedule import LEAST_OF_TIER
from generator.dataset import Dataset
from generator.pipeline import arrow_tables, shards
from generator.population import population_plan
from generator.population.accounts import accounts_in_bucket, draw_accounts
from generator.schema import TIERS
from generator.traffic import quotas, simulate

_GROUP = 3
"""Members from which a benign cohort counts as a group (a)."""
_SAMPLE = 3000
"""Accounts of each split that are made a second time, at least: whole buckets, which follow one law (a)."""
_EXPECTED = 7.0
"""Accounts of a class that a file should hold, from which having none is no accident: e^-7 < 0.1 %."""


def benign_groups(splits: Sequence[LabelledSplit]) -> Gate:
    """Benign accounts in groups, for each extraction account; the least of all splits.

    Parameters
    ----------
    splits : sequence of LabelledSplit
        Every split of a dataset.
    """
    ratios = []
    for s in splits:
        sizes = s.truth.filter(pl.col("label") == "benign").group_by("cohort").len()["len"].to_numpy()
        ratios.append((float(sizes[sizes >= _GROUP].sum()) / max(1, int(s.extraction.sum())), s.name))
    value, where = min(ratios)
    name = f"benign accounts in groups of {_GROUP} or more, per extraction account"
    return gate.at_least(name, value, 1, "raise the shares of group archetypes in the mix", where)


def campaigns_of_archetypes(dataset: Dataset, splits: Sequence[LabelledSplit]) -> Gate:
    """Campaigns that served, of each archetype that the config gives to campaigns or that is there, in each split.

    Parameters
    ----------
    dataset : Dataset
        Any.
    splits : sequence of LabelledSplit
        Every split of it.
    """
    least = int(dataset.manifest["config"].get("least_campaigns", 0))
    config = dataset.manifest["config"] if least else {}
    counts = []
    for s in splits:
        wanted = [*config.get("campaign_archetypes", ())]
        wanted += config.get("test_only_archetypes", ()) if s.name == "test" else ()
        attackers = s.truth.filter("served")
        campaigns = attackers.group_by("archetype").agg(pl.col("cohort").n_unique())
        by_archetype = dict.fromkeys(wanted, 0) | dict(campaigns.iter_rows())
        counts += [(n, f"{archetype} in {s.name}") for archetype, n in by_archetype.items()]
    counts.sort()
    value, where = counts[0] if counts else (0, "no campaigns")
    remedy = "ask for more campaigns, or for fewer archetypes"
    return gate.at_least("campaigns of the rarest archetype of a split", value, least, remedy, where)


def campaigns_of_tiers(dataset: Dataset, splits: Sequence[LabelledSplit]) -> Gate:
    """Campaigns that served, of each tier of each split; none are asked of worlds without a schedule of campaigns.

    Parameters
    ----------
    dataset : Dataset
        Any.
    splits : sequence of LabelledSplit
        Every split of it.
    """
    least = LEAST_OF_TIER if dataset.manifest["config"]["campaigns"] else 0
    counts = [
        (s.truth.filter(pl.col("served") & (pl.col("tier") == tier))["campaign"].n_unique(), f"{tier} in {s.name}")
        for s in splits
        for tier in TIERS
    ]
    value, _ = min(counts)
    few = ", ".join(f"{n} {where}" for n, where in counts if n < least)
    remedy = "ask for more campaigns or days, or for campaigns that send more"
    return gate.at_least("served campaigns of the rarest tier of a split", value, least, remedy, few)


def one_class_files(splits: Sequence[LabelledSplit]) -> Gate:
    """Files of accounts without any extraction account, or without any benign one, where many were expected.

    Parameters
    ----------
    splits : sequence of LabelledSplit
        Every split of a dataset.
    """
    faults = []
    for s in splits:
        for i, frame in enumerate(s.buckets()):
            rows = frame["row"].unique().to_numpy()
            for name, side in (("extraction", s.extraction), ("benign", s.benign)):
                expected = side.mean() * len(rows)
                if expected >= _EXPECTED and not side[rows].any():
                    faults.append(f"file {i} of {s.name} has no {name} account, {expected:.0f} expected")
    remedy = "deal accounts out to files by a hash of their id"
    return gate.at_most("files that hold one class", len(faults), 0, remedy, "; ".join(faults[:3]))


def permuted_labels(dataset: Dataset) -> Gate:
    """A sample of each split's buckets made again with the labels permuted, and compared with the files.

    A bucket that differs from its files is made once more with its own labels: only if that changes its bytes do
    labels leak. Files of another version, or of a keyed world, are no leak.

    Parameters
    ----------
    dataset : Dataset
        Any; its config says how it was made, and its manifest what its files hold.
    """
    config = dataset_config.from_dict(dataset.manifest["config"], "manifest")
    wanted = min(config.buckets, -(-_SAMPLE * config.buckets // config.accounts))
    leaking, other = [], 0
    content = {p: e["content"] for s in dataset.manifest["splits"].values() for p, e in s["files"].items()}
    for split in config.splits:
        plan = quotas.plan_world(config, split)
        permuted = _permuted(plan)
        start = zlib.crc32(f"{dataset.digest} {split}".encode())
        for bucket in sorted({(start + k * config.buckets // wanted) % config.buckets for k in range(wanted)}):
            made = _request_digests(permuted, bucket)
            same = made.items() <= content.items()
            changed = not same and made != _request_digests(plan, bucket)
            if changed or _account_digest(plan, bucket) != _account_digest(permuted, bucket):
                leaking.append(f"{split} bucket {bucket}")
            elif not same:
                other += 1
    where = f"{wanted} of {config.buckets} buckets of each split made again; "
    where += f"{other} differ from the files whatever the labels; " * (other > 0) + ", ".join(leaking[:3])
    return gate.at_most(
        "buckets whose public bytes change when labels are permuted",
        len(leaking),
        0,
        "find what reads the label columns of the plan",
        where.rstrip("; "),
    )


def _permuted(plan: population_plan.PopulationPlan) -> population_plan.PopulationPlan:
    """The plan with other truth: every cohort has another label than its own, and those with a tier lose it."""
    labels = len(set(plan.label.tolist())) or 1
    other = (plan.label + 1) % max(2, labels)
    tier = np.where(plan.tier < 0, 0, -1).astype(plan.tier.dtype)
    return replace(plan, label=other.astype(plan.label.dtype), tier=tier)


def _request_digests(plan: population_plan.PopulationPlan, bucket: int) -> dict[str, str]:
    """Content digests of the requests of a bucket, by path."""
    shard = simulate.simulate(plan, bucket)
    return {
        shards.path_of(plan.split, "requests", day, bucket): integrity.content_digest(table)
        for day, table in arrow_tables.requests(plan, shard)
    }


def _account_digest(plan: population_plan.PopulationPlan, bucket: int) -> str:
    """Content digest of the accounts of a bucket, in the order of their bucket."""
    accounts = draw_accounts(plan, accounts_in_bucket(plan, bucket))
    return integrity.content_digest(arrow_tables.account_rows(plan, accounts))
