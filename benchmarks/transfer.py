"""Does what was learnt carry over: train on all worlds but one, test on that one, beside its own training world.

python -m benchmarks.transfer DATASET DATASET DATASET --only SEED-13

Then half of the archetypes of extraction are hidden from training at a time, and only those are looked for.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import siphonbench
from baselines.base import evaluation
from baselines.base.detector import Detector
from baselines.registry import DETECTORS
from benchmarks import shown
from generator.dataset import Dataset, Split


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, nargs="+")
    parser.add_argument("--only", type=Path, help="test on this one of them alone")
    parser.add_argument("--detector", choices=DETECTORS, default="xgboost-relational")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    worlds = {path: siphonbench.load(path) for path in args.data}
    detector = DETECTORS[args.detector](seed=args.seed)
    shown.head("test world", "trained on", "looked for", "AP, mean of tiers", "paired ratio")
    for path in [args.only] if args.only else worlds:
        lessons = [world.train for other, world in worlds.items() if other != path]
        study(worlds[path], lessons, detector)


def study(data: Dataset, lessons: Sequence[Split], detector: Detector) -> None:
    """Rows of one test world."""
    own = shown.card(detector, [data.train], data)
    shown.row(data.name, "its own train split", "all", shown.interval(own), "-")
    fitted = evaluation.fit(detector, lessons)
    said = evaluation.answer(fitted, data.test)
    other = shown.scored(data, said)
    ratio = shown.paired(shown.ratio(other.estimate, own.estimate))
    shown.row(data.name, f"{len(lessons)} other seeds", "all", shown.interval(other), ratio)
    known = sorted({a for lesson in lessons for a in shown.archetypes(lesson)})
    for hidden in (known[::2], known[1::2]):
        judged = _only(data, hidden)
        seen = shown.scored(judged, said)
        fresh = evaluation.run(detector, [shown.ungraded(w, hidden) for w in lessons], data.test).predictions
        unseen = shown.scored(judged, fresh)
        names = ", ".join(hidden)
        shown.row(data.name, f"{len(lessons)} other seeds", names, shown.interval(seen), "-")
        ratio = shown.paired(shown.ratio(unseen.estimate, seen.estimate))
        shown.row(data.name, "the same without these", names, shown.interval(unseen), ratio)


def _only(data: Dataset, archetypes: Sequence[str]) -> Dataset:
    """The dataset with a test split that is judged by these archetypes of extraction alone."""
    test = data.reveal("test")
    others = set(shown.archetypes(test)) - set(archetypes)
    return replace(data, splits={**data.splits, "test": shown.ungraded(test, others)})


if __name__ == "__main__":
    main()
