"""What accounts do day by day, as one array."""

from __future__ import annotations

import numpy as np
import polars as pl

from baselines.features import supervision
from generator.arrays import F64
from generator.dataset import Split

_c = pl.col
_DAY_COLUMNS = (
    pl.len().log1p(),
    _c("input_tokens").sum().log1p(),
    _c("output_tokens").sum().log1p(),
    _c("ts").dt.hour().n_unique().cast(pl.Float64),
    _c("ip_prefix").n_unique().log1p(),
    _c("system_prompt_hash").drop_nulls().n_unique().log1p(),
    _c("prompt_simhash").n_unique().log1p(),
    _c("model").n_unique().cast(pl.Float64),
)
"""Requests, tokens in and out, hours with a request; distinct prefixes, system prompts, prompts and models."""

COLUMNS = len(_DAY_COLUMNS)
FIELDS = tuple(
    f"requests.{c}"
    for c in ("input_tokens", "ip_prefix", "model", "output_tokens", "prompt_simhash", "system_prompt_hash", "ts")
)
_DAY_MS = 86_400_000


def account_days(split: Split, ids: pl.Series) -> F64:
    """Describe each account on each day.

    Parameters
    ----------
    split : Split
        World with the columns `FIELDS`.
    ids : polars.Series
        Accounts (String).

    Returns
    -------
    ndarray of float64, shape (accounts, days, COLUMNS)
        0 on days without a request.
    """
    rows = pl.DataFrame({"account_id": ids, "row": np.arange(len(ids))})
    start = pl.lit(split.start).cast(pl.Datetime("ms", "UTC"))
    day = ((_c("ts") - start).dt.total_milliseconds() // _DAY_MS).alias("of_day")
    wanted = [field.partition(".")[2] for field in FIELDS]
    days = np.zeros((len(ids), split.days, COLUMNS))
    for bucket in split.requests.buckets():
        sent = bucket.select(_c("account_id").cast(pl.String), day, *wanted)
        values = [e.fill_null(0).alias(f"v{k}") for k, e in enumerate(_DAY_COLUMNS)]
        counted = sent.group_by("account_id", "of_day").agg(values).collect().join(rows, on="account_id")
        places = (counted["row"].to_numpy(), counted["of_day"].to_numpy())
        days[places] = counted.select(pl.col("^v.*$").cast(pl.Float64)).to_numpy()
    return supervision.rounded(days)
