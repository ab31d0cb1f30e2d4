"""What the provider offers, and when: models and prices, what is new in a window, what is away for some weeks."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from generator.arrays import F64, I32, I64, U64, Mask
from generator.rng import streams
from generator.schema import SPLITS

if TYPE_CHECKING:
    from generator.population.population_plan import PopulationPlan


class Model(NamedTuple):
    """A model of the invented provider; all figures are assumed (a).

    Attributes
    ----------
    name : str
        What requests ask for.
    input_price, output_price : float
        USD per 10^6 tokens.
    first_token : int
        Milliseconds to the first token.
    per_token : int
        Milliseconds per output token.
    weight : float
        Share of accounts that use it most.
    """

    name: str
    input_price: float
    output_price: float
    first_token: int
    per_token: int
    weight: float


MODELS = (
    Model("sonata-2", 3.0, 15.0, 700, 14, 0.40),
    Model("sonata-2-mini", 0.8, 4.0, 350, 7, 0.33),
    Model("etude-1", 10.0, 50.0, 1100, 24, 0.12),
    Model("etude-1-nano", 0.2, 0.9, 220, 5, 0.15),
    Model("sonata-3", 3.0, 15.0, 650, 12, 0.0),
    Model("etude-2", 9.0, 45.0, 900, 20, 0.0),
    Model("etude-0-internal", 3.0, 15.0, 700, 14, 0.0),  # the honeypot: answers, but stands in no list
)
DECOY = len(MODELS) - 1
NEW = {"train": 4, "validation": 4, "test": 5}
"""Model that appears inside the window of a split."""
CACHE_WRITE, CACHE_READ, BATCH = 1.25, 0.1, 0.5  # price factors
_NEW_BEFORE_TEST, _NEW_BEFORE_TEST_WEIGHT = 4, 0.25  # in test it has been there for long (a)
_RELEASE_FIRST, _RELEASE_RANGE = 0.3, 0.3  # share of the window after which the new model appears (a)
_OLDEST_DAYS, _DAYS_BETWEEN = 90.0, 60  # age of the models that were there before (a)
_CONTEXT_WINDOW = 1_000_000  # tokens
_OLD = NEW["train"]  # models that are there in every window: one of them is withdrawn and comes back
_AWAY_LEAST, _AWAY_RANGE = 14.0, 21.0  # days that it is away: weeks (a model in 2026), two to five (a)
_STAYS_AWAY = np.float32(0.3)  # share of its accounts that keep to another one afterwards (a)
_HOUR_MS, _HOURS = 3_600_000, 24
_WEAKER = (1, 3)  # models that answer in place of dearer ones, the first that is on offer (a)
_INPUT_PRICES = np.array([model.input_price for model in MODELS])


class Absence(NamedTuple):
    """A model's absence.

    Attributes
    ----------
    model : int
        Index into `MODELS`.
    first, end : int
        When it is withdrawn and when it is back, milliseconds since the window began; it may not touch the window.
    """

    model: int
    first: int
    end: int


def release_day(plan: PopulationPlan) -> float:
    """Day of the window on which the new model of this world appears.

    Parameters
    ----------
    plan : PopulationPlan
        Plan of the world.
    """
    u = streams.uniform(streams.child(plan.root, "release"))[0]
    return float(plan.config.days * (_RELEASE_FIRST + _RELEASE_RANGE * u))


def absence(plan: PopulationPlan) -> Absence:
    """The one absence in a dataset's calendar: its windows follow each other, so most see a part of it, or none.

    Parameters
    ----------
    plan : PopulationPlan
        Plan of the world.
    """
    bits = np.array([streams.key("model calendar", plan.config.seed)], np.uint64)
    length = _AWAY_LEAST + _AWAY_RANGE * float(streams.uniform(bits, 0)[0])
    begins = (len(SPLITS) * plan.config.days + length) * float(streams.uniform(bits, 1)[0]) - length
    first = int(begins * _HOURS // 1) - _HOURS * plan.config.days * SPLITS.index(plan.split)
    model = int(streams.below(streams.child(bits, "withdrawn"), _OLD)[0])
    return Absence(model, first * _HOUR_MS, (first + int(length * _HOURS)) * _HOUR_MS)


def is_offered(plan: PopulationPlan, model: I32, ts: I64) -> Mask:
    """Whether models are not away at some moments.

    Parameters
    ----------
    plan : PopulationPlan
        Plan of the world.
    model : ndarray of int32, shape (n,)
        Index into `MODELS`.
    ts : ndarray of int64, shape (n,)
        Milliseconds since the window began.
    """
    away = absence(plan)
    return np.asarray((model != away.model) | (ts < away.first) | (ts >= away.end))


def usual_weights(plan: PopulationPlan) -> F64:
    """How many accounts use each model most, as weights over `MODELS`.

    Parameters
    ----------
    plan : PopulationPlan
        Plan of the world.
    """
    weights = np.array([model.weight for model in MODELS])
    if plan.split == "test":
        weights[_NEW_BEFORE_TEST] = _NEW_BEFORE_TEST_WEIGHT
    return weights


def in_place_of_absent(plan: PopulationPlan, chosen: I32, ts: I64, account: U64) -> I32:
    """Models that are asked for where those that were chosen may be away: the account's stand-in for them.

    Everybody moves by the same law; some keep to the stand-in when the model is back.

    Parameters
    ----------
    plan : PopulationPlan
        Plan of the world.
    chosen : ndarray of int32, shape (n,)
        Index into `MODELS`.
    ts : ndarray of int64, shape (n,)
        Milliseconds since the window began.
    account : ndarray of uint64, shape (n,)
        Stream of the account of each.
    """
    away = absence(plan)
    others = usual_weights(plan)
    others[away.model] = 0
    stays = (ts >= away.end) & (streams.uniform(streams.child(account, "stays with the stand-in")) < _STAYS_AWAY)
    stand_in = streams.pick(streams.child(account, "stand-in model"), others)
    moves = ~is_offered(plan, chosen, ts) | ((chosen == away.model) & stays)
    return np.where(moves, stand_in, chosen).astype(np.int32)


def weaker_models(plan: PopulationPlan, model: I32, ts: I64) -> I32:
    """Cheaper models that answer in place of others; the same where there is none.

    Parameters
    ----------
    plan : PopulationPlan
        Plan of the world.
    model : ndarray of int32, shape (n,)
        Index into `MODELS`.
    ts : ndarray of int64, shape (n,)
        Milliseconds since the window began.
    """
    served = model
    for weaker in reversed(_WEAKER):
        cheaper = _INPUT_PRICES[weaker] < _INPUT_PRICES[model]
        served = np.where(cheaper & is_offered(plan, np.full_like(model, weaker), ts), weaker, served)
    return served.astype(model.dtype)


def model_releases(plan: PopulationPlan) -> list[dict[str, Any]]:
    """Rows of the releases table: what can be asked for in this world, and when, with its list price.

    Parameters
    ----------
    plan : PopulationPlan
        Plan of the world.
    """
    start = plan.config.window(plan.split)
    length = timedelta(days=plan.config.days)
    new, away = NEW[plan.split], absence(plan)
    first, end = timedelta(milliseconds=away.first), timedelta(milliseconds=away.end)
    seen = first < length and end > timedelta()
    rows = []
    for i, model in enumerate(MODELS[: new + 1]):
        age = -release_day(plan) if i == new else _OLDEST_DAYS + _DAYS_BETWEEN * i
        absent = seen and i == away.model
        rows.append(
            {
                "model": model.name,
                "released": start - timedelta(days=age),
                "withdrawn": start + first if absent else None,
                "returned": start + end if absent and end < length else None,
                "input_price": model.input_price,
                "output_price": model.output_price,
                "cache_write_price": model.input_price * CACHE_WRITE,
                "cache_read_price": round(model.input_price * CACHE_READ, 4),
                "batch_factor": BATCH,
                "context_window": _CONTEXT_WINDOW,
            }
        )
    return rows
