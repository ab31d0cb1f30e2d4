"""Config -> cohorts with drawn dials. Benign groups and campaigns are the same type; only the label differs.

The plan is small, made the same way in every process, and holds no request. Its label columns are read by
`generator.labels` alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from generator import streams
from generator.archetypes import COHORT_CHOICES, DIALS, SHARES, archetypes
from generator.config import Config
from generator.schema import KINDS, LABELS, SPLITS, TIERS

COHORT_DIALS = tuple(n for n, d in DIALS.items() if d.level == "cohort")
ACCOUNT_DIALS = tuple(n for n, d in DIALS.items() if d.level == "account")
# The kind of workload that work in each domain calls for.
CALLED_FOR = dict(
    zip(
        COHORT_CHOICES["domain"],
        ("code", "agent", "reasoning", "api", "conversation", "conversation"),
        strict=True,
    )
)
_LAWS = ("uniform", "log", "lognormal", "quantiles")
I32 = npt.NDArray[np.int32]


@dataclass
class Plan:
    """All cohorts and the seats of all accounts of one world.

    Attributes
    ----------
    config, split : Config, str
        What it was made from.
    key : numpy.uint64
        Key of the world; all streams descend from it.
    names : list of str
        Name of each cohort, unique within the world.
    cohort_key : ndarray of uint64
        Stream of each cohort.
    archetype, sizes : ndarray of int
        Index into `variants`, and members, of each cohort.
    dials : dict of str to ndarray of float32
        Drawn cohort dials.
    account_cohort, account_member : ndarray of int32
        Cohort of each account and its number in it.
    account_key : ndarray of uint64
        Stream of each account.
    domain : ndarray of int32
        What each cohort's work is about, an index into `COHORT_CHOICES`; benign groups have one too.
    label, tier : ndarray of int8
        Truth per cohort (-1: none); never read by the simulation.
    """

    config: Config
    split: str
    key: np.uint64
    names: list[str]
    cohort_key: streams.U64
    archetype: npt.NDArray[np.int32]
    sizes: npt.NDArray[np.int64]
    dials: dict[str, streams.F32]
    account_cohort: npt.NDArray[np.int32]
    account_member: npt.NDArray[np.int64]
    account_key: streams.U64
    domain: I32
    label: npt.NDArray[np.int8]
    tier: npt.NDArray[np.int8]

    @property
    def root(self) -> streams.U64:
        """Key of the world as an array of one, for streams that all of its accounts share."""
        return np.array([self.key], np.uint64)


def variants() -> list[tuple[str, str]]:
    """(archetype, tier) of every kind of cohort, in a fixed order; tier "" for benign ones."""
    return [(a.id, tier) for a in archetypes().values() for tier in (TIERS if a.label == "extraction" else ("",))]


def build(config: Config, split: str) -> Plan:
    """Plan of one world: a pure function of config and split."""
    world = streams.key("world", config.seed, split)
    rows = _benign(config, world) + _campaigns(config, split, world)
    rows += [(f"extra/{c.name}", c.archetype, c.tier, c.accounts) for c in config.cohorts]
    index = {v: i for i, v in enumerate(variants())}
    kind = np.array([index[a, t] for _, a, t, _ in rows], np.int32)
    sizes = np.array([n for *_, n in rows], np.int64)
    keys = np.array([streams.key(int(world), name) for name, *_ in rows], np.uint64)
    cohort = np.repeat(np.arange(len(rows), dtype=np.int32), sizes)
    member = np.arange(len(cohort)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    known = archetypes()
    return Plan(
        config=config,
        split=split,
        key=world,
        names=[name for name, *_ in rows],
        cohort_key=keys,
        archetype=kind,
        sizes=sizes,
        dials={name: draw(name, kind, np.zeros_like(kind), normal_of(keys, name)) for name in COHORT_DIALS},
        account_cohort=cohort,
        account_member=member,
        account_key=streams.items(keys[cohort], member),
        domain=streams.pick(streams.child(keys, "domain"), edges("domain")[kind]),
        label=np.array([LABELS.index(known[a].label) for _, a, _, _ in rows], np.int8),
        tier=np.array([TIERS.index(t) if t else -1 for _, _, t, _ in rows], np.int8),
    )


def work_days(plan: Plan) -> tuple[streams.F32, streams.F32]:
    """First day of each cohort's work window, and the day after its last one."""
    days, quiet = np.float32(plan.config.days), np.float32(plan.config.quiet_days)
    quiet_of = np.where(plan.dials["quiet"] > np.float32(0.5), quiet, np.float32(0))
    first = np.floor(quiet_of + plan.dials["window_start"] * (days - quiet_of))
    return first, first + np.ceil(plan.dials["window_days"])


def normal_of(keys: streams.U64, dial: str) -> streams.F32:
    """Standard normal of each key for a dial."""
    return streams.normal(streams.child(keys, "dial " + dial))


def draw(dial: str, variant: I32, kind: I32, z: streams.F32) -> streams.F32:
    """Values of a dial at standard normals `z`, inside the dial's bounds.

    Parameters
    ----------
    dial : str
        Key of `DIALS`.
    variant, kind : ndarray of int32
        Index into `variants()` and into `schema.KINDS`.
    z : ndarray of float32
        Standard normals.
    """
    a, b, law, la, lb, values = (table[variant, kind] for table in _table(dial))
    u = streams.cdf(z)
    log = np.where(law == 2, la + b * z, la + (lb - la) * u)
    value = np.where(law == 0, a + (b - a) * u, streams.exp(log.astype(np.float32)))
    known = np.flatnonzero(law == 3)
    value[known] = _between(values[known], u[known])
    return np.clip(value, DIALS[dial].low, DIALS[dial].high).astype(np.float32)


def _between(values: streams.F32, u: streams.F32) -> streams.F32:
    """Values at uniforms `u` of laws that are known at `SHARES`, one law per row."""
    shares = np.array(SHARES, np.float32)
    i = np.clip(np.searchsorted(shares, u, side="right") - 1, 0, len(SHARES) - 2)
    row = np.arange(len(u))
    part = (u - shares[i]) / (shares[i + 1] - shares[i])
    return np.asarray(values[row, i] + part * (values[row, i + 1] - values[row, i]))


@cache
def correlations(dial: str) -> streams.F32:
    """Correlation of a dial with its partner, by variant and kind."""
    known = archetypes()
    table = [[known[a].tier(t, k)[dial].correlation for k in KINDS] for a, t in variants()]
    return np.clip(np.array(table, np.float32), -1, 1)


@cache
def edges(choice: str) -> streams.F32:
    """Cumulated weights of a choice, one row per variant."""
    known = archetypes()
    table = np.array([known[a].choices[choice] for a, _ in variants()])
    return np.cumsum(table / table.sum(axis=1, keepdims=True), axis=1).astype(np.float32)


@cache
def _table(dial: str) -> tuple[npt.NDArray[np.float32], ...]:
    """First and second number of a dial's range, its law, the logs of both, and quantiles, by variant and kind."""
    known = archetypes()
    rows = [[known[a].tier(t, k)[dial] for k in KINDS] for a, t in variants()]
    a, b, values = (np.array([[r[i] for r in row] for row in rows], np.float32) for i in (0, 1, 3))
    law = np.array([[_LAWS.index(r.law) for r in row] for row in rows], np.float32)
    # Rounded above the last bit: another C library must give the same table.
    la, lb = (np.log(np.maximum(x.astype(np.float64), 1e-6)).round(6).astype(np.float32) for x in (a, b))
    return a, b, law, la, lb, values


def _benign(config: Config, world: np.uint64) -> list[tuple[str, str, str, int]]:
    """Groups of each archetype, drawn one after the other until its share of the accounts is filled."""
    index = {v: i for i, v in enumerate(variants())}
    total = config.accounts - config.extraction_accounts
    rows = []
    shares = np.round(np.cumsum(list(config.mix.values())) * total).astype(int)
    for name, wanted in zip(config.mix, np.diff(shares, prepend=0).tolist(), strict=True):
        keys = np.array([streams.key(int(world), f"{name}/{i}") for i in range(wanted)], np.uint64)
        kinds = np.full(wanted, index[name, ""], np.int32)
        sizes = np.maximum(1, draw("size", kinds, np.zeros_like(kinds), normal_of(keys, "size")).astype(np.int64))
        # No group of a small world may be a tenth of it.
        sizes = np.minimum(sizes, max(4, config.accounts // 25))
        before = np.cumsum(sizes) - sizes
        rows += [
            (f"{name}/{i}", name, "", int(min(sizes[i], wanted - before[i])))
            for i in range(int((before < wanted).sum()))
        ]
    return rows


def _campaigns(config: Config, split: str, world: np.uint64) -> list[tuple[str, str, str, int]]:
    """Campaigns take tiers and archetypes in turn; their sizes differ by up to four times."""
    n = config.campaigns
    if n == 0:
        return []
    names = [f"campaign/{i}" for i in range(n)]
    keys = np.array([streams.key(int(world), name) for name in names], np.uint64)
    weight = streams.exp(streams.uniform(streams.child(keys, "campaign size")) * np.float32(1.4))
    spare = config.extraction_accounts - 3 * n
    edges = np.round(np.cumsum(weight) / weight.cumsum()[-1] * spare).astype(int)
    sizes = 3 + np.diff(edges, prepend=0)
    turn = config.campaign_archetypes
    first = SPLITS.index(split)
    return [
        (name, turn[(first + i + i // 3) % len(turn)], TIERS[i % 3], int(sizes[i])) for i, name in enumerate(names)
    ]
