"""A message-passing network in plain PyTorch: two rounds over a sparse graph, trained on all of it at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy import sparse

from baselines.networks import learning
from generator.arrays import F64, I64, Mask

_EPOCHS = 100  # passes over the whole graph (a)
_RATE, _DECAY = 0.01, 1e-3  # step and weight decay of AdamW (a)
Tensor = Any
Layers = list[tuple[F64, F64]]


@dataclass(frozen=True)
class Nodes:
    """Nodes of one graph or several side by side, ready for the network.

    Attributes
    ----------
    first : Tensor, shape (nodes, 3 x features + 2)
        What the first round sees: nothing in it is learnt, so it is gathered once.
    mean : Tensor, shape (nodes, nodes)
        Sparse; turns values of nodes into weighted means over their neighbours.
    degree : Tensor, shape (nodes, 2)
        Log of weight and number of edges.
    """

    first: Tensor
    mean: Tensor
    degree: Tensor


def build_nodes(x: F64, graph: sparse.csr_array) -> Nodes:
    """Prepare a graph for the network.

    Parameters
    ----------
    x : ndarray of float64, shape (nodes, features)
        Features, all defined.
    graph : scipy.sparse.csr_array, shape (nodes, nodes)
        Symmetric weights.

    Returns
    -------
    Nodes
        In the order of `x`.
    """
    weight = graph.sum(axis=1)
    step = sparse.csr_array(sparse.diags_array(1 / np.where(weight > 0, weight, 1)) @ graph).tocoo()
    places = torch.from_numpy(np.vstack([step.row, step.col]).astype(np.int64))
    mean = torch.sparse_coo_tensor(places, torch.from_numpy(step.data), step.shape, check_invariants=True)
    degree = torch.from_numpy(np.log1p(np.column_stack([weight, np.diff(graph.indptr).astype(np.float64)])))
    with learning.one_thread():
        mean = mean.coalesce()
        return Nodes(_gathered(torch.from_numpy(np.ascontiguousarray(x)), mean, degree), mean, degree)


def train(n: Nodes, rows: I64, positive: Mask, weight: F64, hidden: int, drop: float, seed: int) -> Layers:
    """Learn layers that tell the labelled rows apart; both classes weigh the same in all.

    Parameters
    ----------
    n : Nodes
        The graph.
    rows : ndarray of int64, shape (labelled,)
        Labelled nodes.
    positive : ndarray of bool, shape (labelled,)
        Their label.
    weight : ndarray of float64, shape (labelled,)
        What each counts among its class.
    hidden : int
        Width of both rounds.
    drop : float
        Share of values that are hidden from each layer while it learns.
    seed : int
        Seed of the first weights and of what is hidden.

    Returns
    -------
    list of (ndarray of float64, ndarray of float64)
        Weights and offsets of each layer.

    References
    ----------
    Hamilton, Ying and Leskovec, "Inductive representation learning on large graphs", NeurIPS 2017; Srivastava et
    al., "Dropout", JMLR 15, 2014; Loshchilov and Hutter, "Decoupled weight decay regularization", ICLR 2019.
    """
    draw = torch.Generator().manual_seed(seed)
    sizes = ((n.first.shape[1], hidden), (3 * hidden + 2, hidden), (hidden, 1))
    with learning.one_thread():
        layers = [_layer(a, b, draw) for a, b in sizes]
        learner = torch.optim.AdamW([p for pair in layers for p in pair], lr=_RATE, weight_decay=_DECAY)
        balance = weight / np.where(positive, weight[positive].sum(), weight[~positive].sum())
        labelled, targets, counts = (torch.from_numpy(v) for v in (rows, positive.astype(np.float64), balance))
        for _ in range(_EPOCHS):
            learner.zero_grad()
            logits = _forward(layers, n, drop, draw)[labelled]
            torch.nn.functional.binary_cross_entropy_with_logits(
                logits, targets, counts, reduction="sum"
            ).backward()
            learner.step()
    return [(w.detach().numpy(), b.detach().numpy()) for w, b in layers]


def logits(layers: Layers, n: Nodes) -> F64:
    """Apply the network.

    Parameters
    ----------
    layers : list of (ndarray of float64, ndarray of float64)
        As `train` returns them.
    n : Nodes
        A graph with the same features.

    Returns
    -------
    ndarray of float64, shape (nodes,)
        Log-odds.
    """
    with learning.one_thread(), torch.no_grad():
        tensors = [tuple(torch.tensor(values) for values in layer) for layer in layers]
        return np.asarray(_forward(tensors, n).numpy(), np.float64)


def _forward(layers: Tensor, n: Nodes, drop: float = 0.0, draw: Any = None) -> Tensor:
    def hidden(values: Tensor) -> Tensor:
        if not drop:
            return values
        kept = torch.rand(values.shape, generator=draw, dtype=values.dtype) >= drop
        return values * kept / (1 - drop)

    (first, a), (second, b), (last, c) = layers
    h = torch.relu(hidden(n.first) @ first + a)
    h = torch.relu(_gathered(hidden(h), n.mean, n.degree) @ second + b)
    return (hidden(h) @ last + c)[:, 0]


def _gathered(h: Tensor, mean: Tensor, degree: Tensor) -> Tensor:
    """Own values, the neighbours' mean and how far they spread, and how much links there are."""
    m = torch.sparse.mm(mean, h)
    spread = torch.sparse.mm(mean, h * h) - m * m
    return torch.cat([h, m, torch.sqrt(torch.clamp(spread, min=0) + 1e-4), degree], 1)


def _layer(inputs: int, outputs: int, draw: Any) -> tuple[Tensor, Tensor]:
    bound = inputs**-0.5
    w = (torch.rand((inputs, outputs), generator=draw, dtype=torch.float64) * 2 - 1) * bound
    return w.requires_grad_(), torch.zeros(outputs, dtype=torch.float64).requires_grad_()
