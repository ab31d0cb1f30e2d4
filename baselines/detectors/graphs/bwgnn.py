"""Supervised: a network with Beta wavelets over several kinds of links."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from baselines.detectors.graphs import graph_network


@dataclass
class BWGNN(graph_network.NodeNetwork):
    """BWGNN (Hetero): two layers on the columns, then Beta wavelets of degree 2 on each kind of link, summed.

    As in the source one mix of the wavelets serves all links. Its Laplacian is symmetric; here a step takes the
    neighbours' mean, as in the other graph detectors, and what the source learns on a whole graph is learnt from
    drawn neighbours, two steps along one kind of link.
    """

    name: ClassVar[str] = "bwgnn"
    description: ClassVar[str] = "Beta wavelets of learnt columns on each kind of link, learnt end to end"
    source: ClassVar[str] = "Tang et al., BWGNN, ICML 2022"

    def _network(self, columns: int, links: int) -> Any:
        from baselines.networks import graph_networks

        return graph_networks.BetaWavelets(columns, self.hidden, self.drop)
