"""The life of a swarm, dial by dial: each shows in the traffic, and only where it is set."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from generator.config import parameters
from generator.config.dataset_config import Config
from generator.pipeline import labels
from generator.population import (
    accounts,
    cohorts,
    model_calendar,
    subscription_plans,
)
from generator.traffic import provider, sessions
from tests.generator.one_archetype import Make


def test_a_fresh_account_takes_over_within_a_day_of_a_ban(make: Make) -> None:
    plan = make("A1", lifetime=3, ban_wave=1, replaced=0.4, bulk_created=1, quits=0, disguise=0).plan
    for c in np.flatnonzero(plan.label == labels.EXTRACTION):
        who = accounts.draw_accounts(plan, np.flatnonzero(plan.account_cohort == c))
        seats = plan.sizes[c] - int(np.floor(np.float32(0.4) * plan.sizes[c]))
        second = slice(seats, None)
        first = slice(0, plan.sizes[c] - seats)  # the seats that are filled again
        assert len(np.unique(who.gone[first])) == 1  # one wave
        delay = who.created[second] - who.gone[first]
        assert (who.created[second] < plan.config.days).all()
        assert len(delay) == 9
        assert ((delay > 0) & (delay <= 1.1)).all()


def test_members_are_there_while_their_cohort_works(make: Make) -> None:
    late = {
        "window_start": 0.9,
        "window_days": 2,
        "lifetime": 400,
        "replaced": 0,
        "bulk_created": 0,
        "disguise": 0,
    }
    made = make("A5", **late, spell=0.2, active=1, weekend=1, rate=50, fresh=0, quits=0)
    who = made.shard.accounts
    swarm = made.plan.label[who.cohort] == labels.EXTRACTION
    day = np.arange(8)
    works = (day >= who.first_work[:, None]) & (day < who.last_work[:, None])
    assert (sessions.request_counts(made.plan, who, day) * works).sum(axis=1)[swarm].min() > 0
    brief = make("A5", **late, fresh=1, quits=1).shard.accounts
    swarm = brief.dials["quiet"] > 0.5
    assert (brief.created < brief.last_work)[swarm].all()
    assert (brief.gone >= brief.first_work)[swarm].all()


def test_working_traffic_moves_to_a_new_model_when_it_appears(make: Make) -> None:
    made = make("A7", release_pivot=0.5, pivot_lag=0.5, camouflage=0, pivot=0)
    new = list(model_calendar.MODELS[:5])[-1][0]
    at = model_calendar.release_day(made.plan) * 86_400_000
    work = made.rows.filter(pl.col("attack") & pl.col("work"))
    moved = pl.col("model") == [m[0] for m in model_calendar.MODELS].index(new)
    assert work.filter(pl.col("ts") < at).select(moved.mean()).item() == 0
    assert 0.3 < work.filter(pl.col("ts") > at + 2 * 86_400_000).select(moved.mean()).item() < 0.7


def test_nobody_asks_for_a_model_that_is_away(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    hours = 3_600_000
    away = model_calendar.Absence(0, 70 * hours, 130 * hours)
    monkeypatch.setattr(model_calendar, "absence", lambda plan: away)
    made = make("A4", pivot=0, release_pivot=0)
    for rows in (made.rows.filter("attack"), made.rows.filter(~pl.col("attack"))):
        share = {
            when: rows.filter((pl.col("ts") // hours).is_between(first, end - 1))
            .select((pl.col("model") == away.model).mean())
            .item()
            for when, first, end in (("before", 0, 70), ("away", 70, 130), ("back", 130, 192))
        }
        assert share["away"] == 0
        assert share["before"] > 0.15
        assert share["back"] > 0.1
    listed = {m["model"]: m for m in model_calendar.model_releases(made.plan)}
    start = made.plan.config.window("train")
    seen = listed[model_calendar.MODELS[0].name]
    assert (seen["withdrawn"] - start, seen["returned"] - start) == (timedelta(hours=70), timedelta(hours=130))
    assert [m["withdrawn"] for m in listed.values()].count(None) == len(listed) - 1


@pytest.mark.parametrize(("away", "stands_in"), [(0, "sonata-2-mini"), (1, "etude-1-nano")])
def test_a_weaker_model_answers_for_some_hours_after_a_flag(
    tiny_config: Config, monkeypatch: pytest.MonkeyPatch, away: int, stands_in: str
) -> None:
    """Two accounts, hour by hour: the first is flagged at hour 1, and at hour 40, when it is not answered."""
    hour, names = 3_600_000, [model.name for model in model_calendar.MODELS]
    monkeypatch.setattr(model_calendar, "absence", lambda plan: model_calendar.Absence(away, 0, 100 * hour))
    rows: dict[str, np.ndarray] = {
        "ts": np.repeat(np.arange(60) * hour, 2),
        "owner": np.tile([5, 9], 60).astype(np.int32),
        "model": np.full(120, names.index("etude-2"), np.int8),
        "stop_category": np.full(120, -1, np.int8),
        "status": np.full(120, 200, np.int16),
        "key": np.arange(120, dtype=np.uint64),
    }
    rows["stop_category"][[2, 80]], rows["status"][80] = 1, 429
    served = provider.served_models(cohorts.build_plan(tiny_config, "train"), rows).reshape(60, 2)
    assert set(served[:, 1].tolist()) == {names.index("etude-2")}
    weaker = np.flatnonzero(served[:, 0] == names.index(stands_in)).tolist()
    assert 1 < weaker[-2] <= 25
    assert weaker == [*range(1, weaker[-2] + 1), 40]


def test_who_answers_is_paid(make: Make) -> None:
    rows = make("A4").rows.filter(pl.col("status") == 200)
    stood_in = rows.filter(pl.col("served_model") != pl.col("model"))
    assert 0 < stood_in.height < 0.5 * rows.height
    assert (stood_in["cost"] <= stood_in["input_tokens"] * 1e-6 + stood_in["output_tokens"] * 4e-6 + 1e-9).all()


def test_the_windows_of_a_dataset_follow_one_calendar(tiny_config: Config) -> None:
    for seed in range(40):
        plans = [cohorts.build_plan(replace(tiny_config, seed=seed), s) for s in ("train", "validation", "test")]
        seen = [model_calendar.absence(p) for p in plans]
        days = tiny_config.days * 86_400_000
        assert len({(a.model, a.first + i * days, a.end + i * days) for i, a in enumerate(seen)}) == 1
        assert 13.9 < (seen[0].end - seen[0].first) / 86_400_000 < 35.1


def test_answers_come_back_in_prompts_of_other_members(make: Make) -> None:
    made = make("A5", echo=0.6, echo_cross=0.8, camouflage=0, disguise=0)
    rows = made.rows
    quoting = rows.filter(pl.col("attack") & (pl.col("echo_response_id") >= 0) & (pl.col("day") >= 1))
    answers = rows.select(echo_response_id="request_id", source="account", source_cohort="cohort", told="ts")
    found = quoting.join(answers, on="echo_response_id")
    # Six in ten quote; the index finds 85 % of these, nothing of members that were silent on the quoted day, and
    # nothing that is longer than the prompt.
    assert 0.12 < quoting.height / rows.filter(pl.col("attack") & (pl.col("day") >= 1)).height < 0.55
    same = found.filter(pl.col("source_cohort") == pl.col("cohort"))
    assert same.height > 0.97 * found.height  # the rest are false finds
    # Eight in ten are of other members, who are silent more often on a given day than the one who quotes.
    assert 0.4 < (same["source"] != same["account"]).mean() < 0.9  # type: ignore[operator]
    assert (same["told"] < same["ts"]).all()


def test_check_prompts_come_back_day_after_day(make: Make) -> None:
    rows = make("A8", probes=0.5, camouflage=0, coverage=1, samples=1, repeat=0, disguise=0, fixed=0.1).rows
    work = rows.filter(pl.col("attack") & pl.col("work"))
    often = work.group_by("cohort", "prompt_simhash").agg(pl.len(), days=pl.col("day").n_unique())
    checks = often.filter(pl.col("len") > 3)
    assert 3 <= checks.group_by("cohort").len()["len"].max() <= 5  # type: ignore[operator]
    assert checks["days"].max() > 3  # type: ignore[operator]
    none = make("A8", probes=0, camouflage=0, coverage=1, samples=1, repeat=0, disguise=0, fixed=0.1).rows
    asked = none.filter(pl.col("attack") & pl.col("work") & (pl.col("retries") == 0))
    assert asked["prompt_simhash"].is_duplicated().mean() < 0.001  # type: ignore[operator]


def test_quiet_days_scouts_and_camouflage(make: Make, tiny_config: Config) -> None:
    made = make("A6", scouts=0.25, window_start=0.67, window_days=2, camouflage=0, cover=0)
    work = made.rows.filter(pl.col("attack") & pl.col("work"))
    early = work.filter(pl.col("day") < 4)
    assert 0 < early["account"].n_unique() < 0.5 * work["account"].n_unique()
    assert work["day"].max() == 5
    hidden = make("A4", camouflage=0.7, window_start=0).rows.filter(pl.col("attack"))
    assert 0.15 < hidden["work"].mean() < 0.45  # type: ignore[operator]


def test_evenly_loaded_members_send_equally_much(make: Make) -> None:
    def unevenness(balance: float) -> float:
        rows = make(
            "A2", balance=balance, camouflage=0, alike=0, disguise=0, rate_wobble=0.8, spell=1, ramp=0
        ).rows
        sent = rows.filter(pl.col("attack")).group_by("cohort", "account", "day").len()
        spread = sent.group_by("cohort").agg(pl.col("len").log().std())["len"].mean()
        assert isinstance(spread, float)
        return spread

    assert unevenness(1.0) < 0.6 * unevenness(0.0)


def test_channels_pass_on_fewer_fields(make: Make) -> None:
    rows = make("A8").rows
    names = parameters.CHOICES["channel"]
    direct = rows.filter(pl.col("channel") == names.index("console"))
    for name in names[1:]:
        through = rows.filter(pl.col("channel") == names.index(name))
        assert through.height > 100
        assert (through["end_user_id"] == -1).all()
        assert through["ip_prefix"].n_unique() <= 24
        assert through["sdk"].unique().to_list() == [parameters.CHOICES["sdk"].index("gateway")]
        assert set(through["ip_prefix"]).isdisjoint(direct["ip_prefix"])
    aggregated = rows.filter(pl.col("channel") == names.index("aggregator"))
    assert (aggregated["conversation_id"] == -1).all()
    assert (direct["conversation_id"] >= 0).any()


def test_the_decoy_answers_but_stands_in_no_list(make: Make) -> None:
    made = make("A1", decoy=1)
    assert model_calendar.MODELS[model_calendar.DECOY][0] not in {
        m["model"] for m in model_calendar.model_releases(made.plan)
    }
    found = made.rows.filter(pl.col("model") == model_calendar.DECOY)
    assert 0.02 < found.filter(pl.col("attack")).height / made.rows.filter(pl.col("attack")).height < 0.2
    assert (found["status"] == 200).mean() > 0.9  # type: ignore[operator]


def test_a_spend_cap_stops_an_account_until_the_day_ends(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    caps = np.full(6, 1e9)
    free = parameters.CHOICES["plan"].index("free")
    caps[free] = 0.05
    monkeypatch.setattr(subscription_plans, "SPEND_PER_MONTH", caps)
    made = make("A1", handover=0, hopping=0)
    of = made.shard.accounts.choices["plan"][made.shard.owner]
    paid = made.rows.with_columns(plan=pl.Series(of))
    rejected = pl.col("status") == 429
    capped = (
        paid.filter(pl.col("plan") == free)
        .group_by("account", "day")
        .agg(spent=pl.col("cost").sum(), turned_down=rejected.sum())
    )
    over = capped.filter(pl.col("turned_down") > 3)
    assert over.height > 10
    # What was answered on a day stays near the doublings of the cap that were in force.
    assert (over["spent"] > 0).mean() > 0.9  # type: ignore[operator]
    assert paid.filter(pl.col("plan") != free).select(rejected.mean()).item() < 0.01
    usual = make("A1", handover=0).rows.select(rejected.mean()).item()
    assert usual < paid.filter(pl.col("plan") == free).select(rejected.mean()).item()
