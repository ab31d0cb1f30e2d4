"""Supervised, one account at a time: a tabular deep network on account aggregates."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import numpy as np
import polars as pl

from baselines.base import detector, search_space
from baselines.features import account_features, feature_table, forests, supervision, training_ranks
from generator.dataset import Split

_DECAY = 3e-4  # weight decay (a)
_DECIMALS = 9  # sums in another order differ in later ones


@dataclass
class TabMAggregates(detector.Detector):
    """TabM: many small networks that share most of their weights, learnt together, their chances averaged.

    The network is that of its authors' package. As in the source, each member has a loss of its own and columns
    are brought to one scale by their quantiles; here both classes are drawn equally often, and the number of
    batches is a parameter in place of early stopping, which would need labels held back.

    Parameters
    ----------
    members : int
        Networks of the ensemble.
    width, blocks : int
        Width and number of their layers.
    drop : float
        Share of values that are hidden while it learns.
    steps, batch : int
        Batches, and accounts in each.
    rate : float
        Step of the optimizer.
    """

    name: ClassVar[str] = "tabm-aggregates"
    description: ClassVar[str] = "tabular deep ensemble (TabM) on account aggregates"
    source: ClassVar[str] = "Gorishniy et al., TabM, ICLR 2025"
    fields: ClassVar[tuple[str, ...]] = account_features.fields_of(feature_table.FEATURES)
    ranges: ClassVar[search_space.Ranges] = {
        "members": search_space.SearchRange(4, 32, log=True),
        "width": search_space.SearchRange(16, 512, log=True),
        "blocks": search_space.SearchRange(1, 4),
        "drop": search_space.SearchRange(0.0, 0.5),
        "steps": search_space.SearchRange(50, 5000, log=True),
        "batch": search_space.SearchRange(32, 512, log=True),
        "rate": search_space.SearchRange(1e-4, 1e-2, log=True),
    }

    members: int = 8
    width: int = 64
    blocks: int = 2
    drop: float = 0.1
    steps: int = 150
    batch: int = 64
    rate: float = 3e-3
    _learnt: dict[str, Any] = field(init=False, repr=False, default_factory=dict)

    def _network(self) -> Any:
        import tabm

        shape = {"n_blocks": self.blocks, "d_block": self.width, "dropout": self.drop, "k": self.members}
        columns = len(feature_table.FEATURES)
        return tabm.TabM.make(n_num_features=columns, d_out=1, arch_type="tabm", **shape).double()

    def fit(self, *worlds: Split) -> Self:
        """Extraction accounts against benign ones; grey ones are left out."""
        from baselines.networks import learning

        known = supervision.labelled(worlds, feature_table.FEATURES)
        order = forests.row_order(known.x, known.positive)
        positive, ranks = known.positive[order], training_ranks.references(known.x)
        x = learning.tensor(training_ranks.ranks(ranks, known.x[order]) * learning.SPREAD)
        rng = np.random.Generator(np.random.Philox(self.seed))

        def loss() -> Any:
            rows = learning.balanced_rows(positive, self.batch, rng)
            return learning.tell_apart(network(x[rows])[..., 0], positive[rows])

        with learning.seeded(self.seed):
            network = self._network()
            learning.descend(network, loss, self.steps, self.rate, _DECAY)
        self._learnt = {"ranks": ranks, "weights": learning.weights(network)}
        return self

    def score(self, split: Split) -> pl.DataFrame:
        """Chance of extraction, mean of the members."""
        from scipy import special

        from baselines.networks import learning

        frame = account_features.account_features(split, feature_table.FEATURES)
        x = training_ranks.ranks(self._learnt["ranks"], supervision.matrix(frame)) * learning.SPREAD
        with learning.seeded(self.seed):
            network = learning.with_weights(self._network(), self._learnt["weights"])
            log_odds = learning.values(network(learning.tensor(x)))[..., 0]
        chance = special.expit(log_odds).mean(axis=1)
        return frame.select("account_id", score=pl.Series(np.round(chance, _DECIMALS)))
