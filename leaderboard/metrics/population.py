"""Accounts that are scored: positives, negatives and the groups that are left out in turn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from generator.arrays import I64, Mask
from generator.errors import UserError
from generator.schema import TIERS
from leaderboard.metrics.resampling import FOLDS, Folds

_TEXT = ("account_id", "label", "archetype", "cohort", "campaign", "tier")


@dataclass(frozen=True)
class Population:
    """The accounts of a world as arrays, in the order of their ids.

    Attributes
    ----------
    ids : polars.Series of str
        Sorted.
    benign, attack : ndarray of bool
        Negatives, and positives: extraction accounts that served their campaign in this window.
    grey, sleeper : ndarray of bool
        Left out of every score: grey accounts, and extraction accounts that did not serve.
    requests : ndarray of int
        Answered requests by which each account served; 0 but for positives.
    archetype, campaign, tier : ndarray of str
        "" where there is none; sleepers stand in no campaign and in no tier.
    group : ndarray of int
        What is left out as a whole: campaign or benign cohort, from 0; -1 for accounts that are not scored.
    stratum : ndarray of int, shape (groups,)
        Groups that stand for each other: campaigns of a tier, benign cohorts.
    """

    ids: pl.Series
    benign: Mask
    attack: Mask
    grey: Mask
    sleeper: Mask
    requests: I64
    archetype: npt.NDArray[Any]
    campaign: npt.NDArray[Any]
    tier: npt.NDArray[Any]
    group: I64
    stratum: I64

    def folds(self, digest: str, most: int = FOLDS) -> Folds:
        """Folds of campaigns and benign cohorts, the same for every entry.

        Parameters
        ----------
        digest : str
            Of the dataset; keys who shares a fold.
        most : int
            Folds of a stratum, at most.
        """
        return Folds(self.stratum, digest, most)

    @property
    def scored(self) -> Mask:
        """Positives and negatives."""
        return self.benign | self.attack

    @property
    def tiers(self) -> list[str]:
        """Evasion tiers present."""
        return [t for t in TIERS if (self.tier == t).any()]

    def counts(self) -> dict[str, int]:
        """How many accounts and campaigns were scored, and how many accounts of campaigns slept."""
        return {
            "accounts": int(self.scored.sum()),
            "extraction": int(self.attack.sum()),
            "campaigns": len(np.unique(self.campaign[self.attack])),
            "sleepers": int(self.sleeper.sum()),
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
        If there are no benign accounts, or none that served a campaign.
    """
    texts = (pl.col(c).cast(pl.String) for c in _TEXT)
    table = labels.select(*texts, "served", "extraction_requests").sort("account_id")
    label, served = table["label"].to_numpy(), table["served"].to_numpy()
    benign, grey, extraction = (label == name for name in ("benign", "grey", "extraction"))
    attack, sleeper = extraction & served, extraction & ~served
    if not attack.any() or not benign.any():
        counts = f"{attack.sum():,} extraction accounts that served and {benign.sum():,} benign ones"
        raise UserError(f"the labels hold {counts}: nothing to judge; score a split that has both")
    campaign, tier = (np.where(sleeper, "", table[c].fill_null("").to_numpy()) for c in ("campaign", "tier"))
    scored = benign | attack
    group = np.full(len(table), -1)
    group[scored] = table.filter(scored)["cohort"].rank("dense").to_numpy().astype(np.int64) - 1
    stratum = np.zeros(int(group.max()) + 1, np.int64)
    stratum[group[scored]] = [(*TIERS, "").index(t) for t in tier[scored]]
    return Population(
        ids=table["account_id"],
        benign=benign,
        attack=attack,
        grey=grey,
        sleeper=sleeper,
        requests=table["extraction_requests"].to_numpy(),
        archetype=table["archetype"].fill_null("").to_numpy(),
        campaign=campaign,
        tier=tier,
        group=group,
        stratum=stratum,
    )
