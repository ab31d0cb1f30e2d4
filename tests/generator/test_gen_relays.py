"""Limits, and accounts that stand in for each other: conversations that move, what was rejected is sent again."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

from generator import schema
from generator.config import dataset_config
from generator.config.dataset_config import Config
from generator.population import cohorts, model_calendar, pods, subscription_plans
from generator.population.accounts import draw_accounts
from generator.traffic import handovers, provider, quotas, rate_limits, routing, simulate
from generator.workloads.batch import RequestBatch
from tests.generator.one_archetype import Make

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


def test_what_fits_into_a_stand_in_hangs_on_author_and_sender_alone(tiny_config: Config) -> None:
    """Buckets and chunks are made apart: who else is made with an author must not decide what is handed over."""
    accounts = draw_accounts(cohorts.build_plan(tiny_config, "train"), np.arange(60))
    rng, n = np.random.default_rng(0), 40_000
    author, sender = rng.integers(0, 6, n), rng.integers(6, 60, n)
    ts = np.sort(rng.integers(0, 2 * schema.DAY_MS, n))
    together = handovers._fits(accounts, author, sender, ts, np.ones(n, np.int64))
    assert 0 < together.sum() < n
    for one in range(6):
        mine = author == one
        alone = handovers._fits(accounts, author[mine], sender[mine], ts[mine], np.ones(mine.sum(), np.int64))
        assert alone.tolist() == together[mine].tolist()
