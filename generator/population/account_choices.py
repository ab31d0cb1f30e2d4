"""What accounts choose: kind of work, subscription plan, channel, payment and the like."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from generator.arrays import F32, I32, U64, Mask
from generator.config.parameters import CHOICES
from generator.population import cohorts, parameter_draws
from generator.population.subscription_plans import SPEND_PER_MONTH
from generator.rng import streams
from generator.schema import KINDS

if TYPE_CHECKING:
    from generator.population.population_plan import PopulationPlan

_LADDER = [CHOICES["plan"].index(p) for p in ("free", "build", "scale", "enterprise")]
_USD_IN, _USD_OUT = np.float32(3e-6), np.float32(15e-6)  # a usual model, for what a customer expects to pay
_DAYS_PER_MONTH = 30
_MARGIN = np.float32(1.5)  # of the cap over what is expected (a)
_UPGRADES = np.float32(0.9)  # share of accounts that take a larger plan when they need one (a)


def draw_choices(
    plan: PopulationPlan, cohort: I32, key: U64, variant: I32, joined: Mask, focus: F32
) -> dict[str, I32]:
    """What accounts choose.

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
        Index into each of `CHOICES`.
    """
    choices = {}
    for name in CHOICES:
        # The members that sit in the cohort's network are where the cohort is.
        keys = np.where(joined, plan.cohort_key[cohort], key) if name == "asn_type" else key
        choices[name] = streams.pick(
            streams.child(keys, "choice " + name), parameter_draws.cumulated_weights(name)[variant]
        )
    called_for = np.array([KINDS.index(k) for k in cohorts.KIND_OF_DOMAIN.values()], np.int32)[plan.domain[cohort]]
    focused = streams.uniform(streams.child(key, "focus")) < focus
    return _consistent(choices | {"kind": np.where(focused, called_for, choices["kind"])})


def _consistent(choices: dict[str, I32]) -> dict[str, I32]:
    """Choices that depend on each other, made to fit: nobody is charged by a marketplace that he does not use."""

    def code(choice: str, *names: str) -> list[int]:
        return [CHOICES[choice].index(n) for n in names]

    ((marketplace, card, nothing), (payment, phone, organisation)) = (
        code("payment_type", "marketplace", "card", "none"),
        code("verification", "payment", "phone", "organisation"),
    )
    paid = np.where(choices["payment_type"] == marketplace, card, choices["payment_type"])
    through = np.isin(choices["channel"], code("channel", "marketplace_a", "marketplace_b"))
    paid = np.where(through, marketplace, paid)
    person = ~np.isin(choices["email_type"], code("email_type", "corporate", "education"))
    checked = np.where((choices["verification"] == organisation) & person, phone, choices["verification"])
    checked = np.where((checked == payment) & (paid == nothing), phone, checked)
    return choices | {"payment_type": paid.astype(np.int32), "verification": checked.astype(np.int32)}


def affordable_plans(chosen: I32, dials: dict[str, F32], bits: U64) -> I32:
    """Self-serve plans, raised by most to one whose monthly cap holds what the account spends at usual prices.

    Parameters
    ----------
    chosen : ndarray of int32, shape (accounts,)
        Plan that each would take, an index into `CHOICES["plan"]`.
    dials : dict of str to ndarray of float32, shape (accounts,)
        Habits.
    bits : ndarray of uint64, shape (accounts,)
        One draw each.
    """
    daily = dials["rate"] * dials["active"] * (dials["input"] * _USD_IN + dials["output"] * _USD_OUT)
    caps = np.array([SPEND_PER_MONTH[p] for p in _LADDER]) / _DAYS_PER_MONTH
    needed = np.searchsorted(caps, daily * _MARGIN).clip(max=len(_LADDER) - 1)
    rung = np.full(len(CHOICES["plan"]), len(_LADDER), np.int64)
    rung[_LADDER] = np.arange(len(_LADDER))
    climbs = (rung[chosen] < needed) & (streams.uniform(bits) < _UPGRADES)
    return np.where(climbs, np.array(_LADDER)[needed], chosen).astype(np.int32)
