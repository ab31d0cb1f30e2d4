"""Unsupervised: communities of strangers over what they share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import polars as pl

from baselines.base import detector, search_space
from baselines.graph import shared_keys
from generator.dataset import Split

_LINKS = ("template", "conversation")
_FOCUS = 0.25  # between counting keys and their cosine (a)


@dataclass
class LinkCommunities(detector.Detector):
    """How close-knit the community is that an account forms with others it openly has nothing in common with.

    Accounts are linked by system prompts and conversations; each that two of them share adds what it says: the
    rarer, the more, and the more of all that the two use it is. Keys that many hold are hubs and join nobody: a
    framework's default prompt is one. Who names the same organisation or writes from its domain has a reason to
    be alike, and such pairs are left out. The graph falls into groups whose pairs weigh more than `resolution`.
    Addresses and devices link nobody here: strangers share those of a cloud, a carrier or a popular client.

    Parameters
    ----------
    most : int
        Holders above which a key is a hub.
    resolution : float
        Mean weight of pairs above which two groups are one.
    """

    name: ClassVar[str] = "link-communities"
    description: ClassVar[str] = "density of communities of strangers that share rare keys, hubs left out"
    source: ClassVar[str] = "Blondel et al., 2008; Traag et al., Physical Review E 84, 2011"
    fields: ClassVar[tuple[str, ...]] = tuple(
        sorted({*shared_keys.fields_of(_LINKS), *shared_keys.DECLARED_FIELDS})
    )
    ranges: ClassVar[search_space.Ranges] = {
        "most": search_space.SearchRange(10, 200, log=True),
        "resolution": search_space.SearchRange(0.02, 0.8, log=True),
    }

    most: int = 20
    resolution: float = 0.2

    def fit(self, *worlds: Split) -> Self:
        """Nothing to learn."""
        return self

    def score(self, split: Split) -> pl.DataFrame:
        """How close-knit the account's community of strangers is."""
        world = shared_keys.read_keys(split, _LINKS)
        graph = shared_keys.weighted(list(world.incidences.values()), self.most, _FOCUS)
        graph = shared_keys.without_declared(graph, shared_keys.declared_ties(split, world.ids))
        return shared_keys.score_frame(world.ids, shared_keys.cohesion(graph, self.resolution))
