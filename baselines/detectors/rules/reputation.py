"""What providers have today: the reputation of where a payment and an address come from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Self

import polars as pl

from baselines.base import detector, search_space
from baselines.features import supervision
from generator.dataset import Split

_OF_ACCOUNTS = ("payment_type", "email_type", "verification", "plan")
_OF_REQUESTS = ("asn_type", "country")


@dataclass
class Reputation(detector.Detector):
    """Log-odds of the kind of payment, of e-mail, of check, of network and of country, added up.

    The reputation of a value is the share of extraction accounts among those that had it in training, drawn
    towards the mean where few had it. Naive Bayes: each source of reputation counts for itself.

    Parameters
    ----------
    prior : float
        Accounts' worth of the mean rate that each value starts with.
    """

    name: ClassVar[str] = "reputation"
    description: ClassVar[str] = "reputation of payment type, e-mail type, check, network type and country"
    source: ClassVar[str] = "common practice of payment and address reputation services"
    fields: ClassVar[tuple[str, ...]] = (
        *(f"accounts.{c}" for c in _OF_ACCOUNTS),
        *(f"requests.{c}" for c in _OF_REQUESTS),
    )

    ranges: ClassVar[search_space.Ranges] = {"prior": search_space.SearchRange(1.0, 1000.0, log=True)}

    prior: float = 50.0
    _known: list[tuple[str, str, float]] = field(init=False, repr=False, default_factory=list)

    def fit(self, *worlds: Split) -> Self:
        """Reputation of each value, from labelled accounts."""
        parts = []
        for world in worlds:
            values = _held(world)
            ids = values["account_id"].unique().sort()
            known = supervision.training_labels(world, ids)
            labels = pl.DataFrame({"account_id": ids[known.rows], "bad": known.positive})
            parts.append(values.join(labels, on="account_id"))
        rows = pl.concat(parts)
        mean = float(rows["bad"].mean() or 0.0)  # type: ignore[arg-type]
        rate = (pl.col("bad").sum() + self.prior * mean) / (pl.len() + self.prior)
        odds = (rate / mean).log() - ((1 - rate) / (1 - mean)).log()
        self._known = rows.group_by("source", "value").agg(odds=odds).sort("source", "value").rows()
        return self

    def score(self, split: Split) -> pl.DataFrame:
        """Sum of log-odds; what was never seen in training says nothing."""
        schema = {"source": pl.String, "value": pl.String, "odds": pl.Float64}
        known = pl.DataFrame(self._known, schema, orient="row")
        values = _held(split).join(known, on=("source", "value"), how="left", maintain_order="left")
        # Added up in one order, so that the order of rows cannot show in the last digits.
        log_odds = values.group_by("account_id").agg(pl.col("odds").fill_null(0.0).sort().sum())
        ids = pl.DataFrame({"account_id": detector.accounts(split)})
        both = ids.join(log_odds, on="account_id", how="left", maintain_order="left")
        return both.select("account_id", score=pl.col("odds").fill_null(0.0))


def _held(split: Split) -> pl.DataFrame:
    """account_id, source, value: what each account has, for requests its commonest value."""
    accounts = split.accounts.polars().select(pl.col("account_id", *_OF_ACCOUNTS).cast(pl.String)).collect()
    buckets = []
    for bucket in split.requests.buckets():
        rows = bucket.select(pl.col("account_id", *_OF_REQUESTS).cast(pl.String))
        usual = [pl.col(c).drop_nulls().mode().min() for c in _OF_REQUESTS]
        buckets.append(rows.group_by("account_id").agg(usual).collect())
    long = [
        frame.unpivot(columns, index="account_id", variable_name="source", value_name="value")
        for frame, columns in ((accounts, _OF_ACCOUNTS), (pl.concat(buckets), _OF_REQUESTS))
    ]
    return pl.concat(long).drop_nulls("value")
