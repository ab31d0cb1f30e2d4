"""What a fitted detector makes of logs: ranked groups of accounts with evidence, and what can't be told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from baselines.explanations import Case
    from generator.dataset import Dataset, Split
    from siphonbench.workflows.fitted_detectors import FittedDetector

_LINKS = ("payment", "signup", "prefix", "device", "conversation", "template", "tools", "prompt")
"""What groups are made of: traces that strangers seldom share."""
_MOST = 300  # accounts; a key that more hold is a hub (a)
_RESOLUTION = 0.2  # mean weight of pairs above which two groups are one (a)
_INNOCENT = 1e-3  # share of benign accounts above the threshold


@dataclass(frozen=True)
class RankedGroup:
    """Accounts that hang together, or one that stands alone.

    Attributes
    ----------
    score : float
        Mean score of the accounts.
    accounts : tuple of str
        The highest score first.
    scores : tuple of float
        Theirs.
    case : Case
        What ties them, and their habits.
    """

    score: float
    accounts: tuple[str, ...]
    scores: tuple[float, ...]
    case: Case


@dataclass(frozen=True)
class Triage:
    """What an analyst opens.

    Attributes
    ----------
    dataset, detector, learnt : str
        Names of the data and of the detector, and what it was fitted on.
    accounts, groups_in_all : int
        How many there are.
    groups : tuple of RankedGroup
        The highest score first.
    threshold : float or None
        Score that one benign account in a thousand of a synthetic world exceeds, where one was given.
    unprepared : tuple of str
        Columns that the detector learnt from and nobody recorded here.
    missing : tuple of str
        Columns that nobody recorded.
    """

    dataset: str
    detector: str
    learnt: str
    accounts: int
    groups_in_all: int
    groups: tuple[RankedGroup, ...]
    threshold: float | None
    unprepared: tuple[str, ...]
    missing: tuple[str, ...]


def triage(
    data: Dataset,
    fitted: FittedDetector,
    most: int = 10,
    reference: Dataset | None = None,
    split: str = "test",
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Triage:
    """Score accounts, sort them into groups, and gather the evidence about the first.

    Parameters
    ----------
    data : Dataset
        Logs of one's own, or any other; no label is read.
    fitted : FittedDetector
        What scores.
    most : int
        How many groups are looked into.
    reference : Dataset, optional
        Synthetic one whose benign accounts say which score is out of the ordinary.
    split : str
        Which world of the data.
    progress : callable
        Told (done, total) in groups.

    Raises
    ------
    UserError
        If the detector can't answer about these data.
    """
    from baselines import explanations

    world = data.reveal(split).without_labels()
    answer = fitted.apply(data, split).predictions
    score = dict(zip(answer["account_id"].to_list(), answer["score"].to_list(), strict=True))
    members: dict[int, list[str]] = {}
    for account, label in _groups(world):
        members.setdefault(label, []).append(account)
    # Equal scores: more accounts first, then by name, so that the order is the same each time.
    ranked = sorted(members.values(), key=lambda g: (-float(np.mean([score[a] for a in g])), -len(g), min(g)))
    groups = []
    for done, group in enumerate(ranked[:most]):
        progress(done, min(most, len(ranked)))
        accounts = tuple(sorted(group, key=lambda a: (-score[a], a)))
        scores = tuple(score[a] for a in accounts)
        case = explanations.case(world, accounts, world)
        groups.append(RankedGroup(float(np.mean(scores)), accounts, scores, case))
    return Triage(
        dataset=data.name,
        detector=fitted.detector.name,
        learnt=" and ".join(f"{t.split} of {t.dataset}" for t in fitted.training),
        accounts=len(score),
        groups_in_all=len(ranked),
        groups=tuple(groups),
        threshold=None if reference is None else _threshold(fitted, reference, world),
        unprepared=tuple(fitted.unprepared(world)),
        missing=tuple(sorted(world.missing)),
    )


def _groups(world: Split) -> list[tuple[str, int]]:
    """Each account and the number of its group, by keys that few hold."""
    from baselines.graph import shared_keys
    from baselines.graph.communities import communities

    keys = shared_keys.read_keys(world, _LINKS)
    graph = shared_keys.weighted(list(keys.incidences.values()), _MOST)
    return list(zip(keys.ids.to_list(), communities(graph, _RESOLUTION).tolist(), strict=True))


def _threshold(fitted: FittedDetector, reference: Dataset, world: Split) -> float:
    """Score that one benign account in a thousand exceeds, in a synthetic world that lacks the same columns."""
    import polars as pl

    from baselines.base import evaluation

    known = reference.reveal("validation")
    scores = evaluation.answer(fitted.detector, known.without(world.missing).without_labels())
    labels = known.labels.polars().select(pl.col("account_id", "label").cast(pl.String)).collect()
    benign = scores.join(labels.filter(pl.col("label") == "benign"), on="account_id")["score"].to_numpy()
    return float(np.quantile(benign, 1 - _INNOCENT, method="higher"))
