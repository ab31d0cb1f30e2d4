"""Who shares what: address prefixes, autonomous systems, devices, payment instruments, domains, invented names."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from generator.arrays import I32, I64, U64, Mask
from generator.config.hands import law
from generator.config.parameters import CHOICES
from generator.population.account_choices import has_instrument
from generator.population.accounts import pool_sizes
from generator.population.addresses import session_addresses
from generator.rng import streams
from generator.rng.opaque_ids import opaque53
from generator.schema import DAY_MS

if TYPE_CHECKING:
    from generator.population.accounts import Accounts
    from generator.population.population_plan import PopulationPlan

_FREE_MAIL, _DISPOSABLE = 8, 40  # domains of free and of throw-away mail (a)
_ACCOUNTS_PER_SCHOOL = 300  # (a)
_ACCOUNTS_PER_VENDOR_CARD, _LEAST_VENDOR_CARDS = 60, 3  # prepaid cards that a vendor sells again and again (a)
_VENDOR_SHARE = np.float32(0.6)  # of prepaid cards (a)
_DOMAIN_SKEW = 2  # power of a uniform: few domains have most of the users (a)
_INFIX = {"free": ".mail", "education": ".edu", "disposable": ".temp"}  # a domain is of one type, by its name
_DOMAIN_NUMBERS = 90  # numbers that end a domain's name, from 10
_FAKER_SEED, _FAKER_DRAWS = 20260105, 300


def payment_instruments(plan: PopulationPlan, accounts: Accounts) -> tuple[I64, Mask]:
    """Payment instrument of each account.

    Parameters
    ----------
    plan : PopulationPlan
        Plan of the world.
    accounts : Accounts
        Accounts of the world.

    Returns
    -------
    instrument, on_file : ndarray of int64 and of bool, shape (accounts,)
        Opaque number of the instrument, and whether there is one on file.
    """
    return opaque53(instrument_keys(plan, accounts)), has_instrument(accounts.choices["payment_type"])


@law
def instrument_keys(plan: PopulationPlan, accounts: Accounts) -> U64:
    """Stream of the payment instrument of each account, one type each; of those without one it does not matter.

    Parameters
    ----------
    plan : PopulationPlan
        Plan of the world.
    accounts : Accounts
        Accounts of the world.
    """
    kind = accounts.choices["payment_type"]
    names = CHOICES["payment_type"]
    bits = streams.child(accounts.key, "payment")
    shared = streams.uniform(bits, 0) < accounts.dials["leak_payment"]
    vendor = ~shared & (kind == names.index("prepaid")) & (streams.uniform(bits, 1) < _VENDOR_SHARE)
    pool = np.where(
        vendor,
        max(_LEAST_VENDOR_CARDS, plan.config.accounts // _ACCOUNTS_PER_VENDOR_CARD),
        pool_sizes(plan, accounts, "link_pool", "leak_payment"),
    )
    scope = np.where(vendor, streams.child(plan.root, "prepaid vendor"), streams.child(accounts.key, "card"))
    scope = np.where(shared, streams.child(plan.cohort_key[accounts.cohort], "shared card"), scope)
    return streams.items(streams.items(scope, kind), np.where(shared | vendor, streams.below(bits, pool), 0))


def email_domains(plan: PopulationPlan, accounts: Accounts) -> tuple[list[str], list[str | None]]:
    """Invented e-mail domain of each account, and the organisation that it names.

    Parameters
    ----------
    plan : PopulationPlan
        Plan of the world.
    accounts : Accounts
        Accounts of the world.

    Returns
    -------
    domains, organizations : list of str, list of str or None
        None: a person.
    """
    kind = accounts.choices["email_type"]
    names = CHOICES["email_type"]
    key = streams.items(*mail_servers(plan, accounts))
    family, word = _pools()
    i, j, k = (
        streams.below(streams.child(key, p), m)
        for p, m in (("f", len(family)), ("w", len(word)), ("n", _DOMAIN_NUMBERS))
    )
    domains, organizations = [], []
    for a, b, c, t in zip(i.tolist(), j.tolist(), k.tolist(), kind.tolist(), strict=True):
        domains.append(f"{family[a]}-{word[b]}{c + 10}{_INFIX.get(names[t], '')}.example".lower())
        organizations.append(f"{family[a]} {word[b].title()} {c + 10}" if names[t] == "corporate" else None)
    return domains, organizations


@law
def mail_servers(plan: PopulationPlan, accounts: Accounts) -> tuple[U64, I64]:
    """Stream of who runs the mail of each account, and which of his domains it is.

    Parameters
    ----------
    plan : PopulationPlan
        Plan of the world.
    accounts : Accounts
        Accounts of the world.
    """
    kind = accounts.choices["email_type"]
    names = CHOICES["email_type"]
    bits = streams.child(accounts.key, "email")
    shared = streams.uniform(bits, 0) < accounts.dials["leak_domain"]
    scope = np.where(kind == names.index("corporate"), accounts.key, streams.child(plan.root, "mail"))
    joint = shared & (kind != names.index("free"))
    scope = np.where(joint, streams.child(plan.cohort_key[accounts.cohort], "domain"), scope)
    number = np.where(joint, 0, public_mail(plan, kind, bits))
    return streams.items(scope, kind), number


def public_mail(plan: PopulationPlan, kind: I32, bits: U64) -> I64:
    """Number of the public domain of each mailbox: few domains have most of the users.

    Parameters
    ----------
    plan : PopulationPlan
        Plan of the world.
    kind : ndarray of int32, shape (accounts,)
        Index into `CHOICES["email_type"]`.
    bits : ndarray of uint64, shape (accounts,)
        One draw each.
    """
    sizes = {
        "free": _FREE_MAIL,
        "disposable": _DISPOSABLE,
        "education": max(2, plan.config.accounts // _ACCOUNTS_PER_SCHOOL),
    }
    public = np.array([sizes.get(n, 1) for n in CHOICES["email_type"]])[kind]
    return np.asarray(streams.uniform(bits, 1) ** _DOMAIN_SKEW * public).astype(np.int64)


def signup_prefixes(plan: PopulationPlan, accounts: Accounts) -> I64:
    """Address prefix that each account signed up from: one of those it uses.

    Parameters
    ----------
    plan : PopulationPlan
        Plan of the world.
    accounts : Accounts
        Accounts of the world.
    """
    row = np.arange(len(accounts), dtype=np.int64)
    bits = streams.child(accounts.key, "sign-up address")
    created = (accounts.created.astype(np.float64) * DAY_MS).astype(np.int64)
    found = session_addresses(plan, accounts, row, bits, np.zeros(len(row), np.bool_), created)
    return found["ip_prefix"].astype(np.int64)


@cache
def _pools() -> tuple[list[str], list[str]]:
    """Family names and words, drawn once from Faker; everything else indexes them."""
    # Only the two providers that are needed: loading them all takes longer than making a nano world.
    from faker import Generator
    from faker.providers.lorem.en_US import Provider as Lorem
    from faker.providers.person.en_US import Provider as Person

    fake = Generator()
    fake.seed_instance(_FAKER_SEED)
    person, lorem = Person(fake), Lorem(fake)
    family = sorted({person.last_name() for _ in range(_FAKER_DRAWS)})
    return family, sorted({lorem.word() for _ in range(_FAKER_DRAWS)})
