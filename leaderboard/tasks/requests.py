"""The *requests* task: average precision over requests.

Positives are requests that serve an extraction, negatives all others but those of grey accounts and of sleepers
(extraction accounts that served in no answered request); the ordinary traffic of extraction accounts is negative,
too. The slice "camouflaged" looks only inside accounts that send both.
There may be many millions of rows: values are exact, but for their intervals scores are rounded to `BLOCKS`
levels of equally many distinct scores, and what that changes in the value is added back.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from generator.arrays import F64, I64, Mask
from generator.errors import UserError
from generator.schema import TIERS
from leaderboard.metrics import slices
from leaderboard.metrics.ranking import METRICS, Curve, Ranked
from leaderboard.metrics.resampling import FOLDS
from leaderboard.metrics.slices import Slices
from leaderboard.records.scorecard import Scorecard
from leaderboard.records.task_definitions import BoardColumn
from leaderboard.tasks.ground_truth import GroundTruth, account_labels, labelled_requests
from leaderboard.tasks.scoring import ScoredTask

if TYPE_CHECKING:
    from generator.dataset import Split

NAME = "requests"
BLOCKS = 1 << 15
_METRICS = ("ap", "recall_fpr_1e-3", "roc_auc")


@dataclass(frozen=True)
class _RequestRows:
    """Scored requests: score, truth, and which account sent them (its place in the population)."""

    score: F64
    positive: Mask
    account: I64


def score(predictions: pl.DataFrame, truth: GroundTruth, digest: str, folds: int = FOLDS) -> Scorecard:
    """Score an answer to the requests task.

    Parameters
    ----------
    predictions : polars.DataFrame
        request_id, score; one finite row per request (see `submission.read`).
    truth : GroundTruth
        Its labels and requests are used.
    digest, folds
        As for `accounts.score`.

    Raises
    ------
    UserError
        If a request has no score, or there are none of one kind.
    """
    people = truth.population
    rows = _rows(predictions, truth)
    masks = _slices(rows, truth)
    exact: dict[str, Curve] = {}
    ranked: dict[str, Ranked] = {}
    for name, mask in masks.items():
        of = (rows.score[mask], rows.positive[mask])
        exact[name] = Ranked(*of, np.zeros(int(mask.sum()), np.int64)).curve()
        ranked[name] = Ranked(*of, people.group[rows.account[mask]], BLOCKS)
    table = Slices(ranked, _METRICS, exact)
    parts = people.folds(digest, folds)
    replicates = parts.measure(table.compute, table.cells)
    for name, r in ranked.items():
        rounded = r.curve()
        for m in table.metrics:
            change = METRICS[m].compute(exact[name])[0] - METRICS[m].compute(rounded)[0]
            replicates[f"{name}/{m}"] = np.clip(replicates[f"{name}/{m}"] + change, 0, 1)
    tables = table.tables(replicates, parts.strata)
    primary = replicates["overall/ap"]
    return Scorecard(
        task=NAME,
        dataset=digest,
        counts=people.counts() | {"requests": len(rows.score), "extraction_requests": int(rows.positive.sum())},
        primary=tables["overall"]["ap"],
        tables=tables,
        replicates=tuple(primary.astype(np.float32).tolist()),
        strata=parts.strata,
        # A tier whose campaigns sent nothing in this window has no slice.
        curves={
            "precision_recall": {t: slices.precision_recall(exact[t]) for t in ("overall", *TIERS) if t in exact}
        },
    )


def _rows(predictions: pl.DataFrame, truth: GroundTruth) -> _RequestRows:
    people = truth.population
    place = pl.DataFrame({"account_id": people.ids, "account": np.arange(len(people.ids))})
    known = truth.requests.with_columns(pl.col("account_id").cast(pl.String)).join(place, on="account_id")
    known = known.drop("account_id").sort("request_id")
    given = predictions.select("request_id", pl.col("score").cast(pl.Float64)).sort("request_id")
    if not given["request_id"].equals(known["request_id"]):
        missing = len(known.join(given, on="request_id", how="anti"))
        raise UserError(
            f"{missing:,} of {len(known):,} requests have no score, and {len(given):,} were given: "
            "give each request one"
        )
    account = known["account"].to_numpy()
    scored = people.scored[account]
    positive = known["is_extraction"].to_numpy()[scored]
    if positive.all() or not positive.any():
        raise UserError(f"{positive.sum():,} of {len(positive):,} requests serve an extraction: nothing to rank")
    return _RequestRows(given["score"].to_numpy()[scored], positive, account[scored])


def _slices(rows: _RequestRows, truth: GroundTruth) -> dict[str, Mask]:
    """Rows of each slice: all negatives and some positives, or both of some accounts only."""
    people = truth.population
    masks = {"overall": np.ones(len(rows.score), bool)}
    positives = rows.account[rows.positive]
    for kind in (people.tier, people.archetype):
        for name in np.unique(kind[positives]):
            masks[str(name)] = ~rows.positive | (kind[rows.account] == name)
    size = len(people.ids)
    sent = [np.bincount(rows.account[m], minlength=size) > 0 for m in (rows.positive, ~rows.positive)]
    both = (sent[0] & sent[1])[rows.account]
    return masks | ({"camouflaged": both} if both.any() else {})


def _ids(public: Split) -> pl.DataFrame:
    return pl.concat(rows.select("request_id").collect() for rows in public.requests.buckets())


def _truth(split: Split) -> GroundTruth:
    columns = ("request_id", pl.col("account_id").cast(pl.Categorical), "is_extraction")
    requests = pl.concat(rows.select(columns).collect() for rows in labelled_requests(split))
    return replace(account_labels(split), requests=requests)


TASK = ScoredTask(
    question="Which requests serve an extraction campaign?",
    keys={"request_id": "integer"},
    value="score",
    kind="number",
    rows="requests",
    counted="requests",
    primary="ap",
    title="average precision over requests",
    short="AP",
    metrics={name: METRICS[name] for name in _METRICS},
    columns=(
        BoardColumn("overt/ap", "AP overt", "overt"),
        BoardColumn("evasive/ap", "AP evasive", "evasive"),
        BoardColumn("adaptive/ap", "AP adaptive", "adaptive"),
        BoardColumn("overall/recall_fpr_1e-3", "Recall at 0.1 % false positives", "R@0.1%"),
        BoardColumn("camouflaged/ap", "AP inside camouflaged accounts", "inside"),
    ),
    example=((5956421813240307, 0.71), (6285535806803257, 0.0)),
    expected=_ids,
    truth=_truth,
    score=score,
)
