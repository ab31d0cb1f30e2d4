"""The *requests* task: average precision over requests.

Positives are requests that serve an extraction, negatives all others but those of grey accounts and of sleepers
(extraction accounts that served in no answered request); the ordinary traffic of extraction accounts is negative,
too. The slice "camouflaged" looks only inside accounts that send both.
There may be many millions of rows: values are exact, but for their intervals scores are rounded to
`many_rows.BLOCKS` levels of equally many distinct scores, and what that changes in the value is added back.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import polars as pl

from generator.arrays import F64, Mask
from generator.errors import UserError
from generator.schema import TIERS
from leaderboard.metrics import slices
from leaderboard.metrics.many_rows import ManyRows
from leaderboard.metrics.ranking import METRICS, Curve
from leaderboard.metrics.resampling import FOLDS
from leaderboard.metrics.slices import Slices
from leaderboard.records.scorecard import Scorecard
from leaderboard.records.task_definitions import BoardColumn
from leaderboard.tasks.ground_truth import GroundTruth, account_labels, labelled_requests
from leaderboard.tasks.scoring import ScoredTask

if TYPE_CHECKING:
    from generator.dataset import Split

NAME = "requests"
_METRICS = ("ap", "recall_fpr_1e-3", "roc_auc")
_NOBODY = -1  # place of an account that is not there
_HELD = 12  # numbers that metrics hold at once of each block


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
    rows, counts = _rows(predictions, truth)
    parts = people.folds(digest, folds)
    of_group, first = parts.alike
    column = of_group[people.group]  # of those who are not scored there is no row
    exact: dict[str, Curve] = {}
    replicates: dict[str, F64] = {}
    for name, (positives, negatives) in _slices(rows, truth).items():
        # One after the other: each holds blocks times folds.
        exact[name], sums = rows.ranked(positives, negatives, column, first)
        table = Slices({name: sums}, _METRICS, exact)
        rounded = sums.curve()
        for key, values in parts.measure(table.compute, _HELD * sums.blocks).items():
            metric = METRICS[key.rpartition("/")[2]]
            change = metric.compute(exact[name])[0] - metric.compute(rounded)[0]
            replicates[key] = np.clip(values + change, 0, 1)
    tables = Slices({}, _METRICS, exact).tables(replicates, parts.strata)
    primary = replicates["overall/ap"]
    return Scorecard(
        task=NAME,
        dataset=digest,
        counts=people.counts() | counts,
        primary=tables["overall"]["ap"],
        tables=tables,
        replicates=tuple(primary.astype(np.float32).tolist()),
        strata=parts.strata,
        # A tier whose campaigns sent nothing in this window has no slice.
        curves={
            "precision_recall": {t: slices.precision_recall(exact[t]) for t in ("overall", *TIERS) if t in exact}
        },
    )


def _rows(predictions: pl.DataFrame, truth: GroundTruth) -> tuple[ManyRows, dict[str, int]]:
    """Scored requests, and how many there are."""
    people = truth.population
    place = pl.Series(_places(truth.requests["account_id"], people.ids))
    known = truth.requests.select("request_id", "is_extraction", account=place)
    if place.min() == _NOBODY:
        known = known.filter(pl.col("account") != _NOBODY)
    known = known.sort("request_id")
    given = predictions.select("request_id", pl.col("score").cast(pl.Float64)).sort("request_id")
    if not given["request_id"].equals(known["request_id"]):
        missing = len(known.join(given, on="request_id", how="anti"))
        raise UserError(
            f"{missing:,} of {len(known):,} requests have no score, and {len(given):,} were given: "
            "give each request one"
        )
    account, serves = known["account"].to_numpy(), known["is_extraction"].to_numpy()
    scored = people.scored[account]
    positive, negative = serves & scored, ~serves & scored
    sent = {"requests": int(scored.sum()), "extraction_requests": int(positive.sum())}
    if not positive.any() or not negative.any():
        some, of = sent["extraction_requests"], sent["requests"]
        raise UserError(f"{some:,} of {of:,} requests serve an extraction: nothing to rank")
    return ManyRows(given["score"].to_numpy(), positive, negative, account), sent


def _places(accounts: pl.Series, ids: pl.Series) -> npt.NDArray[np.int32]:
    """Place of each account in the ids, `_NOBODY` where it has none; each name is looked up once."""
    codes = accounts.cast(pl.Categorical).to_physical().to_numpy()
    row = np.zeros(int(codes.max()) + 1 if len(codes) else 0, np.int64)
    row[codes] = np.arange(len(codes))  # one of each code; codes of nobody here are never asked for
    named = accounts.gather(row).cast(pl.String).rename("id").to_frame()
    known = pl.DataFrame({"id": ids, "place": np.arange(len(ids), dtype=np.int32)})
    found = named.join(known, on="id", how="left", maintain_order="left")["place"].fill_null(_NOBODY)
    return np.asarray(found.to_numpy()[codes], np.int32)


def _slices(rows: ManyRows, truth: GroundTruth) -> dict[str, tuple[Mask, Mask | None]]:
    """Accounts whose positives, and whose negatives, are in each slice; None: all negatives."""
    people = truth.population
    sent = rows.sent(len(people.ids))
    slices: dict[str, tuple[Mask, Mask | None]] = {"overall": (sent[0], None)}
    for kind in (people.tier, people.archetype):
        slices |= {str(name): (kind == name, None) for name in np.unique(kind[sent[0]])}
    both = sent[0] & sent[1]
    return slices | ({"camouflaged": (both, both)} if both.any() else {})


def _ids(public: Split) -> pl.DataFrame:
    return pl.concat(rows.select("request_id").collect() for rows in public.requests.buckets())


def _truth(split: Split) -> GroundTruth:
    columns = ("request_id", pl.col("account_id").cast(pl.Categorical), "is_extraction")
    requests = pl.concat(rows.select(columns).collect() for rows in labelled_requests(split))
    requests = requests.rechunk()  # or the parts would stay beside it while it is sorted
    # Sorted here, once for all entries: what is sorted is not sorted again.
    return replace(account_labels(split), requests=requests.sort("request_id"))


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
