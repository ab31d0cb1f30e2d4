"""What accounts use has a life of its own: projects, versions, recurring prompts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl

from generator.config import dataset_config, distributions
from generator.config.dataset_config import Config
from generator.pipeline import labels
from generator.population import accounts
from generator.prompts import revisions
from generator.rng import streams
from generator.traffic import quotas, simulate

DAY_MS = 86_400_000
SAMPLED = {
    "samples": 4,
    "coverage": 1,
    "camouflage": 0,
    "conversation": 0,
    "repeat": 0,
    "probes": 0,
    "hopping": 0,
    "handover": 0,
}


def test_renewals_come_at_their_interval_with_a_phase_of_their_own() -> None:
    scope = streams.items(np.ones(1, np.uint64), np.arange(4000))
    days = np.full(len(scope), 10, np.float32)
    begin, end = (revisions.number(scope, np.full(len(scope), day * DAY_MS), days) for day in (0, 20))
    assert (end >= begin).all()
    # A lognormal interval: the mean of its inverse is exp(.7^2 / 2) times that of the usual one.
    assert abs((end - begin).mean() - 2 * np.exp(0.245)) < 0.15
    renewed = [
        (revisions.number(scope, np.full(len(scope), (day + 1) * DAY_MS), days) > last).mean()
        for day in range(5)
        for last in (revisions.number(scope, np.full(len(scope), day * DAY_MS), days),)
    ]
    assert max(renewed) - min(renewed) < 0.05  # no day is more likely than another


def test_prompts_begin_on_every_day_on_both_sides() -> None:
    """Of the templates that several accounts send, as many begin each day with campaigns as without."""
    config = replace(dataset_config.from_preset("small", 3), buckets=1, accounts=2500, days=10, quiet_days=1)
    plan = quotas.plan_world(config, "train")
    shard = simulate.simulate(plan, 0)
    rows = pl.DataFrame(
        {
            "account": shard.owner,
            "attack": (plan.label == labels.EXTRACTION)[shard.accounts.cohort[shard.owner]] & shard.work,
            "prompt": shard.columns["system_prompt_hash"],
            "day": shard.columns["day"],
        }
    ).filter(pl.col("prompt") >= 0)
    shared = rows.group_by("prompt").agg(
        pl.col("attack").max(), first=pl.col("day").min(), members=pl.col("account").n_unique()
    )
    shared = shared.filter(pl.col("members") > 1)
    late = shared.group_by("attack").agg(pl.len(), share=(pl.col("first") >= 2).mean()).sort("attack")
    assert late["len"].min() > 30  # type: ignore[operator]
    benign, attack = late["share"]
    assert benign > 0.3
    assert attack < 2 * benign


def test_several_answers_to_one_prompt_are_asked_for_in_a_row(tiny_config: Config) -> None:
    dials = {name: distributions.parse(name, value) for name, value in SAMPLED.items()}
    swarm = dataset_config.ExtraCohort("swarm", "A2", 20, "overt", dials=dials)
    plan = quotas.plan_world(
        replace(tiny_config, campaigns=0, extraction_accounts=0, cohorts=(swarm,), buckets=1), "train"
    )
    shard = simulate.simulate(plan, 0)
    members = plan.account_cohort[shard.accounts.index] == len(plan.sizes) - 1
    first = (shard.columns["retries"] == 0) & members[shard.owner] & shard.work
    columns = {n: shard.columns[n] for n in ("prompt_simhash", "input_tokens", "language", "prompt_emb_00")}
    asked = pl.DataFrame(columns | {"item": shard.item, "account": shard.owner}).filter(first)
    each = asked.group_by("item").agg(pl.len(), *(pl.col(c).n_unique() for c in (*columns, "account")))
    assert each["len"].max() == 4
    assert 2 < each["len"].mean() < 4  # type: ignore[operator]
    assert all(each[c].max() == 1 for c in (*columns, "account"))


def test_an_account_turns_to_other_projects(tiny_config: Config) -> None:
    plan = quotas.plan_world(tiny_config, "train")
    every = accounts.draw_accounts(plan, np.arange(200))
    assert 3 < np.median(every.dials["project"]) < 30


def test_each_key_of_an_account_is_renewed_on_its_own() -> None:
    account = streams.items(np.ones(1, np.uint64), np.arange(2000))
    days = range(0, 120, 30)
    keys = np.array(
        [
            [revisions.api_keys(account, np.full(2000, nth), np.full(2000, day * DAY_MS)) for day in days]
            for nth in (0, 1)
        ]
    )
    assert len(np.unique(keys[:, 0])) == 4000
    renewed = keys[:, 1:] != keys[:, :-1]
    assert 0.3 < renewed.mean() < 0.6  # every 60 days in the median
    both = (renewed[0] & renewed[1]).mean()
    assert abs(both - renewed[0].mean() * renewed[1].mean()) < 0.02
