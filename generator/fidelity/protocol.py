"""The measurement: how far a synthetic log is from a real one, beside how far real logs are apart."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from generator.errors import UserError
from generator.fidelity import classifiers as trees
from generator.fidelity import distances, sampling
from generator.fidelity.report import FidelityMetric, Report
from generator.fidelity.sampling import Sample, SamplingPlan
from generator.fidelity.traces import MIN_ROWS, Log

# Enough for stable medians; trees are slow, and drift has no randomness but that of sampling.
REPEATS, TREE_REPEATS, DRIFT_REPEATS = 7, 4, 2
ROWS, ACCOUNT_ROWS = 12_000, 950  # of a sample, and of one account (a)
NATIVE_RUN = (
    30  # requests in a row, where a trace is at native rate: a busy day of an account; longer runs drift (a)
)
_HOUR_SPAN = 1.9 * 86_400  # shorter logs show no daily shape
_MIN_FLOOR = 0.005  # two halves may agree exactly, as at a context limit; no ratio shall be infinite for that
_INFORMATIVE = 1.5  # a metric tells something if the naive log is so many times further off than real halves

Tick = Callable[[int, int], None]
Runs = dict[str, list[distances.Distances]]


def measure(
    synth: Log,
    reference: Log,
    peer: Log | None = None,
    seed: int = 0,
    repeats: int = REPEATS,
    classifiers: bool = True,
    tick: Tick | None = None,
) -> Report:
    """Distance of a synthetic log to a real one, in units of what real logs differ by.

    Every distance is taken between samples of equal size, `repeats` times, from one random half of the reference
    to the other half (floor), the synthetic log, another real log (peer), and a log that knows only the moments
    of the other half (naive); and between the halves of the reference in time (drift).

    A reference at native rate (cap_mode "first") is compared by each account's busiest run, on all sides: its
    clients send in seconds what an account of a world sends in its life, and one set of rows can't look like
    both that and the same clients thinned to weeks (ServeGen: AUC .83 between the two). Where a reference holds
    whole seconds only, so do the times that it is compared with: a clock's rounding is no behaviour.

    Parameters
    ----------
    synth, reference, peer : Log
        Logs to compare; a peer is another real log of the same nature as the reference.
    seed : int
        Seed of all sampling.
    repeats : int
        Times to draw samples; trees are trained in the first four.
    classifiers : bool
        Whether to train trees.
    tick : callable, optional
        Called with (done, total) after each repeat.

    Raises
    ------
    UserError
        If a log has fewer than 200 rows.
    """
    synth, reference, peer = _alike(synth, reference, peer)
    logs = [log for log in (reference, synth, peer) if log is not None]
    for log in logs:
        if len(log) < MIN_ROWS:
            raise UserError(
                f"{log.name} has {len(log)} rows, and {MIN_ROWS} are the least that can be compared; "
                "take a larger log"
            )
    plan = plan_for(logs)
    rng = np.random.default_rng(seed)
    scale = distances.Scale.of(reference)
    runs: Runs = {"floor": [], "synth": [], "naive": [], "peer": [], "drift": []}
    for k in range(repeats):
        trained = classifiers and k < TREE_REPEATS
        sides = _sides(synth, reference, peer, plan, rng)
        rest = sides.pop("rest")
        for name, side in sides.items():
            runs[name].append(_distances(side, rest, plan, scale, rng, trained))
        if reference.one_clock and k < DRIFT_REPEATS:
            early, late = _eras(reference, plan, rng)
            runs["drift"].append(_distances(early, late, plan, scale, rng, trained))
        if tick:
            tick(k + 1, repeats)
    return Report(
        synth=synth.name,
        reference=reference.name,
        peer=peer.name if peer else None,
        rows={role: len(log) for role, log in zip(("reference", "synth", "peer"), logs, strict=False)},
        plan=plan,
        metrics=metrics(runs),
    )


def _alike(synth: Log, reference: Log, peer: Log | None) -> tuple[Log, Log, Log | None]:
    """The logs by one clock, and by busiest runs where the reference is at native rate."""
    synth = sampling.same_clock(synth, reference)
    if reference.meta.get("cap_mode") != "first":
        return synth, reference, peer
    synth, reference = (sampling.busiest(log, NATIVE_RUN) for log in (synth, reference))
    return synth, reference, sampling.busiest(peer, NATIVE_RUN) if peer else None


def plan_for(logs: list[Log]) -> SamplingPlan:
    """What all logs can tell, and the largest equal samples.

    Parameters
    ----------
    logs : list of Log
        The reference first.
    """
    reference, *others = logs
    every = [log.has_accounts for log in logs]
    accounts = all(every)
    least = [len(log) for log in others]
    span = min(float(np.ptp(log.ts)) for log in logs)
    return SamplingPlan(
        accounts=accounts,
        time=all(log.real_arrivals for log in logs),
        hour=all(log.has_hours for log in logs) and span >= _HOUR_SPAN,
        volume="cap_mode" not in reference.meta,  # a trace that cuts accounts short can't tell their volume
        thin=reference.meta.get("cap_mode") == "thin",
        n_accounts=min([reference.accounts // 2, *(log.accounts for log in others)]) if accounts else 0,
        n_rows=min([ROWS, len(reference) // 2, *least]),
        n_segment=min([ROWS, len(reference) // 3, *least]),
        cap=ACCOUNT_ROWS,
    )


def metrics(runs: Runs) -> dict[str, FidelityMetric]:
    """Every metric that real halves, the synthetic log and the naive one all have, summed up over the repeats.

    Parameters
    ----------
    runs : dict of str to list of dict
        Distances of each repeat, by side: floor, synth, naive, peer, drift.

    Returns
    -------
    dict of str to FidelityMetric
        By group.metric.
    """
    names = list(dict.fromkeys(name for values in runs["synth"] for name in values))
    table = {}
    for name in names:
        values = {side: [v[name] for v in repeats if name in v] for side, repeats in runs.items()}
        if not (values["floor"] and values["synth"] and values["naive"]):
            continue
        middle = {side: float(np.median(v)) if v else None for side, v in values.items()}
        p90 = max(_MIN_FLOOR, float(np.quantile(values["floor"], 0.9)))
        real = max([p90, *(d for d in (middle["drift"], middle["peer"]) if d is not None)])
        synth, naive, floor = (middle[side] or 0.0 for side in ("synth", "naive", "floor"))
        informative = naive > _INFORMATIVE * p90
        skills = [
            float(np.clip(1 - (d - floor) / (naive - floor), -1, 1)) if informative and d is not None else None
            for d in (synth, middle["peer"])
        ]
        table[name] = FidelityMetric(
            synth, floor, p90, naive, middle["drift"], middle["peer"], synth / p90, synth / real, *skills
        )
    return table


def _sides(
    synth: Log, reference: Log, peer: Log | None, plan: SamplingPlan, rng: np.random.Generator
) -> dict[str, Sample]:
    """A sample of everything that is compared with the rest of the reference, and of that."""
    half, rest = sampling.halves(reference, plan, rng)
    sources = {"floor": half, "rest": rest, "synth": synth}
    sides = {name: sampling.draw(log, plan, rng) for name, log in sources.items()}
    sides["naive"] = sampling.draw(sampling.same_clock(sampling.naive(half, rng), reference), plan, rng)
    if peer is not None:
        sides["peer"] = sampling.draw(peer, plan, rng)
    if plan.time:
        # Halves have holes, so that gaps are taken from the whole reference.
        stretches = sampling.segments(reference, plan.n_segment, rng)
        for name, arrivals in zip(("floor", "rest"), stretches, strict=True):
            sides[name] = replace(sides[name], arrivals=arrivals)
        if not plan.accounts:
            whole = {"floor": reference, "rest": reference, "synth": synth} | ({"peer": peer} if peer else {})
            sides |= {name: sampling.within(sides[name], log) for name, log in whole.items()}
    return sides


def _eras(log: Log, plan: SamplingPlan, rng: np.random.Generator) -> tuple[Sample, Sample]:
    """Samples of the first and of the second half in time."""
    first = log.ts < np.median(log.ts)
    early, late = sampling.draw(log.take(first), plan, rng), sampling.draw(log.take(~first), plan, rng)
    if plan.time and not plan.accounts:
        early, late = sampling.within(early, log), sampling.within(late, log)
    return early, late


def _distances(
    a: Sample, b: Sample, plan: SamplingPlan, scale: distances.Scale, rng: np.random.Generator, trained: bool
) -> distances.Distances:
    values = distances.measure(a, b, plan, scale, rng)
    return values | trees.measure(a, b, plan, rng) if trained else values
