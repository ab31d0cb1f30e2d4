"""A reseller's inventory: accounts come off production lines, and who lies near on a line shares what was at hand.

Vendors make lots of accounts one after the other: a card serves some sign-ups in a row and is thrown away, so
does a mail domain; telephones of a rack take turns. Buyers take batches out of lots, and strangers have the
neighbouring ones. So nobody decides to share anything with his own group: what one card links is whoever bought
from that stretch of the line, other campaigns and people with a second-hand account among them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from generator.arrays import F32, I64, U64, Integers, Mask
from generator.hands import conduct
from generator.rng import exact_functions, streams

if TYPE_CHECKING:
    from generator.population.population_plan import PopulationPlan

_ACCOUNTS_PER_VENDOR, _LOTS, _LOT = 3000, 6, 60  # of a world; lots of a vendor; accounts of a lot (a)
_RESOLD = np.float32(0.08)  # share of people on their own whose account is second-hand (a)
_GRADES = 3
# By grade of the stock (a): sign-ups on one card, under one mail domain, on one telephone; share that shows it.
_CARD_RUN, _MAIL_RUN, _PHONE_RUN = np.array([12, 6, 4]), np.array([25, 10, 5]), np.array([12, 6, 4])
_SHOWS_PHONE = np.array([0.8, 0.55, 0.4], np.float32)
_SPACING = np.array([0.004, 0.04, 0.25], np.float32)  # days between sign-ups of a line, median (a)
_SHELF = np.array([20, 110, 140], np.float32)  # days that a lot is old when the world begins, median (a)
_SHELF_SIGMA = np.float32(1.2)  # of its log (a)
_FRESH = np.float32(0.2)  # share of lots that are made inside the window (a)


@dataclass
class Stock:
    """Where accounts come from; arrays of shape (accounts,).

    Attributes
    ----------
    owned : ndarray of bool
        Whether an account was bought at all; the rest has places too, which mean nothing.
    lot : ndarray of uint64
        Stream of its lot.
    serial : ndarray of int64
        Its number on the line.
    grade : ndarray of int64
        How careful the vendor is: 0, 1 or 2.
    """

    owned: Mask
    lot: U64
    serial: I64
    grade: I64

    def card(self) -> U64:
        """Stream of the card that each was verified with."""
        return self._run("card", _CARD_RUN)

    def mail(self) -> U64:
        """Stream of the mail server that was run for each."""
        return self._run("mail", _MAIL_RUN)

    def phone(self) -> tuple[U64, Mask]:
        """Stream of the telephone that each was made on, and whether it still shows."""
        phones = _LOT // _PHONE_RUN[self.grade]
        key = streams.items(streams.child(self.lot, "rack"), self.serial % phones)
        shows = streams.uniform(streams.items(streams.child(self.lot, "shows"), self.serial))
        return key, self.owned & (shows < _SHOWS_PHONE[self.grade])

    def signed_up(self, days: int) -> F32:
        """When each was signed up, in days since the window began.

        Parameters
        ----------
        days : int
            Length of the window.
        """
        bits = streams.child(self.lot, "made")
        old = -_SHELF[self.grade] * exact_functions.exp(_SHELF_SIGMA * streams.normal(bits, 0))
        first = np.where(streams.uniform(bits, 1) < _FRESH, streams.uniform(bits, 2) * days, old)
        each = streams.exponential(streams.items(streams.child(self.lot, "pace"), self.serial))
        line = (self.serial + each) * _SPACING[self.grade]
        return np.asarray(first + line, np.float32)

    def _run(self, what: str, lengths: I64) -> U64:
        bits = streams.child(self.lot, what)
        usual = lengths[self.grade]
        length = np.maximum(2, usual // 2 + streams.below(bits, usual + 1))  # each lot has its own (a)
        return streams.items(bits, self.serial // length)


def stock_of(plan: PopulationPlan, index: I64) -> Stock:
    """Where accounts come from.

    Parameters
    ----------
    plan : PopulationPlan
        Plan of the world.
    index : ndarray of int64, shape (accounts,)
        Numbers of the accounts in the plan.
    """
    cohort, member, key = plan.account_cohort[index], plan.account_member[index], plan.account_key[index]
    group = plan.cohort_key[cohort]
    buys = conduct.follows(plan, cohort, "stock")
    alone = ~buys & (plan.sizes[cohort] == 1)
    resold = alone & (streams.uniform(streams.child(key, "second-hand")) < _RESOLD)
    size = np.where(buys, conduct.whole(plan, cohort, "batch"), 1)
    batch = np.where(
        buys, streams.items(streams.child(group, "batch"), member // size), streams.child(key, "batch")
    )
    grade = np.where(buys, conduct.whole(plan, cohort, "grade"), streams.below(batch, _GRADES))
    vendor = _vendor(plan, np.where(buys, group, key), cohort, batch, grade)
    lot = streams.items(vendor, streams.below(streams.child(batch, "lot"), _LOTS))
    serial = streams.below(streams.child(batch, "place"), _LOT) + member % size
    return Stock(buys | resold, lot, serial, grade)


def _vendor(plan: PopulationPlan, buyer: U64, cohort: Integers, batch: U64, grade: I64) -> U64:
    """Stream of the vendor of each batch: one of the few that the buyer deals with."""
    which = streams.below(streams.child(batch, "supplier"), conduct.whole(plan, cohort, "suppliers"))
    vendors = max(1, plan.config.accounts // _ACCOUNTS_PER_VENDOR)
    number = streams.below(streams.items(streams.child(buyer, "suppliers"), which), vendors)
    return streams.items(streams.items(streams.child(plan.root, "vendors"), grade), number)
