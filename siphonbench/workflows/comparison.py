"""Two entries on the same datasets: their paired difference, and what would decide it where it is open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from generator.errors import UserError
from leaderboard.records import power

if TYPE_CHECKING:
    from leaderboard.records.estimate import Estimate
    from leaderboard.records.scorecard import Scorecard


@dataclass(frozen=True)
class EntryComparison:
    """How far one entry is ahead of another.

    Attributes
    ----------
    difference : Estimate
        Of the metric that ranks, in pairs; over several datasets the mean.
    campaigns : int
        Scored in all datasets.
    least : float
        Difference that is worth telling apart.
    """

    difference: Estimate
    campaigns: int
    least: float

    @property
    def decided(self) -> bool:
        """Whether the 95 % interval leaves out zero."""
        low, high = self.difference.interval()
        return low > 0 or high < 0

    def words(self) -> str:
        """Which is ahead, or what it would take to know."""
        low, high = self.difference.interval()
        told = f"paired difference {self.difference.value:+.4f}, 95 % interval {low:+.4f} to {high:+.4f}"
        if self.decided:
            return f"{'Ahead' if low > 0 else 'Behind'}: {told}."
        return f"Can't be told apart: {told}. {power.sentence(self.difference, self.campaigns, self.least)}"

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        low, high = self.difference.interval()
        return {
            "difference": self.difference.value,
            "low": low,
            "high": high,
            "decided": self.decided,
            "detectable": power.detectable(self.difference),
            "least": self.least,
            "worlds_needed": power.worlds_needed(self.difference, self.least),
            "campaigns": self.campaigns,
        }


def compare(
    first: Sequence[Scorecard], second: Sequence[Scorecard], least: float = power.DIFFERENCE
) -> EntryComparison:
    """Compare the scorecards of two entries.

    Parameters
    ----------
    first, second : sequence of Scorecard
        Of the same datasets, in the same order.
    least : float
        Difference of the metric that ranks that is worth telling apart.

    Raises
    ------
    UserError
        If the difference is none.
    """
    from leaderboard.records import estimate

    if not 0 < least < 1:
        raise UserError(f"a difference of {least:g} can't be told apart: choose one between 0 and 1, such as 0.05")
    paired = [a.estimate - b.estimate for a, b in zip(first, second, strict=True)]
    return EntryComparison(estimate.mean(paired), sum(card.counts["campaigns"] for card in first), least)
