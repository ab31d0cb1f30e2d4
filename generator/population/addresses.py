"""Where requests come from: address prefixes, autonomous systems, countries and devices."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from generator.arrays import I32, I64, U64, Integers, Mask
from generator.config.hands import law
from generator.config.parameters import CHOICES
from generator.population.accounts import pool_sizes
from generator.population.locales import COUNTRIES, places
from generator.rng import streams
from generator.rng.opaque_ids import opaque31, opaque53

if TYPE_CHECKING:
    from generator.population.accounts import Accounts
    from generator.population.population_plan import PopulationPlan

# Share of the addresses of each type that show another country than the person's, in the order of
# `CHOICES["asn_type"]`: an exit of a VPN or a data centre may be anywhere, others are there on a journey (a).
_ABROAD = np.array([0.3, 0.01, 0.04, 0.04, 0.01, 0.5], np.float32)
# Autonomous systems per type, and own prefixes per account and country: VPN exits are few, homes are many (a).
_SYSTEMS = np.array([8, 20, 8, 20, 16, 8])
_PREFIXES_PER_ACCOUNT = np.array([0.06, 0.4, 0.02, 0.15, 0.01, 0.01])
_LEAST_PREFIXES = 12  # of a type in a country (a)
_ACCOUNTS_PER_HUB = 2000  # of a world; hubs are prefixes that cohorts share with each other (a)
_SYSTEM_SKEW = 2  # power of a uniform: few systems have most of the prefixes (a)
_CODES_PER_TYPE = 64  # more than there are systems of a type
_CHANNEL_PREFIXES = 24  # egress of each marketplace and of the aggregator, which show their own addresses (a)
_IN_NETWORK = np.float32(0.8)  # share of the addresses of a member of the cohort's network that lie in it (a)
_COMMON_DEVICE = np.float32(0.5)  # share of accounts whose device is one that every user of an SDK has (a)
_SECOND_DEVICE = np.float32(0.1)  # share of sessions from an account's second device (a)
_COMMON_DEVICES = 24  # of each SDK (a)


def session_addresses(
    plan: PopulationPlan, accounts: Accounts, row: I64, bits: U64, work: Mask, ms: I64
) -> dict[str, Integers]:
    """Address prefix, autonomous system, its type, country, device and client software of each session.

    Parameters
    ----------
    plan : PopulationPlan
        Plan of the world.
    accounts : Accounts
        Accounts of the world.
    row : ndarray of int64, shape (sessions,)
        Account of each session, as a position in `accounts`.
    bits : ndarray of uint64, shape (sessions,)
        One draw each.
    work : ndarray of bool, shape (sessions,)
        Whether the session serves its cohort: such may come from the cohort's own network.
    ms : ndarray of int64, shape (sessions,)
        When it starts, milliseconds since the window began.

    Returns
    -------
    dict of str to ndarray of int, shape (sessions,)
        Columns of requests, by name.
    """
    prefix, kind, country = session_prefixes(plan, accounts, row, bits, work, ms)
    system = (streams.uniform(prefix, 0) ** _SYSTEM_SKEW * _SYSTEMS[kind]).astype(np.int64)
    asn = streams.items(streams.child(plan.root, "asn"), kind * _CODES_PER_TYPE + system)
    device = opaque31(session_devices(plan, accounts, row, bits))
    through = accounts.choices["channel"][row]
    gate = streams.items(streams.child(plan.root, "channel"), through)
    gates = streams.items(gate, streams.below(bits, _CHANNEL_PREFIXES))
    direct = through == CHOICES["channel"].index("console")
    return {
        "ip_prefix": np.where(direct, opaque53(prefix), opaque53(gates)),
        "asn": np.where(direct, opaque31(asn), opaque31(streams.child(gate, "asn"))),
        "asn_type": np.where(direct, kind, CHOICES["asn_type"].index("hosting")).astype(np.int32),
        "country": np.where(direct, country, places(gates)),
        "tls_fingerprint": np.where(direct, device, opaque31(streams.child(gate, "device"))),
        "sdk": np.where(direct, accounts.choices["sdk"][row], CHOICES["sdk"].index("gateway")).astype(np.int32),
    }


@law
def session_prefixes(
    plan: PopulationPlan,
    accounts: Accounts,
    row: I64,
    bits: U64,
    work: Mask,
    ms: I64,  # an address of the first hand does not change with time
) -> tuple[U64, I32, I32]:
    """Address prefix of each session, as its own gateway shows it.

    Parameters
    ----------
    plan, accounts, row, bits, work, ms
        As for `session_addresses`.

    Returns
    -------
    prefix : ndarray of uint64, shape (sessions,)
        Stream of the prefix, which its type and country go into: see `prefix_keys`.
    kind, country : ndarray of int32, shape (sessions,)
        Type of its network, an index into `CHOICES["asn_type"]`, and country, one into `locales.COUNTRIES`.
    """
    dials = accounts.dials
    slot = streams.below(bits, np.maximum(1, dials["addresses"]).astype(np.int64)[row])
    kind, home = accounts.choices["asn_type"][row], accounts.home[row]
    cohort = plan.cohort_key[accounts.cohort][row]
    slot_bits = streams.child(streams.items(accounts.key[row], slot), "prefix")
    moved = work & (streams.uniform(streams.child(bits, "work prefix")) < dials["work_prefix"][row])
    shared = moved | (accounts.joined[row] & (streams.uniform(slot_bits, 0) < _IN_NETWORK))
    hub = shared & (streams.uniform(slot_bits, 1) < dials["hub"][row])
    n, own = plan.config.accounts, own_prefixes(plan, kind)
    ours = pool_sizes(plan, accounts, "link_pool", "leak_prefix")[row]
    number = streams.below(slot_bits, np.where(hub, max(1, n // _ACCOUNTS_PER_HUB), np.where(shared, ours, own)))
    scope = np.where(hub, streams.child(plan.root, "hub"), streams.child(plan.root, "homes"))
    scope = np.where(shared & ~hub, streams.child(cohort, "shared prefix"), scope)
    country = shown_countries(home, kind, np.where(shared & ~hub, streams.items(cohort, home), slot_bits))
    return prefix_keys(scope, kind, country, number), kind, country


def prefix_keys(scope: U64, kind: I32, country: I32, number: I64) -> U64:
    """Streams of address prefixes: each is of one type, in one country.

    Parameters
    ----------
    scope : ndarray of uint64, shape (n,)
        Who has them.
    kind, country : ndarray of int32, shape (n,)
        Index into `CHOICES["asn_type"]` and into `locales.COUNTRIES`.
    number : ndarray of int64, shape (n,)
        Which of them.
    """
    return streams.items(streams.items(scope, kind * len(COUNTRIES) + country), number)


def own_prefixes(plan: PopulationPlan, kind: I32) -> I64:
    """How many prefixes of a type homes in one country have.

    Parameters
    ----------
    plan : PopulationPlan
        Plan of the world.
    kind : ndarray of int32, shape (n,)
        Index into `CHOICES["asn_type"]`.
    """
    every = np.maximum(_LEAST_PREFIXES, plan.config.accounts * _PREFIXES_PER_ACCOUNT)
    return np.asarray(every[kind], np.int64)


def shown_countries(home: I32, kind: I32, place: U64) -> I32:
    """Country that an address shows: the person's, or that of a VPN's or data centre's exit.

    Parameters
    ----------
    home, kind : ndarray of int32, shape (n,)
        Index into `locales.COUNTRIES` and into `CHOICES["asn_type"]`.
    place : ndarray of uint64, shape (n,)
        Stream of the address.
    """
    bits = streams.child(place, "exit")
    return np.where(streams.uniform(bits, 0) < _ABROAD[kind], places(bits, 1), home)


@law
def session_devices(plan: PopulationPlan, accounts: Accounts, row: I64, bits: U64) -> U64:
    """Stream of each session's device: the cohort's, one that every user of an SDK has, or the account's own.

    Parameters
    ----------
    plan, accounts, row, bits
        As for `session_addresses`.
    """
    draw = streams.child(accounts.key, "device")
    shared = (streams.uniform(draw, 0) < accounts.dials["leak_device"])[row]
    common = (streams.uniform(draw, 1) < _COMMON_DEVICE)[row]
    second = streams.uniform(bits, 1) < _SECOND_DEVICE
    sdk = accounts.choices["sdk"][row]
    which = streams.below(draw, _COMMON_DEVICES)[row]
    scope = np.where(common, streams.child(plan.root, "common device"), accounts.key[row])
    scope = np.where(shared, streams.child(plan.cohort_key[accounts.cohort], "shared device")[row], scope)
    ours = pool_sizes(plan, accounts, "link_pool", "leak_device")[row]
    number = np.where(shared, which % ours, np.where(common, sdk * _COMMON_DEVICES + which, 0))
    return streams.items(scope, number * 2 + second)
