"""What an account's links and neighbours are like: columns for a table of accounts.

Two ways of looking at neighbours: *through keys*, an account asks its keys about their other holders (linear in
the number of holdings, so hubs cost nothing); *in the graph*, it asks the accounts that it probably belongs with.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.sparse import csgraph

from baselines.links import Held

F64 = npt.NDArray[np.float64]


def through_keys(held: Sequence[Held]) -> dict[str, F64]:
    """Per link: log of the holdings of its keys by others, the rarest key's holders, and the share that is shared."""
    columns: dict[str, F64] = {}
    for h in held:
        holders = h.keys.sum(axis=0)
        columns[f"{h.name}:reach"] = np.log1p(h.keys @ (holders - 1))
        columns[f"{h.name}:rarest"] = _reduce(np.minimum, h.keys, holders[h.keys.indices])
        columns[f"{h.name}:shared"] = _divide(h.keys.sum(axis=1), h.total)
    return columns


def scores_through_keys(held: Sequence[Held], scores: F64) -> dict[str, F64]:
    """What the other holders of an account's keys score: idf-weighted mean, and the mean at its best key."""
    columns: dict[str, F64] = {}
    for h in held:
        holders = h.keys.sum(axis=0)
        idf = np.log(h.keys.shape[0] / holders)
        own = np.repeat(scores, np.diff(h.keys.indptr))
        column = h.keys.indices
        others = ((h.keys.T @ scores)[column] - own) / (holders[column] - 1)
        columns[f"{h.name}:score"] = _divide(_reduce(np.add, h.keys, others * idf[column]), h.keys @ idf)
        columns[f"{h.name}:best"] = _reduce(np.maximum, h.keys, others)
    return columns


def in_graph(graph: sparse.csr_array) -> dict[str, F64]:
    """Place in the graph: companions to expect, the surest one, how closed the circle is, size of the group."""
    edges = graph.sum(axis=1)
    closed = (graph @ graph).multiply(graph).sum(axis=1)
    apart = edges**2 - (graph**2).sum(axis=1)
    return {
        "graph:companions": np.log1p(edges),
        "graph:surest": _reduce(np.maximum, graph, graph.data),
        "graph:closed": _divide(closed, np.where(apart > 1e-9, apart, 0)),
        "graph:group": np.log(_group_sizes(graph, 0.5)),
        "graph:inner_group": np.log(_group_sizes(graph, 0.9)),
    }


def neighbours(graph: sparse.csr_array, values: F64, names: Sequence[str]) -> dict[str, F64]:
    """What an account's neighbours are like.

    Parameters
    ----------
    graph : scipy.sparse.csr_array
        Weights between accounts.
    values : ndarray, shape (accounts, columns)
        Numbers to look at; NaN counts as the column's mean.
    names : sequence of str
        Names of the columns.

    Returns
    -------
    dict of str to ndarray
        Per column the weighted mean over neighbours, and the weighted standard deviation of the account and its
        neighbours, in units of the population's: small where a group behaves alike.
    """
    mean, sd = np.nanmean(values, axis=0), np.nanstd(values, axis=0)
    z = np.nan_to_num((values - mean) / np.where(sd > 0, sd, 1))
    total = graph.sum(axis=1)[:, None]
    near = _divide(graph @ z, total)
    centre = (graph @ z + z) / (total + 1)
    spread = np.sqrt(np.clip((graph @ z**2 + z**2) / (total + 1) - centre**2, 0, None))
    columns = {f"near:{name}": near[:, i] for i, name in enumerate(names)}
    return columns | {f"spread:{name}": spread[:, i] for i, name in enumerate(names)}


def scores_in_graph(graph: sparse.csr_array, scores: F64) -> dict[str, F64]:
    """What the neighbours one and three steps away score, and the highest of the neighbours."""
    total = graph.sum(axis=1)
    reached, steps = scores, []
    for _ in range(3):
        # An account without neighbours keeps its own.
        reached = (graph @ reached + 0.5 * scores) / (total + 0.5)
        steps.append(reached)
    best = _reduce(np.maximum, graph, scores[graph.indices] * graph.data)
    return {"graph:score": _divide(graph @ scores, total), "graph:score_1": steps[0], "graph:score_3": steps[2], "graph:best": best}


def _group_sizes(graph: sparse.csr_array, least: float) -> F64:
    """Accounts in the same connected component when only edges of a least weight count."""
    strong = graph.copy()
    strong.data = np.where(graph.data >= least, graph.data, 0.0)
    strong.eliminate_zeros()
    _, component = csgraph.connected_components(strong, directed=False)
    return np.bincount(component)[component].astype(np.float64)


def _reduce(reduce: np.ufunc, a: sparse.csr_array, values: F64) -> F64:
    """Reduce the values of each row's entries; NaN for rows without one."""
    result = np.full(a.shape[0], np.nan)
    filled = np.flatnonzero(np.diff(a.indptr))
    if len(filled):
        result[filled] = reduce.reduceat(values, a.indptr[filled])
    return result


def _divide(a: F64, b: F64) -> F64:
    return np.divide(a, b, out=np.full(np.broadcast(a, b).shape, np.nan), where=b > 0)
