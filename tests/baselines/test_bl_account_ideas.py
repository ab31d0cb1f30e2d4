"""What the floors, the providers' rules and the account-level detectors promise, by hand-made examples."""

from __future__ import annotations

import numpy as np
import polars as pl

from baselines.base import evaluation
from baselines.contract import toy_dataset, toy_requests
from baselines.detectors.accounts import ecod
from baselines.detectors.coordination import mean_discrepancy
from baselines.detectors.rules import advisory_indicators, provider_rules, reputation
from baselines.detectors.trivial import unverified_and_busy
from generator.dataset import Split


def _world(seed: int = 2) -> Split:
    return toy_dataset.split("train", toy_dataset.world(seed))


def _by_label(said: pl.DataFrame, split: Split) -> dict[str, float]:
    labels = split.labels.polars().select(pl.col("account_id", "label").cast(pl.String)).collect()
    means = said.join(labels, on="account_id").group_by("label").agg(pl.col("score").mean())
    return dict(means.iter_rows())


def test_of_two_equally_busy_accounts_the_weaker_verified_is_more_suspicious() -> None:
    split = _world()
    said = unverified_and_busy.UnverifiedBusy().fit().score(split)
    known = split.accounts.polars().select(pl.col("account_id", "verification").cast(pl.String)).collect()
    sent = split.requests.polars().group_by(pl.col("account_id").cast(pl.String)).len().collect()
    both = said.join(known, on="account_id").join(sent, on="account_id")
    strength = both["verification"].replace_strict({"none": 0, "email": 1, "phone": 2, "payment": 3}, default=4)
    assert np.allclose(both["score"], np.log1p(both["len"]) / (1 + strength.to_numpy()))


def test_each_indicator_is_counted_once() -> None:
    row = {"quiet_share": [0.2, 0.0], "active_hours": [5.0, 5.0], "sdks": [1.2, 0.5], "devices": [0.0, 0.0]}
    row |= {"age": [1.0, 5.0], "requests": [4.0, 4.0], "typical": [3.0, 3.0], "high": [3.5, 9.0]}
    shown = pl.DataFrame(row).select(
        pl.sum_horizontal(e.cast(pl.Int64) for e in advisory_indicators.INDICATORS.values())
    )
    assert shown.to_series().to_list() == [4, 0]


def test_reputation_learns_which_values_are_bad_and_ignores_new_ones() -> None:
    split = _world()
    fitted = evaluation.fit(reputation.Reputation(), [split])
    means = _by_label(evaluation.answer(fitted, _world(5)), _world(5))
    assert means["extraction"] > means["benign"] + 1
    tables = toy_dataset.world(5)
    new = tables["accounts"].with_columns(
        pl.lit("unheard-of").cast(tables["accounts"].schema[c]).alias(c) for c in ("payment_type", "plan")
    )
    shown = toy_dataset.split("x", {**tables, "accounts": new})
    assert np.isfinite(evaluation.answer(fitted, shown)["score"].to_numpy()).all()


def test_rules_of_sign_up_add_up_to_states() -> None:
    """Four sign up in nine minutes from one prefix, on one device, under like domains; a fifth came before."""
    tables, who = toy_dataset.world(5), pl.col("account_id").cast(pl.String)
    ids = tables["accounts"]["account_id"].cast(pl.String).sort().to_list()
    farm, later, others = ids[:4], ids[4], ids[5:]
    # Days from one to the next, but for the farm, of whom three come after three minutes each.
    minutes = {name: 1440 * 9 * (i + 2) for i, name in enumerate(others)} | {later: 1440 * 9}
    minutes |= {name: 3 * i for i, name in enumerate(farm)}
    since = pl.duration(minutes=who.replace_strict(minutes, return_dtype=pl.Int64))
    people = tables["accounts"].with_columns(
        plan=pl.lit("scale"),
        email_type=pl.when(who.is_in(farm)).then(pl.lit("disposable")).otherwise(pl.lit("free")),
        email_domain=pl.format("smith-word{}.temp.example", who.rank().cast(pl.Int64)),
        signup_prefix=pl.when(who.is_in(farm) | (who == later)).then(1).otherwise(who.rank().cast(pl.Int64) + 1),
        created=pl.lit(toy_requests.START) - since,
    )
    people = people.select(pl.col(c).cast(t) for c, t in tables["accounts"].schema.items())
    device = pl.when(who.is_in(farm)).then(0).otherwise(who.rank("dense")).cast(pl.Int32)
    sent = tables["requests"].with_columns(tls_fingerprint=device)
    split = toy_dataset.split("x", {**tables, "accounts": people, "requests": sent})
    said = {row[0]: row[1:] for row in provider_rules.ProviderRules().fit().states(split).rows()}
    assert {said[name] for name in farm} == {(2.0 + 2.0 + 1.0 + 2.0, "enforce")}
    assert {said[name] for name in (later, *others)} == {(0.0, None)}


def test_ecod_scores_an_account_higher_once_it_goes_to_extremes() -> None:
    split = _world()
    tables = toy_dataset.world(2)
    loud = tables["accounts"]["account_id"].cast(pl.String)[3]
    changed = tables["requests"].with_columns(
        pl.when(pl.col("account_id").cast(pl.String) == loud)
        .then(900_000)
        .otherwise(pl.col(c))
        .cast(pl.Int32)
        .alias(c)
        for c in ("input_tokens", "output_tokens", "max_tokens", "latency_ms")
    )
    fitted = evaluation.fit(ecod.Ecod(), [split])

    def score(requests: pl.DataFrame) -> float:
        said = evaluation.answer(fitted, toy_dataset.split("x", {**tables, "requests": requests}))
        return float(said.filter(pl.col("account_id") == loud)["score"][0])

    assert score(changed) > score(tables["requests"]) + 5


def test_mean_discrepancy_vanishes_for_the_reference_itself_and_grows_with_a_shift() -> None:
    rng = np.random.default_rng(0)
    fitted = mean_discrepancy.MeanDiscrepancy()
    fitted._middle, fitted._scale = np.zeros(3), np.ones(3)
    reference = fitted._embedded(rng.standard_normal((4000, 3))).mean(axis=0)

    def off(shift: float) -> float:
        return float(
            ((fitted._embedded(shift + rng.standard_normal((4000, 3))).mean(axis=0) - reference) ** 2).sum()
        )

    assert off(0.0) < 2e-3 < 0.01 < off(0.5) < off(1.5)
