"""Account aggregates beside what a provider noted of each account, for those that learn from notes alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from baselines.features import account_features, feature_table, supervision
from generator import observed_labels
from generator.arrays import F64, Mask
from generator.dataset import Split
from generator.errors import UserError


def noted(worlds: Sequence[Split]) -> tuple[F64, Mask, Mask]:
    """Features of all accounts, who was banned, and who was cleared.

    Parameters
    ----------
    worlds : sequence of Split
        Worlds with observed labels.

    Returns
    -------
    x : ndarray of float64, shape (accounts, features)
        NaN where undefined.
    banned, cleared : ndarray of bool, shape (accounts,)
        Last states; accounts that are neither are unlabelled.

    Raises
    ------
    UserError
        If nobody was banned, or nobody else is there.
    """
    parts = []
    for world in worlds:
        frame = account_features.account_features(world, feature_table.FEATURES)
        states = observed_labels.last_states(world)
        last = frame.select("account_id").join(states, on="account_id", how="left", maintain_order="left")["state"]
        parts.append([supervision.matrix(frame), *(last.eq_missing(s).to_numpy() for s in ("banned", "cleared"))])
    x, banned, cleared = (np.concatenate(part) for part in zip(*parts, strict=True))
    if banned.all() or not banned.any():
        raise UserError(f"{banned.sum():,} of {len(banned):,} accounts were banned: nothing to learn from them")
    return x, banned, cleared
