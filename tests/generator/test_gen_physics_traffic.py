"""Physics of a request on the provider's side, on nano worlds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
import pytest

from generator.config import dataset_config
from generator.config.parameters import COHORT_CHOICES
from generator.population import cohorts
from generator.population.population_plan import PopulationPlan
from generator.schema import KINDS
from generator.traffic import provider, simulate, sketches
from generator.traffic.content import TOPICS

TOOL_USE = provider.STOP_REASONS.index("tool_use")


@dataclass
class World:
    plan: PopulationPlan
    shards: list[simulate.Shard]
    rows: pl.DataFrame

    def of(self, kind: str) -> pl.DataFrame:
        return self.rows.filter(pl.col("kind") == KINDS.index(kind))


def world(**changes: object) -> World:
    """Train of the preset nano, with all that was logged."""
    from dataclasses import replace

    config = replace(dataset_config.from_preset("nano", 7), **changes)  # type: ignore[arg-type]
    plan = cohorts.build_plan(config, "train")
    shards = [simulate.simulate(plan, bucket) for bucket in range(config.buckets)]
    parts = []
    for shard in shards:
        columns = {k: v for k, v in shard.columns.items() if not k.startswith("prompt_emb")}
        more = {
            "account": shard.accounts.index[shard.owner],
            "kind": shard.kind,
            "plan": shard.accounts.choices["plan"][shard.owner],
            "item": shard.item,
        }
        parts.append(pl.DataFrame(columns | more))
    return World(plan, shards, pl.concat(parts).sort("ts"))


@pytest.fixture(scope="module")
def nano() -> World:
    return world()


def test_an_answer_calls_a_tool_only_where_tools_are_offered_and_by_kind(nano: World) -> None:
    calls = nano.rows.filter(pl.col("stop_reason") == TOOL_USE)
    assert calls.height > 1000
    assert calls["tools"].min() > 0  # type: ignore[operator]
    assert (nano.of("agent")["tools"] > 0).all()
    asked = nano.rows.filter((pl.col("tools") > 0) & (pl.col("status") == 200))
    kind, called = asked["kind"].to_numpy(), (asked["stop_reason"] == TOOL_USE).to_numpy()
    share = {name: float(called[kind == i].mean()) for i, name in enumerate(KINDS)}
    assert share["agent"] > 0.75
    assert 0.1 < share["api"] < 0.3
    assert max(share["conversation"], share["code"], share["reasoning"]) < 0.1


def test_batches_are_single_calls(nano: World) -> None:
    batches = nano.rows.filter(pl.col("endpoint") == 1)
    assert batches.height > 1000
    assert (batches["conversation_id"] == -1).all()
    assert batches.filter(pl.col("kind") == KINDS.index("agent")).height == 0


def test_flags_follow_the_topic() -> None:
    topic = np.repeat(np.arange(TOPICS), 20_000)
    flagged = sketches.stop_category(
        topic, np.random.default_rng(1).integers(0, 2**63, len(topic)).astype(np.uint64)
    )
    rate = (flagged >= 0).reshape(len(COHORT_CHOICES["domain"]), -1).mean(axis=1)
    of = dict(zip(COHORT_CHOICES["domain"], rate, strict=True))
    style = of.pop("safety style")
    assert min(of.values()) > 2 * style  # its weakness
    assert max(of.values()) < 0.004
