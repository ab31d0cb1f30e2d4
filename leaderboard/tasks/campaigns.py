"""The *campaigns* task: which extraction accounts belong together.

A group is a label that two accounts or more share; grey accounts and sleepers (extraction accounts that served in
no request of this window) are left out before, so that they neither help nor harm. B-cubed precision is, for an
extraction account in a group, the share of the group that is of its campaign, so benign accounts in the group are
errors; recall is the share of its campaign that is in its group, 0 for an account in none. Precision is averaged
over the extraction accounts in groups, recall over all of them; F1 is their harmonic mean. A campaign is found if
half of its accounts are in one group of which they are half or more. Adjusted mutual information compares all
accounts' groups and campaigns, "in none" being one of each.

Source: Amigo et al., "A comparison of extrinsic clustering evaluation metrics", Information Retrieval 12 (2009).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl

from generator.arrays import F64, Mask
from generator.errors import UserError
from leaderboard.metrics.clustering import METRICS, Clustering
from leaderboard.metrics.resampling import FOLDS
from leaderboard.metrics.slices import value
from leaderboard.records.scorecard import Scorecard, Value
from leaderboard.records.task_definitions import BoardColumn
from leaderboard.tasks import ground_truth
from leaderboard.tasks.ground_truth import GroundTruth
from leaderboard.tasks.scoring import ScoredTask

NAME = "campaigns"


def score(predictions: pl.DataFrame, truth: GroundTruth, digest: str, folds: int = FOLDS) -> Scorecard:
    """Score an answer to the campaigns task.

    Parameters
    ----------
    predictions : polars.DataFrame
        account_id, campaign; one row per account, null or "": in no campaign (see `submission.read`).
    truth : GroundTruth
        Its labels are used.
    digest, folds
        As for `accounts.score`.

    Raises
    ------
    UserError
        If an account has no row, or the labels lack extraction or benign accounts.
    """
    people = truth.population
    scored = people.scored
    names, owner = np.unique(people.campaign[scored], return_inverse=True)  # "" comes first: benign
    cohort = people.group[scored]
    answer = Clustering(_labels(predictions, people.ids)[scored], owner, cohort)
    everybody = Clustering(np.ones(len(owner), np.int64), owner, cohort)
    tier = np.array([people.tier[people.campaign == name][0] for name in names[1:]])
    chosen = {t: tier == t for t in people.tiers} | {"overall": np.ones(len(tier), bool)}
    parts = people.folds(digest, folds)
    replicates = parts.measure(lambda w: _measure(answer, w, chosen), len(answer.label))
    once = np.ones((len(people.stratum), 1))
    values, chance = (_measure(c, once, chosen) for c in (answer, everybody))
    tables: dict[str, dict[str, Value]] = {}
    for key in values:
        name, metric = key.split("/")
        fixed = METRICS[metric].chance_value
        by_chance = chance[key][0] if fixed is None else fixed
        numbers = (values[key][0], by_chance, replicates[key], parts.strata, METRICS[metric].range)
        tables.setdefault(name, {})[metric] = value(*numbers)
    return Scorecard(
        task=NAME,
        dataset=digest,
        counts=people.counts() | {"groups": int(answer.label.max())},
        primary=tables["overall"]["bcubed_f1"],
        tables=tables,
        replicates=tuple(replicates["overall/bcubed_f1"].astype(np.float32).tolist()),
        strata=parts.strata,
    )


def _measure(clustering: Clustering, weights: F64, chosen: Mapping[str, Mask]) -> dict[str, F64]:
    """Metrics by "slice/metric" under weights of shape (cohorts, replicates)."""
    weighted = clustering.weighted(weights)
    return {
        f"{name}/{key}": metric.compute(weighted, mask)
        for name, mask in chosen.items()
        for key, metric in METRICS.items()
        if metric.sliced or name == "overall"
    }


def _labels(predictions: pl.DataFrame, ids: pl.Series) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Group of each account by number, 0: none."""
    given = predictions.select(pl.col("account_id").cast(pl.String), pl.col("campaign").cast(pl.String))
    table = pl.DataFrame({"account_id": ids}).join(
        given.with_columns(given=True), on="account_id", how="left", maintain_order="left", validate="1:1"
    )
    if missing := table["given"].null_count():
        raise UserError(f"{missing:,} of {len(ids):,} labelled accounts have no row: name every account")
    named = table["campaign"].replace("", None).rank("dense")
    return named.fill_null(0).to_numpy().astype(np.int64)


TASK = ScoredTask(
    question="Which accounts belong to the same extraction campaign?",
    keys={"account_id": "string"},
    value="campaign",
    kind="label",
    rows="accounts",
    counted="accounts",
    primary="bcubed_f1",
    title="B-cubed F1 over extraction accounts",
    short="F1",
    metrics=METRICS,
    columns=(
        BoardColumn("overt/bcubed_f1", "F1 overt", "overt"),
        BoardColumn("evasive/bcubed_f1", "F1 evasive", "evasive"),
        BoardColumn("adaptive/bcubed_f1", "F1 adaptive", "adaptive"),
        BoardColumn("overall/campaigns_found", "Campaigns found", "found"),
        BoardColumn("overall/ami", "Adjusted mutual information", "AMI"),
        BoardColumn("overall/benign_grouped", "Benign accounts grouped", "benign", False),
    ),
    example=(("acc_0252462bf958ba84", "g1"), ("acc_028f6920f9487c8c", None), ("acc_03a8ad2011b40831", "g1")),
    note="null, in CSV an empty cell, says: in no campaign; accounts with equal labels say: in the same one",
    expected=ground_truth.account_ids,
    truth=ground_truth.account_labels,
    score=score,
)
