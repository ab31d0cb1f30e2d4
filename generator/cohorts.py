"""Config -> cohorts with drawn dials. Benign groups and campaigns are the same type; only the label differs.

The plan is small, made the same way in every process, and holds no request. Its label columns are read by
`generator.labels` alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from generator import ranges, secret, streams
from generator.archetypes import COHORT_CHOICES, DIALS, SHARES, Range, archetypes
from generator.config import Config
from generator.groups import Names, Run
from generator.rota import rota
from generator.schema import KINDS, LABELS, TIERS

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
I32 = npt.NDArray[np.int32]
Overlay = tuple[tuple[str, str, Range], ...]


@dataclass
class Plan:
    """All cohorts and the seats of all accounts of one world.

    Attributes
    ----------
    config, split : Config, str
        What it was made from.
    key : numpy.uint64
        Key of the world; all streams descend from it.
    names : sequence of str
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
    names: Sequence[str]
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
    secret.check(config.secret)
    world = streams.key("world", config.seed, split)
    runs = [*_benign(config, world), *_campaigns(config, split, world), *_extra(config, world)]
    index = {v: i for i, v in enumerate(variants())}
    known = archetypes()
    each = [len(r.sizes) for r in runs]
    kind = np.repeat(np.array([index[r.archetype, r.tier] for r in runs], np.int32), each)
    label = np.repeat(np.array([LABELS.index(known[r.archetype].label) for r in runs], np.int8), each)
    tier = np.repeat(np.array([TIERS.index(r.tier) if r.tier else -1 for r in runs], np.int8), each)
    sizes = np.concatenate([r.sizes for r in runs])
    keys = np.concatenate([r.key for r in runs])
    cohort = np.repeat(np.arange(len(sizes), dtype=np.int32), sizes)
    member = np.arange(len(cohort)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    plan = Plan(
        config=config,
        split=split,
        key=world,
        names=Names(runs),
        cohort_key=keys,
        archetype=kind,
        sizes=sizes,
        dials={},
        account_cohort=cohort,
        account_member=member,
        account_key=streams.items(keys[cohort], member),
        domain=streams.pick(streams.child(keys, "domain"), edges("domain")[kind]),
        label=label,
        tier=tier,
    )
    for cohort_of, extra in zip(_last(plan), config.cohorts, strict=True):
        if extra.target:
            plan.domain[cohort_of] = COHORT_CHOICES["domain"].index(extra.target)
    every = np.arange(len(sizes), dtype=np.int32)
    for name in COHORT_DIALS:
        plan.dials[name] = draw_for(plan, name, every, kind, np.zeros_like(kind), normal_of(keys, name))
    return plan


def work_days(plan: Plan) -> tuple[streams.F32, streams.F32]:
    """First day of each cohort's work window, and the day after its last one."""
    days, quiet = np.float32(plan.config.days), np.float32(plan.config.quiet_days)
    quiet_of = np.where(plan.dials["quiet"] > np.float32(0.5), quiet, np.float32(0))
    first = np.floor(quiet_of + plan.dials["window_start"] * (days - quiet_of))
    return first, first + np.ceil(plan.dials["window_days"])


def normal_of(keys: streams.U64, dial: str) -> streams.F32:
    """Standard normal of each key for a dial."""
    return streams.normal(streams.child(keys, "dial " + dial))


def draw_for(plan: Plan, dial: str, cohort: I32, variant: I32, kind: I32, z: streams.F32) -> streams.F32:
    """Values of a dial for members of cohorts: as `draw`, but the range of an extra cohort's own comes first."""
    value = draw(dial, variant, kind, z, _overlay(plan.config))
    for i, extra in zip(_last(plan), plan.config.cohorts, strict=True):
        own = extra.own_dials(plan.config).get(dial)
        if own is None:
            continue
        at = np.flatnonzero(cohort == i)
        if own.law == ranges.TIMES:
            value[at] = np.clip(value[at] * np.float32(own.low), DIALS[dial].low, DIALS[dial].high)
        else:
            value[at] = _value(dial, [np.repeat(x[0], len(at), axis=0) for x in _numbers([[own]])], z[at])
    return value


def draw(dial: str, variant: I32, kind: I32, z: streams.F32, overlay: Overlay = ()) -> streams.F32:
    """Values of a dial at standard normals `z`, inside the dial's bounds.

    Parameters
    ----------
    dial : str
        Key of `DIALS`.
    variant, kind : ndarray of int32
        Index into `variants()` and into `schema.KINDS`.
    z : ndarray of float32
        Standard normals.
    overlay : tuple
        (archetype or archetype.tier, dial, range) in place of what the archetypes say.
    """
    return _value(dial, [table[variant, kind] for table in _table(dial, overlay)], z)


def _value(dial: str, numbers: list[streams.F32], z: streams.F32) -> streams.F32:
    a, b, law, la, lb, values = numbers
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
def _table(dial: str, overlay: Overlay = ()) -> tuple[streams.F32, ...]:
    """First and second number of a dial's range, its law, the logs of both, and quantiles, by variant and kind."""
    known = archetypes()
    over = {name: value for name, d, value in overlay if d == dial}
    rows = []
    for a, t in variants():
        below = [known[a].tier(t, k)[dial] for k in KINDS]
        own = over.get(f"{a}.{t}", over.get(a))
        rows.append([ranges.over(own, b) for b in below] if own else below)
    return _numbers(rows)


def _numbers(rows: list[list[Range]]) -> tuple[streams.F32, ...]:
    a, b, values = (np.array([[r[i] for r in row] for row in rows], np.float32) for i in (0, 1, 3))
    law = np.array([[ranges.LAWS.index(r.law) for r in row] for row in rows], np.float32)
    # Rounded above the last bit: another C library must give the same table.
    la, lb = (np.log(np.maximum(x.astype(np.float64), 1e-6)).round(6).astype(np.float32) for x in (a, b))
    return a, b, law, la, lb, values


def _overlay(config: Config) -> Overlay:
    return tuple((name, dial, value) for name, dials in config.overlay.items() for dial, value in dials.items())


def _last(plan: Plan) -> range:
    """Numbers of the extra cohorts."""
    return range(len(plan.sizes) - len(plan.config.cohorts), len(plan.sizes))


def _benign(config: Config, world: np.uint64) -> list[Run]:
    """Groups of each archetype, drawn one after the other until its share of the accounts is filled."""
    index = {v: i for i, v in enumerate(variants())}
    total = config.accounts - config.extraction_accounts
    runs = []
    shares = np.round(np.cumsum(list(config.mix.values())) * total).astype(int)
    for name, wanted in zip(config.mix, np.diff(shares, prepend=0).tolist(), strict=True):
        keys = streams.items(np.array([streams.key(int(world), name)]), np.arange(wanted))
        kinds = np.full(wanted, index[name, ""], np.int32)
        drawn = draw("size", kinds, np.zeros_like(kinds), normal_of(keys, "size"), _overlay(config))
        # No group of a small world may be a tenth of it.
        sizes = np.clip(drawn.astype(np.int64), 1, max(4, config.accounts // 25))
        before = np.cumsum(sizes) - sizes
        n = int((before < wanted).sum())
        runs.append(Run(name + "/{}", name, "", keys[:n], np.minimum(sizes, wanted - before)[:n]))
    return runs


def _campaigns(config: Config, split: str, world: np.uint64) -> list[Run]:
    """Campaigns take tiers and archetypes in turn; their sizes differ by up to four times."""
    n = config.campaigns
    if n == 0:
        return []
    keys = np.array([streams.key(int(world), f"campaign/{i}") for i in range(n)], np.uint64)
    weight = streams.exp(streams.uniform(streams.child(keys, "campaign size")) * np.float32(1.4))
    spare = config.extraction_accounts - 3 * n
    edges = np.round(np.cumsum(weight) / weight.cumsum()[-1] * spare).astype(int)
    sizes = 3 + np.diff(edges, prepend=0)
    turn = rota(n, split, config.campaign_archetypes, config.test_only_archetypes)
    return [Run(f"campaign/{i}", a, t, keys[i : i + 1], sizes[i : i + 1]) for i, (a, t) in enumerate(turn)]


def _extra(config: Config, world: np.uint64) -> list[Run]:
    return [
        Run(name, c.archetype, c.tier, np.array([streams.key(int(world), name)]), np.array([c.accounts]))
        for c in config.cohorts
        for name in (f"extra/{c.name}",)
    ]
