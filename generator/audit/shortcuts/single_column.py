"""Can one column, or a small tree on all aggregates, find the hidden tiers?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import polars as pl

from generator.arrays import Mask
from generator.audit.base import gate, rank_statistics, verdicts
from generator.audit.base.gate import Gate
from generator.audit.base.labelled_split import LabelledSplit
from generator.audit.base.two_sample import compare_ranks
from generator.audit.shortcuts import columns
from generator.audit.shortcuts.aggregates import Aggregates

LIFT = 3.0
"""Average precision over prevalence that one column may reach (a)."""
RECALL, FPR = 0.15, 1e-3
"""Recall that a depth-3 tree may reach, at this false-positive rate (a)."""
NULL_DEVIATION = 0.1
"""Deviation of the ROC AUC allowed to nulls that follow from a habit, such as a default temperature (a)."""
_REMEDY = "draw that habit from the benign population, in generator/archetypes"
_WAYS = ("high", "low")
_PRIOR = 5.0
"""Accounts' worth of the mean rate that each value starts with (a)."""


def single_aggregates(described: Sequence[Aggregates]) -> list[Gate]:
    """Each aggregate as a score, both ways, in each split; the shares of nulls once more, and by ROC AUC.

    Parameters
    ----------
    described : sequence of Aggregates
        Of every split.
    """
    lifts = _by_trace(
        (f"{name} {way}", a.split, lift)
        for a in described
        for name, both in zip(a.names, _lifts(a), strict=True)
        for lift, way in zip(both, _WAYS, strict=True)
    )
    nulls = {trace: values for trace, values in lifts.items() if trace.split(" ")[0].endswith(":null")}
    n = len(described[0].names)
    single = f"best single aggregate of {n}, evasive and adaptive: AP / prevalence"
    null = "share of nulls, any column, evasive and adaptive: AP / prevalence"
    return [
        verdicts.tolerance(single, lifts, LIFT, _REMEDY),
        verdicts.tolerance(null, nulls, LIFT, _REMEDY),
        _null_habits(described),
    ]


def _null_habits(described: Sequence[Aggregates]) -> Gate:
    """AP forgives a null that many benign accounts have as well; the AUC does not."""
    comparisons = [
        compare_ranks(
            name,
            a.split.name,
            a.split.hidden[a.judged],
            a.values[a.judged, k].astype(np.float64),
            a.split.cohort[a.judged],
        )
        for a in described
        for k, name in enumerate(a.names)
        if name.endswith(":null")
    ]
    name = "share of nulls, any column, evasive and adaptive: |ROC AUC - 0.5|"
    return verdicts.verdict(name, comparisons, _REMEDY, NULL_DEVIATION)


def raw_columns(splits: Sequence[LabelledSplit]) -> Gate:
    """Each raw column as a score of a request, against the label of its account; every account counts the same.

    Numbers are scored as they are, and like categories by the rate of their value in the other splits.

    Parameters
    ----------
    splits : sequence of LabelledSplit
        Every split of a dataset.
    """
    counted = {s.name: _counts(s) for s in splits}
    lifts = []
    for name in columns.NUMBERS + columns.CATEGORIES:
        for split in splits:
            table = counted[split.name][name]
            others = [counted[s.name][name] for s in splits if s is not split]
            encoded = _row_lifts(_encoded(table, others)) if others else (0.0, 0.0)
            lifts.append((f"rate of {name}", split, encoded[0]))
            if name in columns.NUMBERS:
                lifts += [(f"{name} {way}", split, x) for x, way in zip(_row_lifts(table), _WAYS, strict=True)]
    n = len(columns.NUMBERS + columns.CATEGORIES)
    name = f"best single raw column of {n}, by request, evasive and adaptive: AP / prevalence"
    return verdicts.tolerance(name, _by_trace(lifts), LIFT, _REMEDY)


def aggregate_tree(described: Sequence[Aggregates]) -> Gate:
    """Depth-3 tree on all aggregates of the first split, on each of the others.

    Parameters
    ----------
    described : sequence of Aggregates
        Of every split.
    """
    first, *others = described
    recalls = sorted(
        ((recall, a.split.name) for a, recall in zip(others, tree_recalls(first, others, None), strict=True)),
        reverse=True,
    )
    return gate.at_most(
        f"depth-3 tree on all aggregates, fitted on {first.split.name}: recall at FPR 0.1 %",
        recalls[0][0] if recalls else 0.0,
        RECALL,
        "find the split it uses and match that habit",
        ", ".join(f"{name} {value:.3f}" for value, name in recalls),
    )


def tree_recalls(first: Aggregates, others: Sequence[Aggregates], chosen: list[int] | None) -> list[float]:
    """Recall of a depth-3 tree that was fitted on the first split, on the others.

    Parameters
    ----------
    first : Aggregates
        To fit on.
    others : sequence of Aggregates
        To score.
    chosen : list of int, optional
        Positions of the aggregates that the tree sees; all if left out.

    Returns
    -------
    list of float
        Recall of the hidden tiers at a false-positive rate of `FPR`, by split.
    """
    from sklearn.tree import DecisionTreeClassifier

    if not first.split.hidden.any():
        return [0.0] * len(others)
    x, y = _matrix(first, chosen)
    model = DecisionTreeClassifier(max_depth=3, random_state=0, class_weight="balanced").fit(x, y)
    recalls = []
    for other in others:
        x, y = _matrix(other, chosen)
        recalls.append(rank_statistics.recall(y, model.predict_proba(x)[:, 1], FPR) if y.any() else 0.0)
    return recalls


def _matrix(a: Aggregates, chosen: list[int] | None) -> tuple[Any, Mask]:
    x = a.values[a.judged] if chosen is None else a.values[np.ix_(a.judged, np.array(chosen))]
    return np.nan_to_num(x, nan=-1e30, posinf=1e30, neginf=-1e30), a.split.hidden[a.judged]


def _lifts(a: Aggregates) -> list[tuple[float, float]]:
    y = a.split.hidden[a.judged]
    if not y.any():
        return [(0.0, 0.0)] * len(a.names)
    columns_together = np.asfortranarray(a.values[a.judged]).T  # each is sorted: it should lie in one piece
    return [rank_statistics.lifts(*rank_statistics.blocks(y, x)) for x in columns_together]


def _by_trace(lifts: Iterable[tuple[str, LabelledSplit, float]]) -> dict[str, dict[str, float]]:
    """Lifts by trace and split, of the splits that have hidden accounts."""
    values: dict[str, dict[str, float]] = {}
    for trace, split, lift in lifts:
        if split.hidden.any():
            values.setdefault(trace, {})[split.name] = lift
    return values


def _counts(split: LabelledSplit) -> dict[str, pl.DataFrame]:
    """Per column and value: weight of hidden and of benign requests; those of an account weigh 1 together."""
    names = columns.NUMBERS + columns.CATEGORIES
    parts: dict[str, list[pl.DataFrame]] = {name: [] for name in names}
    for frame in split.buckets(*names):
        weighed = frame.filter(pl.col("hidden") | pl.col("benign")).with_columns(w=1 / pl.len().over("row"))
        weighed = weighed.with_columns((pl.col("w") * pl.col(side)).alias(side) for side in ("hidden", "benign"))
        for name in names:
            # Categories become text once they are counted, numbers before: the order of their sums stays.
            category = name in columns.CATEGORIES
            value = pl.col(name) if category else pl.col(name).cast(pl.Float64)
            counted = weighed.group_by(value.alias("value")).agg(pl.col("hidden", "benign").sum())
            parts[name].append(counted.cast({"value": pl.String if category else pl.Float64}))
    return {
        name: pl.concat(p).group_by("value").agg(pl.col("hidden", "benign").sum()).sort("value")
        for name, p in parts.items()
    }


def _encoded(table: pl.DataFrame, others: list[pl.DataFrame]) -> pl.DataFrame:
    """Values replaced by their rate elsewhere, drawn to the mean where they are rare there."""
    known = pl.concat(others).group_by("value").agg(pl.col("hidden", "benign").sum())
    hidden, benign = (float(known[side].to_numpy().sum()) for side in ("hidden", "benign"))
    mean = hidden / max(1e-9, hidden + benign)
    weight = pl.col("hidden") + pl.col("benign")
    rate = known.select("value", rate=(pl.col("hidden") + _PRIOR * mean) / (weight + _PRIOR))
    joined = table.join(rate, on="value", how="left", nulls_equal=True)
    return joined.select("hidden", "benign", value=pl.col("rate").fill_null(mean))


def _row_lifts(table: pl.DataFrame) -> tuple[float, float]:
    merged = table.group_by("value").agg(pl.col("hidden", "benign").sum()).sort("value", nulls_last=True)
    p, n = merged["hidden"].to_numpy(), merged["benign"].to_numpy()
    return rank_statistics.lifts(p, n, merged["value"].null_count() > 0) if p.sum() else (0.0, 0.0)
