"""Laws of chats, code completion and agents, on a small world."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from generator.config import dataset_config
from generator.population import cohorts
from generator.population.accounts import accounts_in_bucket, draw_accounts
from generator.rng import streams
from generator.schema import KINDS
from generator.traffic import sessions, simulate
from generator.workloads import law_tables

F64 = npt.NDArray[np.float64]
Rows = dict[str, npt.NDArray[np.int64]]
CONFIG = {
    "name": "laws",
    "seed": 5,
    "accounts": 1600,
    "extraction_accounts": 0,
    "campaigns": 0,
    "days": 8,
    "buckets": 1,
    "rate_cap": 800,
    "quiet_days": 0,
}
COLUMNS = ("ts", "input_tokens", "output_tokens", "cache_read_input_tokens", "conversation_id", "status")


@pytest.fixture(scope="module")
def shard() -> simulate.Shard:
    return simulate.simulate(cohorts.build_plan(dataset_config.from_dict(CONFIG, "test"), "train"), 0)


@pytest.fixture(scope="module")
def agents(shard: simulate.Shard) -> Rows:
    """Requests of agents, session after session."""
    found = of_kind(shard, "agent")
    order = np.lexsort((found["ts"], found["conversation_id"]))
    return {name: values[order] for name, values in found.items()}


def of_kind(shard: simulate.Shard, kind: str) -> Rows:
    mine = shard.kind == KINDS.index(kind)
    return {name: shard.columns[name][mine].astype(np.int64) for name in COLUMNS}


def steps(agents: Rows) -> tuple[F64, F64]:
    """Input before and after each step of an agent that got an answer."""
    same = (np.diff(agents["conversation_id"]) == 0) & (agents["status"][:-1] == 200)
    inputs = agents["input_tokens"].astype(np.float64)
    return inputs[:-1][same], inputs[1:][same]


def test_contexts_of_agents_grow_in_almost_every_step(agents: Rows) -> None:
    before, after = steps(agents)
    assert len(before) > 5_000
    assert 0.983 <= np.mean(after > before) <= 0.997  # kv-cache-tester: 99.1 %
    assert 0.003 <= np.mean(after < before - 1000) <= 0.015  # .8 %
    assert 450 <= np.median(after - before) <= 900  # 655


def test_contexts_of_agents_remember(agents: Rows) -> None:
    before, after = np.log(steps(agents))
    assert np.corrcoef(before, after)[0, 1] > 0.95  # .975
    served = agents["status"] == 200
    # Of steps that follow an answer within five minutes; later ones find the cache expired.
    soon = np.r_[
        False, (np.diff(agents["conversation_id"]) == 0) & (np.diff(agents["ts"]) < 290_000) & served[:-1]
    ]
    warm = soon & served
    cached = agents["cache_read_input_tokens"][warm].sum() / agents["input_tokens"][warm].sum()
    assert 0.93 <= cached <= 0.98  # 96 %


def test_sessions_of_agents_differ_from_each_other(agents: Rows) -> None:
    served = agents["status"] == 200
    session, log = agents["conversation_id"][served], np.log(agents["output_tokens"][served])
    _, group, n = np.unique(session, return_inverse=True, return_counts=True)
    mean = (np.bincount(group, log) / n)[n >= 20]
    # Far more than chance: a mean of 20 answers with SD .85 would vary by .19.
    assert 0.28 <= mean.std() <= 0.5  # .36
    assert 150 <= np.median(np.exp(log)) <= 300  # 217


def test_code_ends_at_the_editors_window(shard: simulate.Shard) -> None:
    code = of_kind(shard, "code")
    assert len(code["ts"]) > 5_000
    edge = law_tables.law_table("code")["window"]
    assert code["input_tokens"].max() <= edge + 2
    assert 0.02 <= np.mean(code["input_tokens"] >= edge - 1) <= 0.06  # Azure 2023: 3.7 %
    answers = code["output_tokens"][code["status"] == 200]
    assert answers.min() >= law_tables.law_table("code")["least"]
    assert 11 <= np.median(answers) <= 15
    assert 150 <= np.quantile(answers, 0.99) <= 350


def test_code_comes_in_bursts_and_conversation_does_not(shard: simulate.Shard) -> None:
    code, talk = (np.sort(of_kind(shard, kind)["ts"]).astype(np.float64) for kind in ("code", "conversation"))
    assert np.median(segments(code, 1000)) > 4  # Azure 2023: 6-13
    gap = np.diff(code)
    assert np.mean(gap < np.median(gap) / 10) > 0.2
    assert 0.95 <= np.median(segments(talk, 200)) <= 1.35  # 1.02-1.09: nearly Poisson
    gap = np.diff(talk)
    assert 0.005 <= np.mean(gap < np.median(gap) / 200) <= 0.02  # 1 %; Poisson: .35 %


def segments(ts: F64, size: int) -> F64:
    """Coefficient of variation of the gaps inside runs of `size` requests."""
    gaps = np.diff(ts)
    gaps = gaps[: len(gaps) // size * size].reshape(-1, size)
    return np.asarray(gaps.std(axis=1) / gaps.mean(axis=1))


def test_chats_are_short_and_fill_their_window_at_most(shard: simulate.Shard) -> None:
    talk = of_kind(shard, "conversation")
    chat = talk["conversation_id"] >= 0
    _, turns = np.unique(talk["conversation_id"][chat], return_counts=True)
    assert 0.4 <= np.mean(turns == 1) <= 0.75  # BurstGPT, WildChat: 50-75 %
    assert 1.5 <= turns.mean() <= 2.6
    assert 5 <= np.quantile(turns, 0.99) <= 14
    window = law_tables.law_table("conversation")["history"]["window"]
    assert np.mean(talk["input_tokens"][chat] > window + 200) < 0.03
    assert 0.2 <= np.mean(talk["input_tokens"][chat] >= window) <= 0.7


def test_sessions_take_all_requests_of_their_day() -> None:
    plan = cohorts.build_plan(dataset_config.from_dict(CONFIG | {"accounts": 300}, "test"), "train")
    who = draw_accounts(plan, accounts_in_bucket(plan, 0))
    found = sessions.draw_sessions(plan, who)
    assert found.length.min() >= 1
    days = plan.config.days + 1
    taken = np.bincount(found.account * days + found.day + 1, found.length, len(who) * days)
    assert (taken == sessions.request_counts(plan, who, np.arange(-1, plan.config.days)).ravel()).all()


def test_quantile_laws_return_their_quantiles() -> None:
    bits = streams.items(np.full(200_000, streams.key("law"), np.uint64), np.arange(200_000))
    for kind, name in (("code", "input"), ("agent", "growth"), ("agent", "tool")):
        table = law_tables.law_table(kind)[name]
        drawn = law_tables.quantiles(kind, name).log(streams.normal(streams.child(bits, name)))
        inner = [(p, v) for p, v in zip(table["share"], table["value"], strict=True) if 0.02 < p < 0.98]
        for share, value in inner:
            assert np.mean(drawn <= np.log(value)) == pytest.approx(share, abs=0.006), (kind, name, share)


def test_mixtures_draw_their_components() -> None:
    bits = streams.items(np.full(200_000, streams.key("law"), np.uint64), np.arange(200_000))
    gaps = law_tables.mixture("code", "gaps")
    component = gaps.component(bits)
    assert np.bincount(component) / len(bits) == pytest.approx(gaps.weight / gaps.weight.sum(), abs=0.005)
    log = gaps.log(component, bits)
    for i in range(3):
        assert np.median(log[component == i]) == pytest.approx(float(gaps.log_median[i]), abs=0.03)


def test_exponential_draws_are_exponential() -> None:
    bits = streams.items(np.full(200_000, streams.key("exp"), np.uint64), np.arange(200_000))
    drawn = streams.exponential(bits)
    assert drawn.min() >= 0
    assert float(drawn.mean()) == pytest.approx(1, abs=0.01)
    assert float(np.mean(drawn > 2)) == pytest.approx(np.exp(-2), abs=0.005)
