"""Accounts that are scored: positives, negatives and the units that are resampled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from generator.arrays import I64, Mask
from generator.errors import UserError
from generator.schema import TIERS
from leaderboard.metrics.resampling import RESAMPLES, Draws

_TEXT = ("account_id", "label", "archetype", "cohort", "campaign", "tier")


@dataclass(frozen=True)
class Population:
    """The accounts of a world as arrays, in the order of their ids.

    Attributes
    ----------
    ids : polars.Series of str
        Sorted.
    benign, grey, attack : ndarray of bool
        Labels; grey accounts count as neither.
    archetype, campaign, tier : ndarray of str
        "" where there is none.
    group : ndarray of int
        Unit of resampling: campaign or benign cohort, from 0; -1 for grey accounts.
    stratum : ndarray of int, shape (groups,)
        Groups that stand for each other: campaigns of a tier, benign cohorts.
    """

    ids: pl.Series
    benign: Mask
    grey: Mask
    attack: Mask
    archetype: npt.NDArray[Any]
    campaign: npt.NDArray[Any]
    tier: npt.NDArray[Any]
    group: I64
    stratum: I64

    def draws(self, digest: str, resamples: int = RESAMPLES) -> Draws:
        """Resamples of campaigns and benign cohorts, the same for every entry.

        Parameters
        ----------
        digest : str
            Of the dataset; keys the draws.
        resamples : int
            How many.
        """
        return Draws(self.stratum, digest, resamples)

    @property
    def tiers(self) -> list[str]:
        """Evasion tiers present."""
        return [t for t in TIERS if (self.tier == t).any()]

    def counts(self) -> dict[str, int]:
        """How many accounts and campaigns were scored."""
        return {
            "accounts": int((~self.grey).sum()),
            "extraction": int(self.attack.sum()),
            "campaigns": len(np.unique(self.campaign[self.attack])),
        }


def population(labels: pl.DataFrame) -> Population:
    """The accounts of an account_labels table.

    Parameters
    ----------
    labels : polars.DataFrame
        One row per account: columns of `schema.ACCOUNT_LABELS`.

    Raises
    ------
    UserError
        If there are no extraction or no benign accounts.
    """
    table = labels.select(pl.col(c).cast(pl.String) for c in _TEXT).sort("account_id")
    label = table["label"].to_numpy()
    benign, grey, attack = (label == name for name in ("benign", "grey", "extraction"))
    if not attack.any() or not benign.any():
        counts = f"{attack.sum():,} extraction and {benign.sum():,} benign accounts"
        raise UserError(f"the labels hold {counts}: nothing to judge; score a split that has both")
    tier = table["tier"].fill_null("").to_numpy()
    group = np.full(len(table), -1)
    group[~grey] = table.filter(~grey)["cohort"].rank("dense").to_numpy().astype(np.int64) - 1
    stratum = np.zeros(int(group.max()) + 1, np.int64)
    stratum[group[~grey]] = [(*TIERS, "").index(t) for t in tier[~grey]]
    archetype, campaign = (table[c].fill_null("").to_numpy() for c in ("archetype", "campaign"))
    return Population(table["account_id"], benign, grey, attack, archetype, campaign, tier, group, stratum)
