"""The *campaigns* task: which extraction accounts belong together.

A group is a label that two accounts or more share; grey accounts are left out before. B-cubed precision is, for an
extraction account in a group, the share of the group that is of its campaign, so benign accounts in the group are
errors; recall is the share of its campaign that is in its group, 0 for an account in none. Precision is averaged
over the extraction accounts in groups, recall over all of them; F1 is their harmonic mean. A campaign is found if
half of its accounts are in one group of which they are half or more. Adjusted mutual information compares all
accounts' groups and campaigns, "in none" being one of each; its interval is from 100 resamples.

Source: Amigo et al., "A comparison of extrinsic clustering evaluation metrics", Information Retrieval 12 (2009).
"""

from __future__ import annotations

import numpy as np
import polars as pl

from generator.arrays import F64
from generator.errors import UserError
from leaderboard.metrics.clustering import Clustering
from leaderboard.metrics.resampling import RESAMPLES
from leaderboard.metrics.slices import value
from leaderboard.records.scorecard import Scorecard, Value
from leaderboard.tasks.ground_truth import GroundTruth

TASK = "campaigns"
_AMI_RESAMPLES = 100  # each takes as long as the value itself


def score(predictions: pl.DataFrame, truth: GroundTruth, digest: str, resamples: int = RESAMPLES) -> Scorecard:
    """Score an answer to the campaigns task.

    Parameters
    ----------
    predictions : polars.DataFrame
        account_id, campaign; one row per account, null or "": in no campaign (see `submission.read`).
    truth : Truth
        Its labels are used.
    digest, resamples
        As for `accounts.score`.

    Raises
    ------
    UserError
        If an account has no row, or the labels lack extraction or benign accounts.
    """
    people = truth.population
    judged = ~people.grey
    names, owner = np.unique(people.campaign[judged], return_inverse=True)  # "" comes first: benign
    cohort = people.group[judged]
    answer = Clustering(_labels(predictions, people.ids)[judged], owner, cohort)
    everybody = Clustering(np.ones(len(owner), np.int64), owner, cohort)
    tier = np.array([people.tier[people.campaign == name][0] for name in names[1:]])
    chosen = {t: tier == t for t in people.tiers} | {"overall": np.ones(len(tier), bool)}
    drawn = people.draws(digest, resamples).measure(lambda w: answer.compute(w, chosen), len(answer.label))
    drawn["overall/ami"] = people.draws(digest, min(resamples, _AMI_RESAMPLES)).measure(
        lambda w: {"ami": answer.ami(w)}, len(answer.label)
    )["ami"]
    once = np.ones((len(people.stratum), 1))
    told = answer.compute(once, chosen) | {"overall/ami": answer.ami(once)}
    chance = everybody.compute(once, chosen) | {"overall/ami": np.zeros(1)}
    tables: dict[str, dict[str, Value]] = {}
    for key, found in told.items():
        name, metric = key.split("/")
        tables.setdefault(name, {})[metric] = value(found[0], chance[key][0], drawn[key])
    return Scorecard(
        task=TASK,
        dataset=digest,
        counts=people.counts() | {"groups": int(answer.label.max())},
        primary=tables["overall"]["bcubed_f1"],
        tables=tables,
        resampled=_kept(drawn["overall/bcubed_f1"]),
    )


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


def _kept(vector: F64) -> tuple[float, ...]:
    return tuple(vector.astype(np.float32).tolist())
