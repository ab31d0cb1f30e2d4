"""A small transformer over the days of an account, learnt without labels: what is hidden is to be filled in."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

from baselines.networks import learning
from generator.arrays import F64, Mask

_HEADS = 2
_PERIOD = 1e4  # of the slowest wave of positions: Vaswani et al., 2017
_CHUNK = 4096  # accounts that are encoded at once
Tensor = Any


class DayEncoder(nn.Module):
    """Encoder of days, and a last layer that fills in hidden values.

    Days have waves as positions, not learnt ones as in the source: windows of other worlds, or as of a day, have
    other lengths.

    Parameters
    ----------
    columns : int
        Values of a day.
    width, layers : int
        Width (even) and number of layers.
    """

    def __init__(self, columns: int, width: int, layers: int) -> None:
        super().__init__()
        self.width = width
        self.inputs = nn.Linear(columns, width)
        layer = nn.TransformerEncoderLayer(width, _HEADS, 2 * width, dropout=0.1, batch_first=True)
        self.layers = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.outputs = nn.Linear(width, columns)

    def forward(self, days: Tensor) -> Tensor:
        """Encode.

        Parameters
        ----------
        days : Tensor, shape (accounts, days, columns)
            Values of variance near 1; 0 where hidden.

        Returns
        -------
        Tensor, shape (accounts, days, width)
            What each day is like among the others.
        """
        return self.layers(self.inputs(days) + learning.tensor(_waves(days.shape[1], self.width)))


def pretrain(
    days: F64,
    width: int,
    layers: int,
    hidden: float,
    steps: int,
    batch: int,
    rate: float,
    rng: np.random.Generator,
) -> DayEncoder:
    """Learn to fill in hidden stretches of single columns.

    Parameters
    ----------
    days : ndarray of float64, shape (accounts, days, columns)
        Values of variance near 1.
    width, layers : int
        As in `DayEncoder`.
    hidden : float
        Share of values that are hidden.
    steps, batch : int
        Batches, and accounts in each.
    rate : float
        Step of the optimizer.
    rng : numpy.random.Generator
        Source of the draws.

    Returns
    -------
    DayEncoder
        It drops nothing any more.

    References
    ----------
    Zerveas et al., "A transformer-based framework for multivariate time series representation learning", KDD 2021.
    """
    encoder: DayEncoder = DayEncoder(days.shape[2], width, layers).double()

    def loss() -> Tensor:
        rows = days[rng.integers(0, len(days), batch)]
        gone = hidden_stretches(rows.shape, hidden, rng)
        filled = encoder.outputs(encoder(learning.tensor(np.where(gone, 0.0, rows))))
        lost = learning.tensor(gone)
        return (((filled - learning.tensor(rows)) ** 2) * lost).sum() / torch.clamp(lost.sum(), min=1)

    learning.descend(encoder, loss, steps, rate, 0.0)
    return encoder


def hidden_stretches(shape: tuple[int, ...], share: float, rng: np.random.Generator, mean: float = 3.0) -> Mask:
    """Draw stretches of days to hide, column by column.

    Parameters
    ----------
    shape : tuple of int
        Accounts, days, columns.
    share : float
        Share of days that are hidden, below 1.
    rng : numpy.random.Generator
        Source of the draws.
    mean : float
        Mean length of a stretch in days, as in the source.

    Returns
    -------
    ndarray of bool
        Of that shape.
    """
    ends = 1 / mean
    begins = min(1.0, ends * share / (1 - share))  # a chain of two states with that share in the long run
    draws = rng.random(shape)
    gone = np.empty(shape, bool)
    for day in range(shape[1]):
        before = gone[:, day - 1]
        gone[:, day] = draws[:, day] < (np.where(before, 1 - ends, begins) if day else share)
    return gone


def described(encoder: DayEncoder, days: F64) -> F64:
    """What an account is like over all its days.

    Parameters
    ----------
    encoder : DayEncoder
        As `pretrain` returns it.
    days : ndarray of float64, shape (accounts, days, columns)
        Nothing is hidden.

    Returns
    -------
    ndarray of float64, shape (accounts, 2 x width)
        Mean and maximum of the encoded days.
    """
    parts = []
    with torch.no_grad():
        for start in range(0, len(days), _CHUNK):
            said = encoder(learning.tensor(days[start : start + _CHUNK]))
            parts.append(learning.values(torch.cat([said.mean(1), said.amax(1)], 1)))
    return np.vstack(parts)


def _waves(days: int, width: int) -> F64:
    turns = np.arange(days)[:, None] * _PERIOD ** (-np.arange(0, width, 2) / width)
    return np.hstack([np.sin(turns), np.cos(turns)])
