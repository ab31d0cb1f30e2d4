"""The life of a swarm, dial by dial: each shows in the traffic, and only where it is set."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest

from generator import schema
from generator.config import archetypes, dataset_config, parameters
from generator.config.dataset_config import Config
from generator.pipeline import labels
from generator.population import (
    accounts,
    cohorts,
    model_calendar,
    parameter_draws,
    pods,
    population_plan,
    subscription_plans,
)
from generator.traffic import provider, quotas, rate_limits, routing, sessions, simulate
from generator.traffic.simulate import Shard
from generator.workloads.batch import RequestBatch


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


_TALKS = {"camouflage": 0, "conversation": 1, "disguise": 0, "focus": 1, "lifetime": 400, "replaced": 0}


def test_turns_of_a_conversation_hop_inside_the_pod(make: Make) -> None:
    rows = make("A3", hopping=0.8, sticky=1, **_TALKS).rows
    talks = rows.filter(pl.col("attack") & (pl.col("conversation_id") >= 0))
    seen = talks.group_by("conversation_id").agg(
        senders=pl.col("account").n_unique(),
        pods=(pl.col("member") // pods.POD).n_unique(),
        cohorts=pl.col("cohort").n_unique(),
        turns=pl.len(),
    )
    long = seen.filter(pl.col("turns") > 3)
    assert (long["senders"] > 1).mean() > 0.8  # type: ignore[operator]
    assert seen["pods"].max() == seen["cohorts"].max() == 1
    stays = make("A3", hopping=0, handover=0).rows.filter(pl.col("attack") & (pl.col("conversation_id") >= 0))
    assert stays.group_by("conversation_id").agg(pl.col("account").n_unique())["account"].max() == 1


def test_a_relay_keeps_a_conversation_on_one_account_for_some_turns(make: Make) -> None:
    def moves(sticky: int) -> float:
        rows = make("A3", hopping=0.8, sticky=sticky, **_TALKS).rows
        talks = rows.filter(pl.col("attack"), pl.col("conversation_id") >= 0, pl.col("messages") > 3)
        talks = talks.sort("conversation_id", "messages")
        step = pl.col("messages").diff().over("conversation_id") == 2  # the next turn
        moved = pl.col("account") != pl.col("account").shift(1).over("conversation_id")
        return float(talks.select(moved.filter(step).mean()).item())

    assert moves(1) > 0.5
    assert moves(200) < 0.02, "only where who stands in is gone"


def test_turns_that_stay_on_the_new_account_read_its_cache(make: Make) -> None:
    rows = make("A3", hopping=1, sticky=200, **_TALKS).rows.sort("conversation_id", "messages", "ts")
    before = pl.col("account").shift(1).over("conversation_id")
    moved = rows.filter(pl.col("attack"), pl.col("conversation_id") >= 0).with_columns(before=before)
    moved = moved.filter(pl.col("status") == 200, pl.col("messages") > 1)
    assert (moved.filter(pl.col("account") != pl.col("before"))["cache_read_input_tokens"] == 0).all()
    assert (moved.filter(pl.col("account") == pl.col("before"))["cache_read_input_tokens"] > 0).mean() > 0.2  # type: ignore[operator]


def test_reasoning_sent_on_to_another_account_fails_once(make: Make) -> None:
    foreign = provider.ERRORS.index("invalid_encrypted_content")
    talks = _TALKS | {"reasoning": 1.0}
    rows = make("A3", hopping=0.5, sticky=1, **talks).rows.filter(pl.col("attack")).sort("conversation_id", "ts")
    rows = rows.with_columns(
        pl.col("account", "messages", "reasoning_tokens").shift(1).over("conversation_id").name.suffix(" before")
    )
    told = rows.filter(pl.col("error_type") == foreign)
    assert told.height > 20
    assert (told["status"] == 400).all()
    assert (told["account"] != told["account before"]).all(), "an account reads its own reasoning"
    again = rows.filter(pl.col("retries") == 1).join(
        told.select("conversation_id", "messages", sender="account"), on=["conversation_id", "messages"]
    )
    assert again.height > 0.9 * told.height
    assert (again["account"] == again["sender"]).all()
    stays = make("A3", hopping=0, handover=0, **talks).rows
    assert (stays.filter(pl.col("attack"))["error_type"] != foreign).all()


def test_rejected_requests_are_sent_again_by_another_member(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subscription_plans, "REQUESTS_PER_MINUTE", np.full(6, 10))
    monkeypatch.setattr(rate_limits, "_QUEUES", 0)
    monkeypatch.setattr(simulate, "_CHUNK_ROWS", 500)  # members of a pod are made apart
    fixed = {
        "hopping": 0,
        "camouflage": 0,
        "coverage": 1,
        "samples": 1,
        "probes": 0,
        "conversation": 0,
        "fixed": 0.1,
        "focus": 1,
        "disguise": 0,
        "synchrony": 0,  # the others have room when one is at its limit
    }
    rows = make("A2", handover=1.0, repeat=0, lifetime=400, replaced=0, **fixed).rows
    swarm = rows.filter(pl.col("attack") & pl.col("work"))
    turned_down = swarm.filter((pl.col("status") == 429) & (pl.col("retries") == 0))
    second = swarm.join(
        turned_down.select("prompt_simhash", "cohort", before="account", was="ts"), on=["prompt_simhash", "cohort"]
    )
    second = second.filter((pl.col("account") != pl.col("before")) & (pl.col("status") == 200))
    assert turned_down.height > 200
    assert second.height > 0.1 * turned_down.height  # the rest found nobody with room
    answered = rows.filter(pl.col("status") == 200).sort("account", "ts")
    eleventh = answered.select(pl.col("ts") - pl.col("ts").shift(10).over("account")).to_series()
    assert eleventh.drop_nulls().min() >= 60_000, "who stands in keeps to its own limit"  # type: ignore[operator]
    assert ((second["ts"] - second["was"]).is_between(500, 9000)).mean() > 0.95  # type: ignore[operator]
    keeps = make("A2", handover=0.0, repeat=0, **fixed).rows.filter(pl.col("retries") == 0)
    assert keeps.filter(pl.col("attack") & pl.col("work"))["prompt_simhash"].is_duplicated().mean() < 0.05  # type: ignore[operator]


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


def test_limits_by_hand() -> None:
    """Three requests a minute, ten dollars a month: the fourth request and what follows the tenth dollar fail."""
    found = _Hand(account=[0, 0, 1], day=[0, 1, 0], length=[5, 2, 3])
    who = _Hand(choices={"plan": np.zeros(2, np.int32)}, dials=_ALONE)
    session = np.repeat(np.arange(3), found.length)
    ts = np.array([0, 10, 20, 30, 70_000, 86_400_000, 86_400_001, 0, 1, 2])
    batch = RequestBatch(who, found, session, np.zeros(10, np.uint64))  # type: ignore[arg-type]
    tokens, opening = np.full(10, 20), np.zeros(10, np.bool_)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(subscription_plans, "REQUESTS_PER_MINUTE", np.array([3]))
        patch.setattr(subscription_plans, "TOKENS_PER_MINUTE", np.array([1000]))
        patch.setattr(subscription_plans, "REQUESTS_PER_DAY", np.array([100]))
        patch.setattr(subscription_plans, "SPEND_PER_MONTH", np.array([10.0]))
        fast = rate_limits.too_fast(who, batch.account, ts, tokens, opening)  # type: ignore[arg-type]
        cost = np.array([6.0, 6, 1, 1, 1, 4, 4, 1, 1, 1])
        spent = rate_limits._overspent(batch, ts, cost, opening)
    assert fast.tolist() == [False] * 3 + [True] + [False] * 6
    # 6 + 6 > 10: the rest of day 0 is turned down; on day 1 the cap is 20, and 6 + 4 + 4 < 20.
    assert spent.tolist() == [False, True, True, True, True, False, False, False, False, False]


def test_a_session_of_a_year_does_not_disturb_the_next_ones_minute() -> None:
    """Sessions were stamped 2^34 ms (198 days) apart, whatever their length."""
    sessions = _Hand(account=[0, 1], day=[0, 0], length=[5, 5])
    accounts = _Hand(choices={"plan": np.zeros(2, np.int32)}, dials=_ALONE)
    year = 365 * 86_400_000
    ts = np.array([0, 10, 20, 30, year, 0, 10, 20, 30, 70_000])
    key = np.zeros(10, np.uint64)
    batch = RequestBatch(accounts, sessions, np.repeat([0, 1], 5), key)  # type: ignore[arg-type]
    tokens, opening = np.full(10, 20), np.zeros(10, np.bool_)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(subscription_plans, "REQUESTS_PER_MINUTE", np.array([3]))
        fast = rate_limits.too_fast(accounts, batch.account, ts, tokens, opening)  # type: ignore[arg-type]
    assert fast.tolist() == [False, False, False, True, False] * 2


def test_nobody_sends_for_an_author_that_is_gone() -> None:
    """Of a session that reached beyond its author's end, what others sent was logged, and nothing else."""
    plan = quotas.plan_world(dataset_config.from_preset("nano", 7), "train")
    people, day = _Hand(born=[0.0, 0.0], gone=[1.5, 6.0]), np.array([1, 2, 2])
    author, sender = np.array([0, 0, 1]), np.array([1, 1, 1])
    model = np.full(3, (model_calendar.absence(plan).model + 1) % 4, np.int32)
    none = np.zeros(3, np.int64)
    error = np.full(3, -1, np.int32)
    routed = routing.RoutedRequests(np.arange(3), sender, day * schema.DAY_MS, error, none, none > 0)
    arrives = routing.within_window(plan, people, author, model, routed)  # type: ignore[arg-type]
    assert arrives.tolist() == [True, False, True]


_ALONE = {name: np.zeros(2, np.float32) for name in ("hopping", "handover")}


class _Hand:
    """What the limits read of accounts, sessions and usage."""

    length: Any

    def __init__(self, **columns: Any) -> None:
        for name, value in columns.items():
            setattr(self, name, np.array(value) if isinstance(value, list) else value)
        if hasattr(self, "length"):
            self.first = np.cumsum(self.length) - self.length
