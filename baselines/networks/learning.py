"""How networks learn here: on one thread from one seed, by balanced batches, kept as arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from generator.arrays import F64, I64, Mask
from generator.errors import UserError

Array = npt.NDArray[Any]
SPREAD = 12**0.5
"""Ranks of `training_ranks` times this have variance 1."""


@contextmanager
def one_thread() -> Iterator[None]:
    """Sums are added up in one order, whatever the number of cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """First weights and dropout hang on one seed, on one thread; draws outside go on as if nothing had been.

    Parameters
    ----------
    seed : int
        Seed of PyTorch's draws.
    """
    with torch.random.fork_rng(devices=[]), one_thread():
        torch.manual_seed(seed)
        yield


def descend(network: Any, loss: Callable[[], Any], steps: int, rate: float, decay: float) -> None:
    """Go down a loss with AdamW.

    Parameters
    ----------
    network : torch.nn.Module
        Its parameters change; afterwards it drops nothing any more.
    loss : callable
        Loss of the next batch, a tensor of one number.
    steps : int
        Batches.
    rate, decay : float
        Step and weight decay.

    References
    ----------
    Loshchilov and Hutter, "Decoupled weight decay regularization", ICLR 2019.
    """
    learner = torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=decay)
    network.train()
    for _ in range(steps):
        learner.zero_grad()
        loss().backward()
        learner.step()
    network.eval()


def balanced_rows(group: I64 | Mask, size: int, rng: np.random.Generator) -> I64:
    """Draw rows so that every group is as likely as the next, with replacement.

    Parameters
    ----------
    group : ndarray of int64 or bool, shape (rows,)
        Class or group of each row.
    size : int
        Rows to draw.
    rng : numpy.random.Generator
        Source of the draws.

    Returns
    -------
    ndarray of int64, shape (size,)
        Positions in `group`.
    """
    _, place, count = np.unique(group, return_inverse=True, return_counts=True)
    order = np.argsort(place, kind="stable")
    chosen = rng.integers(0, len(count), size)
    nth = rng.integers(0, count[chosen])
    return np.asarray(order[(np.cumsum(count) - count)[chosen] + nth], np.int64)


def tell_apart(logits: Any, positive: Mask) -> Any:
    """Cross-entropy of two classes.

    Parameters
    ----------
    logits : Tensor, shape (rows, ...)
        Log-odds; what follows the first axis has one label.
    positive : ndarray of bool, shape (rows,)
        Label.

    Returns
    -------
    Tensor
        Mean, one number.
    """
    target = tensor(positive).reshape(-1, *[1] * (logits.dim() - 1)).expand_as(logits)
    return torch.nn.functional.binary_cross_entropy_with_logits(logits, target)


def tensor(values: Array) -> Any:
    """An array as a tensor of 64-bit numbers.

    Parameters
    ----------
    values : ndarray
        Any shape.

    Returns
    -------
    Tensor
        Of float64: scores of reordered rows agree to nine decimals.
    """
    return torch.from_numpy(np.ascontiguousarray(values, np.float64))


def values(result: Any) -> F64:
    """A tensor as an array.

    Parameters
    ----------
    result : Tensor
        Any shape.

    Returns
    -------
    ndarray of float64
        Same shape.
    """
    return np.asarray(result.detach().numpy(), np.float64)


def weights(network: Any) -> dict[str, Array]:
    """Weights of a network as plain arrays, so that a file can hold them.

    Parameters
    ----------
    network : torch.nn.Module
        Any.

    Returns
    -------
    dict of str to ndarray
        By the names of its parameters and buffers.
    """
    return {name: part.detach().numpy().copy() for name, part in network.state_dict().items()}


def with_weights(network: Any, known: Mapping[str, Array]) -> Any:
    """Give a network the weights that `weights` kept.

    Parameters
    ----------
    network : torch.nn.Module
        Of the same sizes.
    known : mapping of str to ndarray
        Weights by name.

    Returns
    -------
    torch.nn.Module
        The network; it drops nothing.

    Raises
    ------
    UserError
        If weights are missing, or of another shape.
    """
    shapes = {name: tuple(part.shape) for name, part in network.state_dict().items()}
    given = {name: np.shape(part) for name, part in known.items()}
    if odd := sorted(name for name in shapes.keys() | given.keys() if shapes.get(name) != given.get(name)):
        name = odd[0]
        raise UserError(
            f"{len(odd)} weights do not fit the network, e.g. {name}: {given.get(name)} instead of "
            f"{shapes.get(name)}; fit the detector again with these parameters"
        )
    network.load_state_dict({name: torch.from_numpy(np.array(part)) for name, part in known.items()})
    return network.eval()
