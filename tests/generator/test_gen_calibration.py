"""Laws of services: what real clients of an interface show (ServeGen), held on a generated world."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from generator import schema
from generator.arrays import F64
from generator.config import dataset_config
from generator.config.archetypes import kinds
from generator.config.parameters import DIALS, SHARES
from generator.population import accounts, cohorts, parameter_draws, population_plan
from generator.rng import streams
from generator.traffic import simulate
from generator.workloads import burstiness

DAY_MS = 86_400_000


@pytest.fixture(scope="module")
def plan() -> population_plan.PopulationPlan:
    """A world of 900 accounts, half of them services, without campaigns."""
    made = dataset_config.from_preset("small", 3)
    made = replace(
        made, accounts=900, extraction_accounts=0, campaigns=0, buckets=1, mix={"B1": 0.3, "B6": 0.3, "B8": 0.4}
    )
    return cohorts.build_plan(made, "train")


@pytest.fixture(scope="module")
def rows(plan: population_plan.PopulationPlan) -> pl.DataFrame:
    """Answered requests of that world."""
    shard = simulate.simulate(plan, 0)
    names = ("ts", "input_tokens", "output_tokens", "reasoning_tokens", "status")
    found = pl.DataFrame({n: shard.columns[n] for n in names})
    kind = np.array(schema.KINDS)[shard.kind]
    found = found.with_columns(account=shard.owner, kind=kind, day=pl.col("ts") // DAY_MS)
    logs = {f"log_{side}": pl.col(f"{side}_tokens").log1p() for side in ("input", "output")}
    return found.filter(pl.col("status") == 200).with_columns(**logs).sort("account", "ts")


def habits(rows: pl.DataFrame, kind: str) -> pl.DataFrame:
    """One row per account of a kind with at least 50 requests."""
    log_in, log_out = pl.col("log_input"), pl.col("log_output")
    found = rows.filter(pl.col("kind") == kind).group_by("account", maintain_order=True)
    return found.agg(
        n=pl.len(),
        days=pl.col("day").n_unique(),
        mean_input=log_in.mean(),
        mean_output=log_out.mean(),
        sd_input=log_in.std(),
        sd_output=log_out.std(),
        modal=pl.col("output_tokens").unique_counts().max() / pl.len(),
        together=pl.corr("log_input", "log_output"),
        lag=pl.corr(log_in, log_in.shift()),
    ).filter(pl.col("n") >= 50)


@pytest.mark.parametrize("side", ["input", "output"])
@pytest.mark.parametrize("kind", ["api", "reasoning"])
def test_most_of_the_variance_of_lengths_lies_between_accounts(rows: pl.DataFrame, kind: str, side: str) -> None:
    found = habits(rows, kind)
    between, inside = found[f"mean_{side}"].to_numpy().var(), (found[f"sd_{side}"].to_numpy() ** 2).mean()
    least = {"api": 0.6, "reasoning": 0.5}[kind]
    assert least < between / (between + inside) < 0.95


def test_some_services_are_always_on_and_some_work_for_days(rows: pl.DataFrame) -> None:
    days = habits(rows, "api")["days"].to_numpy()
    assert 0.15 < (days >= 11).mean() < 0.6
    assert 0.1 < (days <= 3).mean() < 0.45


def test_a_quarter_of_services_repeats_one_length_of_answer(rows: pl.DataFrame) -> None:
    share = habits(rows, "api")["modal"].to_numpy()
    assert 0.15 < (share >= 0.35).mean() < 0.42
    assert 0.02 < (share >= 0.9).mean() < 0.2
    assert np.median(share) < 0.25
    assert np.quantile(habits(rows, "reasoning")["modal"], 0.9) < 0.1


def test_lengths_drift_and_inputs_say_little_about_outputs(rows: pl.DataFrame) -> None:
    found = habits(rows, "api").filter((pl.col("sd_input") > 0.05) & (pl.col("sd_output") > 0.05))
    lag, together = found["lag"].to_numpy(), found["together"].to_numpy()
    assert 0.02 < np.median(lag) < 0.35
    assert np.quantile(lag, 0.85) > 0.35
    assert abs(np.median(together)) < 0.12


def test_reasoning_thinks_in_two_modes(rows: pl.DataFrame) -> None:
    mine = rows.filter((pl.col("kind") == "reasoning") & (pl.col("reasoning_tokens") > 0))
    share = (mine["reasoning_tokens"] / mine["output_tokens"]).to_numpy()
    assert 0.55 < (share > 0.66).mean() < 0.72
    assert ((share > 0.6) & (share < 0.7)).mean() < 0.5 * ((share > 0.8) & (share < 0.9)).mean()
    assert 300 < np.median(mine["output_tokens"]) < 900


def test_habits_of_accounts_are_as_their_files_say(plan: population_plan.PopulationPlan) -> None:
    who = accounts.draw_accounts(plan, np.arange(900))
    mine = who.choices["kind"] == schema.KINDS.index("api")
    for dial in ("burst", "input_sigma", "exact_output"):
        law = kinds()["api"][dial]
        assert law.law == "quantiles"
        middle = np.quantile(who.dials[dial][mine], [0.25, 0.5, 0.75])
        wanted = [law.values[SHARES.index(share)] for share in (0.1, 0.25, 0.5, 0.75, 0.9)]
        for i in range(3):
            assert wanted[i] <= middle[i] <= wanted[i + 2], dial


def test_dials_go_together_as_much_as_they_should(plan: population_plan.PopulationPlan) -> None:
    # Draws of the same normal scores for as many accounts as we like, with no cohort between them.
    alone = replace(plan.config, mix={"B1": 1.0}, accounts=4000)
    who = accounts.draw_accounts(cohorts.build_plan(alone, "train"), np.arange(4000))
    mine = who.choices["kind"] == schema.KINDS.index("api")
    for dial, partner in (("output", "input"), ("burst", "spell"), ("output_sigma", "input_sigma")):
        first, second = (np.argsort(np.argsort(who.dials[d][mine])).astype(float) for d in (dial, partner))
        found = np.corrcoef(first, second)[0, 1]
        assert found == pytest.approx(DIALS[dial].correlation, abs=0.17), dial


def test_a_law_by_quantiles_is_linear_between_its_shares() -> None:
    values = np.tile(np.array([0, 1, 2, 4, 8, 10, 12, 13, 20], np.float32), (4, 1))
    found = parameter_draws._between(values, np.array([0.05, 0.375, 0.5, 0.975], np.float32))
    assert found == pytest.approx([1, 6, 8, 16.5], abs=1e-4)


def test_a_spell_keeps_the_volume(plan: population_plan.PopulationPlan) -> None:
    who = accounts.draw_accounts(plan, np.arange(900))
    day = np.arange(plan.config.days)
    who.dials["active"][:] = 1
    alone = np.zeros(len(who), np.bool_)
    chance, factor = burstiness.spells(who, alone, plan.cohort_key[who.cohort], day, plan.config.days)
    whole = (who.born < 0.01) & (who.gone > plan.config.days)
    assert (chance * factor).sum(axis=1)[whole] == pytest.approx(plan.config.days)
    assert 1 <= (chance > 0).sum(axis=1).min() < (chance > 0).sum(axis=1).max() == plan.config.days


def test_bursts_crowd_a_day_and_keep_the_order_of_its_requests() -> None:
    n = 20_000
    at = (np.arange(n) + 0.5) / n
    key = np.full(n, streams.key("a day"))
    never = np.zeros(n, np.bool_)

    def crowd(burst: float) -> F64:
        return burstiness.crowd(at, np.full(n, burst, np.float32), np.full(n, 0.6), key, never)

    even, some, all_at_once = crowd(0.0), crowd(3 / 9), crowd(1.0)
    for found in (even, some, all_at_once):
        assert (np.diff(found) > 0).all()
        assert found.min() >= 0
        assert found.max() < 1
    hours = np.bincount((even * 24).astype(int), minlength=24) / n
    assert 0.02 < hours.min() < hours.max() < 0.08
    assert np.bincount((some * 8).astype(int)).max() > 0.98 * n
    assert np.subtract(*np.quantile(all_at_once, [0.99, 0.01])) < 1 / 512
    # A part of the day's sessions falls where it fell beside the others.
    few = np.arange(0, n, 7)
    part = burstiness.crowd(
        at[few], np.full(len(few), 3 / 9, np.float32), np.full(len(few), 0.6), key[few], never[few]
    )
    assert (part == some[few]).all()
