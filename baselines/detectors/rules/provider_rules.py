"""What a provider's sign-up desk does today: rules that give points, and states by how many there are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
import polars as pl

from baselines.base import detector
from generator.dataset import Split

_DAY_S = 86_400
# Sign-ups are together within so many seconds of each other, by what they share (a).
_TOGETHER_S = {"prefix": 600, "domain": 2 * _DAY_S, "device": 3 * _DAY_S}
# ... and are such a share of all that share it: common devices and mail services have some by chance (a).
_LEAST_SHARE = 0.2
_LEAST_OTHERS = 3  # accounts that signed up together with an account (a)
_TRIAL_S, _TRIAL_REQUESTS = 2 * _DAY_S, 25  # trial credit is burnt by so many requests so soon after sign-up (a)
_PUBLIC_MAIL = ("free", "education")  # whose domains strangers share
_c = pl.col

RULES: dict[str, tuple[float, pl.Expr]] = {
    "sign-ups from one prefix within minutes": (2.0, _c("prefix") >= _LEAST_OTHERS),
    "sign-ups under mail domains that differ in digits alone": (2.0, _c("domain") >= _LEAST_OTHERS),
    "throw-away mail": (1.0, _c("email_type") == "disposable"),
    "trial credit burnt at once": (
        1.5,
        _c("plan").is_in(("free", "build")) & (_c("at_once") >= _TRIAL_REQUESTS),
    ),
    "device of others that signed up then": (2.0, _c("device") >= _LEAST_OTHERS),
}
"""Points (a) of each rule, and where it fires."""

STATES = {"watch": 2.0, "review": 4.0, "enforce": 6.0}
"""Least points of each state (a); below them an account is left alone."""


@dataclass
class ProviderRules(detector.Detector):
    """Points of rules on how accounts sign up: together, under like names, on devices seen before, for the credit.

    Nothing is learnt. The rules know abuse of trials, not extraction: trial farms get as many points as campaigns
    that sign up in haste.
    """

    name: ClassVar[str] = "provider-rules"
    description: ClassVar[str] = (
        "points of sign-up rules: prefix within minutes, mail names, devices, trial credit"
    )
    source: ClassVar[str] = "states watch, review and enforce of providers' own rules, 2026; thresholds assumed"
    fields: ClassVar[tuple[str, ...]] = (
        *(f"accounts.{c}" for c in ("created", "plan", "email_type", "email_domain", "signup_prefix")),
        *("requests.ts", "requests.tls_fingerprint"),
    )

    def fit(self, *worlds: Split) -> Self:
        """Nothing to learn: points and thresholds stand in tables."""
        return self

    def score(self, split: Split) -> pl.DataFrame:
        """Points of each account."""
        points = [points * shows.fill_null(False) for points, shows in RULES.values()]
        return _shown(split).select("account_id", score=pl.sum_horizontal(points))

    def states(self, split: Split) -> pl.DataFrame:
        """What a provider would do about each account.

        Parameters
        ----------
        split : Split
            World to look at.

        Returns
        -------
        polars.DataFrame
            account_id, score, and state: one of `STATES`, null where an account is left alone.
        """
        state = pl.lit(None, pl.String)
        for name, least in STATES.items():
            state = pl.when(_c("score") >= least).then(pl.lit(name)).otherwise(state)
        return self.score(split).with_columns(state=state)


def _shown(split: Split) -> pl.DataFrame:
    """What the rules look at, one row per account: others that signed up with it, and requests at once."""
    accounts = split.accounts.polars().select(
        _c("account_id", "plan", "email_type", "email_domain").cast(pl.String),
        _c("signup_prefix").alias("prefix"),
        _c("created").dt.epoch("s").alias("second"),
    )
    known = accounts.collect()
    private = ~_c("email_type").is_in(_PUBLIC_MAIL).fill_null(False)
    named = known.filter(private).with_columns(domain=_c("email_domain").str.replace_all(r"\d+", ""))
    born = known.select("account_id", "second").lazy()
    used = [_used(bucket, born) for bucket in split.requests.buckets()]
    devices, at_once = (pl.concat(parts) for parts in zip(*used, strict=True))
    shown = known.drop("prefix", "second").join(at_once, on="account_id", how="left")
    for key, frame in (("prefix", known), ("domain", named), ("device", devices)):
        shown = shown.join(_together(frame, key), on="account_id", how="left")
    return shown


def _used(requests: pl.LazyFrame, born: pl.LazyFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Devices of each account of a bucket, with its sign-up; and how many requests it sent soon after that."""
    rows = requests.select(
        _c("account_id").cast(pl.String), _c("ts").dt.epoch("s").alias("ts"), _c("tls_fingerprint").alias("device")
    ).join(born, on="account_id")
    at_once = (_c("ts") - _c("second") < _TRIAL_S).sum().alias("at_once")
    devices, soon = pl.collect_all(
        [rows.select("account_id", "second", "device").unique(), rows.group_by("account_id").agg(at_once)]
    )
    return devices, soon


def _together(frame: pl.DataFrame, key: str) -> pl.DataFrame:
    """Most others that share a key with an account and signed up near it in time; 0 where they are few of all."""
    rows = frame.drop_nulls((key, "second"))
    near, second = _TOGETHER_S[key], rows["second"].to_numpy()
    since = second - second.min(initial=0) + near
    place = rows[key].rank("dense").to_numpy().astype(np.int64) * (since.max(initial=0) + near + 1) + since
    ordered = np.sort(place)
    company = np.searchsorted(ordered, place + near, "right") - np.searchsorted(ordered, place - near, "left")
    counted = rows.with_columns(company=pl.Series(company)).with_columns(
        others=pl.when(_c("company") >= _LEAST_SHARE * pl.len().over(key)).then(_c("company") - 1).otherwise(0)
    )
    return counted.group_by("account_id").agg(_c("others").max().alias(key))
