"""Metrics of a grouping, weighted and vectorised over resamples."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

from generator.arrays import F64, I64, Mask

FOUND = 0.5


class Clustering:
    """Groups and campaigns of accounts, counted once, to be weighted many times.

    Parameters
    ----------
    label : ndarray of int, shape (accounts,)
        Group of each account; 0: in none. A group of one account counts as none.
    campaign : ndarray of int, shape (accounts,)
        Campaign of each account, from 1; 0: benign.
    cohort : ndarray of int, shape (accounts,)
        Unit of resampling of each account, from 0; a campaign is one.
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
        self._unit = np.array([cohort[np.argmax(campaign == c)] for c in range(1, n + 1)])
        size: F64 = np.asarray(self._cells.sum(axis=1), np.float64)
        self._size = size
        self._members = self._campaigns @ size
        purity = size / (self._groups @ size)[self.label]
        holds = (self.label > 0) & (size >= FOUND * self._members[self.campaign]) & (purity >= FOUND)
        self._found = (self._campaigns @ holds.astype(float))[1:] > 0

    def compute(self, weights: F64, chosen: dict[str, Mask]) -> dict[str, F64]:
        """Every metric but AMI under weights of shape (cohorts, resamples), by "slice/metric".

        Parameters
        ----------
        weights : ndarray
            How often each cohort counts.
        chosen : dict of str to ndarray of bool, shape (campaigns,)
            Campaigns of each slice.
        """
        count = self._cells @ weights
        drawn = np.pad(weights[self._unit], ((1, 0), (0, 0)))[self.campaign]
        # A campaign that is drawn twice is two campaigns: the groups of one do not hold the other.
        own = self._size[:, None] * (self.label > 0)[:, None]
        group = (self._groups @ count)[self.label] - count + own
        pure = np.divide(drawn * own**2, group, out=np.zeros_like(count), where=own > 0)
        whole = drawn * own**2 / np.maximum(self._members, 1)[self.campaign][:, None]
        pure, whole, held = (self._campaigns @ x for x in (pure, whole, own * drawn))
        members = self._campaigns @ count
        found = self._found[:, None] * weights[self._unit]
        benign = (self._campaigns @ (count * (self.label > 0)[:, None]))[0] / members[0]
        result: dict[str, F64] = {}
        for name, mask in chosen.items():
            precision = _ratio(pure[1:][mask].sum(axis=0), held[1:][mask].sum(axis=0))
            recall = _ratio(whole[1:][mask].sum(axis=0), members[1:][mask].sum(axis=0))
            result |= {
                f"{name}/bcubed_f1": _ratio(2 * precision * recall, precision + recall),
                f"{name}/bcubed_precision": precision,
                f"{name}/bcubed_recall": recall,
                f"{name}/campaigns_found": _ratio(found[mask].sum(axis=0), weights[self._unit][mask].sum(axis=0)),
            }
        return result | {"overall/benign_grouped": benign}

    def ami(self, weights: F64) -> F64:
        """Adjusted mutual information of groups and campaigns, "in none" being one of each."""
        return np.array([self._ami(count) for count in np.asarray(self._cells @ weights).T])

    def _ami(self, count: F64) -> float:
        from sklearn.metrics import mutual_info_score
        from sklearn.metrics.cluster import expected_mutual_information

        some = count > 0
        where = (self.campaign[some], self.label[some])
        shape = (int(self.campaign.max()) + 1, int(self.label.max()) + 1)
        table = sparse.csr_matrix((count[some].astype(np.int64), where), shape=shape)
        table = table[table.getnnz(axis=1) > 0][:, table.getnnz(axis=0) > 0]
        information = float(mutual_info_score(None, None, contingency=table))
        expected = float(expected_mutual_information(table, int(table.sum())))
        mean = float(np.mean([_entropy(table.sum(axis=axis)) for axis in (0, 1)]))
        return (information - expected) / max(mean - expected, 1e-15)


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
