"""The *accounts* task: average precision, mean over the evasion tiers.

Positives of a tier are the accounts of its campaigns that served: each sent at least one answered request for its
campaign in this window. Negatives are all benign accounts. Grey accounts and sleepers, which belong to a campaign
but did nothing for it that anyone could see, are neither; what share of them is flagged stands apart.

The ceiling is what an omniscient ranking gets, by the true number of requests that served. An entry's headroom is
how much of the way from chance to the ceiling it leaves: (ceiling - value) / (ceiling - chance).
"""

from __future__ import annotations

import numpy as np
import polars as pl

from generator.arrays import F64
from generator.errors import UserError
from leaderboard.metrics import ranking, slices
from leaderboard.metrics.population import Population
from leaderboard.metrics.ranking import METRICS, Curve, Ranked
from leaderboard.metrics.resampling import FOLDS
from leaderboard.metrics.slices import Rates, Slices
from leaderboard.records.scorecard import Line, Scorecard
from leaderboard.records.task_definitions import BoardColumn
from leaderboard.tasks import ground_truth
from leaderboard.tasks.ground_truth import GroundTruth
from leaderboard.tasks.scoring import ScoredTask

NAME = "accounts"
FALSE_POSITIVES = 0.01
"""Working point of boards: share of benign accounts flagged (a)."""
BUDGETS = np.geomspace(1e-4, 1, 61)


def score(predictions: pl.DataFrame, truth: GroundTruth, digest: str, folds: int = FOLDS) -> Scorecard:
    """Score an answer to the accounts task.

    Parameters
    ----------
    predictions : polars.DataFrame
        account_id, score; one finite row per account (see `submission.read`).
    truth : GroundTruth
        Its labels are used.
    digest : str
        Digest of the dataset; keys the folds, so that entries share them.
    folds : int
        Folds of the campaigns of a tier and of the benign cohorts, at most.

    Raises
    ------
    UserError
        If an account has no score, or the labels lack extraction or benign accounts.
    """
    people = truth.population
    given = aligned(predictions, people)
    masks = {tier: people.benign | (people.tier == tier) for tier in people.tiers} | {"overall": people.scored}
    ranked = {name: Ranked(given[mask], people.attack[mask], people.group[mask]) for name, mask in masks.items()}
    exact = {name: r.curve() for name, r in ranked.items()}
    table = Slices(ranked, tuple(METRICS), exact)
    share = slices.flagged(given, people.benign, FALSE_POSITIVES)
    rates = Rates(people, share, FALSE_POSITIVES)
    grey = slices.against_grey(given, people)
    parts = people.folds(digest, folds)
    replicates = parts.measure(
        lambda w: table.compute(w) | rates.compute(w) | grey.compute(np.vstack([w, np.ones(w.shape[1])])),
        table.cells,
    )
    tables = table.tables(replicates, parts.strata)
    primary = np.mean([replicates[f"{tier}/ap"] for tier in people.tiers], axis=0)
    value, chance = (
        float(np.mean([getattr(tables[t]["ap"], k) for t in people.tiers])) for k in ("value", "chance")
    )
    return Scorecard(
        task=NAME,
        dataset=digest,
        counts=people.counts(),
        primary=slices.value(value, chance, primary, parts.strata),
        tables=tables,
        replicates=tuple(primary.astype(np.float32).tolist()),
        strata=parts.strata,
        false_positives=rates.values(replicates, parts.strata),
        against_grey={name: metrics["ap"] for name, metrics in grey.tables(replicates, parts.strata).items()},
        grey_flagged=slices.flagged_among(people.grey, share),
        sleepers_flagged=slices.flagged_among(people.sleeper, share),
        ceiling=ceiling(people),
        curves={
            "precision_recall": {t: slices.precision_recall(exact[t]) for t in people.tiers},
            "recall": {t: recall(exact[t]) for t in people.tiers},
        },
    )


def ceiling(people: Population) -> float:
    """Average precision, mean over the evasion tiers, of a ranking by the true number of requests that served.

    Parameters
    ----------
    people : Population
        Accounts.
    """
    masks = [people.benign | (people.tier == tier) for tier in people.tiers]
    ranked = [Ranked(people.requests[m].astype(np.float64), people.attack[m]) for m in masks]
    return float(np.mean([ranking.average_precision(r.curve())[0] for r in ranked]))


def aligned(predictions: pl.DataFrame, people: Population) -> F64:
    """Scores in the order of the accounts.

    Parameters
    ----------
    predictions : polars.DataFrame
        account_id, score.
    people : Population
        Accounts.

    Raises
    ------
    UserError
        If an account has none.
    """
    given = predictions.select(pl.col("account_id").cast(pl.String), pl.col("score").cast(pl.Float64))
    ids = pl.DataFrame({"account_id": people.ids})
    table = ids.join(given, on="account_id", how="left", maintain_order="left", validate="1:1")
    if missing := table["score"].null_count():
        raise UserError(f"{missing:,} of {len(ids):,} labelled accounts have no score: score every account")
    return table["score"].to_numpy()


def recall(curve: Curve) -> Line:
    """Recall at each false-positive rate of `BUDGETS`.

    Parameters
    ----------
    curve : Curve
        Unweighted.
    """
    return tuple(BUDGETS.tolist()), tuple(float(ranking.recall_at_fpr(curve, b)[0]) for b in BUDGETS)


TASK = ScoredTask(
    question="Which accounts belong to an extraction campaign?",
    keys={"account_id": "string"},
    value="score",
    kind="number",
    rows="accounts",
    counted="accounts",
    primary="ap",
    title="average precision, mean over the evasion tiers",
    short="AP",
    metrics=METRICS,
    columns=(
        BoardColumn("overt/ap", "AP overt", "overt"),
        BoardColumn("evasive/ap", "AP evasive", "evasive"),
        BoardColumn("adaptive/ap", "AP adaptive", "adaptive"),
        BoardColumn("robust", "Mean AP in worlds whose campaigns adapted to baselines", "robust"),
        BoardColumn(
            "worst_archetype_flagged",
            "Share of the worst benign archetype flagged where 1 % of all benign accounts are",
            "worst",
            False,
            tag="worst_archetype",
        ),
        BoardColumn("overall/recall_fpr_1e-2", "Recall at 1 % false positives", "R@1%"),
        BoardColumn("overall/recall_fpr_1e-3", "Recall at 0.1 % false positives", "R@0.1%"),
        BoardColumn("overall/roc_auc", "ROC AUC", "AUC"),
        BoardColumn("headroom", "Share of the way from chance to the ceiling that is left", "headroom", False),
        BoardColumn(
            "ceiling", "AP of an omniscient ranking, by the true number of requests that served", "ceiling"
        ),
    ),
    example=(("acc_0252462bf958ba84", 0.93), ("acc_028f6920f9487c8c", 0.02)),
    expected=ground_truth.account_ids,
    truth=ground_truth.account_labels,
    score=score,
)
