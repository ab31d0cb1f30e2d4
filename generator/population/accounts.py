"""Cohorts -> accounts: latent habits of any set of accounts, each a pure function of the plan."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from generator.arrays import F32, I32, I64, U64, Mask
from generator.config.parameters import DIALS
from generator.population import cohorts, locales, parameter_draws, population_plan, work_windows
from generator.population.account_choices import affordable_plans, draw_choices, draw_terms
from generator.population.lifetimes import draw_lives
from generator.rng import keyed_streams, streams

if TYPE_CHECKING:
    from generator.population.population_plan import PopulationPlan

_LOAD = ("rate", "active", "spell")  # dials that make an account's load
_ENOUGH = np.float32(20)  # requests on an active day, of which more make little difference to an operator (a)


@dataclass
class Accounts:
    """Latent habits of some accounts; arrays of shape (accounts,).

    Attributes
    ----------
    index : ndarray of int64
        Number of the account in the plan.
    cohort : ndarray of int32
        Its cohort.
    key : ndarray of uint64
        Its stream.
    dials : dict of str to ndarray of float32
        Habits, and the dials of the cohort, by name.
    choices : dict of str to ndarray of int32
        Index into `parameters.CHOICES`.
    joined : ndarray of bool
        Whether the account uses the cohort's shared network.
    home : ndarray of int32
        Region where its people are, an index into `locales.COUNTRIES`.
    hours : ndarray of uint64
        Stream of its hour of the day: its own, or the cohort's.
    utc_offset : ndarray of float32
        How far the clock that it keeps is ahead of UTC, in days: that of its home, or of the cohort's.
    first_work, last_work : ndarray of float32
        Days on which it may begin and must have ended to work for its cohort.
    created, born, gone : ndarray of float32
        Sign-up, first and last possible activity, in days since the window began.
    """

    index: I64
    cohort: I32
    key: U64
    dials: dict[str, F32]
    choices: dict[str, I32]
    joined: Mask
    home: I32
    hours: U64
    utc_offset: F32
    first_work: F32
    last_work: F32
    created: F32
    born: F32
    gone: F32

    def __len__(self) -> int:
        return len(self.index)

    def places(self, number: I64) -> I64:
        """Positions of accounts, all of which are among these.

        Parameters
        ----------
        number : ndarray of int64
            Their numbers in the plan.
        """
        order = np.argsort(self.index, kind="stable")
        return np.asarray(order[np.searchsorted(self.index, number, sorter=order)])

    def first(self, n: int) -> Accounts:
        """The first of them.

        Parameters
        ----------
        n : int
            How many.
        """
        cut: dict[str, Any] = {
            f.name: {k: x[:n] for k, x in v.items()} if isinstance(v := getattr(self, f.name), dict) else v[:n]
            for f in fields(self)
        }
        return Accounts(**cut)


def home_buckets(plan: PopulationPlan) -> I64:
    """Bucket of each account of a world.

    Parameters
    ----------
    plan : PopulationPlan
        Plan of the world.
    """
    return streams.below(streams.child(plan.account_key, "bucket"), plan.config.buckets)


def accounts_in_bucket(plan: PopulationPlan, bucket: int) -> I64:
    """Numbers of the accounts in a bucket, in the order of their keys: neither tells anything about the cohort.

    Parameters
    ----------
    plan : PopulationPlan
        Plan of the world.
    bucket : int
        Number of the bucket.
    """
    index = np.flatnonzero(home_buckets(plan) == bucket)
    return index[np.argsort(plan.account_key[index], kind="stable")]


def draw_accounts(plan: PopulationPlan, index: I64) -> Accounts:
    """Accounts with the given numbers.

    A disguised account draws its habits from the benign population, exactly as a benign account would: alone it
    looks like one of them. What it shares with its cohort is left to the cohort's dials.

    Parameters
    ----------
    plan : PopulationPlan
        Plan of the world.
    index : ndarray of int64
        Numbers of the accounts in the plan.

    Raises
    ------
    RuntimeError
        A sealed world outside of its secret, or an open one inside, see `keyed_streams.check_secret`.
    """
    keyed_streams.check_secret(plan.config.secret)
    cohort = plan.account_cohort[index]
    key = plan.account_key[index]
    shared = {name: values[cohort] for name, values in plan.dials.items()}
    joined, home, hours, utc_offset = locales.draw_places(plan, index, shared)
    dials, choices, variant = _habits(plan, cohort, key, shared, joined)
    spare = np.flatnonzero(streams.uniform(streams.child(key, "busy")) < shared["busy"])
    if len(spare):
        of_spare = {name: values[spare] for name, values in shared.items()}
        another = streams.child(key[spare], "another self")
        new, chosen, other = _habits(plan, cohort[spare], another, of_spare, joined[spare])
        better = _busier(new, {name: dials[name][spare] for name in ("active", "rate")})
        dials = {name: _with_rows(dials[name], spare[better], new[name][better]) for name in dials}
        choices = {name: _with_rows(choices[name], spare[better], chosen[name][better]) for name in choices}
        variant = _with_rows(variant, spare[better], other[better])
    cap = np.float32(plan.config.rate_cap)
    factor = plan.quota_factors(index, plan.rate_factor[cohort])
    dials["rate"] = capped(dials["rate"] * factor, cap)
    choices["plan"] = affordable_plans(choices["plan"], dials, streams.child(key, "upgrade"), factor > 1)
    choices |= draw_terms(key, variant, choices["plan"])
    dials["rate_wobble"] = dials["rate_wobble"] * (1 - dials["balance"])
    begins, ends = work_windows.work_days(plan)
    first, last = work = begins[cohort], ends[cohort]
    created, born, gone = draw_lives(plan, cohort, plan.account_member[index], key, dials, work, choices["plan"])
    scouting = streams.uniform(streams.child(key, "part in the cohort"), 1) < dials["scouts"]
    first = np.where(scouting, np.minimum(first, 0), first)
    return Accounts(
        index, cohort, key, dials, choices, joined, home, hours, utc_offset, first, last, created, born, gone
    )


def _habits(
    plan: PopulationPlan,
    cohort: I32,
    key: U64,
    shared: dict[str, F32],
    joined: Mask,
) -> tuple[dict[str, F32], dict[str, I32], I32]:
    """Dials (those of the cohort among them), choices and variant of accounts with the given streams."""
    dials = dict(shared)
    variant, disguised = _persona(plan, cohort, key, dials["disguise"])
    choices = draw_choices(plan, cohort, key, variant, joined, dials["focus"])
    alike = np.where(disguised, np.float32(0), dials["alike"])
    scores: dict[str, F32] = {}
    for name in cohorts.ACCOUNT_DIALS:
        # Members of an evenly loaded cohort share what makes their load, whatever else they share.
        same = 1 - (1 - alike) * (1 - dials["balance"]) if name in _LOAD else alike
        common = parameter_draws.normal_of(plan.cohort_key[cohort], name)
        z = np.sqrt(same) * common + np.sqrt(1 - same) * parameter_draws.normal_of(key, name)
        if partner := DIALS[name].partner:
            r = parameter_draws.correlations(name)[variant, choices["kind"]]
            z = r * scores[partner] + np.sqrt(1 - r * r) * z
        scores[name] = z
        dials[name] = parameter_draws.draw_for(plan, name, cohort, variant, choices["kind"], z)
    return dials, choices, variant


def _busier(after: dict[str, F32], before: dict[str, F32]) -> Mask:
    """Whether habits mean work on more days, and enough of it, than others do."""
    new, old = (d["active"] * d["rate"] / (_ENOUGH + d["rate"]) for d in (after, before))
    return np.asarray(new > old)


def _with_rows(values: npt.NDArray[Any], rows: I64, other: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """A copy of the values with others in some rows."""
    changed = values.copy()
    changed[rows] = other
    return changed


def capped(rate: F32, cap: np.float32) -> F32:
    """Rates that come near a cap, not past it.

    Parameters
    ----------
    rate : ndarray of float32
        Requests on an active day.
    cap : float32
        Largest rate, in the same unit.

    Examples
    --------
    >>> capped(np.array([10, 1e6], np.float32), np.float32(1000)).round().tolist()
    [10.0, 999.0]
    """
    return np.asarray(rate / (1 + rate / cap))


def relays(dials: dict[str, F32]) -> Mask:
    """Which accounts, or cohorts, send for others too.

    Parameters
    ----------
    dials : dict of str to ndarray of float32, shape (n,)
        Habits of accounts, or dials of cohorts.
    """
    return np.asarray((dials["hopping"] > 0) | (dials["handover"] > 0))


def pool_sizes(plan: PopulationPlan, accounts: Accounts, pool: str, leak: str = "") -> I64:
    """How many templates, instruments or the like each account's cohort has, for those members that share one.

    Parameters
    ----------
    plan : PopulationPlan
        Plan of the world.
    accounts : Accounts
        Accounts of the world.
    pool : str
        Dial of how many there are at least.
    leak : str
        Dial of the share of members that use one; all of them, if left out.

    Returns
    -------
    ndarray of int64, shape (accounts,)
        At least so many that no more than about `sharers` members have the same.
    """
    dials = accounts.dials
    members = plan.sizes[accounts.cohort] * (dials[leak].astype(np.float64) if leak else 1.0)
    least = np.ceil(members / dials["sharers"]).astype(np.int64)
    return np.asarray(np.maximum(dials[pool].astype(np.int64), least))


def account_ids(key: U64) -> list[str]:
    """Opaque account ids.

    Parameters
    ----------
    key : ndarray of uint64
        Streams of accounts.

    Examples
    --------
    >>> account_ids(np.array([1], np.uint64))
    ['acc_3f6619d8a6c0afc2']
    """
    return [f"acc_{x:016x}" for x in streams.child(key, "account id").tolist()]


def _persona(plan: PopulationPlan, cohort: I32, key: U64, disguise: F32) -> tuple[I32, Mask]:
    index = {v: i for i, v in enumerate(population_plan.variants())}
    shares = population_plan.customers(plan.config.mix)
    population = np.array([index[a, ""] for a in shares], np.int32)
    bits = streams.child(key, "persona")
    other = population[streams.pick(bits, np.array(list(shares.values())), part=0)]
    disguised = streams.uniform(bits, 1) < disguise
    return np.where(disguised, other, plan.archetype[cohort]), disguised
