"""What a threshold costs and whom it hits: reviews, innocents, campaigns stopped, tokens kept.

A list is drawn up at the end of the window and worked off during another one as long, in which everybody goes on
as before (a): so many reviews a day, highest score first, and who isn't reached today waits until tomorrow. A
review recognises every extraction account (a) and bans it; of innocents it bans a few.

Tie rule: accounts with equal scores are one block, above a threshold or below it together; in the queue they stand
in the order of their ids, which are drawn at random and tell nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from generator.arrays import F64, I64, Integers, Mask
from leaderboard.metrics.decision_costs import Costs, check_reviews
from leaderboard.metrics.population import Population

STOPPED = 0.5
"""Share of a campaign's tokens whose accounts must be banned for it to count as stopped (a)."""


def review_days(arrival: Integers, score: F64, reviews: int, days: int) -> I64:
    """Day on which each account is reviewed; the number of days: never.

    Parameters
    ----------
    arrival : ndarray of int, shape (accounts,)
        Day from which each one waits.
    score : ndarray of float, shape (accounts,)
        Who waits with the highest is next; equal ones in the order given.
    reviews : int
        Accounts a day, 1 or more.
    days : int
        How long the queue is worked off.

    Raises
    ------
    UserError
        If `reviews` is less than one.

    Notes
    -----
    Nobody delays who has a higher score: so the days of those above a threshold are the same, whatever it is.

    Examples
    --------
    Two wait from the first day, two come on the second; one is reviewed a day, and the lowest is never reached.

    >>> review_days(np.array([0, 0, 1, 1]), np.array([0.5, 0.9, 0.7, 0.1]), 1, 3).tolist()
    [2, 0, 1, 3]
    """
    check_reviews(reviews)
    order = np.argsort(-score, kind="stable")
    result = np.full(len(score), days)
    for day in range(days):
        waiting = order[(arrival[order] <= day) & (result[order] == days)]
        result[waiting[:reviews]] = day
    return result


def queue_precision(score: F64, positive: Mask, reviews: int, days: int) -> float:
    """Share of extraction accounts among all that are reviewed, where everybody waits from the first day.

    Parameters
    ----------
    score : ndarray of float, shape (accounts,)
        Higher is reviewed earlier.
    positive : ndarray of bool, shape (accounts,)
        Truth.
    reviews, days : int
        As for `review_days`.

    Examples
    --------
    >>> queue_precision(np.array([0.9, 0.8, 0.3, 0.1]), np.array([True, False, True, False]), 1, 3)
    0.6666666666666666
    """
    reached = review_days(np.zeros(len(score), np.int64), score, reviews, days) < days
    return float(positive[reached].mean())


@dataclass(frozen=True)
class WorkingPoints:
    """What each threshold makes of a ranking, from nobody flagged to everybody; arrays of shape (points,).

    Attributes
    ----------
    threshold : ndarray of float
        Who scores as high is flagged; infinite at the first.
    flagged, reviewed, caught, innocents : ndarray of int
        Accounts flagged; of these reviewed in time; extraction accounts and innocents among the reviewed.
    campaigns : ndarray of int
        Campaigns stopped, see `STOPPED`.
    kept : ndarray of float
        Share of the tokens of all campaigns that they don't collect.
    review_usd, false_ban_usd, token_usd : ndarray of float
        Parts of the cost.
    """

    threshold: F64
    flagged: I64
    reviewed: I64
    caught: I64
    innocents: I64
    campaigns: I64
    kept: F64
    review_usd: F64
    false_ban_usd: F64
    token_usd: F64

    @property
    def cost(self) -> F64:
        """All parts together, USD."""
        return self.review_usd + self.false_ban_usd + self.token_usd

    @property
    def best(self) -> int:
        """Place of the cheapest point; of equally cheap ones the one that flags fewest."""
        return int(np.argmin(self.cost))

    @property
    def innocents_per_campaign(self) -> F64:
        """Innocents reviewed for each campaign stopped; not a number where none is."""
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio: F64 = np.where(self.campaigns > 0, self.innocents / self.campaigns, np.nan)
        return ratio


def working_points(
    score: F64, people: Population, tokens: F64, costs: Costs, reviews: int, days: int
) -> WorkingPoints:
    """Follow the threshold from nobody flagged to everybody.

    Parameters
    ----------
    score : ndarray of float, shape (accounts,)
        In the order of the population.
    people : Population
        Accounts; grey ones and sleepers are left out, as of every score.
    tokens : ndarray of float, shape (accounts,)
        Tokens of output that each one's campaign collected through it in the window.
    costs : Costs
        Prices.
    reviews, days : int
        As for `review_days`; days are those of the window.
    """
    scored = np.flatnonzero(people.scored)
    order = scored[np.argsort(-score[scored], kind="stable")]
    ranked, attack = score[order], people.attack[order]
    day = review_days(np.zeros(len(order), np.int64), ranked, reviews, days)
    reached = day < days
    collected = np.where(attack, tokens[order], 0.0)
    saved = np.where(reached, collected * (1 - day / days), 0.0)
    total = float(collected.sum())
    ends = np.r_[0, np.flatnonzero(np.r_[ranked[1:] != ranked[:-1], True]) + 1]
    stopping = _stopping_ranks(people.campaign[order], np.where(reached, collected, 0.0), collected)

    def until(values: F64 | Mask) -> F64:
        return np.asarray(np.r_[0.0, np.cumsum(values, dtype=np.float64)][ends])

    reviewed, innocents = until(reached), until(reached & ~attack)
    return WorkingPoints(
        threshold=np.r_[np.inf, ranked[ends[1:] - 1]],
        flagged=ends,
        reviewed=reviewed.astype(np.int64),
        caught=(reviewed - innocents).astype(np.int64),
        innocents=innocents.astype(np.int64),
        campaigns=np.asarray(np.searchsorted(np.sort(stopping), ends), np.int64),
        kept=until(saved) / max(total, 1.0),
        review_usd=costs.review * reviewed,
        false_ban_usd=costs.false_ban * costs.wrong_bans * innocents,
        token_usd=costs.tokens * (total - until(saved)) / 1e6,
    )


def _stopping_ranks(campaign: F64, banned: F64, collected: F64) -> I64:
    """Rank of the account with whose ban each campaign is stopped; campaigns that never are stay out."""
    ranks = []
    for name in np.unique(campaign[collected > 0]):
        members = np.flatnonzero(campaign == name)
        enough = np.cumsum(banned[members]) >= STOPPED * collected[members].sum()
        if enough.any():
            ranks.append(members[enough.argmax()])
    return np.asarray(ranks, np.int64)


def worst_archetype(people: Population, hit: Mask) -> tuple[str, float]:
    """Benign archetype of whose accounts the largest share is hit, and that share.

    Parameters
    ----------
    people : Population
        Accounts.
    hit : ndarray of bool, shape (accounts,)
        Who is reviewed.
    """
    names, kind = np.unique(people.archetype[people.benign], return_inverse=True)
    share = np.bincount(kind, hit[people.benign]) / np.bincount(kind)
    return str(names[share.argmax()]), float(share.max())
