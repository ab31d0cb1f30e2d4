"""Detectors trained and scored for the release gates that are about what they reach."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import TYPE_CHECKING

from generator.errors import UserError

if TYPE_CHECKING:
    from baselines.base.evaluation import Result
    from generator.audit.audited_dataset import AuditedDataset
    from generator.audit.base.gate import Gate
    from generator.audit.base.labelled_split import LabelledSplit
    from generator.audit.detector_gates import Reached
    from generator.dataset import Dataset
    from leaderboard.records.estimate import Estimate


def detector_gates(audited: AuditedDataset, seed: int, tick: Callable[[int, int], None]) -> list[Gate]:
    """Train detectors on the first split, score the others, and measure the gates about what they reach.

    The oracle learns from all other splits and from the other cohorts of the one that it scores: a world has few
    campaigns, the last one kinds that no other has, and the question is whether their traces are there.

    Parameters
    ----------
    audited : AuditedDataset
        With at least two labelled splits.
    seed : int
        Of the detectors.
    tick : callable
        Told (done, total).

    Returns
    -------
    list of Gate
        What each detector reached, beside what it must or must not.

    Raises
    ------
    UserError
        If there is one split only.
    """
    from baselines.base import evaluation
    from baselines.detectors.upper_bounds import all_but_one_oracle
    from baselines.registry import DETECTORS
    from generator.audit import detector_gates as detectors

    dataset, worlds = audited.dataset, audited.splits
    splits = [w.source for w in worlds]
    if len(worlds) < 2:
        raise UserError(
            f"{dataset.path} has one split, but detectors learn from one and score another: give --no-detectors"
        )
    total = len(detectors.CHAIN) + 1
    tick(0, total)
    reached, estimates = {}, {}
    for done, name in enumerate(detectors.CHAIN, 1):
        scored = worlds[done > 1 :]  # the rate limit learns nothing: the first split is a fair test of it, too
        results = evaluation.run_each(DETECTORS[name](seed=seed), splits[0], [w.source for w in scored])
        reached[name], estimates[name] = _reached(dataset, scored, list(results))
        tick(done, total)
    oracle = []
    for split, scores in zip(
        splits[1:], all_but_one_oracle.score_each(splits, range(1, len(splits)), seed), strict=True
    ):
        predictions = evaluation.check(detectors.ORACLE, scores, split, evaluation.TASKS["accounts"])
        oracle.append(evaluation.Result(detectors.ORACLE, "accounts", predictions, 0.0))
    tick(total, total)
    reached[detectors.ORACLE], _ = _reached(dataset, worlds[1:], oracle)
    steps = {f"{a} < {b}": _step(estimates[a], estimates[b]) for a, b in pairwise(detectors.CHAIN)}
    best_rule = max((rule.judged for rule in audited.hunt.rules), default=0.0)
    return detectors.gates(reached, int(dataset.manifest["config"]["accounts"]), steps, best_rule)


def _reached(
    dataset: Dataset, worlds: list[LabelledSplit], results: list[Result]
) -> tuple[Reached, dict[str, Estimate]]:
    """What a detector reached on each split, as plain numbers and to be compared in pairs."""
    import polars as pl

    from generator.audit import detector_gates as detectors
    from generator.audit.base import rank_statistics
    from leaderboard.tasks import scoring
    from leaderboard.tasks.ground_truth import GroundTruth

    reached, estimates = detectors.Reached(), {}
    for world, result in zip(worlds, results, strict=True):
        labels = world.source.labels.polars().collect()
        card = scoring.score("accounts", result.predictions, GroundTruth(labels), dataset.digest)
        reached.ap[world.name] = card.primary.value
        reached.overall[world.name] = card.tables["overall"]["ap"].value
        assert card.ceiling is not None, "the task accounts has a ceiling"
        assert card.headroom is not None
        reached.ceiling[world.name], reached.headroom[world.name] = card.ceiling, card.headroom
        reached.chance[world.name] = card.primary.chance
        estimates[world.name] = card.estimate
        scores = world.truth.join(result.predictions.cast({"account_id": pl.String}), on="account_id")["score"]
        scored = world.benign | world.hidden
        reached.recall[world.name] = rank_statistics.recall(world.hidden[scored], scores.to_numpy()[scored], 1e-2)
    return reached, estimates


def _step(low: dict[str, Estimate], high: dict[str, Estimate]) -> float:
    """Lower end of the paired 95 % interval of the difference, mean over the splits that both scored."""
    from leaderboard.records import estimate

    return estimate.mean([high[s] - low[s] for s in high]).interval()[0]
