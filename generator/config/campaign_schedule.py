"""Which archetype and tier each campaign of a world has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from generator.schema import SPLITS, TIERS

LEAST_OF_TIER = 3
"""Campaigns that a tier needs for its numbers to say anything: fewer have no spread to resample (a)."""


def schedule(
    campaigns: int, split: str, archetypes: Sequence[str], test_only: Sequence[str] = ()
) -> list[tuple[str, str]]:
    """(archetype, tier) of each campaign.

    Both are taken in turn, so that the numbers of any two archetypes, and of any two tiers, differ by one at most,
    and three rounds give every archetype every tier. Each split begins its turn elsewhere.

    Parameters
    ----------
    campaigns : int
        How many.
    split : str
        World; only "test" has the archetypes in `test_only`, and begins with them.
    archetypes : sequence of str
        Those that the campaigns of every world take in turn.
    test_only : sequence of str
        Those that the campaigns of the test world take beside.
    """
    first = SPLITS.index(split)
    turn = [archetypes[(first + i) % len(archetypes)] for i in range(len(archetypes))]
    if split == "test":
        turn = [*test_only, *turn]
    n = len(turn)
    # Where a round is a multiple of three long, each round is turned by one: else no archetype changed its tier.
    shift = int(n % 3 == 0)
    return [(turn[(i + shift * (i // n)) % n], TIERS[i % 3]) for i in range(campaigns)]


def missing(
    least: int, campaigns: int, split: str, archetypes: Sequence[str], test_only: Sequence[str]
) -> dict[str, int]:
    """Archetypes of a split that have fewer than `least` campaigns, and how many they have.

    Parameters
    ----------
    least : int
        Campaigns that each archetype is to have.
    campaigns : int
        Campaigns of the world.
    split : str
        World.
    archetypes, test_only : sequence of str
        As for `schedule`.
    """
    wanted = [*archetypes, *(test_only if split == "test" else ())]
    counts = (
        Counter(a for a, _ in schedule(campaigns, split, archetypes, test_only)) if campaigns else Counter[str]()
    )
    return {a: counts[a] for a in wanted if counts[a] < least}
