"""The *early* task: what would have been prevented, day by day, at a budget of false alarms.

An account is alerted about at the end of the first day on which its score reaches the threshold, and stays so:
what it would have done from the next day on counts as prevented, what it did until then as lost. There is one
threshold for the whole window, set so that 0.1 % of all benign accounts are ever alerted about. Tie rule: where
that share falls among benign accounts with equal highest scores, the threshold stands below all of them with
the probability that meets the budget, else above. Every metric is the mean over the two thresholds, so a
constant scorer gets exactly chance: an alert about 0.1 % of all accounts when the first day on which they are
known ends.

Tokens are tokens of output in answers that serve the extraction. A campaign that is never noticed counts as
noticed the day after its last; one that collected nothing is left out, and so are accounts that never serve: an
alert about one notices no campaign. Days are quiet on which no campaign
collects.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from generator.arrays import F64
from generator.errors import UserError
from leaderboard.metrics import harm, slices
from leaderboard.metrics.alerts import QuietAlerts, Replay
from leaderboard.metrics.harm import HALF_VALUE_TOKENS, Losses, student_value
from leaderboard.metrics.resampling import FOLDS
from leaderboard.metrics.slices import Rates, value
from leaderboard.records.scorecard import Line, Scorecard, Value
from leaderboard.records.task_definitions import BoardColumn, Metric
from leaderboard.tasks.ground_truth import GroundTruth, account_labels, labelled_requests
from leaderboard.tasks.scoring import ScoredTask

if TYPE_CHECKING:
    from generator.dataset import Split

NAME = "early"
BUDGET = 0.001
"""Share of benign accounts that are ever alerted about (a)."""
BUDGETS = (1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2, 1e-1)


def score(
    predictions: pl.DataFrame, truth: GroundTruth, digest: str, folds: int = FOLDS, budget: float = BUDGET
) -> Scorecard:
    """Score what a detector said day after day.

    Parameters
    ----------
    predictions : polars.DataFrame
        day, account_id, score; for each day one finite row per account known when it ended.
    truth : GroundTruth
        Its labels, days, known and collected are used.
    digest, folds
        As for `accounts.score`.
    budget : float
        Share of benign accounts that are ever alerted about; boards use the one that stands here.

    Raises
    ------
    UserError
        If rows are missing or unknown, or no campaign collected anything.
    """
    people = truth.population
    losses = Losses(truth.collected, people, truth.days)
    if not losses.campaigns:
        raise UserError("no campaign collected anything in this window: nothing to prevent; score another split")
    replay = Replay(_matrix(predictions, truth), people, losses, budget)
    once = replay.threshold(np.ones((len(people.stratum), 1)))
    share = replay.flagged(once)
    rates, quiet = Rates(people, share, budget), QuietAlerts(replay, losses, people, once)
    parts = people.folds(digest, folds)
    without = parts.measure(lambda w: replay.threshold(w) | rates.compute(w) | quiet.compute(w), replay.blocks)
    chosen = {t: losses.tier == t for t in people.tiers if (losses.tier == t).any()}
    chosen["overall"] = np.ones(len(losses.campaigns), bool)
    vectors, values, chance = (replay.means(x, chosen) for x in (without, once, replay.chance()))
    tables: dict[str, dict[str, Value]] = {}
    for key, vector in vectors.items():
        name, metric = key.split("/")
        tables.setdefault(name, {})[metric] = value(
            values[key][0], chance[key][0], vector, parts.strata, harm.METRICS[metric].range
        )
    if losses.quiet.any():
        tables["overall"]["alerts_per_quiet_week"] = quiet.value(without, parts.strata)
    return Scorecard(
        task=NAME,
        dataset=digest,
        counts=people.counts() | {"campaigns": len(losses.campaigns), "days": truth.days},
        primary=tables["overall"]["prevented"],
        tables=tables,
        replicates=tuple(vectors["overall/prevented"].astype(np.float32).tolist()),
        strata=parts.strata,
        false_positives=rates.values(without, parts.strata),
        grey_flagged=slices.flagged_among(people.grey, share),
        sleepers_flagged=slices.flagged_among(people.sleeper, share),
        curves=_curves(replay, losses, once),
    )


def _curves(replay: Replay, losses: Losses, once: Mapping[str, F64]) -> dict[str, dict[str, Line]]:
    """Prevented over the budget, tokens collected by day, and the value of tokens."""
    weights = np.ones((replay.groups, 1))
    everyone = {"overall": np.ones(len(losses.campaigns), bool)}
    prevented = [
        float(replay.means(replay.threshold(weights, b), everyone)["overall/prevented"][0]) for b in BUDGETS
    ]
    days = tuple(float(d) for d in range(losses.quiet.size))
    collected = {
        "without a detector": losses.by_day(),
        "with it": replay.mean(once, losses.rows, losses.by_day),
    }
    tokens = np.geomspace(1e6, 100 * HALF_VALUE_TOKENS, 41)
    return {
        "prevented": {"mean over campaigns": (BUDGETS, tuple(prevented))},
        "collected": {name: (days, tuple(y.tolist())) for name, y in collected.items()},
        "student_value": {"assumed": (tuple(tokens.tolist()), tuple(student_value(tokens).tolist()))},
    }


def _matrix(predictions: pl.DataFrame, truth: GroundTruth) -> F64:
    """Scores by account and day, -inf before an account is known."""
    people = truth.population
    place = pl.DataFrame({"account_id": people.ids, "row": np.arange(len(people.ids))})
    given = predictions.with_columns(pl.col("account_id").cast(pl.String)).join(place, on="account_id")
    scores = np.full((len(people.ids), truth.days), -np.inf)
    row, day = given["row"].to_numpy(), given["day"].to_numpy()
    inside = (day >= 0) & (day < truth.days)
    scores[row[inside], day[inside]] = given["score"].to_numpy()[inside]
    known = place.join(truth.known, on="account_id").sort("row")["day"].to_numpy()
    wrong = int((np.isfinite(scores) != (np.arange(truth.days) >= known[:, None])).sum())
    if wrong or len(given) != len(predictions) or not inside.all() or np.isfinite(scores).sum() != len(given):
        expected = int((truth.days - known).sum())
        raise UserError(
            f"{len(predictions):,} daily scores were given and {expected:,} are expected, {wrong:,} places differ:"
            " for each day score every account of split.as_of(day), once"
        )
    return scores


def _keys(public: Split) -> pl.DataFrame:
    days = pl.DataFrame({"day": range(public.days)}, {"day": pl.Int64})
    return (
        _known(public)
        .join_where(days, pl.col("day") <= pl.col("day_right"))
        .select(pl.col("day_right").alias("day"), "account_id")
    )


def _truth(split: Split) -> GroundTruth:
    return replace(account_labels(split), known=_known(split), collected=_collected(split))


def _known(split: Split) -> pl.DataFrame:
    since = (pl.col("created") - split.start).dt.total_days()
    # Days are counted from the window's first; whoever is older is known from there.
    day = pl.when(pl.col("created") < split.start).then(0).otherwise(since)
    return split.accounts.polars().select(pl.col("account_id").cast(pl.String), day.alias("day")).collect()


def _collected(split: Split) -> pl.DataFrame:
    prices = split.releases.polars().with_columns(pl.col("model").cast(pl.String))
    return pl.concat(
        rows.filter(pl.col("is_extraction") & (pl.col("status") == 200))
        .with_columns(pl.col("account_id", "served_model").cast(pl.String))
        .join(prices, left_on="served_model", right_on="model", how="left")
        .group_by("account_id", pl.col("day").cast(pl.Int64))
        .agg(
            exchanges=pl.len().cast(pl.Int64),
            tokens=pl.col("output_tokens").cast(pl.Int64).sum(),
            # Groups add up in any order: rounded and sorted, the same numbers come each time. A model without a
            # price stands in no list.
            usd=_list_price().fill_null(0).sum().round(9),
        )
        .sort("account_id", "day")
        .collect()
        for rows in labelled_requests(split)
    )


def _list_price() -> pl.Expr:
    """List price of a request beside its model's prices, USD: input is whole, its cached part included."""
    read, write = (pl.col(f"cache_{verb}_input_tokens") for verb in ("read", "creation"))
    full = (
        pl.col("input_price") * (pl.col("input_tokens") - read - write)
        + pl.col("cache_read_price") * read
        + pl.col("cache_write_price") * write
        + pl.col("output_price") * pl.col("output_tokens")
    )
    batch = pl.col("service_tier").cast(pl.String) == "batch"
    return full / 1e6 * pl.when(batch).then(pl.col("batch_factor")).otherwise(1.0)


TASK = ScoredTask(
    question="How soon would it have been noticed?",
    keys={"day": "integer", "account_id": "string"},
    value="score",
    kind="number",
    rows="account days",
    counted="accounts",
    primary="prevented",
    title="share of extraction tokens prevented at a budget of 0.1 % false positives, mean over campaigns",
    short="saved",
    metrics=harm.METRICS
    | {
        "alerts_per_quiet_week": Metric(
            "false alerts per quiet week", harm.CHANCE, harm.TIES, higher_is_better=False
        )
    },
    columns=(
        BoardColumn("overt/prevented", "Prevented overt", "overt"),
        BoardColumn("evasive/prevented", "Prevented evasive", "evasive"),
        BoardColumn("adaptive/prevented", "Prevented adaptive", "adaptive"),
        BoardColumn("overall/days_to_detection", "Days to the first alert", "days", False),
        BoardColumn("overall/student_value_kept", "Student value kept", "value"),
        BoardColumn("overall/alerts_per_quiet_week", "False alerts per quiet week", "quiet", False),
    ),
    replayed=True,
    example=((0, "acc_0252462bf958ba84", 0.1), (1, "acc_0252462bf958ba84", 0.8), (1, "acc_028f6920f9487c8c", 0.2)),
    note="the rows of a day are the accounts of split.as_of(day), scored from what was known when it ended",
    expected=_keys,
    truth=_truth,
    score=score,
)
