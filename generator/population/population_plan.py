"""The population plan: all cohorts of a world and the accounts they own, before any habit is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from generator.arrays import F32, I8, I32, I64, U64
from generator.config.archetypes import archetypes
from generator.config.dataset_config import Config
from generator.config.parameters import ParameterRange
from generator.schema import TIERS

Overlay = tuple[tuple[str, str, ParameterRange], ...]
_LOADED = 4  # one of so many members carries what a quota asks beyond habits (a)


@dataclass
class PopulationPlan:
    """All cohorts and the seats of all accounts of one world.

    Attributes
    ----------
    config, split : Config, str
        What it was made from.
    key : numpy.uint64
        Key of the world; all streams descend from it.
    names : sequence of str
        Name of each cohort, unique within the world.
    cohort_key : ndarray of uint64
        Stream of each cohort.
    archetype, sizes : ndarray of int
        Index into `variants`, and members, of each cohort.
    dials : dict of str to ndarray of float32
        Drawn cohort dials.
    account_cohort, account_member : ndarray of int32
        Cohort of each account and its number in it.
    account_key : ndarray of uint64
        Stream of each account.
    rate_factor : ndarray of float32
        What the rates of each cohort's members are multiplied by; 1 without a quota, see `traffic.quotas`.
    domain : ndarray of int32
        What each cohort's work is about, an index into `COHORT_CHOICES`; benign groups have one too.
    label, tier : ndarray of int8
        Truth per cohort (-1: none); never read by the simulation.
    """

    config: Config
    split: str
    key: np.uint64
    names: Sequence[str]
    cohort_key: U64
    archetype: I32
    sizes: I64
    dials: dict[str, F32]
    account_cohort: I32
    account_member: I64
    account_key: U64
    rate_factor: F32
    domain: I32
    label: I8
    tier: I8

    @property
    def root(self) -> U64:
        """Key of the world as an array of one, for streams that all of its accounts share."""
        return np.array([self.key], np.uint64)

    @property
    def first_account(self) -> I64:
        """Number of the first account of each cohort: its members follow each other."""
        return np.cumsum(self.sizes) - self.sizes

    def quota_factors(self, index: I64, factor: F32) -> F32:
        """What the rates of members are multiplied by so that their cohort meets its quota.

        What the quota asks beyond their habits is sent by every fourth: few send most, as elsewhere, and the
        volumes of the others tell nothing. Where it asks less, all send less.

        Parameters
        ----------
        index : ndarray of int64, shape (accounts,)
            Members.
        factor : ndarray of float32, shape (accounts,)
            Of the cohort of each.
        """
        loaded = self.account_member[index] % _LOADED == 0
        return np.where(loaded | (factor < 1), factor, np.float32(1))


def variants() -> list[tuple[str, str]]:
    """(archetype, tier) of every kind of cohort, in a fixed order; tier "" for benign ones."""
    return [(a.id, tier) for a in archetypes().values() for tier in (TIERS if a.label == "extraction" else ("",))]


def customers(mix: dict[str, float]) -> dict[str, float]:
    """Shares of the ordinary customers of a mix, whose habits others may take; all of it where none is benign.

    Grey ones are left out of scores: among those that are scored, their habits would be an impostor's alone.

    Parameters
    ----------
    mix : dict of str to float
        Share of each archetype.
    """
    known = archetypes()
    return {a: share for a, share in mix.items() if known[a].label == "benign"} or mix
