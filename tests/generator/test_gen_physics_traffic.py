"""Physics of a request on the provider's side, on nano worlds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import polars as pl
import pytest

from generator.config import dataset_config
from generator.config.dataset_config import Config
from generator.config.parameters import COHORT_CHOICES, TOPICS
from generator.population import cohorts, subscription_plans
from generator.population.population_plan import PopulationPlan
from generator.prompts import categories
from generator.schema import KINDS
from generator.traffic import provider, rate_limits, simulate
from generator.workloads import prompt_cache
from generator.workloads.batch import RequestBatch
from generator.workloads.token_usage import forget_lost_answers

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
    flagged = categories.stop_category(
        topic, np.random.default_rng(1).integers(0, 2**63, len(topic)).astype(np.uint64)
    )
    rate = (flagged >= 0).reshape(len(COHORT_CHOICES["domain"]), -1).mean(axis=1)
    of = dict(zip(COHORT_CHOICES["domain"], rate, strict=True))
    style = of.pop("safety style")
    assert min(of.values()) > 2 * style  # its weakness
    assert max(of.values()) < 0.004


def test_a_failed_attempt_is_tried_again_with_the_same_prompt_after_a_growing_pause(nano: World) -> None:
    rows = nano.rows
    assert rows["request_id"].n_unique() == rows.height
    again = rows.filter(pl.col("retries") > 0)
    assert 0 < again["retries"].eq(2).sum() < again["retries"].eq(1).sum()
    same = ["account", "item", "prompt_simhash", "input_tokens", "language", "conversation_id"]
    failed = rows.filter((pl.col("status") != 200) & (pl.col("error_type") != rate_limits.INVALID))
    before = failed.select(*same, (pl.col("retries") + 1).alias("retries"), was="ts")
    pairs = again.join(before, on=[*same, "retries"], how="left").with_columns(gap=pl.col("ts") - pl.col("was"))
    close = (
        pairs.filter(pl.col("gap") >= 0).group_by("request_id").agg(pl.col("gap").min(), pl.col("retries").first())
    )
    assert close.height == again.height
    for number, least in ((1, 500), (2, 1000)):
        gaps = close.filter(pl.col("retries") == number)["gap"].to_numpy()
        assert gaps.min() >= least
        assert np.median(gaps) < 2.5 * least
    assert 0.5 < (again["status"] == 200).to_numpy().mean() < 1  # some fail again
    assert rows.filter(pl.col("error_type") == rate_limits.INVALID)["retries"].max() == 0


def turns(rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Turns of conversations, and the one before each."""
    talk = rows.filter(pl.col("conversation_id") >= 0).sort("conversation_id", "ts")
    same = (talk["conversation_id"] == talk["conversation_id"].shift()).fill_null(value=False)
    after = np.flatnonzero(same.to_numpy())
    return talk[after - 1], talk[after]


def test_what_was_not_answered_is_not_in_the_history(nano: World) -> None:
    before, after = turns(nano.rows)
    lost = (before["status"] != 200).to_numpy()
    assert lost.sum() > 30
    assert (after["messages"] <= before["messages"]).to_numpy()[lost].all()
    assert (after["input_tokens"] <= before["input_tokens"]).to_numpy()[lost].all()
    assert (after["messages"] > before["messages"]).to_numpy()[~lost & (after["retries"] == 0).to_numpy()].all()


class _Hand:
    """Some attributes of accounts, batches or usage."""

    session: Any
    input: Any
    turn: Any

    def __init__(self, **attributes: Any) -> None:
        vars(self).update(attributes)

    def __len__(self) -> int:
        return len(self.session)


def test_histories_without_lost_answers_by_hand() -> None:
    """The second turn of a chat fails: the third is as long as it, and what came later grows as it did."""
    batch = _Hand(session=np.repeat([0, 1], [4, 3]), sessions=_Hand(key=np.zeros(2)))
    usage = _Hand(
        conversing=np.ones(7, np.bool_),
        input=np.array([10, 30, 50, 80, 100, 20, 40]),
        turn=np.array([0, 1, 2, 3, 0, 1, 2]),
    )
    answered = np.array([True, False, True, True, True, False, True])
    forget_lost_answers(batch, usage, answered)  # type: ignore[arg-type]
    assert usage.input.tolist() == [10, 30, 30, 60, 100, 20, 20]
    assert usage.turn.tolist() == [0, 1, 1, 2, 0, 1, 1]


def test_prefixes_leave_the_cache_after_five_minutes(nano: World) -> None:
    answered = nano.rows.filter(pl.col("status") == 200)
    before, after = turns(answered.filter(pl.col("system_prompt_hash") == -1))
    gap = (after["ts"] - before["ts"]).to_numpy()
    reads = (after["cache_read_input_tokens"] > 0).to_numpy()
    grows = (after["input_tokens"] >= before["input_tokens"]).to_numpy()
    caches = (before["cache_creation_input_tokens"] > 0).to_numpy()
    assert (gap > prompt_cache.EXPIRY_MS).sum() > 30
    assert not reads[gap > prompt_cache.EXPIRY_MS].any()
    assert reads[(gap <= prompt_cache.EXPIRY_MS) & grows & caches].mean() > 0.95

    single = answered.filter((pl.col("conversation_id") == -1) & (pl.col("messages") == 1))
    hits = single.filter(pl.col("cache_read_input_tokens") > 0)
    assert hits.height > 0.05 * single.height
    assert (hits["system_prompt_hash"] >= 0).all()
    lengths = hits.group_by("system_prompt_hash").agg(pl.col("cache_read_input_tokens").n_unique().alias("n"))
    assert lengths["n"].max() == 1  # a property of the template


def most_in_a_minute(rows: pl.DataFrame, weight: pl.Expr) -> pl.DataFrame:
    """Largest sum of answered requests of each account in 60 seconds."""
    minute = rows.filter(pl.col("status") == 200).sort("account", "ts").with_columns(at=pl.from_epoch("ts", "ms"))
    sums = minute.with_columns(n=weight).rolling("at", period="60s", group_by="account").agg(pl.col("n").sum())
    return sums.group_by("account").agg(pl.col("n").max())


def test_accounts_that_use_no_cache_leave_its_counters_at_zero(
    tiny_config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prompt_cache, "uses_cache", lambda accounts: np.zeros(len(accounts), np.bool_))
    columns = simulate.simulate(cohorts.build_plan(tiny_config, "train"), 0).columns
    assert len(columns["ts"]) > 1_000
    assert not columns["cache_read_input_tokens"].any()
    assert not columns["cache_creation_input_tokens"].any()


def test_no_account_is_answered_more_often_than_its_plan_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subscription_plans, "REQUESTS_PER_MINUTE", np.full(6, 10))
    monkeypatch.setattr(subscription_plans, "TOKENS_PER_MINUTE", np.full(6, 200_000))
    rows = world().rows
    assert rows["status"].eq(429).sum() > 500
    assert most_in_a_minute(rows, pl.lit(1))["n"].max() == 10


def test_queues_and_later_attempts_by_hand() -> None:
    """Ten requests a minute: nine go at once (a relay's seven), the rest later; a full one has no room."""
    dials = {"hopping": np.zeros(2), "handover": np.zeros(2)}
    accounts = _Hand(
        choices={"plan": np.zeros(2, np.int32)}, key=np.arange(2, dtype=np.uint64), session=[0, 1], dials=dials
    )
    account, ts = np.repeat([0, 1], [12, 3]), np.r_[np.arange(12) * 1000, 0, 1, 2]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(subscription_plans, "REQUESTS_PER_MINUTE", np.array([10]))
        patch.setattr(rate_limits, "_QUEUES", 1)
        sent = rate_limits.queued(accounts, account, ts, np.ones(15, np.bool_))  # type: ignore[arg-type]
        dials["handover"][0] = 0.5
        of_a_relay = rate_limits.queued(accounts, account, ts, np.ones(15, np.bool_))  # type: ignore[arg-type]
        asks = np.arange(15) >= 11
        full = rate_limits.finds_no_room(accounts, account, ts, np.ones(15, np.int64), asks)  # type: ignore[arg-type]
    assert sent.tolist() == [*range(0, 9000, 1000), 60_000, 61_000, 62_000, 0, 1, 2]
    assert of_a_relay.tolist() == [*range(0, 7000, 1000), *range(60_000, 65_000, 1000), 0, 1, 2]
    assert full.tolist() == [True, False, False, False]


def test_a_turn_waits_for_the_answer_before(nano: World) -> None:
    before, after = turns(nano.rows)
    assert before.height > 5000
    assert (after["ts"] >= before["ts"] + before["latency_ms"]).all()


def test_batches_take_minutes_to_hours(nano: World) -> None:
    latency = nano.rows.filter((pl.col("endpoint") == 1) & (pl.col("status") == 200))["latency_ms"].to_numpy()
    assert latency.min() >= 60_000
    assert 600_000 < np.median(latency) < 3_600_000
    assert np.quantile(latency, 0.95) > 3_600_000


def test_quotations_are_of_answers_that_had_come_and_fit(nano: World) -> None:
    answers = nano.rows.select(
        echo_response_id="request_id",
        told=pl.col("ts") + pl.col("latency_ms"),
        length="output_tokens",
        fate="status",
        talk="conversation_id",
    )
    quoting = nano.rows.filter(pl.col("echo_response_id") >= 0)
    pairs = quoting.join(answers, on="echo_response_id")
    assert quoting.height == pairs.height > 200
    assert (pairs["fate"] == 200).all()
    assert (pairs["told"] < pairs["ts"]).all()
    assert (pairs["length"] <= pairs["input_tokens"]).all()
    assert (
        pairs.filter(pl.col("talk") >= 0)["talk"] != pairs.filter(pl.col("talk") >= 0)["conversation_id"]
    ).all()
    hours = ((pairs["ts"] - pairs["told"]) / 3_600_000).to_numpy()
    assert 0.05 < (hours < 1).mean() < 0.6
    assert (hours > 30).mean() > 0.02
    assert np.mean(np.abs(hours - 24) < 3) < 0.4


def test_what_arrives_in_one_millisecond_reads_nothing_of_each_other() -> None:
    agent = np.array([KINDS.index("agent")])
    people = SimpleNamespace(key=np.array([5], np.uint64), choices={"kind": agent})
    sessions = SimpleNamespace(account=np.zeros(1, np.int64))
    three, alone = np.zeros(3, np.int64), np.zeros(3, np.bool_)
    batch = RequestBatch(people, sessions, three, np.arange(3, dtype=np.uint64))  # type: ignore[arg-type]
    usage: Any = SimpleNamespace(
        input=np.full(3, 10**6), conversing=alone, cache_read=three.copy(), cache_write=three.copy()
    )
    for second, reads in ((8, [False, False, True]), (7, [False, True, True])):
        prompt_cache.fill_counters(
            batch,
            np.array([9], np.uint64),
            usage,
            np.array([second, 8, 9]),
            three,
        )
        assert (usage.cache_read > 0).tolist() == reads
        assert ((usage.cache_write > 0) != (usage.cache_read > 0)).all()
