"""Cohorts -> accounts: latent habits of any set of accounts, each a pure function of the plan."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from generator.arrays import F32, I32, I64, U64, Mask
from generator.config.parameters import CHOICES, DIALS
from generator.population import cohorts, parameter_draws, population_plan
from generator.population.subscription_plans import SPEND_PER_MONTH
from generator.rng import keyed_streams, streams
from generator.schema import KINDS

if TYPE_CHECKING:
    from generator.population.population_plan import PopulationPlan

_LOAD = ("rate", "active", "spell")
_LADDER = [CHOICES["plan"].index(p) for p in ("free", "build", "scale", "enterprise")]
_ENOUGH = np.float32(20)  # requests on an active day, of which more make little difference to an operator (a)
_USD_IN, _USD_OUT = np.float32(3e-6), np.float32(15e-6)  # a usual model, for what a customer expects to pay


@dataclass
class Accounts:
    """Latent habits of some accounts; arrays of equal length n.

    Attributes
    ----------
    index : ndarray of int
        Number of the account in the plan.
    cohort : ndarray of int32
        Its cohort.
    key : ndarray of uint64
        Its stream.
    dials : dict of str to ndarray of float32
        Habits, and the dials of the cohort, by name.
    choices : dict of str to ndarray of int32
        Index into `archetypes.CHOICES`.
    joined : ndarray of bool
        Whether the account uses the cohort's shared network.
    hours : ndarray of uint64
        Stream of its hour of the day: its own, or the cohort's.
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
    hours: U64
    first_work: F32
    last_work: F32
    created: F32
    born: F32
    gone: F32

    def __len__(self) -> int:
        return len(self.index)

    def places(self, number: I64) -> I64:
        """Positions of accounts, all of which are among these, by their numbers."""
        order = np.argsort(self.index, kind="stable")
        return np.asarray(order[np.searchsorted(self.index, number, sorter=order)])

    def first(self, n: int) -> Accounts:
        """The first n of them."""
        cut: dict[str, Any] = {
            f.name: {k: x[:n] for k, x in v.items()} if isinstance(v := getattr(self, f.name), dict) else v[:n]
            for f in fields(self)
        }
        return Accounts(**cut)


def home_buckets(plan: PopulationPlan) -> I64:
    """Bucket of each account of a world."""
    return streams.below(streams.child(plan.account_key, "bucket"), plan.config.buckets)


def accounts_in_bucket(plan: PopulationPlan, bucket: int) -> I64:
    """Numbers of the accounts in a bucket, in the order of their keys: neither tells anything about the cohort."""
    index = np.flatnonzero(home_buckets(plan) == bucket)
    return index[np.argsort(plan.account_key[index], kind="stable")]


def draw_accounts(plan: PopulationPlan, index: I64) -> Accounts:
    """Accounts with the given numbers.

    A disguised account draws its habits from the benign population, exactly as a benign account would: alone it
    looks like one of them. What it shares with its cohort is left to the cohort's dials.
    """
    keyed_streams.check_secret(plan.config.secret)
    cohort = plan.account_cohort[index]
    key = plan.account_key[index]
    shared = {name: values[cohort] for name, values in plan.dials.items()}
    joined = streams.uniform(streams.child(key, "joined")) < shared["leak_prefix"]
    dials, choices = _habits(plan, cohort, key, shared, joined)
    spare = np.flatnonzero(streams.uniform(streams.child(key, "busy")) < shared["busy"])
    if len(spare):
        of_spare = {name: values[spare] for name, values in shared.items()}
        another = streams.child(key[spare], "another self")
        new, chosen = _habits(plan, cohort[spare], another, of_spare, joined[spare])
        better = _busier(new, {name: dials[name][spare] for name in ("active", "rate")})
        dials = {name: _with_rows(dials[name], spare[better], new[name][better]) for name in dials}
        choices = {name: _with_rows(choices[name], spare[better], chosen[name][better]) for name in choices}
    cap = np.float32(plan.config.rate_cap)
    dials["rate"] = dials["rate"] / (1 + dials["rate"] / cap)
    choices["plan"] = _upgraded(choices["plan"], dials, streams.child(key, "upgrade"))
    dials["rate_wobble"] = dials["rate_wobble"] * (1 - dials["balance"])
    bits = streams.child(key, "part in the cohort")
    hours = np.where(streams.uniform(bits, 0) < dials["clock"], plan.cohort_key[cohort], key)
    first, last = (edge[cohort] for edge in cohorts.work_days(plan))
    created, born, gone = _life(plan, cohort, plan.account_member[index], key, dials, first)
    first = np.where(streams.uniform(bits, 1) < dials["scouts"], np.float32(0), first)
    return Accounts(index, cohort, key, dials, choices, joined, hours, first, last, created, born, gone)


def _habits(
    plan: PopulationPlan,
    cohort: I32,
    key: U64,
    shared: dict[str, F32],
    joined: Mask,
) -> tuple[dict[str, F32], dict[str, I32]]:
    """Dials (those of the cohort among them) and choices of accounts with the given streams."""
    dials = dict(shared)
    variant, disguised = _persona(plan, cohort, key, dials["disguise"])
    choices = _choices(plan, cohort, key, variant, joined, dials["focus"])
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
    return dials, choices


def _busier(after: dict[str, F32], before: dict[str, F32]) -> Mask:
    """Whether habits mean work on more days, and enough of it, than others do."""
    new, old = (d["active"] * d["rate"] / (_ENOUGH + d["rate"]) for d in (after, before))
    return np.asarray(new > old)


def _with_rows(values: npt.NDArray[Any], rows: I64, other: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """A copy of the values with others in some rows."""
    changed = values.copy()
    changed[rows] = other
    return changed


def account_ids(key: U64) -> list[str]:
    """Opaque account ids."""
    return [f"acc_{x:016x}" for x in streams.child(key, "account id").tolist()]


def _persona(plan: PopulationPlan, cohort: I32, key: U64, disguise: F32) -> tuple[I32, Mask]:
    index = {v: i for i, v in enumerate(population_plan.variants())}
    population = np.array([index[a, ""] for a in plan.config.mix], np.int32)
    bits = streams.child(key, "persona")
    other = population[streams.pick(bits, np.array(list(plan.config.mix.values())), part=0)]
    disguised = streams.uniform(bits, 1) < disguise
    return np.where(disguised, other, plan.archetype[cohort]), disguised


def _choices(
    plan: PopulationPlan,
    cohort: I32,
    key: U64,
    variant: I32,
    joined: Mask,
    focus: F32,
) -> dict[str, I32]:
    found = {}
    for name in CHOICES:
        # The members that sit in the cohort's network are where the cohort is.
        keys = np.where(joined, plan.cohort_key[cohort], key) if name == "asn_type" else key
        found[name] = streams.pick(
            streams.child(keys, "choice " + name), parameter_draws.cumulated_weights(name)[variant]
        )
    called_for = np.array([KINDS.index(k) for k in cohorts.KIND_OF_DOMAIN.values()], np.int32)[plan.domain[cohort]]
    focused = streams.uniform(streams.child(key, "focus")) < focus
    return _consistent(found | {"kind": np.where(focused, called_for, found["kind"])})


def _consistent(found: dict[str, I32]) -> dict[str, I32]:
    """Choices that depend on each other, made to fit: nobody is charged by a marketplace that he does not use."""

    def code(choice: str, *names: str) -> list[int]:
        return [CHOICES[choice].index(n) for n in names]

    ((marketplace, card, nothing), (payment, phone, organisation)) = (
        code("payment_type", "marketplace", "card", "none"),
        code("verification", "payment", "phone", "organisation"),
    )
    paid = np.where(found["payment_type"] == marketplace, card, found["payment_type"])
    through = np.isin(found["channel"], code("channel", "marketplace_a", "marketplace_b"))
    paid = np.where(through, marketplace, paid)
    person = ~np.isin(found["email_type"], code("email_type", "corporate", "education"))
    checked = np.where((found["verification"] == organisation) & person, phone, found["verification"])
    checked = np.where((checked == payment) & (paid == nothing), phone, checked)
    return found | {"payment_type": paid.astype(np.int32), "verification": checked.astype(np.int32)}


def _upgraded(chosen: I32, dials: dict[str, F32], bits: U64) -> I32:
    """Self-serve plans, raised by most to one whose monthly cap holds what the account spends at usual prices."""
    daily = dials["rate"] * dials["active"] * (dials["input"] * _USD_IN + dials["output"] * _USD_OUT)
    caps = np.array([SPEND_PER_MONTH[p] for p in _LADDER]) / 30
    needed = np.searchsorted(caps, daily * np.float32(1.5)).clip(max=len(_LADDER) - 1)
    rung = np.full(len(CHOICES["plan"]), len(_LADDER), np.int64)
    rung[_LADDER] = np.arange(len(_LADDER))
    climbs = (rung[chosen] < needed) & (streams.uniform(bits) < np.float32(0.9))
    return np.where(climbs, np.array(_LADDER)[needed], chosen).astype(np.int32)


def _life(
    plan: PopulationPlan,
    cohort: I32,
    member: I64,
    key: U64,
    dials: dict[str, F32],
    first_work: F32,
) -> tuple[F32, F32, F32]:
    """Sign-up, first and last day: own or joint creation, bans with a fresh account in the seat, quitting."""
    days = np.float32(plan.config.days)
    bits, more = streams.child(key, "life"), streams.child(key, "life 2")
    fresh = streams.uniform(bits, 0) < dials["fresh"]
    created = np.where(fresh, streams.uniform(bits, 1) * days, -dials["age"])
    bulk = streams.uniform(bits, 2) < dials["bulk_created"]
    joint = first_work + dials["creation_span"] * streams.uniform(bits, 3) - dials["creation_lead"]
    created = np.where(bulk, joint, created)
    quits = streams.uniform(more, 0) < dials["quits"]
    gone = np.where(quits, days * streams.uniform(more, 1), 4 * days).astype(np.float32)

    size = plan.sizes[cohort]
    replaced = np.floor(dials["replaced"] * size).astype(np.int64)
    seats = size - replaced
    seat = np.where(member >= seats, member - seats, member)
    seats_own = streams.items(plan.cohort_key[cohort], seat)
    together = streams.uniform(streams.child(seats_own, "ban wave")) < dials["ban_wave"]
    seat_bits = streams.child(np.where(together, plan.cohort_key[cohort], seats_own), "ban")
    banned = first_work + dials["lifetime"] * (np.float32(0.5) + streams.uniform(seat_bits))
    # Where a fresh account takes over, it does so inside the window.
    latest = first_work + (days - first_work) * (
        np.float32(0.25) + np.float32(0.6) * streams.uniform(seat_bits, 1)
    )
    banned = np.where(seat < replaced, np.minimum(banned, latest), banned)
    second = member >= seats
    delay = 0.05 + streams.uniform(more, 2)
    created = np.where(second, banned + delay, created)
    gone = np.where(second, 4 * days, np.minimum(gone, banned))
    born = np.maximum(created + np.float32(0.002), 0)
    return created.astype(np.float32), born.astype(np.float32), gone.astype(np.float32)
