"""Rented exits: pools of addresses that all customers of a proxy provider go round, one lease behind the other.

Whoever holds an exit leaves it to the next customer when his lease ends. So an address is met with many
strangers one after the other, and a campaign's accounts follow each other on it, rather than having a prefix in
common.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from generator.arrays import I32, I64, U64, Mask
from generator.config.parameters import CHOICES
from generator.hands import conduct
from generator.population.addresses import prefix_keys
from generator.population.locales import places
from generator.rng import streams
from generator.schema import DAY_MS

if TYPE_CHECKING:
    from generator.population.accounts import Accounts
    from generator.population.population_plan import PopulationPlan

_ACCOUNTS_PER_POOL, _LEAST_POOLS = 600, 3  # of a world (a)
_EXITS_LEAST, _EXITS_RANGE = 24, 72  # of a pool (a)
_LEASE_LEAST_MS, _LEASE_RANGE_MS = 600_000, 21_600_000  # ten minutes to six hours (a)
_KINDS = np.array([CHOICES["asn_type"].index(k) for k in ("residential", "vpn", "mobile", "hosting")], np.int32)
_KIND_WEIGHTS = np.array([0.4, 0.3, 0.15, 0.15])  # of pools (a)
_VPN, _MOBILE = (CHOICES["asn_type"].index(k) for k in ("vpn", "mobile"))
_CROWDED = np.float32(0.7)  # share of a crowd's sessions that come through its exits (a)
_CUSTOMERS = np.float32(0.6)  # of sessions of people who use a VPN or a carrier's gateway (a)


def through_exits(plan: PopulationPlan, accounts: Accounts, row: I64, bits: U64) -> Mask:
    """Which sessions come through a rented exit.

    Parameters
    ----------
    plan, accounts, row, bits
        As for `addresses.session_addresses`.
    """
    cohort = accounts.cohort[row]
    share = np.where(np.isin(accounts.choices["asn_type"][row], [_VPN, _MOBILE]), _CUSTOMERS, np.float32(0))
    share = np.where(conduct.follows(plan, cohort, "crowd"), _CROWDED, share)
    share = np.where(conduct.follows(plan, cohort, "stock"), conduct.trait(plan, cohort, "proxied"), share)
    return np.asarray(streams.uniform(streams.child(bits, "exit")) < share)


def held(plan: PopulationPlan, accounts: Accounts, row: I64, ms: I64) -> tuple[U64, I32, I32]:
    """Prefix of the exit that each account holds at a moment.

    Parameters
    ----------
    plan, accounts, row, ms
        As for `addresses.session_addresses`.

    Returns
    -------
    prefix, kind, country : ndarray, shape (sessions,)
        As for `addresses.session_prefixes`.
    """
    cohort, key = accounts.cohort[row], accounts.key[row]
    joint = conduct.follows(plan, cohort, "stock") | conduct.follows(plan, cohort, "crowd")
    buyer = np.where(joint, plan.cohort_key[cohort], key)
    which = streams.below(streams.child(key, "its pool"), conduct.whole(plan, cohort, "suppliers"))
    pools = max(_LEAST_POOLS, plan.config.accounts // _ACCOUNTS_PER_POOL)
    number = streams.below(streams.items(streams.child(buyer, "pools"), which), pools)
    pool = streams.items(streams.child(plan.root, "exits"), number)
    size = _EXITS_LEAST + streams.below(pool, _EXITS_RANGE)
    lease = _LEASE_LEAST_MS + streams.below(streams.child(pool, "lease"), _LEASE_RANGE_MS)
    enters = streams.child(key, "enters the queue")
    behind = streams.below(enters, size)  # place in the round
    turn = (ms + DAY_MS + streams.below(streams.mix(enters), lease)) // lease
    exit_ = streams.items(pool, (behind + turn) % size)
    kind = _KINDS[streams.pick(streams.child(pool, "kind"), _KIND_WEIGHTS)]
    country = places(streams.child(exit_, "country"))
    return prefix_keys(exit_, kind, country, np.zeros(len(row), np.int64)), kind, country
