"""SynchroTrap: accounts that do the same to the same resource at about the same time, for long."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
import polars as pl
from scipy import sparse

from baselines.base import detector, search_space
from baselines.detectors.published import resource_uses
from baselines.graph import shared_keys
from generator.arrays import F64, I64
from generator.dataset import Split

_LEAST = 0.01  # similarity below which a pair is forgotten: bounds memory (a)
_RESOURCES = ("ip_prefix", "tls_fingerprint", "system_prompt_hash", "tools_hash")


@dataclass
class SynchroTrap(detector.Detector):
    """The similarity at which an account falls into a large cluster of accounts that act in step.

    As in the paper, an action is (account, time, constraint object); two actions match if their objects are equal
    and their times at most a matching window apart, found by windows of twice that length that overlap by half;
    accounts are as similar as the Jaccard index of their actions, summed over constraints; clusters are those of
    single linkage, and count from a least size on. What this setting changes: objects are address prefixes,
    devices, system prompts and sets of tools in place of pages and addresses; the paper cuts the hierarchy once,
    while the score is the highest cut at which an account is in a cluster, so that accounts can be ranked; its
    clusters of 200 and more of a social network become four, as campaigns have ten accounts here and there; whole
    weeks are compared at once and not day by day.

    Near chance on nano, as members seldom act on the same objects, and colleagues do: 15 of 354 pairs inside overt
    campaigns are more alike than 0.1, and 247 benign pairs, 174 of them of one cohort (seeds 7 and 11, train and
    validation). Where a campaign is in step, overt ones of seed 7's validation, it reaches 0.19 (`random` 0.04).

    Parameters
    ----------
    window : int
        Matching window, in minutes; in the paper it depends on the kind of action.
    size : int
        Accounts from which on a cluster counts.
    actions : int
        Accounts with fewer actions match by chance and are left out.
    most : int
        Accounts above which those that meet at one object in one window are not compared: bounds time and memory.
    """

    name: ClassVar[str] = "synchrotrap"
    description: ClassVar[str] = "single-linkage clusters of accounts with the same actions at the same time"
    source: ClassVar[str] = "Cao et al., SynchroTrap, CCS 2014"
    fields: ClassVar[tuple[str, ...]] = resource_uses.fields_of(_RESOURCES)
    ranges: ClassVar[search_space.Ranges] = {
        "window": search_space.SearchRange(5, 360, log=True),
        "size": search_space.SearchRange(2, 20, log=True),
        "actions": search_space.SearchRange(2, 40, log=True),
        "most": search_space.SearchRange(20, 300, log=True),
    }

    window: int = 60
    size: int = 4
    actions: int = 8
    most: int = 200

    def fit(self, *worlds: Split) -> Self:
        """Nothing to learn."""
        return self

    def score(self, split: Split) -> pl.DataFrame:
        """Highest similarity at which the account is in a cluster of `size` or more; 0 if at none."""
        ids = shared_keys.ordered_ids(split)
        uses = resource_uses.resource_uses(split, ids, _RESOURCES, self.window * 60)
        row, resource, slot = (uses[name].to_numpy() for name in ("row", "resource", "slot"))
        pairs = similarities(meetings(row, resource, slot, len(ids)), self.actions, self.most)
        return shared_keys.score_frame(ids, linkage_levels(*pairs, len(ids), self.size))


def meetings(row: I64, resource: I64, slot: I64, accounts: int) -> sparse.csr_array:
    """Put each action into the two windows, of two slots each, that hold its slot.

    Parameters
    ----------
    row, resource, slot : ndarray of int64, shape (actions,)
        Account, object and time; slots are as long as the matching window.
    accounts : int
        Number of accounts.

    Returns
    -------
    scipy.sparse.csr_array, shape (accounts, objects x windows)
        1 where an account acted on an object in a window.
    """
    start = np.r_[slot, slot + 1]
    windows = int(start.max(initial=0)) + 1
    kinds, key = np.unique(np.r_[resource, resource] * windows + start, return_inverse=True)
    a = sparse.csr_array((np.ones(len(key)), (np.r_[row, row], key)), shape=(accounts, len(kinds)))
    return sparse.csr_array(a.sign())


def similarities(a: sparse.csr_array, least: int, most: int) -> tuple[I64, I64, F64]:
    """Jaccard index of the actions of each two accounts that are alike at all.

    Parameters
    ----------
    a : scipy.sparse.csr_array, shape (accounts, keys)
        As `meetings` returns it.
    least : int
        Keys below which an account is left out.
    most : int
        Accounts above which those that hold a key are not compared by it; it still counts among their actions.

    Returns
    -------
    first, second : ndarray of int64, shape (pairs,)
        Pairs, first < second.
    similarity : ndarray of float64, shape (pairs,)
        From 0.01 to 1.

    Examples
    --------
    >>> keys = sparse.csr_array(np.array([[1.0, 1.0, 0.0], [1.0, 1.0, 1.0], [0.0, 0.0, 1.0]]))
    >>> similarities(keys, least=2, most=9)
    (array([0]), array([1]), array([0.66666667]))
    """
    size = a.sum(axis=1)
    busy = sparse.diags_array((size >= least).astype(np.float64)) @ a
    few = sparse.csr_array(busy[:, a.sum(axis=0) <= most])
    parts = []
    for first, second, common in resource_uses.shared_counts(few):
        similarity = common / (size[first] + size[second] - common)
        alike = similarity >= _LEAST
        parts.append((first[alike], second[alike], similarity[alike]))
    first, second, similarity = (np.concatenate(part) for part in zip(*parts, strict=True))
    return first, second, similarity


def linkage_levels(first: I64, second: I64, similarity: F64, accounts: int, size: int) -> F64:
    """Highest cut of the single-linkage hierarchy at which each account is in a large cluster.

    Parameters
    ----------
    first, second : ndarray of int64, shape (pairs,)
        Pairs of accounts.
    similarity : ndarray of float64, shape (pairs,)
        From 0 to 1; pairs that are left out have 0.
    accounts : int
        Number of accounts.
    size : int
        Accounts from which on a cluster is large.

    Returns
    -------
    ndarray of float64, shape (accounts,)
        0 for an account that is in no large cluster.

    Examples
    --------
    >>> linkage_levels(np.array([0, 1, 3]), np.array([1, 2, 4]), np.array([0.9, 0.5, 0.8]), accounts=5, size=3)
    array([0.5, 0.5, 0.5, 0. , 0. ])
    """
    shape = (accounts, accounts)
    # The heaviest spanning forest holds all that single linkage needs; 0 would be no edge, hence 2 less.
    forest = sparse.csgraph.minimum_spanning_tree(sparse.csr_array((2 - similarity, (first, second)), shape=shape))
    edges = forest.tocoo()
    members = {v: [v] for v in range(accounts)}
    cluster, level = list(range(accounts)), np.zeros(accounts)
    for k in np.argsort(edges.data, kind="stable").tolist():
        one, other = cluster[edges.row[k]], cluster[edges.col[k]]
        if len(members[one]) < len(members[other]):
            one, other = other, one
        joined = members.pop(other)
        fresh = joined if len(members[one]) >= size else [*members[one], *joined]
        members[one] += joined
        for v in joined:
            cluster[v] = one
        if len(members[one]) >= size:
            fresh = [v for v in fresh if level[v] == 0]
            level[fresh] = 2 - edges.data[k]
    return np.asarray(np.round(level, 9), np.float64)
