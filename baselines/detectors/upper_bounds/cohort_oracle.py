"""An upper bound: told which accounts belong together, but not what they are, it judges pooled cohorts."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import polars as pl

from baselines.base import detector
from baselines.features import supervision
from baselines.graph import group_pooling
from generator.arrays import F64, I64, Mask
from generator.dataset import Split, Table

if TYPE_CHECKING:
    from scipy import sparse

# Cohorts are few and their columns many: fewer of these a tree, and leaves of one cohort's parts allowed.
_TREES = {**supervision.TREES, "eta": 0.1, "max_depth": 4, "colsample_bytree": 0.2, "min_child_weight": 1}
_ROUNDS = 150  # trees (a)


@dataclass
class CohortOracle(detector.Detector):
    """Gradient-boosted trees on pooled cohorts: habits, their spread, and all that members share.

    A world has few campaigns, so random parts of each cohort, of every size, are examples too. And what a dozen
    campaigns happen to share or not to share need not hold for the next: several models learn from half of the
    traits each, whole traits at a time (random subspaces: Ho, IEEE TPAMI 20(8), 1998), and their mean decides.
    Every account gets the score of its cohort; accounts that stand alone share the lowest. Cohorts are known as
    far as the log shows them (see `shown_cohorts`), in training as in scoring.

    Parameters
    ----------
    parts, benign_parts : int
        Examples made from each campaign, and from each benign group, the whole included.
    models : int
        Models whose mean is the score.
    """

    name: ClassVar[str] = "cohort-oracle"
    description: ClassVar[str] = "upper bound: boosted trees on true cohorts, pooled"
    source: ClassVar[str] = "release gate: visible in aggregate"
    fields: ClassVar[tuple[str, ...]] = group_pooling.FIELDS
    upper_bound: ClassVar[bool] = True

    parts: int = 40
    benign_parts: int = 3
    models: int = 20
    _fitted: list[tuple[I64, Any]] = field(init=False, repr=False, default_factory=list)
    _columns: tuple[str, ...] = field(init=False, repr=False, default=())

    def fit(self, *worlds: Split) -> Self:
        """Learn from the cohorts of one world or several; grey accounts and sleepers are left out."""
        described = [self._examples(shown_cohorts(world), i) for i, world in enumerate(worlds)]
        known = [set(pooled) for pooled, *_ in described]
        self._columns = tuple(name for name in described[0][0] if all(name in names for names in known))
        x = np.vstack([self._matrix(pooled) for pooled, *_ in described])
        y, weight = (np.concatenate([d[i] for d in described]) for i in (1, 2))
        weight = np.where(y, weight / weight[y].sum(), weight / weight[~y].sum()) * len(y) / 2
        self._fitted = [
            (columns, supervision.boost(x[:, columns], y, self.models * self.seed + i, weight, _TREES, _ROUNDS))
            for i, columns in enumerate(self._subspaces())
        ]
        return self

    def score(self, split: Split) -> pl.DataFrame:
        """Log-odds of each account's cohort; of the labels only the column `cohort` is read."""
        world = group_pooling.prepare(split)
        cohort = supervision.cohort_numbers(split, world.ids) - 1
        size = np.bincount(cohort)
        pooled = group_pooling.pool(world, _members(cohort, np.arange(len(cohort))))
        x = self._matrix(pooled)
        log_odds = np.mean(
            [supervision.predict(booster, x[:, columns]) for columns, booster in self._fitted], axis=0
        )
        log_odds[size < 2] = log_odds.min() - 1
        return pl.DataFrame({"account_id": world.ids, "score": log_odds[cohort]})

    def _examples(self, split: Split, number: int) -> tuple[dict[str, F64], Mask, F64]:
        """Pooled cohorts and parts of them, which are campaigns, and weights: accounts, dealt out to the parts."""
        world = group_pooling.prepare(split)
        known = supervision.training_labels(split, world.ids)
        rng = np.random.Generator(np.random.Philox(key=[self.seed, number]))
        groups: list[I64] = []
        positive, weight = [], []
        order = np.argsort(known.cohort, kind="stable")
        for members in np.split(order, np.flatnonzero(np.diff(known.cohort[order])) + 1):
            if len(members) < 2:
                continue
            campaign = bool(known.positive[members[0]])
            times = self.parts if campaign else self.benign_parts
            sizes = np.exp(rng.uniform(np.log(2), np.log(len(members) + 1), times - 1)).astype(int)
            drawn = [members, *(rng.choice(members, n, replace=False) for n in sizes)]
            groups += [known.rows[rows] for rows in drawn]
            positive += [campaign] * times
            weight += [len(members) / times] * times
        index = np.repeat(np.arange(len(groups)), [len(g) for g in groups])
        pooled = group_pooling.pool(world, _members(index, np.concatenate(groups), len(world.ids)))
        return pooled, np.array(positive), np.array(weight)

    def _subspaces(self) -> list[I64]:
        """Columns of half of the traits, drawn anew for each model."""
        rng = np.random.Generator(
            np.random.Philox(key=[self.seed, 0], counter=1 << 64)
        )  # apart from the examples'
        trait = np.array([_trait(name) for name in self._columns])
        traits = np.unique(trait)
        half = -(-len(traits) // 2)
        return [np.flatnonzero(np.isin(trait, rng.permutation(traits)[:half])) for _ in range(self.models)]

    def _matrix(self, pooled: dict[str, F64]) -> F64:
        """Columns in the order of training; what this world does not have is like everywhere: NaN."""
        missing = np.full(len(pooled["size"]), np.nan)
        return supervision.rounded(np.column_stack([pooled.get(name, missing) for name in self._columns]))


def shown_cohorts(split: Split) -> Split:
    """The split with each cohort cut down to the members that did some of its work in the window.

    An account of which no answered request does the work of its cohort is a cohort of one: nothing in the log
    could tell that it belongs to the others. The rule is the same for benign cohorts and campaigns.

    Parameters
    ----------
    split : Split
        World with open labels.
    """
    account, cohort = (pl.col(name).cast(pl.String) for name in ("account_id", "cohort"))
    shown = pl.when(pl.col("cohort_requests") > 0).then(cohort).otherwise(account).alias("cohort")
    table = Table("account_labels", [split.labels.polars().with_columns(shown)], split.labels.columns)
    return replace(split, tables={**split.tables, "account_labels": table})


def _trait(column: str) -> str:
    """What a pooled column tells of: a habit, a category, or a link."""
    first, _, rest = column.partition(" ")
    return rest.split("=")[0] if first in ("mean", "spread") else first


def _members(group: I64, account: I64, accounts: int | None = None) -> sparse.csr_array:
    from scipy import sparse

    shape = (int(group.max()) + 1, accounts or len(account))
    return sparse.csr_array((np.ones(len(group)), (group, account)), shape=shape)
