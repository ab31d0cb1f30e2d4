"""What accounts hand over to other buckets, noted for when those are made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from generator.arrays import I64, map_arrays
from generator.population.accounts import home_buckets

if TYPE_CHECKING:
    from generator.population.accounts import Accounts
    from generator.population.population_plan import PopulationPlan
    from generator.traffic.attempts import Attempts

_MOST = 1_000_000  # attempts that a cache holds: 180 MB


class CrossShardCache:
    """Attempts that cross buckets of one world, kept by a worker that makes one bucket after the other.

    A bucket has to make whole accounts of other buckets for the few requests that they hand over to it, and up to
    five buckets need the same ones. With a cache most are made once. It changes nothing else: an account is known,
    with all that it hands over, or made again.

    Parameters
    ----------
    plan : PopulationPlan
        Plan of the world.

    Attributes
    ----------
    home : ndarray of int64, shape (accounts of the world,)
        Bucket of each account.
    known : ndarray of bool, shape (accounts of the world,)
        Accounts whose requests to other buckets are noted.
    """

    def __init__(self, plan: PopulationPlan) -> None:
        self.home = home_buckets(plan)
        self._forget()

    def record(self, accounts: Accounts, handed_over: list[Attempts]) -> None:
        """Note what accounts that were made for a bucket hand over; then they are known.

        Parameters
        ----------
        accounts : Accounts
            All accounts that were made.
        handed_over : list of Attempts
            Their attempts whose sender is not the author; at least one, perhaps empty.
        """
        page = _joined([_one_session_each(self._new_abroad(accounts, attempts)) for attempts in handed_over])
        by_bucket = np.argsort(self.home[page.routed.sender], kind="stable")
        self._pages.append(_one_session_each(page.take(by_bucket)))
        self.known[accounts.index] = True

    def take_for(self, accounts: Accounts, bucket: int) -> Attempts:
        """What is noted for a bucket, in the order of its authors.

        Parameters
        ----------
        accounts : Accounts
            Accounts of the bucket and of all authors that hand over to it.
        bucket : int
            Number of the bucket.
        """
        parts = []
        for page in self._pages:
            rows = slice(*np.searchsorted(self.home[page.routed.sender], [bucket, bucket + 1]))
            parts.append(map_arrays(lambda x, rows=rows: x[rows], page))
        attempts = _joined(parts)
        if sum(len(page.key) for page in self._pages) > _MOST:
            self._forget()
        by_author = np.argsort(attempts.author, kind="stable")
        return _renumbered(attempts.take(by_author), accounts.places)

    def _forget(self) -> None:
        self.known = np.zeros(len(self.home), np.bool_)
        self._pages: list[Attempts] = []

    def _new_abroad(self, accounts: Accounts, attempts: Attempts) -> Attempts:
        """What goes to another bucket than that of its author, who was unknown; with numbers of accounts."""
        numbered = _renumbered(attempts, lambda position: accounts.index[position])
        author = numbered.author
        abroad = self.home[author] != self.home[numbered.routed.sender]
        return numbered.take(np.flatnonzero(abroad & ~self.known[author]))


def _one_session_each(attempts: Attempts) -> Attempts:
    """The same attempts with a session for each: all arrays have one length, and can be parted and joined."""
    sessions = map_arrays(lambda x: x[attempts.session], attempts.sessions)
    content = map_arrays(lambda x: x[attempts.session], attempts.content)
    model, batch_tier = attempts.model[attempts.session], attempts.batch_tier[attempts.session]
    row = np.arange(len(attempts.key))
    return replace(attempts, sessions=sessions, model=model, batch_tier=batch_tier, content=content, session=row)


def _joined(parts: list[Attempts]) -> Attempts:
    """Attempts with a session for each, in one."""
    joined: Attempts = map_arrays(lambda *x: np.concatenate(x), *parts)
    row = np.arange(len(joined.key))
    return replace(joined, session=row, routed=replace(joined.routed, row=row))


def _renumbered(attempts: Attempts, number: Callable[[I64], I64]) -> Attempts:
    """The same attempts, with other numbers for accounts."""
    sessions = replace(attempts.sessions, account=number(attempts.sessions.account))
    return replace(
        attempts, sessions=sessions, routed=replace(attempts.routed, sender=number(attempts.routed.sender))
    )
