"""Supervised, request by request: which requests serve an extraction, in the company of the account's others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import numpy as np
import polars as pl

from baselines.base import detector, search_space
from baselines.detectors.relational import xgboost_relational
from baselines.features import supervision
from generator import schema
from generator.arrays import F64, Mask
from generator.dataset import Split

_NUMBERS = (
    *("max_tokens", "temperature", "tools", "messages", "input_tokens", "output_tokens", "reasoning_tokens"),
    *("cache_read_input_tokens", "cache_creation_input_tokens", "latency_ms", "retries", "status", "stream"),
    *schema.EMBEDDING_COLUMNS,
)
_KEYS = (
    "system_prompt_hash",
    "tools_hash",
    "ip_prefix",
    "tls_fingerprint",
    "model",
    "conversation_id",
    "sdk",
    "api_key",
)
_COLUMNS = ("ts", *_NUMBERS, *_KEYS)


@dataclass
class RequestTrees(detector.Detector):
    """Chance that the account extracts (relational trees), times the chance that this request then serves it.

    Camouflaged accounts mix both kinds. The second model is trained inside extraction accounts alone, on what
    tells their requests apart: sizes, settings, topic, and how common each setting is in the account and in the
    world. So it need not learn again who is suspicious, and cannot be drowned by the many ordinary accounts.

    Parameters
    ----------
    each : int
        Requests per account and kind of request that are learnt from: large accounts would drown the others.
    rounds : int
        Trees that judge requests.
    """

    name: ClassVar[str] = "xgboost-requests"
    description: ClassVar[str] = "boosted trees on requests, in the context of their account"
    source: ClassVar[str] = "Chen and Guestrin, XGBoost, KDD 2016"
    fields: ClassVar[tuple[str, ...]] = tuple(
        sorted({*xgboost_relational.XGBoostRelational.fields, *(f"requests.{c}" for c in _COLUMNS)})
    )
    tasks: ClassVar[tuple[str, ...]] = ("requests",)

    ranges: ClassVar[search_space.Ranges] = {
        "each": search_space.SearchRange(10, 300, log=True),
        "rounds": search_space.SearchRange(50, 500, log=True),
    }

    each: int = 60
    rounds: int = 200
    _accounts: Any = field(init=False, repr=False, default=None)
    _model: Any = field(init=False, repr=False, default=None)

    def fit(self, *worlds: Split) -> Self:
        """Learn which accounts, then which of their requests."""
        self._accounts = xgboost_relational.XGBoostRelational(seed=self.seed).fit(*worlds)
        lessons = [_lesson(world, self.seed, self.each) for world in worlds]
        x, y = np.concatenate([a for a, _ in lessons]), np.concatenate([b for _, b in lessons])
        self._model = supervision.boost(x, y, self.seed, rounds=self.rounds) if 0 < y.sum() < len(y) else None
        return self

    def state(self) -> dict[str, Any]:
        """That of the accounts' detector, and the trees."""
        return super().state() | {"_accounts": self._accounts.state()}

    def restore(self, state: Mapping[str, Any]) -> Self:
        """Both models."""
        accounts = xgboost_relational.XGBoostRelational(seed=self.seed).restore(state["_accounts"])
        return super().restore({**state, "_accounts": accounts})

    def score(self, split: Split) -> pl.DataFrame:
        """Log-odds of the account: those of `xgboost-relational`, which answers the task *accounts*."""
        return self._accounts.score(split)  # type: ignore[no-any-return]

    def score_requests(self, split: Split) -> pl.DataFrame:
        """Log of the product of both chances."""
        suspected = self.score(split).rename({"score": "account"})
        common = _common(split)
        buckets = []
        for bucket in split.requests.buckets():
            frame = bucket.select("account_id", "request_id", *_COLUMNS).collect()
            frame = frame.with_columns(pl.col("account_id").cast(pl.String))
            account = frame.join(suspected, on="account_id", how="left", maintain_order="left")["account"]
            x = _matrix(frame, common)
            inside = supervision.predict(self._model, x) if self._model else np.zeros(len(x))
            score = _log_chance(account.to_numpy()) + _log_chance(inside)
            buckets.append(pl.DataFrame({"request_id": frame["request_id"], "score": score}))
        return pl.concat(buckets)


def _lesson(world: Split, seed: int, each: int) -> tuple[F64, Mask]:
    """Some requests of each extraction account that served, of both kinds."""
    names = world.labels.polars().filter("served").select(pl.col("account_id").cast(pl.String)).collect()
    common = _common(world)
    xs, ys = [], []
    truth = world.request_labels.polars().select("request_id", "is_extraction")
    for bucket in world.requests.buckets():
        rows = bucket.select(pl.col("account_id").cast(pl.String), "request_id", *_COLUMNS)
        frame = rows.join(names.lazy(), on="account_id", how="semi").collect()
        labels = truth.join(frame.lazy().select("request_id"), on="request_id", how="semi").collect()
        frame = frame.join(labels, on="request_id", how="left", maintain_order="left")
        # Drawn by what a row says, not by its place or name.
        drawn = (pl.col("ts").dt.epoch("ms") * 2_654_435_761 + pl.col("input_tokens") + seed) % 4_294_967_291
        chosen = (
            frame.select(drawn.rank("ordinal").over("account_id", "is_extraction") <= each).to_series().to_numpy()
        )
        x = _matrix(frame, common)
        xs.append(x[chosen])
        ys.append(frame["is_extraction"].fill_null(False).to_numpy()[chosen])
    return np.concatenate(xs), np.concatenate(ys)


def _common(split: Split) -> dict[str, pl.DataFrame]:
    """How many accounts use each value of a key."""
    users = {}
    for key in _KEYS:
        used = [b.select("account_id", key).unique().drop_nulls().collect() for b in split.requests.buckets()]
        counted = [u.group_by(pl.col(key)).len() for u in used]
        users[key] = pl.concat(counted).group_by(key).agg(pl.col("len").sum().log1p().alias(f"{key} users"))
    return users


def _matrix(frame: pl.DataFrame, common: dict[str, pl.DataFrame]) -> F64:
    """Numbers of each request: as they are, against the account's own middle, and how common its settings are."""
    own = pl.len().over("account_id")
    for key, users in common.items():
        frame = frame.join(users, on=key, how="left", maintain_order="left")
    log = {c: pl.col(c).cast(pl.Float64).log1p() for c in ("input_tokens", "output_tokens", "latency_ms")}
    table = frame.select(
        *(pl.col(c).cast(pl.Float64) for c in _NUMBERS),
        *((x - x.median().over("account_id")).alias(f"{c} off") for c, x in log.items()),
        *((pl.len().over("account_id", key) / own).alias(f"{key} share") for key in _KEYS),
        *(pl.col(f"{key} users") for key in _KEYS),
        (pl.col("ts").dt.hour().cast(pl.Float64)).alias("hour"),
    )
    return supervision.rounded(table.fill_null(float("nan")).to_numpy().astype(np.float64))


def _log_chance(odds: F64) -> F64:
    return -np.logaddexp(0.0, -odds)
