"""The verdict on many traces that must not tell: what chance alone does to the worst of them.

A suspicion that one split raises must hold in a second one, in the same direction; splits share no draw, so that
the chance of both is the product of the two. Traces of a gate share its level evenly (Bonferroni), gates that of
the family: a clean dataset fails any of them with a chance of at most `FAMILY_LEVEL`. What goes many standard
errors beyond chance fails also where one split alone shows it, as an archetype that only the test split has would.

Gates with a tolerance of their own (`tolerance`) ask for a second split as well; what is fitted on one split and
measured on another, as trees are, is confirmed by that.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from statistics import NormalDist

from generator.audit.base import gate
from generator.audit.base.gate import Gate
from generator.audit.base.two_sample import Comparison

FAMILY_LEVEL = 0.01
"""Chance that a clean dataset fails any of the gates that are judged here, all of them taken together (a)."""
GATES_OF_CHANCE = 9
"""Gates that share it: seven of `artifacts`, the shares of nulls, and borders. A test counts them."""
FLOOR = 0.02
"""Deviation of the ROC AUC from one half that is allowed in any case (a)."""
LEAST = 3.0
"""Standard errors allowed in any case: those estimated from a dozen campaigns are themselves unsure (a)."""
ALONE = 8.0
"""Standard errors that one split alone may show: the normal law leaves 1e-15, real tails are heavier (a)."""
ALONE_SHARE = 0.5
"""What one split alone shows counts so much, where the limit is a tolerance and not a matter of chance (a)."""


def verdict(name: str, comparisons: Iterable[Comparison | None], remedy: str, floor: float = FLOOR) -> Gate:
    """Judge the trace that goes furthest beyond what it is allowed.

    Parameters
    ----------
    name, remedy : str
        See `Gate`.
    comparisons : iterable of Comparison or None
        Every trace in every split, at most once each; None: nothing to compare there.
    floor : float
        Deviation allowed in any case.

    Returns
    -------
    Gate
        The deviation of the worst trace in the split that confirms it, against what is allowed there.
    """
    traces: dict[str, list[Comparison]] = {}
    for comparison in comparisons:
        if comparison:
            traces.setdefault(comparison.trace, []).append(comparison)
    suspicions = sorted(
        ((allowed, c) for of_trace in traces.values() for allowed, c in _judged(of_trace, len(traces), floor)),
        key=lambda pair: -abs(pair[1].deviation) / pair[0],
    )
    if not suspicions:
        return Gate(name, 0.0, "nothing to compare", True, remedy)
    allowed, worst = suspicions[0]
    worst_three = list(dict.fromkeys(_text(c) for _, c in suspicions))[:3]
    where = f"{len(traces)} traces: " + ", ".join(worst_three)
    return Gate(name, abs(worst.deviation), f"<= {allowed:.3f}", abs(worst.deviation) <= allowed, remedy, where)


def tolerance(name: str, values: Mapping[str, Mapping[str, float]], limit: float, remedy: str) -> Gate:
    """Judge measurements that have a limit of their own: each trace by its second-highest split.

    Parameters
    ----------
    name, remedy : str
        See `Gate`.
    values : mapping of str to mapping of str to float
        By trace and split; splits in which nothing could be measured are left out.
    limit : float
        The most that is allowed.
    """
    judged = {trace: confirmed(list(by_split.values())) for trace, by_split in values.items()}
    highest = sorted(
        ((v, f"{t} in {s}") for t, by_split in values.items() for s, v in by_split.items()), reverse=True
    )
    where = "; ".join(f"{trace} {value:.2f}" for value, trace in highest[:5])
    return gate.at_most(name, max(judged.values(), default=0.0), limit, remedy, where)


def confirmed(values: Sequence[float]) -> float:
    """What a second split confirms of a trace, or half of what one split alone shows, if that is more.

    Parameters
    ----------
    values : sequence of float
        One for each split; 0 if there is none, and a single one counts in full.

    Examples
    --------
    >>> confirmed([2.4, 1.1, 1.3]), confirmed([9.0, 1.0]), confirmed([2.0])
    (1.3, 4.5, 2.0)
    """
    ranked = sorted(values, reverse=True)
    return max(ranked[1], ALONE_SHARE * ranked[0]) if len(ranked) > 1 else sum(ranked)


def quantile(traces: int, splits: int) -> float:
    """Standard errors that a trace must exceed in two of its splits, in one direction, to fail a gate.

    Parameters
    ----------
    traces : int
        Traces that share the level of the gate.
    splits : int
        Splits in which the trace could be compared; with a single one, that one decides.

    Returns
    -------
    float
        Quantile of the standard normal law, at least `LEAST`.

    Examples
    --------
    >>> round(quantile(500, 3), 2), round(quantile(500, 1), 2)
    (3.23, 4.73)
    """
    level = FAMILY_LEVEL / GATES_OF_CHANCE / traces
    pairs_and_directions = splits * (splits - 1)
    tail = math.sqrt(level / pairs_and_directions) if splits > 1 else level / 2
    return max(LEAST, NormalDist().inv_cdf(1 - tail))


def _judged(of_trace: Sequence[Comparison], traces: int, floor: float) -> Iterator[tuple[float, Comparison]]:
    """What a trace is allowed, and where: in the split that confirms the suspicion, and in any split alone."""
    z = quantile(traces, len(of_trace))
    if len(of_trace) == 1:
        yield max(floor, z * of_trace[0].standard_error), of_trace[0]
        return
    for c in of_trace:
        yield max(floor, ALONE * c.standard_error), c
    for a, b in itertools.combinations(of_trace, 2):
        if a.deviation * b.deviation > 0:
            allowed = [(max(floor, z * c.standard_error), c) for c in (a, b)]
            yield min(allowed, key=lambda pair: abs(pair[1].deviation) / pair[0])


def _text(c: Comparison) -> str:
    return f"{c.trace} in {c.split} {abs(c.deviation):.3f}"
