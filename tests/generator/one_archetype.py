"""Worlds whose campaigns are of one archetype, with some of its dials fixed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl
import pytest

from generator import schema
from generator.config import archetypes, dataset_config, parameters
from generator.config.dataset_config import Config
from generator.pipeline import labels
from generator.population import cohorts, parameter_draws, population_plan
from generator.traffic import simulate
from generator.traffic.simulate import Shard


@dataclass
class World:
    """A world of one shard, and its requests with what only the plan knows."""

    plan: population_plan.PopulationPlan
    shard: Shard
    rows: pl.DataFrame


Make = Callable[..., World]


@pytest.fixture
def make(tiny_config: Config, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    """Build a world whose campaigns are of one archetype, with some of its dials fixed."""

    def made(archetype: str, **dials: float) -> World:
        known = dict(archetypes.archetypes())
        fixed = {name: parameters.ParameterRange(value, value) for name, value in dials.items()}
        a = known[archetype]
        known[archetype] = replace(a, ranges=a.ranges | fixed, tiers={t: d | fixed for t, d in a.tiers.items()})
        for module in (cohorts, parameter_draws, population_plan):
            monkeypatch.setattr(module, "archetypes", lambda: known)
        for table in (parameter_draws._table, parameter_draws.cumulated_weights):
            table.cache_clear()
        extra = tuple(dataset_config.ExtraCohort(f"swarm {t}", archetype, 24, t) for t in schema.TIERS)
        plan = cohorts.build_plan(replace(tiny_config, buckets=1, days=8, campaigns=0, cohorts=extra), "train")
        shard = simulate.simulate(plan, 0)
        owner = shard.accounts.index[shard.owner]
        columns: dict[str, Any] = {k: v for k, v in shard.columns.items() if not k.startswith("prompt_emb")}
        columns |= {"account": owner, "cohort": plan.account_cohort[owner], "work": shard.work}
        columns |= {"member": plan.account_member[owner], "cost": shard.cost, "row": np.arange(len(owner))}
        attack = plan.label[plan.account_cohort[owner]] == labels.EXTRACTION
        return World(plan, shard, pl.DataFrame(columns | {"attack": attack}))

    yield made
    for table in (parameter_draws._table, parameter_draws.cumulated_weights):
        table.cache_clear()
