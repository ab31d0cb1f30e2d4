"""What each gap of real logs costs: one world as it is and as such logs would hold it, detector by detector.

    python -m benchmarks.gaps DATASET --lesson DATASET --detectors link-communities xgboost-relational

A detector that learnt from complete logs is asked about logs with the gap, then one that learnt from such logs, as
`siphonbench fit --like` does. Ratios are paired: to the first detector's average precision on complete logs.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl

import siphonbench
from baselines.base import evaluation
from baselines.registry import DETECTORS
from benchmarks import shown
from generator import schema
from generator.dataset import Dataset, Split
from generator.errors import UserError

KEPT = 10
"""Of so many requests one is kept where rows are sampled (a)."""
_ADDRESSES = (*(f"requests.{c}" for c in ("ip_prefix", "asn", "asn_type", "country")), "accounts.signup_prefix")
_SIGN_UP = ("plan", "verification", "payment_type", "payment_id", "email_domain", "email_type", "organization")
_CONTENT = tuple(f"requests.{c.name}" for c in schema.REQUESTS if c.group == "C")


def coarse_times(split: Split) -> Split:
    """Requests to the hour, sign-ups to the day."""
    steps = {"requests": pl.col("ts").dt.truncate("1h"), "accounts": pl.col("created").dt.truncate("1d")}
    tables = {name: shown.changed(split.tables[name], [step]) for name, step in steps.items()}
    return replace(split, tables={**split.tables, **tables})


def sampled_rows(split: Split) -> Split:
    """One request of `KEPT`, by its id, which is a random number; accounts stay."""
    named = ("requests", "prompts", "request_labels")
    kept = {n: t.where(pl.col("request_id") % KEPT == 0) for n, t in split.tables.items() if n in named}
    return replace(split, tables={**split.tables, **kept})


GAPS: Mapping[str, Callable[[Split], Split]] = {
    "no addresses": lambda split: split.without(_ADDRESSES),
    # Everybody is a user of the one customer who runs the gateway: nobody signed up, and nobody pays.
    "one tenant": lambda split: split.without((*(f"accounts.{c}" for c in _SIGN_UP), "accounts.signup_prefix")),
    "no text": lambda split: split.without(_CONTENT),
    "coarse times": coarse_times,
    "sampled rows": sampled_rows,
}
"""What logs of a gateway or a tracing program lack, each alone."""


def study(name: str, lesson: Split, data: Dataset) -> None:
    """Rows of one detector."""
    detector = DETECTORS[name]()
    complete = evaluation.fit(detector, [lesson])
    whole = shown.scored(data, evaluation.answer(complete, data.test))
    shown.row(name, "none", shown.interval(whole), "-", "-", "-")
    for gap, hide in GAPS.items():
        seen, cells = hide(data.test), []
        for learnt_from in (None, hide(lesson)):
            try:
                fitted = evaluation.fit(detector, [learnt_from]) if learnt_from else complete
                card = shown.scored(data, evaluation.answer(fitted, seen))
            except UserError as why:
                cells += [f"none: {why}", "-"]
            else:
                cells += [shown.interval(card), shown.paired(shown.ratio(card.estimate, whole.estimate))]
        shown.row(name, gap, *cells)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="its test split is asked about")
    parser.add_argument("--lesson", type=Path, help="its train split is learnt from; the same dataset if left out")
    parser.add_argument(
        "--detectors", nargs="+", choices=DETECTORS, metavar="NAME", default=["xgboost-relational"]
    )
    args = parser.parse_args(arguments)
    data, lesson = siphonbench.load(args.data), siphonbench.load(args.lesson or args.data)
    shown.head("detector", "gap", "AP", "paired ratio", "AP, learnt with the gap", "paired ratio")
    for name in args.detectors:
        study(name, lesson.train, data)


if __name__ == "__main__":
    main()
