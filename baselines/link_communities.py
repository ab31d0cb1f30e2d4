"""Unsupervised: communities of accounts over what they share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
import polars as pl

from baselines import detector, graphs, tuning
from baselines.communities import communities
from generator.dataset import Split

_LINKS = ("payment", "domain", "signup", "prefix", "device", "template", "tools")


@dataclass
class LinkCommunities(detector.Detector):
    """How much an account shares inside its community; keys that many hold are hubs and join nobody.

    Each key that two accounts share adds what it says: the rarer, the more. The graph falls into groups whose
    pairs weigh more than `resolution`, and an account scores the weight of its edges to its own group.

    Parameters
    ----------
    most : int
        Holders above which a key is a hub.
    resolution : float
        Mean weight of pairs above which two groups are one.
    """

    name: ClassVar[str] = "link-communities"
    description: ClassVar[str] = "weight of an account's links inside its community, hubs left out"
    source: ClassVar[str] = "Blondel et al., 2008; Traag et al., Physical Review E 84, 2011"
    fields: ClassVar[tuple[str, ...]] = graphs.fields_of(_LINKS)
    ranges: ClassVar[tuning.Ranges] = {
        "most": tuning.Range(10, 200, log=True),
        "resolution": tuning.Range(0.02, 0.8, log=True),
    }

    most: int = 60
    resolution: float = 0.2

    def fit(self, *worlds: Split) -> Self:
        """Nothing to learn."""
        return self

    def score(self, split: Split) -> pl.DataFrame:
        """Log of the weight of links inside the community."""
        world = graphs.shared(split, _LINKS)
        graph = graphs.weighted(list(world.held.values()), self.most)
        label = communities(graph, self.resolution)
        return graphs.scores(world.ids, np.log1p(graphs.inside(graph, label)))
