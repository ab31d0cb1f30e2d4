"""The two parts of a hidden world: scores on one come during the season, scores on the other decide.

Whoever reads rounded scores again and again learns labels from them, but only of their accounts.
Whole campaigns and whole benign cohorts belong to one part, so what is learned of an account tells little about
the other part. Which is which depends on the season's secret, and nobody is told before the end.

Source: Blum and Hardt, "The Ladder: a reliable leaderboard for machine learning competitions", ICML 2015, on why
scores that are asked for again and again stop meaning anything.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import polars as pl

from leaderboard.tasks import scoring

if TYPE_CHECKING:
    from generator.dataset import Split
    from leaderboard.records.scorecard import Value
    from leaderboard.tasks.ground_truth import GroundTruth

FEEDBACK, COUNTING = "feedback", "counting"
_NO_INTERVAL = 2  # folds where the number alone is wanted
BEACON_KEEPS = 3 / 4
"""(a) Share of the counting part's campaigns, and of its benign cohorts, that a beacon lets count."""


@dataclass(frozen=True)
class Parts:
    """How the accounts of a world are divided.

    Attributes
    ----------
    key : str
        Secret text that decides; "": every account is in both parts.
    beacon : str
        Public random value that was mixed in at the close; "" for none.
    """

    key: str = ""
    beacon: str = ""

    def accounts(self, labels: pl.DataFrame, part: str) -> pl.Series:
        """Ids of the accounts of a part.

        Parameters
        ----------
        labels : polars.DataFrame
            Columns of `schema.ACCOUNT_LABELS`, one row per account.
        part : str
            FEEDBACK or COUNTING.
        """
        table = labels.select(pl.col("account_id", "cohort", "label", "tier").cast(pl.String), "served")
        table = table.with_columns(pl.coalesce("cohort", "account_id"))
        # A campaign that nobody served isn't there: it must not be dealt out as one that counts.
        asleep = (pl.col("label") == "extraction") & ~pl.col("served").any().over("cohort")
        table = table.with_columns(label=pl.when(asleep).then(pl.lit("asleep")).otherwise("label"))
        if not self.key:
            return table["account_id"]
        groups = self._groups(table)
        feedback = pl.Series(self._feedback(groups), dtype=pl.String)
        if part == FEEDBACK:
            return _members(table, feedback)
        return _members(table, self._counted(groups.filter(~pl.col("group").is_in(feedback.implode()))))

    def truth(self, truth: GroundTruth, part: str) -> GroundTruth:
        """What is known about the accounts of a part.

        Parameters
        ----------
        truth : GroundTruth
            About the whole world.
        part : str
            FEEDBACK or COUNTING.
        """
        ids = self.accounts(truth.labels, part)
        tables = {
            name: table.filter(pl.col("account_id").cast(pl.String).is_in(ids.implode()))
            for name in ("labels", "requests", "known", "collected")
            if len(table := getattr(truth, name))
        }
        return replace(truth, **tables)

    def _groups(self, table: pl.DataFrame) -> pl.DataFrame:
        """One row per campaign or benign cohort: those that are alike stand beside each other."""
        alone = pl.col("cohort").n_unique().over("label") < 2  # a single campaign is divided by accounts
        divided = table.with_columns(
            group=pl.when(alone).then(pl.col("account_id")).otherwise(pl.col("cohort")),
            kind=pl.col("label") + "/" + pl.col("tier").fill_null(""),
        )
        served = pl.col("served").any()
        groups = divided.group_by("group").agg(
            pl.col("label").first(), pl.col("kind").first() + "/" + served.cast(pl.String), size=pl.len()
        )
        return groups.sort("kind", "size", "group")

    def _feedback(self, groups: pl.DataFrame) -> list[str]:
        """Groups of the feedback part: of each two neighbours one, by the key; a last one alone counts."""
        chosen: list[str] = []
        for label in groups.partition_by("label", maintain_order=True):
            names = label["group"].to_list()
            pairs = zip(names[::2], names[1::2], strict=False)
            chosen += [pair[self._draw(pair[0]) < 0.5] for pair in pairs]
        return chosen

    def _counted(self, groups: pl.DataFrame) -> pl.Series:
        if not self.beacon:
            return groups["group"]
        draws = [self._draw(group, self.beacon) for group in groups["group"]]
        drawn = groups.with_columns(draw=pl.Series(draws, dtype=pl.Float64))
        kept = [
            label.sort("draw", "group").head(math.ceil(BEACON_KEEPS * len(label)))
            for label in drawn.partition_by("label", maintain_order=True)
        ]
        return pl.concat(kept)["group"]

    def _draw(self, *names: str) -> float:
        """A number in [0, 1) that the key and some names give."""
        text = "\x1f".join((self.key, *names)).encode()
        return int.from_bytes(hashlib.sha256(text).digest()[:6], "big") / 2**48


def primary(
    name: str,
    rows: pl.DataFrame,
    split: Split,
    digest: str,
    parts: Parts,
    part: str,
    folds: int = _NO_INTERVAL,
) -> Value:
    """The metric that ranks entries of a task, on one part of the accounts.

    Parameters
    ----------
    name : str
        Key of `task_definitions.TASKS`.
    rows : polars.DataFrame
        Of a valid submission.
    split : Split
        With labels.
    digest : str
        Of the dataset.
    parts : Parts
        How it is divided.
    part : str
        FEEDBACK or COUNTING.
    folds : int
        Of a stratum, at most; its interval means something with `resampling.FOLDS`.
    """
    truth = parts.truth(scoring.truth(split, name), part)
    keys = truth.requests["request_id"] if "request_id" in scoring.task(name).keys else truth.labels["account_id"]
    # A part's metric takes its own rows and no others.
    own = pl.DataFrame({keys.name: keys.cast(rows.schema[keys.name])})
    return scoring.score(name, rows.join(own, on=keys.name, how="semi"), truth, digest, folds).primary


def _members(table: pl.DataFrame, groups: pl.Series) -> pl.Series:
    inside = pl.col("cohort").is_in(groups.implode()) | pl.col("account_id").is_in(groups.implode())
    return table.filter(inside)["account_id"]
