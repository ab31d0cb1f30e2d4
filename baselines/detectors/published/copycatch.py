"""CopyCatch: accounts that come to the same resources at the same times, in lockstep."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
import polars as pl

from baselines.base import detector, search_space
from baselines.detectors.published import resource_uses
from baselines.graph import shared_keys
from generator.arrays import I64
from generator.dataset import Split

_RESOURCES = ("ip_prefix", "tls_fingerprint", "system_prompt_hash", "tools_hash", "prompt_simhash")
_SLOT_S = 60
_ROUNDS = 10  # most turns of a search that goes on being better (a)


@dataclass
class CopyCatch(detector.Detector):
    """Size of the largest lockstep block that an account is in, times the share of it that it takes part in.

    As in the paper, an edge is an account's first use of a resource and has a time; a block is a set of accounts,
    of resources and a time for each resource, so that every account came to at least a share of the resources
    within a window around their times; from many seeds, accounts and (resources, times) are found anew in turns
    for as long as there is more lockstep. What this setting changes: resources are prefixes, devices, system
    prompts, sets of tools and prompts in place of pages; a seed is one edge and all who came with it; the numbers
    are an operator's choice in the paper, and set here for campaigns of ten that share little (a); blocks rank
    their members by size, where the paper lists them.

    Near chance on nano, as members seldom come to the same things together: of 354 pairs inside overt campaigns 12
    first used three resources in common within twelve hours of each other (seeds 7 and 11, train and validation).

    Parameters
    ----------
    seeds : int
        Most edges that a search begins at; those of a block that was found need none.
    accounts, resources : int
        Fewest accounts and number of resources of a block.
    share : float
        Share of the block's resources that each account must have come to in time.
    window : float
        How far, before or after, an edge's time may be from that of the block, in hours.
    """

    name: ClassVar[str] = "copycatch"
    description: ClassVar[str] = "lockstep: first uses of the same resources at the same times"
    source: ClassVar[str] = "Beutel et al., CopyCatch, WWW 2013"
    fields: ClassVar[tuple[str, ...]] = resource_uses.fields_of(_RESOURCES)
    ranges: ClassVar[search_space.Ranges] = {
        "seeds": search_space.SearchRange(500, 20_000, log=True),
        "accounts": search_space.SearchRange(2, 10),
        "resources": search_space.SearchRange(2, 12, log=True),
        "share": search_space.SearchRange(0.4, 1.0),
        "window": search_space.SearchRange(0.25, 48.0, log=True),
    }

    seeds: int = 5000
    accounts: int = 3
    resources: int = 3
    share: float = 0.6
    window: float = 6.0

    def fit(self, *worlds: Split) -> Self:
        """Nothing to learn."""
        return self

    def score(self, split: Split) -> pl.DataFrame:
        """Edges in lockstep of the largest block, over the accounts that hold them; 0 outside of all blocks."""
        ids = shared_keys.ordered_ids(split)
        uses = resource_uses.resource_uses(split, ids, _RESOURCES, _SLOT_S, first=True)
        half = round(self.window * 3600 / _SLOT_S)
        row, resource, time = (uses[name].to_numpy() for name in ("row", "resource", "slot"))
        edges = FirstUses(row, resource, time, len(ids), half)
        seeds = np.random.default_rng(self.seed).permutation(edges.seeds(self.accounts))[: self.seeds]
        score, covered = np.zeros(len(ids)), np.zeros(len(edges.row), np.bool_)
        for seed in seeds.tolist():
            block = edges.lockstep(seed, self.resources, self.share) if not covered[seed] else edges.row[:0]
            members, held = np.unique(edges.row[block], return_counts=True)
            if len(members) >= self.accounts:
                covered[block] = True
                score[members] = np.maximum(score[members], len(members) * held / self.resources)
        return shared_keys.score_frame(ids, score)


class FirstUses:
    """First uses of resources by accounts, sorted by resource and time.

    Parameters
    ----------
    row, resource, time : ndarray of int64, shape (edges,)
        Account, resource and time of each use; an account has a resource once.
    accounts : int
        Number of accounts.
    half : int
        Half a window, in units of time.
    """

    def __init__(self, row: I64, resource: I64, time: I64, accounts: int, half: int) -> None:
        order = np.lexsort((row, time, resource))
        self.row, self.resource, self.half = row[order], resource[order], half
        # One sorted number for resource and time, so far apart that no window reaches another resource.
        stride = int(time.max(initial=0)) + 2 * half + 1
        self.key = self.resource * stride + time[order]
        self.by_row = np.argsort(self.row, kind="stable")
        self.start = np.searchsorted(self.row[self.by_row], np.arange(accounts + 1))

    def seeds(self, least: int) -> I64:
        """Edges in whose window `least` accounts or more came to the same resource; one for each set of accounts.

        Parameters
        ----------
        least : int
            Number of accounts, the edge's own included.

        Returns
        -------
        ndarray of int64, shape (seeds,)
            Numbers of edges, sorted.
        """
        low, high = self._window(self.key)
        distinct = np.unique(np.column_stack([low, high]), axis=0, return_index=True)[1]
        return np.sort(distinct[(high - low)[distinct] >= least])

    def lockstep(self, seed: int, resources: int, share: float) -> I64:
        """Search for a block in turns, from all who came to one resource at one time.

        Parameters
        ----------
        seed : int
            Number of the edge that the search begins at.
        resources : int
            Resources of the block.
        share : float
            Share of them that each member must have come to in time.

        Returns
        -------
        ndarray of int64, shape (edges,)
            Edges of the block; none if no two accounts came to so many resources together.
        """
        edges, block = self._in_time(self.key[seed : seed + 1]), self.row[:0]
        for _ in range(_ROUNDS):
            centres = self._subspace(np.unique(self.row[edges]), resources)
            if len(centres) < resources:
                break
            near = self._in_time(centres)
            _, member, held = np.unique(self.row[near], return_inverse=True, return_counts=True)
            edges = near[held[member] >= share * resources]
            if len(edges) <= len(block):
                break
            block = edges
        return block

    def _window(self, centres: I64) -> tuple[I64, I64]:
        """First edge, and the one after the last, within half a window before or after each centre."""
        return np.searchsorted(self.key, centres - self.half), np.searchsorted(
            self.key, centres + self.half, "right"
        )

    def _in_time(self, centres: I64) -> I64:
        """Edges within half a window of a centre."""
        return np.concatenate([np.arange(a, b) for a, b in zip(*self._window(centres), strict=True)])

    def _subspace(self, members: I64, resources: int) -> I64:
        """Resources that most members came to within one window, and the middles of these windows."""
        own = np.sort(np.concatenate([self.by_row[self.start[m] : self.start[m + 1]] for m in members.tolist()]))
        key, resource = self.key[own], self.resource[own]
        inside = np.searchsorted(key, key + 2 * self.half, "right") - np.arange(len(key))
        first = np.lexsort((-inside, resource))  # of each resource the fullest window, the earliest of equals
        first = first[np.r_[True, np.diff(resource[first]) > 0]]
        first = first[inside[first] > 1]
        top = first[np.argsort(-inside[first], kind="stable")[:resources]]
        last = top + inside[top] - 1
        centres: I64 = (key[top] + key[last]) // 2
        return centres
