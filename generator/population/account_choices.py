"""What accounts choose: kind of work, subscription plan, channel, payment and the like."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from generator.arrays import F32, F64, I32, U64, Mask
from generator.config.archetypes import TERMS, archetypes, base_weights, plan_terms
from generator.config.parameters import CHOICES
from generator.population import cohorts, parameter_draws
from generator.population.population_plan import variants
from generator.population.subscription_plans import REQUESTS_PER_DAY, SPEND_PER_MONTH
from generator.rng import streams
from generator.schema import KINDS

if TYPE_CHECKING:
    from generator.population.population_plan import PopulationPlan

_LADDER = [CHOICES["plan"].index(p) for p in ("free", "build", "scale", "enterprise")]
_USD_IN, _USD_OUT = np.float32(3e-6), np.float32(15e-6)  # a usual model, for what a customer expects to pay
_DAYS_PER_MONTH = 30
_MARGIN = np.float32(1.5)  # of the cap over what is expected (a)
_ROOM = np.float32(8)  # times the requests of an active day: days differ, and minutes have limits as well (a)
_UPGRADES = np.float32(0.9)  # share of accounts that take a larger plan when they need one (a)


def draw_choices(
    plan: PopulationPlan, cohort: I32, key: U64, variant: I32, joined: Mask, focus: F32
) -> dict[str, I32]:
    """What accounts choose, but for what goes with their plan: see `draw_terms`.

    Parameters
    ----------
    plan : PopulationPlan
        Plan of the world.
    cohort, key : ndarray of int32 and of uint64, shape (accounts,)
        Cohort and stream of each account.
    variant : ndarray of int32, shape (accounts,)
        Whose habits it has, an index into `variants()`.
    joined : ndarray of bool, shape (accounts,)
        Whether it uses the cohort's network.
    focus : ndarray of float32, shape (accounts,)
        Chance to do the kind of work that the cohort's domain calls for.

    Returns
    -------
    dict of str to ndarray of int32, shape (accounts,)
        Index into `CHOICES`.
    """
    choices = {}
    for name in (n for n in CHOICES if n not in TERMS):
        # The members that sit in the cohort's network are where the cohort is.
        keys = np.where(joined, plan.cohort_key[cohort], key) if name == "asn_type" else key
        choices[name] = streams.pick(
            streams.child(keys, "choice " + name), parameter_draws.cumulated_weights(name)[variant]
        )
    called_for = np.array([KINDS.index(k) for k in cohorts.KIND_OF_DOMAIN.values()], np.int32)[plan.domain[cohort]]
    focused = streams.uniform(streams.child(key, "focus")) < focus
    return choices | {"kind": np.where(focused, called_for, choices["kind"])}


def draw_terms(key: U64, variant: I32, subscription: I32) -> dict[str, I32]:
    """Channel, payment, e-mail and verification of accounts: what goes with their plan, so that all agree.

    Parameters
    ----------
    key : ndarray of uint64, shape (accounts,)
        Stream of each account.
    variant : ndarray of int32, shape (accounts,)
        Whose habits it has, an index into `variants()`.
    subscription : ndarray of int32, shape (accounts,)
        Its plan, an index into `CHOICES["plan"]`.

    Returns
    -------
    dict of str to ndarray of int32, shape (accounts,)
        Index into `CHOICES`, for each of `archetypes.TERMS`.
    """

    def pick(choice: str, allowed: Mask | bool = True) -> I32:
        usual = np.array(plan_terms()[choice])[subscription] * allowed
        tilted = usual * _tilts(choice)[variant]
        weights = np.where(tilted.any(axis=1, keepdims=True), tilted, usual)
        return streams.pick(streams.child(key, "choice " + choice), streams.cumulated(weights))

    channel = pick("channel")
    through = np.isin(channel, _codes("channel", "marketplace_a", "marketplace_b"))
    payment = np.where(through, _codes("payment_type", "marketplace")[0], pick("payment_type")).astype(np.int32)
    email = pick("email_type")
    allowed = np.ones((len(key), len(CHOICES["verification"])), np.bool_)
    by_payment, as_organisation = _codes("verification", "payment", "organisation")
    allowed[:, by_payment] = has_instrument(payment)
    allowed[:, as_organisation] = email == _codes("email_type", "corporate")[0]
    verification = pick("verification", allowed)
    return {"channel": channel, "payment_type": payment, "email_type": email, "verification": verification}


def has_instrument(payment: I32) -> Mask:
    """Whether there is a payment instrument on file.

    Parameters
    ----------
    payment : ndarray of int32
        Index into `CHOICES["payment_type"]`.
    """
    return ~np.isin(payment, _codes("payment_type", "none", "credits"))


def _codes(choice: str, *names: str) -> list[int]:
    return [CHOICES[choice].index(n) for n in names]


@cache
def _tilts(choice: str) -> F64:
    """Ratio of each archetype's weights to those of one that says nothing, shape (variants, options)."""
    known = archetypes()
    weights: F64 = np.array([known[a].choices[choice] for a, _ in variants()])
    return weights / np.array(base_weights(choice), np.float64)


def affordable_plans(chosen: I32, dials: dict[str, F32], bits: U64, loaded: Mask) -> I32:
    """Self-serve plans, raised by most to one whose monthly cap holds what the account spends at usual prices.

    Who carries others' load takes a plan that holds its requests, too: an operator stays below limits.

    Parameters
    ----------
    chosen : ndarray of int32, shape (accounts,)
        Plan that each would take, an index into `CHOICES["plan"]`.
    dials : dict of str to ndarray of float32, shape (accounts,)
        Habits.
    bits : ndarray of uint64, shape (accounts,)
        One draw each.
    loaded : ndarray of bool, shape (accounts,)
        Who carries what the quota of a cohort asks beyond habits.
    """
    daily = dials["rate"] * dials["active"] * (dials["input"] * _USD_IN + dials["output"] * _USD_OUT)
    caps = np.array([SPEND_PER_MONTH[p] for p in _LADDER]) / _DAYS_PER_MONTH
    needed = np.searchsorted(caps, daily * _MARGIN).clip(max=len(_LADDER) - 1)
    rung = np.full(len(CHOICES["plan"]), len(_LADDER), np.int64)
    rung[_LADDER] = np.arange(len(_LADDER))
    climbs = (rung[chosen] < needed) & (streams.uniform(bits) < _UPGRADES)
    plans = np.where(climbs, np.array(_LADDER)[needed], chosen).astype(np.int32)
    wanted = dials["rate"] * _ROOM
    holds = np.searchsorted(REQUESTS_PER_DAY[_LADDER], wanted).clip(max=len(_LADDER) - 1)
    tight = loaded & ((REQUESTS_PER_DAY[plans] < wanted) | (rung[plans] < needed))
    plans[tight] = np.array(_LADDER)[np.maximum(holds, needed)][tight]
    return plans
