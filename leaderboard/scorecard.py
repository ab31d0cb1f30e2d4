"""The *accounts* task: from predictions and truth to a scorecard."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from generator.errors import UserError
from generator.schema import TIERS
from leaderboard import ranking, uncertainty
from leaderboard.ranking import METRICS

EVALUATOR_VERSION = "1"
TASK = "accounts"
CONFOUNDER_FPR = 0.01
RECALLS = tuple(i / 50 for i in range(1, 51))
F64 = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Value:
    """A metric's value, what chance gets, and its 95 % interval."""

    value: float
    chance: float
    low: float
    high: float


@dataclass(frozen=True)
class Scorecard:
    """All results of one entry on one dataset.

    Attributes
    ----------
    primary : Value
        Average precision, mean over the evasion tiers present.
    tiers : dict of str to dict of str to Value
        Metrics per tier and "overall".
    worst_tier : str
        Tier with the lowest average precision.
    false_positives : dict of str to float
        Share of each benign archetype flagged where 1 % of all benign accounts are.
    grey_flagged : float or None
        Share of grey accounts flagged there; None without grey accounts.
    precision : dict of str to tuple of float
        Precision per tier at each of `RECALLS`.
    resampled : tuple of float
        The primary metric in each resample, for paired comparison.
    """

    task: str
    evaluator: str
    dataset: str
    accounts: int
    primary: Value
    tiers: dict[str, dict[str, Value]]
    worst_tier: str
    false_positives: dict[str, float]
    grey_flagged: float | None
    precision: dict[str, tuple[float, ...]]
    resampled: tuple[float, ...] = field(repr=False)

    @property
    def worst_archetype(self) -> str:
        """Benign archetype that is falsely flagged most often."""
        return max(self.false_positives, key=lambda k: self.false_positives[k])

    def to_json(self) -> str:
        """The whole card as JSON."""
        return json.dumps(asdict(self), indent=1)

    @classmethod
    def from_json(cls, text: str) -> Scorecard:
        """Scorecard from what `to_json` wrote."""
        d: dict[str, Any] = json.loads(text)
        d["primary"] = Value(**d["primary"])
        d["tiers"] = {t: {name: Value(**v) for name, v in m.items()} for t, m in d["tiers"].items()}
        d["precision"] = {t: tuple(v) for t, v in d["precision"].items()}
        return cls(**d | {"resampled": tuple(d["resampled"])})

    def flat(self) -> dict[str, float]:
        """Every number by name, e.g. "evasive/ap"."""
        numbers = {
            "primary": self.primary.value,
            "primary_low": self.primary.low,
            "primary_high": self.primary.high,
            "primary_chance": self.primary.chance,
        }
        for tier, metrics in self.tiers.items():
            for name, v in metrics.items():
                numbers |= {
                    f"{tier}/{name}": v.value,
                    f"{tier}/{name}_low": v.low,
                    f"{tier}/{name}_high": v.high,
                }
        numbers |= {f"fpr/{a}": v for a, v in self.false_positives.items()}
        return numbers if self.grey_flagged is None else numbers | {"grey_flagged": self.grey_flagged}


def score_accounts(
    predictions: pl.DataFrame, labels: pl.DataFrame, digest: str, resamples: int = 1000
) -> Scorecard:
    """Score predictions for the accounts task.

    Parameters
    ----------
    predictions : polars.DataFrame
        account_id, score; one finite row per account of `labels` (see `submission.read`).
    labels : polars.DataFrame
        Columns of `schema.ACCOUNT_LABELS`.
    digest : str
        Digest of the dataset; keys the resampling, so that entries share their draws.
    resamples : int
        Bootstrap resamples of campaigns and benign cohorts.

    Returns
    -------
    Scorecard

    Raises
    ------
    UserError
        If an account has no score, or the labels lack extraction or benign accounts.
    """
    table = _join(predictions, labels)
    truth = table["label"].to_numpy()
    benign, grey = truth == "benign", truth == "grey"
    scored = np.flatnonzero(~grey)
    score = table["score"].to_numpy().astype(np.float64)
    tier = table["tier"].fill_null("").to_numpy()
    present = [t for t in TIERS if (tier == t).any()]
    if not present or not benign.any():
        counts = f"{(truth == 'extraction').sum():,} extraction and {benign.sum():,} benign accounts"
        raise UserError(f"the labels hold {counts}: nothing to rank; score a split that has both")
    group = table["cohort"].rank("dense").to_numpy()[scored].astype(np.int64) - 1
    stratum = np.array([(*TIERS, "").index(t) for t in tier[scored]])

    negative = benign[scored]
    masks = {t: negative | (tier[scored] == t) for t in present} | {"overall": np.ones(len(scored), bool)}
    ranked = {t: ranking.Ranked(score[scored][m], ~negative[m]) for t, m in masks.items()}
    drawn: dict[tuple[str, str], list[F64]] = {}
    for w in uncertainty.weights(group, stratum, digest, resamples):
        for t, mask in masks.items():
            curve = ranked[t].curve(w[:, mask])
            for name in METRICS:
                drawn.setdefault((t, name), []).append(METRICS[name].compute(curve))
    vectors = {k: np.concatenate(v) for k, v in drawn.items()}
    tiers = {t: _values(ranked[t], negative.sum(), {n: vectors[t, n] for n in METRICS}) for t in masks}
    primary = np.mean([vectors[t, "ap"] for t in present], axis=0)
    mean = [float(np.mean([getattr(tiers[t]["ap"], k) for t in present])) for k in ("value", "chance")]

    share = ranking.flagged(score, benign, CONFOUNDER_FPR)
    archetype = table["archetype"].to_numpy()
    return Scorecard(
        task=TASK,
        evaluator=EVALUATOR_VERSION,
        dataset=digest,
        accounts=len(scored),
        primary=Value(mean[0], mean[1], *uncertainty.interval(primary)),
        tiers=tiers,
        worst_tier=min(present, key=lambda t: tiers[t]["ap"].value),
        false_positives={
            str(a): float(share[benign & (archetype == a)].mean()) for a in np.unique(archetype[benign])
        },
        grey_flagged=float(share[grey].mean()) if grey.any() else None,
        precision={t: _precision(ranked[t]) for t in present},
        resampled=tuple(primary.astype(np.float32).tolist()),
    )


def _join(predictions: pl.DataFrame, labels: pl.DataFrame) -> pl.DataFrame:
    text = ["account_id", "label", "tier", "archetype", "cohort"]
    truth = labels.select(pl.col(c).cast(pl.String) for c in text)
    given = predictions.select(pl.col("account_id").cast(pl.String), pl.col("score"))
    table = truth.join(given, on="account_id", how="inner", validate="1:1").sort("account_id")
    if len(table) < len(truth):
        missing = len(truth) - len(table)
        raise UserError(f"{missing:,} of {len(truth):,} labelled accounts have no score: score every account")
    return table


def _precision(ranked: ranking.Ranked) -> tuple[float, ...]:
    return tuple(ranking.precision_at_recall(ranked.curve(), np.array(RECALLS)).tolist())


def _values(ranked: ranking.Ranked, negatives: int, vectors: dict[str, F64]) -> dict[str, Value]:
    curve = ranked.curve()
    values: dict[str, Any] = {}
    for name, metric in METRICS.items():
        if negatives >= metric.least_negatives:
            low, high = uncertainty.interval(vectors[name])
            values[name] = Value(float(metric.compute(curve)[0]), metric.chance(curve), low, high)
    return values
