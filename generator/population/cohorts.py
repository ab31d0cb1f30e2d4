"""Config -> cohorts with drawn dials. Benign groups and campaigns are the same type; only the label differs.

The plan is small, made the same way in every process, and holds no request. Its label columns are read by
`generator.pipeline.labels` alone.
"""

from __future__ import annotations

import numpy as np

from generator.config.archetypes import archetypes
from generator.config.campaign_schedule import schedule
from generator.config.dataset_config import Config
from generator.config.parameters import COHORT_CHOICES, DIALS
from generator.population.cohort_names import CohortNames, CohortRun
from generator.population.parameter_draws import (
    cumulated_weights,
    draw,
    draw_for,
    extra_cohorts,
    normal_of,
    overlay_of,
)
from generator.population.population_plan import PopulationPlan, variants
from generator.rng import exact_functions, keyed_streams, streams
from generator.schema import LABELS, TIERS

COHORT_DIALS = tuple(n for n, d in DIALS.items() if d.level == "cohort")
ACCOUNT_DIALS = tuple(n for n, d in DIALS.items() if d.level == "account")
# The kind of workload that work in each domain calls for.
KIND_OF_DOMAIN = dict(
    zip(
        COHORT_CHOICES["domain"],
        (
            *("code", "agent", "reasoning", "api", "conversation", "conversation"),
            *("conversation", "api", "api", "conversation", "conversation", "conversation"),
        ),
        strict=True,
    )
)
# No group of a small world may be a large part of it: members are at most one account in 25, or 4 (a).
_GROUPS_AT_LEAST, _MOST_MEMBERS = 25, 4
_LEAST_CAMPAIGN = 3  # accounts (a)
_SIZE_RANGE = np.float32(1.4)  # of the log of a campaign's size: they differ by up to four times (a)


def build_plan(config: Config, split: str) -> PopulationPlan:
    """Plan of one world: a pure function of config and split.

    Parameters
    ----------
    config : Config
        Config of the dataset.
    split : str
        One of its splits.
    """
    keyed_streams.check_secret(config.secret)
    world = streams.key("world", config.seed, split)
    runs = [*_benign(config, world), *_campaigns(config, split, world), *_extra(config, world)]
    index = {v: i for i, v in enumerate(variants())}
    known = archetypes()
    each = [len(r.sizes) for r in runs]
    kind = np.repeat(np.array([index[r.archetype, r.tier] for r in runs], np.int32), each)
    label = np.repeat(np.array([LABELS.index(known[r.archetype].label) for r in runs], np.int8), each)
    tier = np.repeat(np.array([TIERS.index(r.tier) if r.tier else -1 for r in runs], np.int8), each)
    sizes = np.concatenate([r.sizes for r in runs])
    keys = np.concatenate([r.key for r in runs])
    cohort = np.repeat(np.arange(len(sizes), dtype=np.int32), sizes)
    member = np.arange(len(cohort)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    plan = PopulationPlan(
        config=config,
        split=split,
        key=world,
        names=CohortNames(runs),
        cohort_key=keys,
        archetype=kind,
        sizes=sizes,
        dials={},
        account_cohort=cohort,
        account_member=member,
        account_key=streams.items(keys[cohort], member),
        rate_factor=np.ones(len(sizes), np.float32),
        domain=streams.pick(streams.child(keys, "domain"), cumulated_weights("domain")[kind]),
        label=label,
        tier=tier,
    )
    for cohort_of, extra in zip(extra_cohorts(plan), config.cohorts, strict=True):
        if extra.target:
            plan.domain[cohort_of] = COHORT_CHOICES["domain"].index(extra.target)
    every = np.arange(len(sizes), dtype=np.int32)
    for name in COHORT_DIALS:
        plan.dials[name] = draw_for(plan, name, every, kind, np.zeros_like(kind), normal_of(keys, name))
    return plan


def _benign(config: Config, world: np.uint64) -> list[CohortRun]:
    """Groups of each archetype, drawn one after the other until its share of the accounts is filled."""
    index = {v: i for i, v in enumerate(variants())}
    total = config.accounts - config.extraction_accounts
    runs = []
    shares = np.round(np.cumsum(list(config.mix.values())) * total).astype(int)
    for name, wanted in zip(config.mix, np.diff(shares, prepend=0).tolist(), strict=True):
        keys = streams.items(np.array([streams.key(int(world), name)]), np.arange(wanted))
        kinds = np.full(wanted, index[name, ""], np.int32)
        drawn = draw("size", kinds, np.zeros_like(kinds), normal_of(keys, "size"), overlay_of(config))
        sizes = np.clip(drawn.astype(np.int64), 1, max(_MOST_MEMBERS, config.accounts // _GROUPS_AT_LEAST))
        before = np.cumsum(sizes) - sizes
        n = int((before < wanted).sum())
        runs.append(CohortRun(name + "/{}", name, "", keys[:n], np.minimum(sizes, wanted - before)[:n]))
    return runs


def _campaigns(config: Config, split: str, world: np.uint64) -> list[CohortRun]:
    """Campaigns take tiers and archetypes in turn; their sizes differ by up to four times."""
    n = config.campaigns
    if n == 0:
        return []
    keys = np.array([streams.key(int(world), f"campaign/{i}") for i in range(n)], np.uint64)
    weight = exact_functions.exp(streams.uniform(streams.child(keys, "campaign size")) * _SIZE_RANGE)
    spare = config.extraction_accounts - _LEAST_CAMPAIGN * n
    edges = np.round(np.cumsum(weight) / weight.cumsum()[-1] * spare).astype(int)
    sizes = _LEAST_CAMPAIGN + np.diff(edges, prepend=0)
    turn = schedule(n, split, config.campaign_archetypes, config.test_only_archetypes)
    return [CohortRun(f"campaign/{i}", a, t, keys[i : i + 1], sizes[i : i + 1]) for i, (a, t) in enumerate(turn)]


def _extra(config: Config, world: np.uint64) -> list[CohortRun]:
    return [
        CohortRun(name, c.archetype, c.tier, np.array([streams.key(int(world), name)]), np.array([c.accounts]))
        for c in config.cohorts
        for name in (f"extra/{c.name}",)
    ]
