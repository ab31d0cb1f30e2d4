"""Metrics of a clustering, weighted and vectorised over replicates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from scipy import sparse

from generator.arrays import F64, I64, Mask
from leaderboard.records.task_definitions import Metric

FOUND = 0.5
"""A campaign is found if one group holds this share of it while it is this share of the group."""


class Clustering:
    """Groups and campaigns of accounts, counted once, to be weighted many times.

    Parameters
    ----------
    label : ndarray of int, shape (accounts,)
        Group of each account; 0: in none. A group of one account counts as none.
    campaign : ndarray of int, shape (accounts,)
        Campaign of each account, from 1; 0: benign.
    cohort : ndarray of int, shape (accounts,)
        Group of each account that is left out as a whole, from 0; a campaign is one.
    """

    def __init__(self, label: I64, campaign: I64, cohort: I64) -> None:
        label = np.where(np.bincount(label)[label] > 1, label, 0)
        _, label = np.unique(np.r_[0, label], return_inverse=True)  # 0 stays 0, the others are numbered anew
        pairs, cell = np.unique(np.stack([campaign, label[1:]]), axis=1, return_inverse=True)
        self.campaign, self.label = pairs
        cell = cell.reshape(-1)
        n, cells = int(campaign.max()), len(self.label)
        ones = np.ones(len(cell))
        self._cells = sparse.csr_array((ones, (cell, cohort)), shape=(cells, int(cohort.max()) + 1))
        self._groups = _sums(self.label, int(self.label.max()) + 1)
        self._campaigns = _sums(self.campaign, n + 1)
        self.unit = np.array([cohort[np.argmax(campaign == c)] for c in range(1, n + 1)])
        size: F64 = np.asarray(self._cells.sum(axis=1), np.float64)
        self._size = size
        self._members = self._campaigns @ size
        purity = size / (self._groups @ size)[self.label]
        holds = (self.label > 0) & (size >= FOUND * self._members[self.campaign]) & (purity >= FOUND)
        self.is_found = (self._campaigns @ holds.astype(float))[1:] > 0

    def weighted(self, weights: F64) -> WeightedClustering:
        """What the metrics need, under weights.

        Parameters
        ----------
        weights : ndarray of float, shape (cohorts, replicates)
            How often each cohort counts.
        """
        count: F64 = np.asarray(self._cells @ weights)
        units = weights[self.unit]
        drawn = np.pad(units, ((1, 0), (0, 0)))[self.campaign]
        # A campaign that weighs two is two campaigns: the groups of one do not hold the other.
        own = self._size[:, None] * (self.label > 0)[:, None]
        group = (self._groups @ count)[self.label] - count + own
        pure = np.divide(drawn * own**2, group, out=np.zeros_like(count), where=own > 0)
        whole = drawn * own**2 / np.maximum(self._members, 1)[self.campaign][:, None]
        pure, whole, held = (self._campaigns @ x for x in (pure, whole, own * drawn))
        grouped = (self._campaigns @ (count * (self.label > 0)[:, None]))[0]
        members = self._campaigns @ count
        return WeightedClustering(
            self, count, units, pure[1:], whole[1:], held[1:], members[1:], grouped, members[0]
        )

    def mutual_information(self, count: F64) -> float:
        """Adjusted mutual information of groups and campaigns, "in none" being one of each.

        Parameters
        ----------
        count : ndarray of float, shape (cells,)
            Accounts of each pair of campaign and group.
        """
        from sklearn.metrics import mutual_info_score
        from sklearn.metrics.cluster import expected_mutual_information

        some = np.rint(count) > 0  # what is expected by chance is known for whole accounts
        where = (self.campaign[some], self.label[some])
        shape = (int(self.campaign.max()) + 1, int(self.label.max()) + 1)
        table = sparse.csr_matrix((np.rint(count[some]).astype(np.int64), where), shape=shape)
        table = table[table.getnnz(axis=1) > 0][:, table.getnnz(axis=0) > 0]
        information = float(mutual_info_score(None, None, contingency=table))
        expected = float(expected_mutual_information(table, int(table.sum())))
        mean = float(np.mean([_entropy(table.sum(axis=axis)) for axis in (0, 1)]))
        return (information - expected) / max(mean - expected, 1e-15)


@dataclass(frozen=True)
class WeightedClustering:
    """A clustering under weights; arrays have shape (campaigns, replicates) where nothing else is said.

    Attributes
    ----------
    clustering : Clustering
        Unweighted.
    count : ndarray, shape (cells, replicates)
        Accounts of each pair of campaign and group.
    drawn : ndarray
        Weight of each campaign.
    pure, whole : ndarray
        Over a campaign's accounts in groups, sum of the shares of their group that is of their campaign, and of
        their campaign that is in their group.
    held, members : ndarray
        Accounts of a campaign in groups, and all.
    benign_grouped, benign : ndarray, shape (replicates,)
        Benign accounts in groups, and all.
    """

    clustering: Clustering
    count: F64
    drawn: F64
    pure: F64
    whole: F64
    held: F64
    members: F64
    benign_grouped: F64
    benign: F64


def bcubed_precision(weighted: WeightedClustering, chosen: Mask) -> F64:
    """Mean share of an account's group that is of its campaign, over extraction accounts in groups.

    Parameters
    ----------
    weighted : WeightedClustering
        Groups and campaigns.
    chosen : ndarray of bool, shape (campaigns,)
        Campaigns that count.

    References
    ----------
    Amigo et al., "A comparison of extrinsic clustering evaluation metrics", Information Retrieval 12 (2009).

    Examples
    --------
    Two accounts of a campaign share group 1 with a benign account; the campaign's third account is in no group.

    >>> groups = Clustering(np.array([1, 1, 1, 0]), np.array([1, 1, 0, 1]), np.array([0, 0, 1, 0]))
    >>> once = groups.weighted(np.ones((2, 1)))
    >>> all_campaigns = np.array([True])
    >>> [float(f(once, all_campaigns)[0].round(3)) for f in (bcubed_precision, bcubed_recall, bcubed_f1)]
    [0.667, 0.444, 0.533]
    """
    return _ratio(weighted.pure[chosen].sum(axis=0), weighted.held[chosen].sum(axis=0))


def bcubed_recall(weighted: WeightedClustering, chosen: Mask) -> F64:
    """Mean share of an account's campaign that is in its group, over all extraction accounts.

    Parameters
    ----------
    weighted : WeightedClustering
        Groups and campaigns.
    chosen : ndarray of bool, shape (campaigns,)
        Campaigns that count.
    """
    return _ratio(weighted.whole[chosen].sum(axis=0), weighted.members[chosen].sum(axis=0))


def bcubed_f1(weighted: WeightedClustering, chosen: Mask) -> F64:
    """Harmonic mean of B-cubed precision and recall.

    Parameters
    ----------
    weighted : WeightedClustering
        Groups and campaigns.
    chosen : ndarray of bool, shape (campaigns,)
        Campaigns that count.
    """
    precision, recall = bcubed_precision(weighted, chosen), bcubed_recall(weighted, chosen)
    return _ratio(2 * precision * recall, precision + recall)


def campaigns_found(weighted: WeightedClustering, chosen: Mask) -> F64:
    """Share of campaigns of which one group holds `FOUND`, while they are `FOUND` of the group.

    Parameters
    ----------
    weighted : WeightedClustering
        Groups and campaigns.
    chosen : ndarray of bool, shape (campaigns,)
        Campaigns that count.

    Examples
    --------
    >>> groups = Clustering(np.array([1, 1, 1, 0]), np.array([1, 1, 0, 1]), np.array([0, 0, 1, 0]))
    >>> campaigns_found(groups.weighted(np.ones((2, 1))), np.array([True])).tolist()
    [1.0]
    """
    counts = weighted.clustering.is_found[:, None] * weighted.drawn
    return _ratio(counts[chosen].sum(axis=0), weighted.drawn[chosen].sum(axis=0))


def benign_grouped(weighted: WeightedClustering, chosen: Mask) -> F64:
    """Share of benign accounts in a group.

    Parameters
    ----------
    weighted, chosen
        As for `bcubed_f1`; which campaigns are chosen changes nothing.
    """
    return np.asarray(weighted.benign_grouped / weighted.benign)


def adjusted_mutual_information(weighted: WeightedClustering, chosen: Mask) -> F64:
    """Adjusted mutual information of groups and campaigns of all accounts.

    Parameters
    ----------
    weighted, chosen
        As for `bcubed_f1`; which campaigns are chosen changes nothing.

    References
    ----------
    Vinh, Epps, Bailey, "Information theoretic measures for clusterings comparison", JMLR 11 (2010).

    Examples
    --------
    >>> exact = Clustering(np.array([1, 1, 0, 0]), np.array([1, 1, 0, 0]), np.array([0, 0, 1, 2]))
    >>> adjusted_mutual_information(exact.weighted(np.ones((3, 1))), np.array([True])).round(9).tolist()
    [1.0]
    """
    return np.array([weighted.clustering.mutual_information(count) for count in np.asarray(weighted.count).T])


@dataclass(frozen=True, kw_only=True)
class ClusteringMetric(Metric):
    """One metric of a clustering, with how it is computed.

    Attributes
    ----------
    compute : callable
        From (weighted clustering, mask of campaigns) to values of shape (replicates,).
    sliced : bool
        Whether it is taken on each slice of the campaigns; else on all accounts together.
    chance_value : float or None
        Where it isn't that of one group that holds everybody.
    """

    compute: Callable[[WeightedClustering, Mask], F64]
    sliced: bool = True
    chance_value: float | None = None


_TIES = "labels have no order, so there are none; a label that one account has alone is no group"
_like_one_group = partial(ClusteringMetric, chance="that of one group that holds everybody", ties=_TIES)

METRICS: dict[str, ClusteringMetric] = {
    "bcubed_f1": _like_one_group(title="B-cubed F1", compute=bcubed_f1),
    "bcubed_precision": _like_one_group(title="B-cubed precision", compute=bcubed_precision),
    "bcubed_recall": _like_one_group(title="B-cubed recall", compute=bcubed_recall),
    "campaigns_found": _like_one_group(title="share of campaigns found", compute=campaigns_found),
    "benign_grouped": _like_one_group(
        title="share of benign accounts in a group",
        higher_is_better=False,
        compute=benign_grouped,
        sliced=False,
    ),
    "ami": ClusteringMetric(
        title="adjusted mutual information",
        chance="0",
        ties=_TIES,
        compute=adjusted_mutual_information,
        sliced=False,
        range=(-1.0, 1.0),
        chance_value=0.0,
    ),
}
"""Metrics of a clustering: one entry each."""


def _sums(key: I64, size: int) -> Any:
    """Matrix that sums cells by a key."""
    return sparse.csr_array((np.ones(len(key)), (key, np.arange(len(key)))), shape=(size, len(key)))


def _ratio(a: F64, b: F64) -> F64:
    """a / b; 0 where there is nothing."""
    return np.divide(a, b, out=np.zeros_like(a), where=b > 0)


def _entropy(sizes: Any) -> float:
    share = np.asarray(sizes, float).ravel()
    share = share[share > 0] / share.sum()
    return float(-(share * np.log(share)).sum())
