"""The bench on which the contract checks try a detector: little worlds, what happens to them, and answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from baselines.base import evaluation
from baselines.base.detector import Detector
from baselines.contract import toy_dataset
from generator import schema
from generator.dataset import Split

Tables = Mapping[str, pl.DataFrame]
_PREFIX = "zz-"


class BrokenPromiseError(Exception):
    """A promise that was not kept; the message says how."""


@dataclass(frozen=True)
class CheckContext:
    """One detector and the little worlds that it meets; what was worked out once is kept.

    Parameters
    ----------
    kind : type of Detector
        Built with its default parameters.
    """

    kind: type[Detector]

    @cached_property
    def lessons(self) -> tuple[Split, Split]:
        """Two worlds with open labels that share no account."""
        first, second = (toy_dataset.split("train", toy_dataset.world(seed)) for seed in (1, 3))
        return first, second

    @cached_property
    def tables(self) -> dict[str, pl.DataFrame]:
        """The world that is scored."""
        return toy_dataset.world(2)

    @cached_property
    def fitted(self) -> Detector:
        """Fitted on the first lesson."""
        return self.fit()

    @cached_property
    def spare(self) -> Detector:
        """Fitted in the same way; one check only may ask it, for what it has seen must be known."""
        return self.fit()

    @cached_property
    def answers(self) -> dict[str, pl.DataFrame]:
        """Its answers about the world as it is, to every task but the one that takes days."""
        return self.answers_on(self.tables)

    @property
    def tasks(self) -> list[str]:
        """Its tasks that are answered in one go: asking for "early" is asking for scores, day by day."""
        return [t for t in self.kind.tasks if t != "early"] or ["accounts"]

    def fit(self, seed: int = 0) -> Detector:
        """Another one, fitted in the same way."""
        return evaluation.fit(self.kind(seed=seed), [self.lessons[0]])

    def answers_on(
        self, tables: Tables, fitted: Detector | None = None, buckets: int = 2
    ) -> dict[str, pl.DataFrame]:
        """Answers about a changed world, by task."""
        return self.answers_about(toy_dataset.split("validation", tables, buckets), fitted)

    def answers_about(self, world: Split, fitted: Detector | None = None) -> dict[str, pl.DataFrame]:
        """Answers about a split, by task; scores also where only "early" was declared."""
        detector = fitted or self.fitted
        shown = world.restrict(detector.fields).without_labels()
        return {
            t: evaluation.check(
                detector.name, getattr(detector, evaluation.TASKS[t].method)(shown), world, evaluation.TASKS[t]
            )
            for t in self.tasks
        }


def require_same(before: Mapping[str, pl.DataFrame], after: Mapping[str, pl.DataFrame]) -> None:
    """Whether two answers say the same, campaigns called as they may be.

    Raises
    ------
    BrokenPromiseError
        With the task, the number of changed rows and an example.
    """
    for task, frame in before.items():
        key, value = frame.columns
        both = frame.join(after[task], on=key, how="full", suffix="_now", coalesce=True).sort(key)
        was, now = (_canonical(both.select(key, value=v)) for v in (value, f"{value}_now"))
        if evaluation.TASKS[task].numeric:
            differ = ~np.isclose(was.to_numpy(), now.to_numpy(), rtol=1e-6, atol=1e-6)
        else:
            differ = was.ne_missing(now).to_numpy()
        if differ.any():
            k = int(np.argmax(differ))
            raise BrokenPromiseError(
                f"{differ.sum():,} of {len(differ):,} answers to {task} changed, "
                f"e.g. {both[key][k]}: {was[k]} became {now[k]}"
            )


def _canonical(answer: pl.DataFrame) -> pl.Series:
    """Scores as they are; in place of a group's name, its first member's."""
    key, value = answer.columns
    if answer[value].dtype != pl.String:
        return answer[value]
    return answer.select(pl.when(pl.col(value).is_not_null()).then(pl.col(key).min().over(value))).to_series()


def shuffled(tables: Tables) -> dict[str, pl.DataFrame]:
    """The same rows in another order."""
    return {name: rows.sample(fraction=1, shuffle=True, seed=1) for name, rows in tables.items()}


def renamed(tables: Tables) -> dict[str, pl.DataFrame]:
    """The same world with other names for accounts and requests; see `back`."""
    rows = tables["requests"]
    number = rows["request_id"]
    fresh = pl.Series(np.random.default_rng(4).permutation(len(number)).astype(np.int64) + 1_000_000)
    ids = pl.DataFrame({"old": number, "new": fresh})
    account = pl.concat_str(pl.lit(_PREFIX), pl.col("account_id").cast(pl.String).str.reverse())
    changed = dict(tables)
    for name, frame in tables.items():
        if "account_id" in frame.columns:
            changed[name] = changed[name].with_columns(
                account.cast(frame.schema["account_id"]).alias("account_id")
            )
        for column in {"request_id", "echo_response_id"} & set(frame.columns):
            changed[name] = changed[name].with_columns(pl.col(column).replace(ids["old"], ids["new"]))
    return changed


def original_names(answers: Mapping[str, pl.DataFrame], tables: Tables) -> dict[str, pl.DataFrame]:
    """Answers about the `renamed` world under the names of the world as it was."""
    ids = pl.DataFrame({"old": tables["requests"]["request_id"], "new": renamed(tables)["requests"]["request_id"]})
    old = {
        "account_id": pl.col("account_id").str.slice(len(_PREFIX)).str.reverse(),
        "request_id": pl.col("request_id").replace(ids["new"], ids["old"]),
    }
    return {task: frame.with_columns(old[frame.columns[0]]) for task, frame in answers.items()}


def scrambled(tables: Tables, fields: tuple[str, ...]) -> dict[str, pl.DataFrame]:
    """The same world with other values in every public column that is not among `fields`."""
    changed = dict(tables)
    for name in schema.PUBLIC:
        hidden = [c.name for c in schema.TABLES[name] if c.group != "K" and f"{name}.{c.name}" not in fields]
        # Time stays, so that a column it is compared with can't run out of the window.
        changed[name] = tables[name].with_columns(pl.col(c).reverse() for c in hidden)
    return changed


def other_future(tables: Tables, day: int) -> dict[str, pl.DataFrame]:
    """The same world with another future: after `day` others ask, and in another order."""
    rows = tables["requests"]
    future = pl.col("day") > day
    known, rest = rows.filter(~future), rows.filter(future)
    moved = rest.with_columns(pl.exclude("ts", "day", "request_id").reverse()).gather_every(2)
    return {**tables, "requests": pl.concat([known, moved])}


def filtered(tables: Tables, requests: pl.Expr, accounts: pl.Expr | None = None) -> dict[str, pl.DataFrame]:
    """The world with some of its requests and accounts."""
    kept = {**tables, "requests": tables["requests"].filter(requests)}
    return kept if accounts is None else kept | {"accounts": tables["accounts"].filter(accounts)}
