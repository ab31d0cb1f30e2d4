"""Time: accounts by their sequence of days, which an encoder learnt to read without labels."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import numpy as np
import polars as pl

from baselines.base import detector, search_space
from baselines.features import forests, supervision, training_ranks
from baselines.graph import shared_keys
from baselines.networks import account_days
from generator.arrays import F64
from generator.dataset import Split

_KEPT = 1000  # values of a column that ranks are taken in: account-days are millions (a)
_DECIMALS = 9  # sums in another order differ in later ones


@dataclass
class DaySequences(detector.Detector):
    """A transformer learns to fill in hidden days of accounts; a linear model then reads what it makes of them.

    As in the source: stretches of single columns are hidden, only they count in the loss, and labels come in
    afterwards. Here the encoder stays as it was learnt without them (the source goes on to tune it), for campaigns
    are few; windows have other lengths in other worlds, so positions are waves and all days are pooled.

    Parameters
    ----------
    width, layers : int
        Half the width, and the number of layers, of the encoder.
    hidden : float
        Share of values that are hidden while it learns.
    steps, batch : int
        Batches, and accounts in each.
    rate : float
        Step of the optimizer.
    strength : float
        Inverse of the linear model's penalty.
    """

    name: ClassVar[str] = "day-sequences"
    description: ClassVar[str] = "linear model on a self-supervised encoder of accounts' days"
    source: ClassVar[str] = "Zerveas et al., TST, KDD 2021"
    fields: ClassVar[tuple[str, ...]] = tuple(sorted({*account_days.FIELDS, *shared_keys.ORDER_FIELDS}))
    ranges: ClassVar[search_space.Ranges] = {
        "width": search_space.SearchRange(4, 32, log=True),
        "layers": search_space.SearchRange(1, 3),
        "hidden": search_space.SearchRange(0.1, 0.5),
        "steps": search_space.SearchRange(30, 3000, log=True),
        "batch": search_space.SearchRange(32, 256, log=True),
        "rate": search_space.SearchRange(3e-4, 1e-2, log=True),
        "strength": search_space.SearchRange(1e-3, 10.0, log=True),
    }

    width: int = 8
    layers: int = 2
    hidden: float = 0.15
    steps: int = 100
    batch: int = 64
    rate: float = 3e-3
    strength: float = 0.1
    _learnt: dict[str, Any] = field(init=False, repr=False, default_factory=dict)

    def fit(self, *worlds: Split) -> Self:
        """Learn to read days from all accounts of one world after the other, then tell labelled ones apart."""
        from baselines.networks import day_encoder, learning

        ids = [shared_keys.ordered_ids(w) for w in worlds]
        known = [supervision.training_labels(w, i) for w, i in zip(worlds, ids, strict=True)]
        days = [account_days.account_days(w, i) for w, i in zip(worlds, ids, strict=True)]
        ranks = training_ranks.references(np.vstack([_flat(d) for d in days]), _KEPT)
        self._learnt = {"ranks": ranks}
        shortest = min(d.shape[1] for d in days)  # worlds of other lengths: the first days of each
        x = np.vstack([self._scaled(d)[:, :shortest] for d in days])
        rng = np.random.Generator(np.random.Philox(self.seed))
        with learning.seeded(self.seed):
            encoder = day_encoder.pretrain(
                x, 2 * self.width, self.layers, self.hidden, self.steps, self.batch, self.rate, rng
            )
        self._learnt["weights"] = learning.weights(encoder)
        said = np.vstack([self._described(d)[k.rows] for d, k in zip(days, known, strict=True)])
        self._learnt |= self._probe(said, np.concatenate([k.positive for k in known]))
        return self

    def score(self, split: Split) -> pl.DataFrame:
        """Log-odds of extraction."""
        ids = shared_keys.ordered_ids(split)
        said = self._described(account_days.account_days(split, ids))
        log_odds = said @ self._learnt["slope"] + self._learnt["offset"]
        return shared_keys.score_frame(ids, np.round(log_odds, _DECIMALS))

    def _probe(self, said: F64, positive: Any) -> dict[str, F64]:
        """Linear model on what the encoder says, each number to variance 1."""
        from sklearn.linear_model import LogisticRegression

        mean, spread = said.mean(axis=0), np.maximum(said.std(axis=0), 1e-9)
        order = forests.row_order(said, positive)
        model = LogisticRegression(C=self.strength, class_weight="balanced", max_iter=2000)
        model.fit(((said - mean) / spread)[order], positive[order])
        slope = model.coef_[0] / spread
        return {"slope": slope, "offset": model.intercept_ - mean @ slope}

    def _scaled(self, days: F64) -> F64:
        from baselines.networks import learning

        return training_ranks.ranks(self._learnt["ranks"], _flat(days)).reshape(days.shape) * learning.SPREAD

    def _described(self, days: F64) -> F64:
        from baselines.networks import day_encoder, learning

        with learning.seeded(self.seed):
            encoder = day_encoder.DayEncoder(days.shape[2], 2 * self.width, self.layers).double()
            encoder = learning.with_weights(encoder, self._learnt["weights"])
            return day_encoder.described(encoder, self._scaled(days))


def _flat(days: F64) -> F64:
    return days.reshape(-1, days.shape[2])
