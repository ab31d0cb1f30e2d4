"""Organisations as trees: offices of teams of people, each of whom has a home, and some of whom change teams.

What people share follows from where they stand in the tree: who pays is decided once for the whole organisation,
mail is the organisation's or an office's, software comes from its image, and an address is that of the office
while somebody is there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from generator.arrays import I32, I64, U64, Mask
from generator.config.parameters import CHOICES
from generator.hands import conduct
from generator.population.addresses import own_prefixes, prefix_keys, shown_countries
from generator.population.locales import homes
from generator.rng import streams
from generator.schema import DAY_MS

if TYPE_CHECKING:
    from generator.population.accounts import Accounts
    from generator.population.population_plan import PopulationPlan

_TEAM_LEAST, _TEAM_RANGE = 3, 6  # people of a team; each organisation has its own size of teams (a)
_OFFICE_LEAST, _OFFICE_RANGE = 2, 3  # teams of an office (a)
_MOVES = np.float32(0.15)  # share of people who change teams inside the window (a)
_PURSES = np.array([0.3, 0.2, 0.15, 0.35])  # who pays: each person, team, office, the organisation (a)
_PERSON, _TEAM, _OFFICE = range(3)
_BUYS_ALONE = np.float32(0.1)  # share of people who pay for themselves wherever others do not (a)
_SUBSIDIARIES = np.float32(0.25)  # share of organisations whose offices have mail domains of their own (a)
_MANAGED = np.float32(0.5)  # share of organisations that install their people's software (a)
_IMAGES = 3  # of such software, for each SDK (a)
_PRESENT = np.float32(0.55)  # share of working days in the office, in the mean of people (a)
_OPENS, _CLOSES = 8.0, 18.0  # hours of the office, local time (a)
_EXITS = 2  # prefixes of an office, and of its machines in a data centre (a)
_HOSTING, _RESIDENTIAL, _MOBILE, _BUSINESS, _SCHOOL, _VPN = (
    CHOICES["asn_type"].index(k) for k in ("hosting", "residential", "mobile", "business", "education", "vpn")
)
_MANY = 1 << 20  # more teams than an organisation has


def teams(plan: PopulationPlan, index: I64, ms: I64) -> I64:
    """Team that people are in at some moment, by its number in the organisation.

    Parameters
    ----------
    plan : PopulationPlan
        Plan of the world.
    index : ndarray of int64, shape (n,)
        Numbers of the accounts in the plan.
    ms : ndarray of int64, shape (n,)
        Milliseconds since the window began.
    """
    cohort = plan.account_cohort[index]
    size = _TEAM_LEAST + streams.below(streams.child(plan.cohort_key[cohort], "team size"), _TEAM_RANGE)
    bits = streams.child(plan.account_key[index], "moves")
    moves = streams.uniform(bits, 0) < _MOVES
    moved = moves & (ms >= (streams.uniform(bits, 1) * (plan.config.days * DAY_MS)).astype(np.int64))
    to = streams.below(bits, (plan.sizes[cohort] - 1) // size + 1)
    return np.where(moved, to, plan.account_member[index] // size)


def offices(plan: PopulationPlan, cohort: I32, team: I64) -> I64:
    """Office of each team.

    Parameters
    ----------
    plan : PopulationPlan
        Plan of the world.
    cohort : ndarray of int32, shape (n,)
        Organisation.
    team : ndarray of int64, shape (n,)
        Number of the team in it.
    """
    each = _OFFICE_LEAST + streams.below(streams.child(plan.cohort_key[cohort], "office size"), _OFFICE_RANGE)
    return np.asarray(team // each)


def purses(plan: PopulationPlan, index: I64) -> U64:
    """Stream of whoever pays for each account.

    Parameters
    ----------
    plan : PopulationPlan
        Plan of the world.
    index : ndarray of int64, shape (n,)
        Numbers of the accounts in the plan.
    """
    cohort, key = plan.account_cohort[index], plan.account_key[index]
    group = streams.child(plan.cohort_key[cohort], "purse")
    level = streams.pick(group, _PURSES)
    team = teams(plan, index, np.full(len(index), -1))
    place = np.where(level == _TEAM, team, np.where(level == _OFFICE, offices(plan, cohort, team), 0))
    alone = (level == _PERSON) | (streams.uniform(streams.child(key, "pays")) < _BUYS_ALONE)
    alone |= ~conduct.follows(plan, cohort, "organisation")
    return np.where(alone, streams.child(key, "purse"), streams.items(group, place))


def mail_domains(plan: PopulationPlan, index: I64) -> U64:
    """Stream of whoever runs the mail of each account's organisation.

    Parameters
    ----------
    plan : PopulationPlan
        Plan of the world.
    index : ndarray of int64, shape (n,)
        Numbers of the accounts in the plan.
    """
    cohort = plan.account_cohort[index]
    group = streams.child(plan.cohort_key[cohort], "mail")
    office = offices(plan, cohort, teams(plan, index, np.full(len(index), -1)))
    own = streams.child(plan.account_key[index], "mail")
    joint = streams.items(group, np.where(streams.uniform(group) < _SUBSIDIARIES, office, 0))
    return np.where(conduct.follows(plan, cohort, "organisation"), joint, own)


def images(plan: PopulationPlan, accounts: Accounts) -> tuple[U64, Mask]:
    """Stream of the software that each account's organisation installs, and whether it does.

    Parameters
    ----------
    plan : PopulationPlan
        Plan of the world.
    accounts : Accounts
        Accounts of the world.
    """
    group = streams.child(plan.cohort_key[accounts.cohort], "image")
    which = streams.below(streams.child(accounts.key, "image"), _IMAGES)
    managed = conduct.follows(plan, accounts.cohort, "organisation") & (plan.sizes[accounts.cohort] > 1)
    managed &= streams.uniform(group) < _MANAGED
    return streams.items(group, accounts.choices["sdk"] * _IMAGES + which), managed


def places(plan: PopulationPlan, accounts: Accounts, row: I64, bits: U64, ms: I64) -> tuple[U64, I32, I32]:
    """Address prefix of each session: the office's while somebody is there, else a home's or a data centre's.

    Parameters
    ----------
    plan, accounts, row, bits, ms
        As for `addresses.session_addresses`.

    Returns
    -------
    prefix, kind, country : ndarray, shape (sessions,)
        As for `addresses.session_prefixes`.
    """
    cohort, index = accounts.cohort[row], accounts.index[row]
    group, own = plan.cohort_key[cohort], accounts.choices["asn_type"][row]
    day = ms / DAY_MS + accounts.utc_offset[row]
    whole = np.floor(day).astype(np.int64)
    hour, weekday = (day - whole) * 24, (plan.config.window(plan.split).weekday() + whole) % 7
    person = streams.child(accounts.key[row], "presence")
    comes = streams.uniform(streams.items(person, whole + 1)) < 2 * _PRESENT * streams.uniform(person)
    there = comes & (weekday < 5) & (hour >= _OPENS) & (hour < _CLOSES)
    joint = conduct.follows(plan, cohort, "organisation") & (plan.sizes[cohort] > 1)
    machine = joint & (own == _HOSTING)
    office = joint & there & ~machine
    kind = np.where(office, np.where(own == _SCHOOL, _SCHOOL, _BUSINESS), own)
    kind = np.where(~office & joint & (own == _BUSINESS), _RESIDENTIAL, kind).astype(np.int32)
    at = office | machine
    slot = streams.below(bits, np.maximum(1, accounts.dials["addresses"]).astype(np.int64)[row])
    home = streams.child(streams.items(accounts.key[row], slot), "home address")
    site = offices(plan, cohort, teams(plan, index, ms)) * _EXITS + streams.below(streams.mix(bits), _EXITS)
    scope = np.where(at, streams.child(group, "site"), streams.child(plan.root, "homes"))
    number = np.where(at, site, streams.below(home, own_prefixes(plan, kind)))
    country = np.where(at, homes(group), shown_countries(accounts.home[row], kind, home))
    return prefix_keys(scope, kind, country, number), kind, country
