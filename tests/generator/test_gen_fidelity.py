"""Fidelity: distances by hand, laws of the protocol, which trace speaks for what."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from generator import schema
from generator.arrays import F64
from generator.dataset import Dataset
from generator.errors import UserError
from generator.fidelity import (
    classifiers,
    comparison,
    distances,
    plots,
    protocol,
    references,
    sampling,
    statistics,
    traces,
)
from generator.fidelity import summaries as tables
from generator.fidelity.report import FidelityMetric, Report
from generator.fidelity.traces import Log

PLAN = sampling.SamplingPlan(
    accounts=True,
    time=True,
    hour=True,
    volume=True,
    thin=False,
    n_accounts=99,
    n_rows=9999,
    n_segment=9999,
    cap=99,
)
UNIT = distances.Scale(1.0, 1.0, np.array([np.log(100.0)]))


def law(seed: int, accounts: int = 120, rows: int = 40, level: float = 6.0) -> Log:
    """Accounts that differ in size and pace: a day of each, requests lognormal around the account's own level."""
    rng = np.random.default_rng(seed)
    n = np.maximum(1, rng.lognormal(np.log(rows), 0.7, accounts)).astype(int)
    who = np.repeat(np.arange(accounts), n)
    mu = rng.normal(level, 1.0, accounts)[who]
    ts = np.concatenate([np.cumsum(rng.gamma(0.5, 2 * 3 * 86_400 / k, k)) for k in n])
    sides = (np.round(np.exp(mu + rng.normal(0, 0.3, len(who)))), np.round(np.exp(rng.normal(mu - 2, 0.5))))
    return traces.build(ts, who, sides, {"global_time": False}, f"law {seed}")


def sample(ts: Any, account: Any, read: Any, written: Any) -> sampling.Sample:
    """All rows as a sample."""
    log = traces.build(ts, account, (read, written))
    return sampling.Sample(log, log, log.ts, tables.table(log))


def measured(group: distances.Group, a: sampling.Sample, b: sampling.Sample) -> distances.Distances:
    return group(a, b, PLAN, UNIT, np.random.default_rng(0))


def test_distances_of_numbers_by_hand() -> None:
    x = np.arange(10.0)
    assert statistics.w1(x, x + 3) == pytest.approx(3)
    assert statistics.w1(x, x[::-1]) == 0
    assert statistics.ks(np.array([1.0, 2, 3, 4]), np.array([1.0, 2, 3, 5])) == 0.25
    assert statistics.ks(x, x + 10) == 1
    assert statistics.gini(np.array([2.0, 2, 2, 2])) == pytest.approx(0)
    assert statistics.gini(np.array([0.0, 5, 0, 0])) == pytest.approx(0.75)
    assert statistics.spearman(x, np.exp(x)) == pytest.approx(1)
    assert statistics.spearman(x, -x) == pytest.approx(-1)
    assert np.isnan(statistics.spearman(x, np.ones(10)))
    assert statistics.atoms(np.array([7.0, 5, 7, 7]))[:3].tolist() == [0.75, 0.25, 0]
    assert statistics.median_gap(np.array([0.0, 0, 2, 9, 4])) == 4


def test_quantiles_are_those_of_numpy() -> None:
    a, b = np.random.default_rng(0).lognormal(size=(2, 57))
    q = (np.arange(400) + 0.5) / 400
    assert statistics.w1(a, b) == pytest.approx(np.abs(np.quantile(a, q) - np.quantile(b, q)).mean())


def test_tokens_by_hand() -> None:
    n = 200
    rng = np.random.default_rng(1)
    read, written = np.round(rng.lognormal(6, 1, n)) * 3, np.full(n, 7.0)
    a = sample(np.arange(n), np.zeros(n), read, written)
    b = sample(np.arange(n), np.zeros(n), (read + 1) / 2 - 1, np.repeat([7.0, 15.0], n // 2))
    found = measured(distances.tokens, a, b)
    assert found["w1_log_in"] == pytest.approx(np.log(2))
    assert found["tail_in"] == pytest.approx(np.log(2))
    assert found["w1_log_out"] == pytest.approx(np.log(2) / 2, rel=0.01)  # half of the rows, 8 against 16
    assert found["ks_out"] == 0.5
    assert found["atomicity_out"] == 0.5  # 1 against 1/2 and 1/2
    assert max(measured(distances.tokens, a, a).values()) == 0


def test_joint_by_hand() -> None:
    n = 240
    read = np.tile(np.repeat([9.0, 999.0], 60), 2)
    rising, falling = np.where(read > 99, 99.0, 9.0), np.where(read > 99, 9.0, 99.0)
    a, b = (sample(np.arange(n), np.zeros(n), read, out) for out in (rising, falling))
    found = measured(distances.joint, a, b)
    assert found["d_spearman"] == pytest.approx(2)
    assert found["w1_out_given_in"] == pytest.approx(np.log(10))  # in both cells of input
    assert found["copula_sliced_w1"] > 0.1
    same = measured(distances.joint, a, a)
    assert (same["d_spearman"], same["w1_out_given_in"]) == (0, 0)
    assert same["copula_sliced_w1"] < 0.05  # ties in random order


def test_time_by_hand() -> None:
    even = np.arange(0, 400.0)
    hourly = sample(even * 3600, np.zeros(400), even, even)
    # Gaps of 1 and 9 in turn: mean 5, SD 4, median 5; lag-1 correlation -1.
    turns = sample(np.cumsum(np.tile([1.0, 9.0], 200)), np.zeros(400), even, even)
    slow = sample(np.cumsum(np.tile([10.0, 90.0], 200)), np.zeros(400), even, even)
    found = measured(distances.time, turns, slow)
    assert max(v for k, v in found.items() if k != "hour_js") == pytest.approx(0, abs=1e-9)  # free of units
    pace = distances._Pace(turns.arrivals)
    assert pace.cv == pytest.approx(0.8, abs=0.01)
    assert pace.lag1 == pytest.approx(-1)
    assert measured(distances.time, hourly, turns)["ks_gap"] == pytest.approx(0.5, abs=0.01)
    assert np.isnan(distances._Pace(even).lag1)  # equal gaps correlate with nothing
    rng = np.random.default_rng(1)
    short, long = (sample(np.cumsum(rng.exponential(1, n)), np.zeros(n), *[np.zeros(n)] * 2) for n in (100, 1000))
    # One holds windows of 10 events alone, the other of 100 as well: they meet over 10.
    one, other = (distances._Pace(s.arrivals).dispersion for s in (short, long))
    assert (len(one), len(other)) == (1, 2)
    assert measured(distances.time, short, long)["dlog_dispersion"] == pytest.approx(
        abs(np.log(one[0] / other[0]))
    )


def test_hours_by_hand() -> None:
    assert statistics.hours(np.array([0.0, 3599, 3600, 90_000]))[:3] == pytest.approx(
        np.array([2.5, 2.5, 0.5]) / 16
    )
    p, q = np.array([0.5, 0.5]), np.array([0.25, 0.75])
    assert statistics.jensen_shannon(p, q) == pytest.approx(0.2209, abs=1e-4)
    assert statistics.jensen_shannon(p, p) == 0


def test_account_table_by_hand() -> None:
    # Account 0: 60 requests, one an hour, inputs grow; account 1: 25 requests, gaps 1 and 3 in turn, two values.
    hourly, turns = np.arange(60) * 3600.0, np.cumsum(np.r_[0.5, np.tile([1.0, 3.0], 12)])
    grow, flip = np.arange(1.0, 61), np.r_[np.tile([9.0, 99.0], 12), 99.0]
    log = traces.build(
        np.r_[hourly, turns],
        np.repeat(["x", "y"], [60, 25]),
        (np.r_[grow, flip], np.r_[grow**2, flip]),
    )
    t = tables.table(log)
    assert t["n"].tolist() == [60, 25]
    assert t["gap_cv"] == pytest.approx([0, np.tile([1.0, 3.0], 12).std(ddof=1) / 2])
    assert t["gap_med_rel"] == pytest.approx([1, 1])
    assert t["grow"] == pytest.approx([1, 12 / 24])
    assert t["inp_mode"] == pytest.approx([1 / 60, 13 / 25])
    assert t["out_mu"][1] == pytest.approx((12 * np.log(10) + 13 * np.log(100)) / 25)
    assert t["inp_sd"][1] == pytest.approx(np.log1p(flip).std(ddof=1))
    off = np.log1p(flip) - np.log1p(flip).mean()
    assert t["inp_ac1"][1] == pytest.approx((off[1:] * off[:-1]).sum() / (off**2).sum())
    assert t["io_rho"][0] == pytest.approx(1)
    assert np.isnan(t["io_rho"][1])  # too few rows
    shares = np.r_[np.full(12, 3), np.full(12, 2)] / 60
    assert t["hour_ent"][0] == pytest.approx(-(shares * np.log(shares)).sum() / np.log(24))
    assert t["night"][0] == pytest.approx(14 / 60)
    assert np.isnan(t["hour_ent"][1])


def test_account_statistics_agree_with_numpy() -> None:
    log = law(3, accounts=30)
    t = tables.table(log)
    for a in range(30):
        rows = log.take(log.account == a)
        gaps = np.diff(rows.ts)
        if len(rows) >= 20:
            assert t["gap_cv"][a] == pytest.approx(gaps.std(ddof=1) / gaps.mean())
            assert t["gap_med_rel"][a] == pytest.approx(np.median(gaps) / gaps.mean())
            assert t["out_mode"][a] == np.unique(rows.output, return_counts=True)[1].max() / len(rows)
        if len(rows) >= 30:
            assert t["io_rho"][a] == pytest.approx(statistics.spearman(rows.input, rows.output))


def grid(read: F64, accounts: int = 12, rows: int = 24) -> sampling.Sample:
    """Accounts of equal volume, one request a minute, with the same inputs and outputs of 9 tokens."""
    ts = np.tile(np.arange(rows) * 60.0, accounts)
    return sample(ts, np.repeat(np.arange(accounts), rows), np.tile(read, accounts), np.full(len(ts), 9.0))


def test_accounts_and_sequence_by_hand() -> None:
    up, down, flat = np.arange(1.0, 25), np.arange(24.0, 0, -1), np.full(24, 9.0)
    assert measured(distances.sequence, grid(up), grid(down))["w1_input_growth_share"] == pytest.approx(1)
    found = measured(distances.accounts, grid(up), grid(flat))
    assert found["w1_mean_log_in"] == pytest.approx(abs(np.log1p(up).mean() - np.log(10)))
    assert found["w1_within_sd_log_in"] == pytest.approx(np.log1p(up).std(ddof=1))
    assert found["w1_mode_share_in"] == pytest.approx(1 - 1 / 24)
    assert found["w1_log_gap_cv"] == 0
    assert (found["d_gini"], found["d_top10_share"], found["w1_log_volume"]) == (0, 0, 0)
    # A tenth of the accounts (two of twelve, rounded up) with half of all requests.
    skewed = grid(flat)
    skewed.table["n"][:2] = 120
    found = measured(distances.accounts, grid(flat), skewed)
    assert found["d_top10_share"] == pytest.approx(240 / 480 - 2 / 12)
    assert found["d_gini"] == pytest.approx(statistics.gini(skewed.table["n"]))


def test_few_accounts_give_no_account_law() -> None:
    few = grid(np.arange(1.0, 25), accounts=9)
    assert np.isnan(measured(distances.accounts, few, few)["w1_log_gap_cv"])
    assert "accounts.w1_log_gap_cv" not in distances.measure(few, few, PLAN, UNIT, np.random.default_rng(0))


def test_classifier_tells_what_can_be_told() -> None:
    rng = np.random.default_rng(5)
    x, groups = rng.normal(size=(800, 2)), np.arange(800) // 10
    assert classifiers.separation(x, groups, x + 9, groups, seed=0) == pytest.approx(1)
    assert classifiers.separation(x, groups, rng.normal(size=(800, 2)), groups, seed=0) < 0.15
    # The rows of a group are all alike: what is learnt of one group says nothing about the others.
    own = rng.normal(size=(160, 2)).repeat(10, axis=0)
    assert classifiers.separation(own[:800], groups, own[800:], groups, seed=0) < 0.4


def test_row_features_by_hand() -> None:
    log = traces.build([0, 1, 4, 5], ["x", "y", "x", "x"], ([0, 9, 99, 9], [9, 9, 9, 99]))
    x, account = classifiers.features(log, PLAN)
    assert account.tolist() == [0, 0, 0, 1]
    assert x[:, 0] == pytest.approx(np.log([1, 100, 10, 10]))
    assert x[1:3, 2] == pytest.approx(np.log([1, 100]))  # the input before
    assert np.isnan(x[[0, 3], 2:]).all()  # nothing before
    assert x[1:3, 4] == pytest.approx(np.log(np.array([4, 1]) / 2.5 + 1e-3))  # gaps 4 and 1, median 2.5


def test_halves_and_segments_share_nothing() -> None:
    log, rng = law(1), np.random.default_rng(0)
    a, b = sampling.halves(log, PLAN, rng)
    assert len(a) + len(b) == len(log)
    assert not set(a.account) & set(b.account)
    a, b = sampling.halves(log, replace(PLAN, accounts=False), rng)
    assert np.abs(np.diff(np.isin(log.ts, a.ts).astype(int))).sum() < 40  # stretches of time, not single rows
    for _ in range(20):
        first, second = sorted(sampling.segments(log, 1000, rng), key=lambda s: s[0])
        assert len(first) == len(second) == 1000
        assert first[-1] <= second[0]


def test_a_trace_at_native_rate_meets_the_busiest_run_of_each_account() -> None:
    # A hundred accounts that send one burst of a hundred in weeks of single requests, and small ones beside them.
    rng = np.random.default_rng(0)
    ts = np.concatenate(
        [np.r_[rng.uniform(0, 3e6, 300), 1e6 + np.cumsum(rng.exponential(1, 100))] for _ in range(100)]
    )
    who = np.r_[np.repeat(np.arange(100), 400), np.repeat(np.arange(100, 150), 20)]
    ts = np.r_[ts, rng.uniform(0, 3e6, 1000)]
    world = traces.build(ts, who, (np.full(len(ts), 50.0), np.full(len(ts), 5.0)))
    runs = sampling.busiest(world, protocol.NATIVE_RUN)
    assert len(runs) == 100 * protocol.NATIVE_RUN
    spans = [np.ptp(runs.ts[runs.account == a]) for a in np.unique(runs.account)]
    assert len(spans) == 100  # small accounts have no such run
    assert max(spans) < 120
    # The same law at native rate: as real only if the burst is met, not the account's whole life.
    steady = np.concatenate([np.cumsum(rng.exponential(1, 300)) for _ in range(100)])
    sides = np.round(rng.lognormal(5, 1, (2, len(steady)))) + 1
    meta = {"global_time": False, "hour_valid": False, "cap_mode": "first"}
    native = traces.build(steady, np.repeat(np.arange(100), 300), (sides[0], sides[1]), meta)
    found = protocol.measure(world, native, repeats=2, classifiers=False).metrics["accounts.w1_log_gap_cv"]
    whole = replace(native, meta=meta | {"cap_mode": "none"})
    apart = protocol.measure(world, whole, repeats=2, classifiers=False).metrics["accounts.w1_log_gap_cv"]
    assert found.ratio_real < 2 < 10 < apart.ratio_real


def test_samples_keep_runs_and_caps() -> None:
    log, rng = law(2), np.random.default_rng(0)
    for thin in (False, True):
        plan = replace(PLAN, thin=thin, n_accounts=50, n_rows=600, cap=30)
        drawn = sampling.draw(log, plan, rng)
        assert len(drawn.table["n"]) == 50
        assert drawn.table["n"].max() > 30  # the true number, not the capped one
        assert (np.diff(drawn.rows.ts).min() < 0, len(drawn.rows)) == (True, 600)
        assert np.unique(drawn.context.account).size == 50
        if not thin:
            for a in np.unique(drawn.context.account):
                own = np.flatnonzero(
                    np.isin(log.ts[log.account == a], drawn.context.ts[drawn.context.account == a])
                )
                assert (np.diff(own) == 1).all()
                assert own.max() < 30


def test_the_same_law_is_real_and_the_naive_log_is_not() -> None:
    reference, peer = law(1), law(2)
    same = protocol.measure(law(3), reference, peer, classifiers=False)
    assert same.fidelity is not None
    assert same.fidelity_peer is not None
    assert min(same.fidelity, same.fidelity_peer) > 0.75
    assert same.share_within is not None
    assert same.share_within > 0.9
    assert same.passed
    drawn = sampling.naive(reference, np.random.default_rng(0))
    naive = protocol.measure(drawn, reference, peer, classifiers=False)
    assert naive.fidelity is not None
    assert abs(naive.fidelity) < 0.15
    assert not naive.passed


def test_a_log_against_itself_is_at_the_floor() -> None:
    log = law(1)
    found = protocol.measure(log, log, classifiers=False)
    assert found.fidelity is not None
    assert found.fidelity > 0.9
    assert np.median([m.ratio for m in found.metrics.values()]) < 1
    assert max(m.ratio_real for m in found.metrics.values()) < 2


@pytest.mark.slow
def test_classifiers_see_what_the_accounts_lack() -> None:
    found = {
        name: protocol.measure(synth, law(1), law(2), repeats=2)
        for name, synth in {"same": law(3), "other": law(3, level=8.0)}.items()
    }
    for report in found.values():
        assert {"c2st.tokens_only", "c2st.rows", "c2st.accounts"} <= set(report.metrics)
    same, other = (found[name].auc("accounts") for name in ("same", "other"))
    assert same is not None
    assert other is not None
    assert same < 0.65 < 0.8 < other
    assert found["same"].verdicts()[2].holds
    assert found["other"].verdicts()[2].holds is False


def test_names_row_order_and_luck_change_nothing() -> None:
    reference, synth = law(1), law(3, level=6.5)
    first = protocol.measure(synth, reference, repeats=2, classifiers=False).metrics
    assert protocol.measure(synth, reference, repeats=2, classifiers=False).metrics == first
    rng = np.random.default_rng(0)
    order = rng.permutation(len(synth))
    names = np.array([f"acc-{n}" for n in rng.permutation(synth.accounts)])
    sides = (synth.input[order], synth.output[order])
    renamed = traces.build(synth.ts[order], names[synth.account][order], sides)
    assert protocol.measure(renamed, reference, repeats=2, classifiers=False).metrics == first
    assert protocol.measure(synth, reference, seed=1, repeats=2, classifiers=False).metrics != first


def test_the_rounding_of_a_clock_is_no_difference() -> None:
    reference, fine = law(1), law(3)
    coarse = replace(reference, ts=np.floor(reference.ts))
    rounded = replace(fine, ts=np.floor(fine.ts))
    found = [protocol.measure(s, coarse, repeats=2, classifiers=False).metrics for s in (fine, rounded)]
    assert found[0] == found[1]
    found = [protocol.measure(s, reference, repeats=2, classifiers=False).metrics for s in (fine, rounded)]
    assert found[0] != found[1]  # a reference with a fine clock meets the world's own times


def test_what_the_trace_says_of_itself_is_honoured() -> None:
    log = replace(law(1), meta={})

    def planned(**meta: object) -> sampling.SamplingPlan:
        return protocol.plan_for([replace(log, meta=meta), log])

    assert planned() == replace(planned(global_time=True), thin=False)
    assert (planned().accounts, planned().time, planned().hour, planned().volume) == (True, True, True, True)
    assert planned(global_time=False).time is False
    assert planned(real_arrivals=False).time is False
    assert planned(hour_valid=False).hour is False
    assert (planned(cap_mode="first").thin, planned(cap_mode="first").volume) == (False, False)
    assert (planned(cap_mode="thin").thin, planned(cap_mode="thin").volume) == (True, False)
    day = log.take(log.ts < 86_400)
    assert protocol.plan_for([log, day]).hour is False  # too short for a daily shape
    lone = replace(log, account=np.zeros(len(log), np.int64))
    assert protocol.plan_for([log, lone]).accounts is False


def test_ratios_and_skills_by_hand() -> None:
    runs: protocol.Runs = {
        "floor": [{"x": d} for d in (0.1, 0.2, 0.3)],
        "synth": [{"x": 0.6}, {"x": 0.4}],
        "naive": [{"x": 1.2}],
        "peer": [{"x": 0.5}],
        "drift": [],
    }
    m = protocol.metrics(runs)["x"]
    assert (m.synth, m.floor, m.naive, m.drift, m.peer) == (0.5, 0.2, 1.2, None, 0.5)
    assert m.floor_p90 == pytest.approx(0.28)
    assert m.ratio == pytest.approx(0.5 / 0.28)
    assert m.ratio_real == 1  # the peer is as far off
    assert m.skill == pytest.approx(0.7)  # of the way from 1.2 to 0.2
    assert m.skill_peer == m.skill
    close = protocol.metrics(runs | {"naive": [{"x": 0.4}]})["x"]
    assert (close.skill, close.skill_peer) == (None, None)  # naive is not 1.5 times further off than real halves
    assert protocol.metrics(runs | {"floor": [{"x": 0.0}]})["x"].ratio == pytest.approx(0.5 / 0.005)
    assert protocol.metrics(runs | {"naive": [{}]}) == {}


def metric(skill: float, skill_peer: float, ratio: float = 1.0, distance: float = 0.1) -> FidelityMetric:
    return FidelityMetric(distance, 0.1, 0.2, 1.0, None, 0.1, ratio, ratio, skill, skill_peer)


def test_thresholds_by_hand() -> None:
    table = {
        "tokens.a": metric(0.4, 1.0),
        "tokens.b": metric(0.8, 1.0),
        "time.a": metric(1.0, 0.6, ratio=2.1),
        "c2st.rows": metric(0.9, 1.0, distance=0.2),
        "c2st.accounts": metric(0.9, 1.0, distance=0.4),
    }
    report = Report("s", "r", "p", {}, PLAN, table)
    assert report.fidelity == pytest.approx((0.6 + 1.0 + 0.9) / 3)  # of groups, not of metrics
    assert report.fidelity_peer == pytest.approx((1 + 0.6 + 1) / 3)
    assert report.share_within == 0.8
    fidelity, share, accounts, rows = report.verdicts()
    assert (fidelity.bound, fidelity.holds) == (">= 0.69", True)
    assert (share.bound, share.holds) == (">= 0.90", False)
    assert (accounts.value, accounts.bound, accounts.holds) == (0.7, "<= 0.65", False)
    assert (rows.value, rows.bound, rows.holds) == (0.6, "<= 0.60", True)
    alone = replace(report, peer=None).verdicts()
    assert (alone[0].bound, alone[3].bound) == (">= 0.80", "<= 0.65")  # the floor stands in
    none = replace(report, metrics={"tokens.a": metric(0.9, 1.0)})
    assert [v.holds for v in none.verdicts()] == [True, True, None, None]
    assert none.passed
    assert json.loads(json.dumps(report.as_dict()))["share_within_2x_real"] == 0.8


def trace(file: Path, log: Log, kinds: list[str], account: str | None = "client_id", **meta: object) -> Path:
    """Write a log as a harmonised trace, rows of each kind in turn."""
    none = pl.Series([None] * len(log), dtype=pl.String)
    frame = pl.DataFrame(
        {
            "ts_s": log.ts,
            "input_tokens": log.input.astype(np.int32),
            "output_tokens": log.output.astype(np.int32),
            "client_id": none,
            "session_id": none,
            "kind": np.resize(kinds, len(log)),
        }
    )
    if account:
        frame = frame.with_columns(pl.Series(account, [f"c{a}" for a in log.account]))
    frame.write_parquet(file, metadata={"trace_meta": json.dumps(meta)})
    return file


def test_a_trace_reads_as_it_was_written(tmp_path: Path) -> None:
    log = law(1)
    for account in ("client_id", "session_id"):
        read = traces.from_parquet(trace(tmp_path / "x.parquet", log, ["api"], account, source="s"), "api")
        for side in ("ts", "account", "input", "output"):
            assert (getattr(read, side) == getattr(log, side)).all()
        assert (read.meta, read.name) == ({"source": "s"}, "x")
    both = traces.from_parquet(trace(tmp_path / "y.parquet", log, ["conversation", "conversation_arena", "api"]))
    chat = traces.from_parquet(tmp_path / "y.parquet", "conversation")
    assert len(both) == len(log)
    assert len(chat) == pytest.approx(1 / 3 * len(log), abs=1)
    stamps = pl.from_epoch(pl.Series("ts", (log.ts * 1e6).astype(np.int64)), time_unit="us")
    plain = {"account_id": log.account, "input_tokens": log.input, "output_tokens": log.output}
    pl.DataFrame({"ts": stamps, **plain}).write_parquet(tmp_path / "z.parquet")
    assert traces.from_parquet(tmp_path / "z.parquet", "api").ts == pytest.approx(log.ts, abs=1e-5)


def test_too_many_accounts_are_thinned_to_a_fixed_choice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = trace(tmp_path / "x.parquet", law(1), ["api"])
    monkeypatch.setattr(traces, "MAX_ACCOUNTS", 30)
    first, second = (traces.from_parquet(file) for _ in range(2))
    assert first.accounts == 30
    assert (first.ts == second.ts).all()
    assert set(first.input) < set(law(1).input)


def test_the_folder_says_who_speaks_for_what(tmp_path: Path) -> None:
    log, large = law(1), law(2, accounts=170)
    trace(tmp_path / "a.parquet", log, ["api", "reasoning", "multimodal"], source="one", cap_mode="first")
    trace(tmp_path / "b.parquet", log, ["api"], source="one", cap_mode="first")
    trace(tmp_path / "c.parquet", log, ["api"], source="one", cap_mode="thin")
    trace(tmp_path / "d.parquet", large, ["agent"], "session_id", source="two")
    trace(tmp_path / "e.parquet", log, ["conversation"], None, source="three")
    trace(tmp_path / "arena.parquet", log, ["conversation_arena"], None, source="four")
    trace(tmp_path / "few.parquet", log.take(np.arange(199)), ["code"], None)
    pl.DataFrame({"kind": ["code"] * 300, "ts_s": 0.0}).write_parquet(tmp_path / "rates.parquet")
    pl.DataFrame({"ts_s": [0], "q0.5": 1.0}).write_parquet(tmp_path / "marginals.parquet")
    found = [(p.kind, p.reference.name, p.peer and p.peer.name, p.note) for p in references.pairs(tmp_path)]
    assert found == [
        ("api", "a", "b", "peer: b.parquet"),
        ("api", "b", "a", "peer: a.parquet"),
        ("api", "c", None, "no peer: 120 accounts"),
        ("reasoning", "a", None, "no peer: 120 accounts"),
        ("conversation", "e", "e", "peer: second half in time"),
        ("agent", "d", "d", "peer: other half of accounts"),
    ]
    (half,) = references.pairs(tmp_path, kind="agent")
    assert half.peer is not None
    assert half.reference.accounts == half.peer.accounts == 85
    (chat,) = references.pairs(tmp_path, kind="conversation")
    assert chat.peer is not None
    assert chat.reference.ts.max() <= chat.peer.ts.min()


def test_peers_from_another_folder(tmp_path: Path) -> None:
    for folder, seed in (("mine", 1), ("held", 2)):
        (tmp_path / folder).mkdir()
        trace(tmp_path / folder / f"{folder}.parquet", law(seed), ["api"], source="one")
    (pair,) = references.pairs(tmp_path / "mine", tmp_path / "held")
    assert pair.peer is not None
    assert (pair.reference.accounts, pair.peer.name) == (120, "held")
    trace(tmp_path / "held" / "held.parquet", law(2), ["api"], source="two")
    assert references.pairs(tmp_path / "mine", tmp_path / "held")[0].note == "no peer: 120 accounts"


def test_bad_references_are_told_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nowhere is no folder"):
        references.pairs(tmp_path / "nowhere")
    pl.DataFrame({"x": [1]}).write_parquet(tmp_path / "x.parquet")
    with pytest.raises(UserError, match="holds 1 Parquet files, and none has 200 rows of a workload kind"):
        references.pairs(tmp_path)
    with pytest.raises(UserError, match="has no ts and no input_tokens and no output_tokens"):
        traces.from_parquet(tmp_path / "x.parquet")
    trace(tmp_path / "y.parquet", law(1), ["api"])
    with pytest.raises(UserError, match="has no usable trace of kind code, only of api"):
        references.pairs(tmp_path, kind="code")
    with pytest.raises(UserError, match="no workload kind 'chat': choose api, reasoning"):
        references.pairs(tmp_path, kind="chat")
    (tmp_path / "z.parquet").write_bytes(b"PAR1 not really")
    with pytest.raises(UserError, match=r"z\.parquet can't be read as a Parquet trace"):
        references.pairs(tmp_path)
    with pytest.raises(UserError, match="law 1 has 199 rows, and 200 are the least"):
        protocol.measure(law(1).take(np.arange(199)), law(1))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"input_tokens": pl.lit(0)}, r"input_tokens is zero or negative in [\d,]+ rows \(row 0: '0'\)"),
        (
            {"output_tokens": pl.when(pl.col("ts_s").is_first_distinct()).then(-5)},
            r"output_tokens is zero or negative",
        ),
        ({"output_tokens": pl.lit("many")}, r"output_tokens is no number in [\d,]+ rows \(row 0: 'many'\)"),
        (
            {"ts_s": pl.lit("2026-01-05T00:00:00Z")},
            r"ts_s is neither seconds nor a timestamp in [\d,]+ rows \(row 0: '2026-01-05T00:00:00Z'\)",
        ),
    ],
)
def test_a_trace_that_measures_nothing_is_told_not_taken(
    change: dict[str, pl.Expr], sentence: str, tmp_path: Path
) -> None:
    file = trace(tmp_path / "x.parquet", law(1), ["api"])
    pl.read_parquet(file).with_columns(**change).write_parquet(file)
    with pytest.raises(UserError, match=r"x\.parquet is no usable trace: " + sentence):
        references.pairs(tmp_path)


@pytest.mark.parametrize("column", ["ts_s", "output_tokens", "kind"])
def test_a_trace_that_lacks_a_column_is_told_not_passed_over(column: str, tmp_path: Path) -> None:
    trace(tmp_path / "good.parquet", law(1), ["api"])
    file = trace(tmp_path / "x.parquet", law(1), ["api"])
    pl.read_parquet(file).drop(column).write_parquet(file)
    with pytest.raises(UserError, match=rf"x\.parquet has no {column.removesuffix('_s')}, only .*input_tokens"):
        references.pairs(tmp_path)


def test_a_foreign_file_is_ignored(tmp_path: Path) -> None:
    trace(tmp_path / "good.parquet", law(1), ["api"])
    for name in ("._good.parquet", ".DS_Store"):
        (tmp_path / name).write_bytes(b"\0\5\26\7 not ours")
    assert [pair.reference.name for pair in references.pairs(tmp_path)] == ["good"]


def test_a_world_reads_as_its_tables_say(tiny: Dataset) -> None:
    split = tiny.train
    requests, truth = split.requests.polars().collect(), split.request_labels.polars().collect()
    text = pl.col("account_id", "kind", "label").cast(pl.String)
    joined = requests.join(truth.drop("day"), on="request_id", validate="1:1")
    joined = joined.join(split.labels.polars().collect(), on="account_id").with_columns(text)
    for kind in schema.KINDS:
        rows = joined.filter(pl.col("kind") == kind)
        benign = rows.filter(pl.col("label") == "benign")
        answered = benign.filter(pl.col("status") == 200)
        account = "conversation_id" if kind == "agent" else "account_id"
        answered = answered.drop_nulls(account)
        if len(answered) < 200:
            with pytest.raises(UserError, match=f"has {len(answered)} benign requests of kind {kind}"):
                traces.from_dataset(split, kind)
            continue
        log = traces.from_dataset(split, kind)
        assert (len(log), log.accounts) == (len(answered), answered[account].n_unique())
        assert (log.input.sum(), log.output.sum()) == (
            answered["input_tokens"].sum(),
            answered["output_tokens"].sum(),
        )
        assert log.ts == pytest.approx(answered["ts"].sort().dt.epoch("ms").to_numpy() / 1000, abs=1e-4)
        every = traces.from_dataset(split, kind, account="account_id", everyone=True, failed=True)
        assert len(every) == len(rows)


def test_comparison_counts_names_and_draws(tiny: Dataset, tmp_path: Path) -> None:
    pairs = [
        references.Pair("api", law(1), law(2), "peer: another"),
        references.Pair("api", law(2), None, "no peer"),
    ]
    ticks: list[tuple[int, int]] = []
    reports = comparison.compare(
        tiny.train, pairs, repeats=2, classifiers=False, tick=lambda *t: ticks.append(t), plots=tmp_path / "plots"
    )
    assert [(r.kind, r.reference, r.note) for r in reports] == [
        ("api", "law 1", "peer: another"),
        ("api", "law 2", "no peer"),
    ]
    assert ticks == [(1, 4), (2, 4), (3, 4), (4, 4)]
    files = sorted(f.name for f in (tmp_path / "plots").iterdir())
    assert files == ["api-law 1.svg", "api-law 2.svg"]
    drawn = (tmp_path / "plots" / files[0]).read_bytes()
    again = plots.draw(reports[0], traces.from_dataset(tiny.train, "api"), pairs[0], tmp_path / "again")
    assert again.read_bytes() == drawn
