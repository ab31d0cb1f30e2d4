"""Supervised: GraphSAGE over several kinds of links."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from baselines.detectors.graphs import graph_network


@dataclass
class GraphSAGE(graph_network.NodeNetwork):
    """GraphSAGE with the mean as aggregator and weights of their own for each kind of link.

    As in the sources: neighbours are drawn in learning, values have length 1 after each round, and what is learnt
    holds for graphs never seen. The first round hears the columns themselves, whose means over all neighbours are
    worked out once; only the second draws.
    """

    name: ClassVar[str] = "graphsage"
    description: ClassVar[str] = "two rounds of neighbours' means with weights per kind of link, learnt end to end"
    source: ClassVar[str] = "Hamilton et al., GraphSAGE, NeurIPS 2017; Schlichtkrull et al., R-GCN, ESWC 2018"

    def _network(self, columns: int, links: int) -> Any:
        from baselines.networks import graph_networks

        return graph_networks.GraphSage(columns, links, self.hidden, self.drop)
