"""Where requests come from: address prefixes, autonomous systems, countries and devices."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from generator.arrays import I32, I64, U64, Mask
from generator.config.parameters import CHOICES
from generator.rng import streams

if TYPE_CHECKING:
    from generator.population.accounts import Accounts
    from generator.population.population_plan import PopulationPlan
from generator.rng.opaque_ids import opaque31

COUNTRIES = tuple(f"region_{c}" for c in "abcdefghijkl")


_COUNTRY_WEIGHTS = np.array([1 / (i + 1.5) for i in range(len(COUNTRIES))])


# Autonomous systems per type, and own prefixes per account and country: VPN exits are few, homes are many (a).
_SYSTEMS = np.array([8, 20, 8, 20, 16, 8])


_PREFIXES_PER_ACCOUNT = np.array([0.06, 0.4, 0.02, 0.15, 0.01, 0.01])


_CHANNEL_PREFIXES = 24  # egress of each marketplace and of the aggregator, which show their own addresses (a)


def session_addresses(
    plan: PopulationPlan,
    accounts: Accounts,
    row: I64,
    bits: U64,
    work: Mask,
) -> dict[str, I32]:
    """Address prefix, autonomous system, its type, country, device and client software of each session.

    Parameters
    ----------
    row : ndarray of int
        Account of each session, as a position in `accounts`.
    bits : ndarray of uint64
        One draw per session.
    work : ndarray of bool
        Whether the session serves its cohort: such may come from the cohort's own network.
    """
    d = accounts.dials
    slot = streams.below(bits, np.maximum(1, d["addresses"]).astype(np.int64)[row])
    kind, country = accounts.choices["asn_type"][row], _country(plan, accounts)[row]
    cohort = plan.cohort_key[accounts.cohort][row]
    slot_bits = streams.child(streams.items(accounts.key[row], slot), "prefix")
    moved = work & (streams.uniform(streams.child(bits, "work prefix")) < d["work_prefix"][row])
    shared = moved | (accounts.joined[row] & (streams.uniform(slot_bits, 0) < np.float32(0.8)))
    hub = shared & (streams.uniform(slot_bits, 1) < d["hub"][row])
    n = plan.config.accounts
    own = np.maximum(12, n * _PREFIXES_PER_ACCOUNT).astype(np.int64)[kind]
    ours = d["link_pool"].astype(np.int64)[row]
    number = streams.below(slot_bits, np.where(hub, max(1, n // 2000), np.where(shared, ours, own)))
    scope = np.where(hub, streams.child(plan.root, "hub"), streams.child(plan.root, "homes"))
    scope = np.where(shared & ~hub, streams.child(cohort, "shared prefix"), scope)
    prefix = streams.items(streams.items(scope, kind * len(COUNTRIES) + country), number)
    system = (streams.uniform(prefix, 0) ** 2 * _SYSTEMS[kind]).astype(np.int64)
    asn = streams.items(streams.child(plan.root, "asn"), kind * 64 + system)
    device = _device(plan, accounts, row, bits)
    through = accounts.choices["channel"][row]
    gate = streams.items(streams.child(plan.root, "channel"), through)
    gates = streams.items(gate, streams.below(bits, _CHANNEL_PREFIXES))
    direct = through == CHOICES["channel"].index("console")
    return {
        "ip_prefix": np.where(direct, opaque31(prefix), opaque31(gates)),
        "asn": np.where(direct, opaque31(asn), opaque31(streams.child(gate, "asn"))),
        "asn_type": np.where(direct, kind, CHOICES["asn_type"].index("hosting")).astype(np.int32),
        "country": np.where(direct, country, streams.pick(gates, _COUNTRY_WEIGHTS)),
        "tls_fingerprint": np.where(direct, device, opaque31(streams.child(gate, "device"))),
        "sdk": np.where(direct, accounts.choices["sdk"][row], CHOICES["sdk"].index("gateway")).astype(np.int32),
    }


def _country(plan: PopulationPlan, accounts: Accounts) -> I32:
    keys = np.where(accounts.joined, plan.cohort_key[accounts.cohort], accounts.key)
    return streams.pick(streams.child(keys, "country"), _COUNTRY_WEIGHTS)


def _device(plan: PopulationPlan, accounts: Accounts, row: I64, bits: U64) -> I32:
    """Device fingerprint: the cohort's, one that every user of an SDK has, or the account's own."""
    draw = streams.child(accounts.key, "device")
    shared = (streams.uniform(draw, 0) < accounts.dials["leak_device"])[row]
    common = (streams.uniform(draw, 1) < np.float32(0.5))[row]
    second = streams.uniform(bits, 1) < np.float32(0.1)
    sdk = accounts.choices["sdk"][row]
    which = streams.below(draw, 24)[row]
    scope = np.where(common, streams.child(plan.root, "common device"), accounts.key[row])
    scope = np.where(shared, streams.child(plan.cohort_key[accounts.cohort], "shared device")[row], scope)
    ours = accounts.dials["link_pool"].astype(np.int64)[row]
    number = np.where(shared, which % ours, np.where(common, sdk * 24 + which, 0))
    return opaque31(streams.items(scope, number * 2 + second))
