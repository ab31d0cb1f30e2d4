"""What the cohort oracle is told of a split whose labels are open, and its run on it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

import polars as pl

from baselines.base import evaluation
from baselines.base.evaluation import Result
from baselines.detectors.upper_bounds import cohort_oracle
from generator.dataset import Split, Table


def run_cohort_oracle(worlds: Sequence[Split], target: Split, seed: int = 0) -> Result:
    """Fit the oracle on worlds with open labels, tell it the cohorts of another, and let it score that one.

    Parameters
    ----------
    worlds : sequence of Split
        Worlds to learn from.
    target : Split
        Must have open labels too; the oracle sees nothing of them but who belongs together.
    seed : int
        Seed of the oracle.

    Returns
    -------
    Result
        Scores of all accounts of the target, and the time they took.
    """
    oracle = cohort_oracle.CohortOracle(seed=seed)
    began = time.perf_counter()
    fitted = oracle.fit(*(world.restrict(oracle.fields) for world in worlds))
    scores = fitted.score(with_cohort_numbers(target.restrict(oracle.fields)))
    predictions = evaluation.check(oracle.name, scores, target, evaluation.TASKS["accounts"])
    return Result(oracle.name, "accounts", predictions, time.perf_counter() - began)


def with_cohort_numbers(split: Split) -> Split:
    """The split as an oracle sees it: public tables, and for each account a number that its cohort shares.

    It is told no more than the log shows: see `cohort_oracle.shown_cohorts`. Numbers are given in the order of
    account ids: the names of cohorts would tell what they are.

    Parameters
    ----------
    split : Split
        World with open labels.

    Returns
    -------
    Split
        Its table of labels has account_id and cohort alone.
    """
    labels = cohort_oracle.shown_cohorts(split).labels
    text = labels.polars().select(pl.col("account_id", "cohort").cast(pl.String)).sort("account_id")
    numbered = text.with_columns(
        pl.col("account_id").min().over("cohort").rank("dense").cast(pl.String).alias("cohort")
    )
    shown = split.without_labels()
    table = Table("account_labels", [numbered], ("account_id", "cohort"))
    return replace(shown, tables={**shown.tables, "account_labels": table}, masked=False)
