"""What accounts hand over to other buckets, noted for when those are made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from generator.arrays import I64
from generator.population import accounts as people
from generator.traffic.attempts import map_arrays

if TYPE_CHECKING:
    from generator.population.accounts import Accounts
    from generator.population.population_plan import PopulationPlan
    from generator.traffic.attempts import Attempts

_MOST = 1_000_000  # attempts that a book holds: 180 MB


class CrossShardCache:
    """Notes on one world, kept by who makes one bucket after the other.

    A bucket has to make whole accounts of other buckets for the few requests that they hand over to it, and up to
    five buckets need the same ones. With a book most are made once. It changes nothing else: an account is known,
    with all that it hands over, or made again.

    Attributes
    ----------
    home : ndarray of int64
        Bucket of each account of the world.
    known : ndarray of bool
        Accounts whose requests to other buckets are noted.
    """

    def __init__(self, plan: PopulationPlan) -> None:
        """Begin with nothing known."""
        self.home = people.home_buckets(plan)
        self._forget()

    def enter(self, who: Accounts, handed: list[Attempts]) -> None:
        """Note what accounts that were made for a bucket hand over; then they are known."""
        page = _joined([_apart(self._abroad(who, some)) for some in handed])
        self._pages.append(_apart(page.take(np.argsort(self.home[page.sent.sender], kind="stable"))))
        self.known[who.index] = True

    def give(self, who: Accounts, bucket: int) -> Attempts:
        """What is noted for a bucket, in the order of its authors."""
        parts = []
        for page in self._pages:
            rows = slice(*np.searchsorted(self.home[page.sent.sender], [bucket, bucket + 1]))
            parts.append(map_arrays(lambda x, rows=rows: x[rows], page))
        found = _joined(parts)
        if sum(len(page.key) for page in self._pages) > _MOST:
            self._forget()
        return _renamed(found.take(np.argsort(found.author, kind="stable")), who.places)

    def _forget(self) -> None:
        self.known = np.zeros(len(self.home), np.bool_)
        self._pages: list[Attempts] = []

    def _abroad(self, who: Accounts, handed: Attempts) -> Attempts:
        """What goes to another bucket than its author's, who was unknown; with numbers of accounts."""
        named = _renamed(handed, lambda position: who.index[position])
        author = named.author
        return named.take(
            np.flatnonzero((self.home[author] != self.home[named.sent.sender]) & ~self.known[author])
        )


def _apart(made: Attempts) -> Attempts:
    """The same attempts with a session for each: all arrays run alike, and can be parted and joined."""
    found = map_arrays(lambda x: x[made.session], made.found)
    model, batch = made.model[made.session], made.batch[made.session]
    return replace(made, found=found, model=model, batch=batch, session=np.arange(len(made.key)))


def _joined(parts: list[Attempts]) -> Attempts:
    """Attempts that are apart, in one."""
    found: Attempts = map_arrays(lambda *x: np.concatenate(x), *parts)
    row = np.arange(len(found.key))
    return replace(found, session=row, sent=replace(found.sent, row=row))


def _renamed(made: Attempts, rename: Callable[[I64], I64]) -> Attempts:
    """The same attempts, with other names for accounts."""
    found = replace(made.found, account=rename(made.found.account))
    return replace(made, found=found, sent=replace(made.sent, sender=rename(made.sent.sender)))
