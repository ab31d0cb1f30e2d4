"""What providers have today: the indicators of a government advisory, counted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import polars as pl

from baselines.base import detector
from baselines.features import account_features, feature_table
from generator.dataset import Split

_USED = feature_table.named("requests", "quiet_share", "active_hours", "sdks", "devices", "age", "day_peak_share")
_SEEN = ("accounts.plan",)
_c = pl.col

INDICATORS: dict[str, pl.Expr] = {
    # Somebody sleeps: a person or an office leaves seven hours with far less than 7 / 24 of the calls.
    "round the clock": (_c("quiet_share") > 0.15) & (_c("active_hours") > 3.9),
    # A newcomer who sends at full rate at once, without the slow start of somebody who builds something.
    "no ramp": (_c("age") < 1.8) & (_c("requests") > _c("typical")),
    "many clients": (_c("sdks") > 1.0) | (_c("devices") > 2.2),
    # Far more than others on the plan.
    "plan to usage": _c("requests") > _c("high"),
}
"""Each is true where an account shows it; log features as in `feature_table`."""


@dataclass
class Indicators(detector.Detector):
    """How many of four published indicators an account shows; volume within its plan breaks ties.

    Round-the-clock use, no ramp after sign-up, many clients on one account, and usage far above what the plan
    usually sees. Nothing is learnt: thresholds are set once, plans are compared inside the world.
    """

    name: ClassVar[str] = "advisory-indicators"
    description: ClassVar[str] = (
        "indicators of the 2026 advisory: round the clock, no ramp, many clients, plan to usage"
    )
    source: ClassVar[str] = "joint advisory AA26-251A, September 2026"
    fields: ClassVar[tuple[str, ...]] = (*account_features.fields_of(_USED), *_SEEN)

    def fit(self, *worlds: Split) -> Self:
        """Nothing to learn."""
        return self

    def score(self, split: Split) -> pl.DataFrame:
        """Indicators shown, plus the rank of the volume inside the plan, below one."""
        plans = split.accounts.polars().select(_c("account_id", "plan").cast(pl.String)).collect()
        frame = account_features.account_features(split, _USED).join(plans, on="account_id", how="left")
        counted = frame.with_columns(_c("requests").fill_null(0.0)).with_columns(
            typical=_c("requests").median().over("plan"), high=_c("requests").quantile(0.95, "linear").over("plan")
        )
        shown = pl.sum_horizontal(shows.fill_null(False).cast(pl.Float64) for shows in INDICATORS.values())
        rank = _c("requests").rank("average").over("plan") / (pl.len().over("plan") + 1)
        return counted.select("account_id", score=shown + 0.9 * rank)
