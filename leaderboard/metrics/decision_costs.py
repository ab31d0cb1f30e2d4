"""What decisions cost, and how many are taken in a day: prices that are assumed, and may be replaced."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from generator.errors import UserError

REVIEW_USD = 20.0
"""An account's review (a): twenty minutes of an analyst at 60 USD an hour."""
FALSE_BAN_USD = 500.0
"""What an innocent's ban costs (a): support, appeal, and the margin of those customers who don't come back."""
TOKEN_USD = 15.0
"""A million tokens of output that a campaign collects (a): their list price, the least that they are worth."""
WRONG_BANS = 0.05
"""Share of innocents whom a review bans (a)."""
REVIEWS_A_DAY = 20
"""Accounts that can be reviewed in a day (a)."""


@dataclass(frozen=True)
class Costs:
    """What decisions cost, USD; every default is an assumption (a).

    Attributes
    ----------
    review : float
        Review of an account.
    false_ban : float
        Ban of an innocent account.
    tokens : float
        A million tokens of output that a campaign collects.
    wrong_bans : float
        Share of innocents whom a review bans, 0 to 1.

    Raises
    ------
    UserError
        If one is negative or no number, or the share above 1.
    """

    review: float = REVIEW_USD
    false_ban: float = FALSE_BAN_USD
    tokens: float = TOKEN_USD
    wrong_bans: float = WRONG_BANS

    def __post_init__(self) -> None:
        for name in (f.name for f in fields(self)):
            given = getattr(self, name)
            number = isinstance(given, int | float) and not isinstance(given, bool) and math.isfinite(given)
            if not number or given < 0:
                raise UserError(f"cost {name} is {given!r}: give a finite number that is not negative")
        if self.wrong_bans > 1:
            raise UserError(f"cost wrong_bans is {self.wrong_bans!r}: give a share from 0 to 1")


def check_reviews(reviews: int) -> None:
    """Refuse a number of reviews a day by which no queue ever moves.

    Parameters
    ----------
    reviews : int
        Accounts a day.

    Raises
    ------
    UserError
        If it is no whole number of at least 1.
    """
    if isinstance(reviews, bool) or not isinstance(reviews, int) or reviews < 1:
        raise UserError(
            f"{reviews!r} reviews a day: nobody would ever be reviewed; give a whole number, 1 or more"
        )
