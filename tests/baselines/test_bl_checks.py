"""The contract checks: one detector keeps all, and each check catches the one that breaks its promise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import numpy as np
import polars as pl
import pytest

from baselines.base.detector import Detector, accounts
from baselines.contract import checks, context, promises, toy_dataset
from generator import schema
from generator.dataset import Split


def busy(split: Split) -> pl.DataFrame:
    """Requests of every account."""
    sent = split.requests.polars().group_by("account_id").agg(score=pl.len().cast(pl.Float64))
    known = split.accounts.polars().select("account_id")
    return known.join(sent, on="account_id", how="left").with_columns(pl.col("score").fill_null(0)).collect()


@dataclass
class Sound(Detector):
    """Counts requests, groups the busy ones, and gives each request its account's count."""

    name: ClassVar[str] = "sound"
    description: ClassVar[str] = "counts"
    source: ClassVar[str] = "test"
    fields: ClassVar[tuple[str, ...]] = ("requests.ts", "accounts.plan")
    tasks: ClassVar[tuple[str, ...]] = ("accounts", "early", "campaigns", "requests")

    scale: float = 1.0
    _mean: float = field(init=False, repr=False, default=0.0)

    def fit(self, *worlds: Split) -> Self:
        self._mean = float(np.mean([busy(w)["score"].mean() for w in worlds]))
        return self

    def score(self, split: Split) -> pl.DataFrame:
        return busy(split).with_columns(pl.col("score") * self.scale - self._mean)

    def group(self, split: Split) -> pl.DataFrame:
        name = pl.when(pl.col("score") > self._mean).then(pl.col("score").cast(pl.Int64).cast(pl.String))
        return busy(split).select("account_id", campaign=name)

    def score_requests(self, split: Split) -> pl.DataFrame:
        asked = split.requests.polars().select("request_id", "account_id").collect()
        return asked.join(busy(split), on="account_id").select("request_id", "score")


class Nameless(Sound):
    description = ""


class Idle(Sound):
    tasks = ("accounts", "requests", "fortune")
    score_requests = Detector.score_requests


class Forgetful(Sound):
    def score(self, split: Split) -> pl.DataFrame:
        return super().score(split)[1:]


class Undefined(Sound):
    def group(self, split: Split) -> pl.DataFrame:
        return super().group(split)[:-1]


class LateRiser(Sound):
    def score(self, split: Split) -> pl.DataFrame:
        return super().score(split).with_columns(pl.col("score") / (split.days != 2 or float("nan")))


class Moody(Sound):
    def score(self, split: Split) -> pl.DataFrame:
        noise = np.random.default_rng().random(len(accounts(split)))
        return super().score(split).with_columns(pl.col("score") + noise)


SHARED: dict[str, float] = {}


@dataclass
class Sticky(Sound):
    """Its clones are fitted."""

    _learnt: dict[str, float] = field(init=False, repr=False, default_factory=dict)

    def clone(self) -> Self:
        return self

    def fit(self, *worlds: Split) -> Self:
        super().fit(*worlds)
        self._learnt["spread"] = float(np.mean([busy(w)["score"].std() for w in worlds]))
        return self

    def score(self, split: Split) -> pl.DataFrame:
        return super().score(split).with_columns(pl.col("score") / self._learnt["spread"])


class Shared(Sound):
    """What one learns, all know."""

    def fit(self, *worlds: Split) -> Self:
        SHARED["mean"] = float(np.mean([busy(w)["score"].mean() for w in worlds]))
        return self

    def score(self, split: Split) -> pl.DataFrame:
        return super().score(split).with_columns(pl.col("score") - SHARED["mean"])


class Tuning(Sound):
    def fit(self, *worlds: Split) -> Self:
        self.scale *= 2
        return super().fit(*worlds)


class Silent(Sound):
    def fit(self, *worlds: Split) -> Self:
        super().fit(*worlds)
        return None  # type: ignore[return-value]


class Peeping(Sound):
    def score(self, split: Split) -> pl.DataFrame:
        hidden = list(split.requests._parts)
        mean = pl.concat(hidden).group_by("account_id").agg(pl.col("input_tokens").mean()).collect()
        known = super().score(split).join(mean, on="account_id", how="left")
        return known.select("account_id", score=pl.col("score") + pl.col("input_tokens").fill_null(0))


class Positional(Sound):
    def score(self, split: Split) -> pl.DataFrame:
        return super().score(split).with_row_index("n").select("account_id", score=pl.col("n") + pl.col("score"))


class Lexical(Sound):
    def score(self, split: Split) -> pl.DataFrame:
        last = pl.col("account_id").cast(pl.String).str.tail(1) == "7"
        return super().score(split).select("account_id", score=pl.col("score") + last)


class LexicalRequests(Sound):
    def score_requests(self, split: Split) -> pl.DataFrame:
        return super().score_requests(split).with_columns(pl.col("score") + pl.col("request_id") % 7)


@dataclass
class Remembering(Sound):
    """Keeps the largest count it has ever seen."""

    _largest: list[float] = field(init=False, repr=False, default_factory=list)

    def score(self, split: Split) -> pl.DataFrame:
        said = super().score(split)
        self._largest.append(float(said["score"].to_numpy().max()))
        return said.with_columns(pl.col("score") / max(self._largest))


class NeedsTraffic(Sound):
    def score(self, split: Split) -> pl.DataFrame:
        first = split.requests.polars().select(pl.col("ts").min()).collect().item().timestamp()
        return super().score(split).with_columns(pl.col("score") + 0 * first)


class NeedsCompany(Sound):
    def score(self, split: Split) -> pl.DataFrame:
        return (
            super().score(split).with_columns((pl.col("score") - pl.col("score").mean()) / pl.col("score").std())
        )


class OneWorld(Sound):
    def fit(self, *worlds: Split) -> Self:
        (world,) = worlds
        return super().fit(world)


class UpsideDown(Sound):
    def score(self, split: Split) -> pl.DataFrame:
        return super().score(split).with_columns(-pl.col("score"))


class UpsideDownRequests(Sound):
    def score_requests(self, split: Split) -> pl.DataFrame:
        return super().score_requests(split).with_columns(-pl.col("score"))


class Scattered(Sound):
    """Keeps what it learns where it was not declared."""

    def fit(self, *worlds: Split) -> Self:
        self.spread = float(np.mean([busy(w)["score"].std() for w in worlds]))
        return super().fit(*worlds)

    def score(self, split: Split) -> pl.DataFrame:
        return super().score(split).with_columns(pl.col("score") / self.spread)


@dataclass
class Opaque(Sound):
    """Learns a function."""

    _model: Any = field(init=False, repr=False, default=None)

    def fit(self, *worlds: Split) -> Self:
        self._model = busy
        return super().fit(*worlds)


FAULTY: list[tuple[type[Detector], str, str]] = [
    (Nameless, "declaration", "description is ''"),
    (Idle, "declaration", "task requests needs a method score_requests"),
    (Idle, "declaration", "'fortune' is no task"),
    (Forgetful, "answers", "1 missing"),
    (Undefined, "answers", "group must return one row"),
    (LateRiser, "day by day", "without a finite score"),
    (Moody, "same seed", "answers to accounts changed"),
    (Sticky, "clone", "still holds what was learnt in _learnt, _mean"),
    (Shared, "clone", "answers to accounts changed"),
    (Tuning, "fit", "fit changed {'scale': 2.0}"),
    (Silent, "fit", "NoneType"),
    (Peeping, "declared columns", "answers to accounts changed"),
    (Positional, "row order", "answers to accounts changed"),
    (Lexical, "names", "answers to accounts changed"),
    (LexicalRequests, "names", "answers to requests changed"),
    (Remembering, "future", "answers to accounts changed"),
    (NeedsTraffic, "nothing happens", "AttributeError in test_bl_checks.py, line "),
    (NeedsCompany, "one account", "without a finite score"),
    (OneWorld, "two worlds", "too many values to unpack"),
    (UpsideDown, "higher is worse", "turn the sign round"),
    (UpsideDownRequests, "higher is worse", "task requests"),
    (Scattered, "saved", "AttributeError in test_bl_checks.py, line "),
    (Opaque, "saved", "a function is no plain value"),
]


def reasons(kind: type[Detector]) -> dict[str, str]:
    return {o.name: o.reason for o in checks.outcomes(kind) if not o.passed}


def test_a_sound_detector_keeps_every_promise() -> None:
    assert reasons(Sound) == {}
    assert [c.name for c in checks.checks(Sound)] == list(promises.CONTRACT)
    assert all(c.promise.endswith(".") for c in checks.checks(Sound))


@pytest.mark.parametrize(("kind", "name", "said"), FAULTY, ids=lambda v: getattr(v, "__name__", None))
def test_a_broken_promise_is_told(kind: type[Detector], name: str, said: str) -> None:
    assert said in reasons(kind)[name]


class Undeclared(Sound):
    """Reads a column that it does not declare."""

    def score(self, split: Split) -> pl.DataFrame:
        flagged = split.requests.polars().group_by("account_id").agg(score=pl.col("stop_category").count())
        return flagged.collect()


class InPandas(Sound):
    def score(self, split: Split) -> pl.DataFrame:
        return pl.DataFrame(split.requests.pandas()["stop_category"])


class InArrow(Sound):
    def score(self, split: Split) -> pl.DataFrame:
        return pl.DataFrame(split.requests.arrow()["stop_category"])


class OwnDictionary(Sound):
    def score(self, split: Split) -> pl.DataFrame:
        return pl.DataFrame({"score": [1.0]}["stop_category"])


class Misspelt(Sound):
    fields = ("requests.stop_categories",)


class Lazy(Sound):
    def score(self, split: Split) -> pl.DataFrame:
        return super().score(split).lazy()  # type: ignore[return-value]


@pytest.mark.parametrize("kind", [Undeclared, InPandas, InArrow])
def test_an_undeclared_column_is_named_where_it_is_read(kind: type[Detector]) -> None:
    said = reasons(kind)
    assert " in test_bl_checks.py, line " in said["answers"]
    assert said["answers"].endswith(f"; requests.stop_category exists, but is not in fields of {kind.__name__}")
    assert "valid columns" not in said["answers"]
    assert said["row order"] == "as for answers"  # a fault is told once
    with pytest.raises(Exception, match="stop_category") as caught:
        next(c for c in checks.checks(kind) if c.name == "answers")()
    assert caught.value.__notes__ == [f"requests.stop_category exists, but is not in fields of {kind.__name__}"]


def test_a_key_of_ones_own_is_no_column() -> None:
    assert reasons(OwnDictionary)["answers"].endswith("'stop_category'")


def test_a_faulty_declaration_leaves_nothing_to_try() -> None:
    first, *others = checks.outcomes(Misspelt)
    assert (first.tried, "requests.stop_categories" in first.reason) == (True, True)
    assert {(o.tried, o.passed) for o in others} == {(False, False)}
    assert [o.name for o in (first, *others)] == list(promises.CONTRACT)


def test_a_lazy_answer_is_told() -> None:
    assert "returned a LazyFrame" in reasons(Lazy)["answers"]


def test_every_check_can_fail() -> None:
    assert {name for _, name, _ in FAULTY} == set(promises.CONTRACT)


def test_a_check_is_called_and_raises() -> None:
    found = {c.name: c for c in checks.checks(UpsideDown)}
    found["answers"]()
    with pytest.raises(context.BrokenPromiseError, match="sign"):
        found["higher is worse"]()


def test_a_floor_may_turn_the_sign_and_a_draw_may_see_names() -> None:
    class Floor(UpsideDown):
        floor = True

    class Draws(Lexical):
        draws = True

    assert reasons(Floor) == {}
    assert reasons(Draws) == {}


def test_what_is_told_the_truth_has_no_checks() -> None:
    class Told(Sound):
        upper_bound = True

    assert list(checks.checks(Told)) == []


@pytest.mark.parametrize("make", [toy_dataset.world], ids=["world"])
def test_tables_of_a_little_world_agree(make: Callable[[int], dict[str, pl.DataFrame]]) -> None:
    tables = make(5)
    for name, frame in tables.items():
        assert frame.columns == [c.name for c in schema.TABLES[name]]
        assert [c.name for c in schema.TABLES[name] if frame[c.name].null_count() and not c.nullable] == []
    requests, truth = tables["requests"], tables["request_labels"]
    assert requests["request_id"].equals(truth["request_id"])
    assert requests["ts"].is_sorted()
    assert tables["campaigns"]["extraction_requests"].sum() == truth["is_extraction"].sum() > 0
    echo = requests.drop_nulls("echo_response_id")
    answered = requests.select("request_id", then="ts")
    both = echo.join(answered, left_on="echo_response_id", right_on="request_id")
    assert both.height == echo.height > 100
    assert (both["then"] <= both["ts"]).all()
    split = toy_dataset.split("train", tables, buckets=3)
    sizes = [b.collect().height for b in split.request_labels.buckets()]
    assert sizes == [b.collect().height for b in split.requests.buckets()]
    assert sum(sizes) == requests.height
