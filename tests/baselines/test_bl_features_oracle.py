"""Every feature once more, in SQL: DuckDB agrees with the Polars layer on every account."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import numpy as np
import polars as pl
import pytest

from baselines.features import account_features
from baselines.features.feature_table import CONTENT, FEATURES, LINKS, METADATA
from generator import schema
from generator.dataset import Split

_BY_TOKENS = {
    f"{side}_{name}": sql.format(c=f"{side}_tokens")
    for side in ("input", "output")
    for name, sql in {
        "mean": "ln(1 + avg({c}))",
        "low": "ln(1 + quantile_cont({c}, 0.1))",
        "median": "ln(1 + quantile_cont({c}, 0.5))",
        "high": "ln(1 + quantile_cont({c}, 0.9))",
        "sd": "stddev_samp(ln(1 + {c}))",
    }.items()
}
_DISTINCT = {
    "end_users": "end_user_id",
    "models": "model",
    "sdks": "sdk",
    "api_keys": "api_key",
    "prefixes": "ip_prefix",
    "asns": "asn",
    "countries": "country",
    "devices": "tls_fingerprint",
    "templates": "system_prompt_hash",
    "tool_sets": "tools_hash",
    "languages": "language",
}
_TOP = {
    "day_peak_share": "day",
    "hour_peak_share": "clock",
    "max_tokens_top_share": "max_tokens",
    "model_top_share": "model",
    "prefix_top_share": "ip_prefix",
    "template_top_share": "system_prompt_hash",
    "language_top_share": "language",
}
_SHARE = {
    "weekend_share": "isodow(ts) > 5",
    "temperature_set": "temperature is not null",
    "tools_share": "tools > 0",
    "stream_share": "stream",
    "batch_share": "endpoint = 'batches'",
    "conversation_share": "conversation_id is not null",
    "failed_share": "status <> 200",
    "limited_share": "status = 429",
    "console_share": "channel = 'console'",
    "hosting_share": "asn_type = 'hosting'",
    "vpn_share": "asn_type = 'vpn'",
    "template_share": "system_prompt_hash is not null",
    "flagged_share": "stop_category is not null",
    "echo_share": "echo_response_id is not null",
}
_QUIET = ", ".join(f"avg(((((hour - {h}) % 24) + 24) % 24 < 7)::int)" for h in range(24))
_SPREAD = " + ".join(f"stddev_samp({e})" for e in schema.EMBEDDING_COLUMNS)
_ANSWER = "nullif(response_simhash, 0)"
_OWN = {
    "requests": "ln(1 + count(*))",
    "active_days": "count(distinct day) / {days}",
    "active_hours": "ln(1 + count(distinct clock))",
    "requests_per_active_day": "ln(1 + count(*) / count(distinct day))",
    "requests_per_active_hour": "ln(1 + count(*) / count(distinct clock))",
    "first_seen": "min(since) / 86400",
    "last_seen": "max(since) / 86400",
    "gap_mean": "ln(1 + avg(gap))",
    "gap_median": "ln(1 + quantile_cont(gap, 0.5))",
    "gap_low": "ln(1 + quantile_cont(gap, 0.1))",
    "gap_cv": "case when avg(gap) > 0 then stddev_samp(gap) / avg(gap) end",
    "hour_entropy": "entropy(hour) * ln(2)",
    "quiet_share": f"least({_QUIET})",
    "input_output": "ln(1 + sum(input_tokens)) - ln(1 + sum(output_tokens))",
    "reasoning_share": "sum(reasoning_tokens) / nullif(sum(output_tokens), 0)",
    "cache_read_share": "sum(cache_read_input_tokens) / nullif(sum(input_tokens), 0)",
    "cache_write_share": "sum(cache_creation_input_tokens) / nullif(sum(input_tokens), 0)",
    "max_tokens": "ln(1 + avg(max_tokens))",
    "temperature": "avg(temperature)",
    "tools_mean": "avg(tools)",
    "messages": "ln(1 + avg(messages))",
    "conversation_length": "count(conversation_id) / nullif(count(distinct conversation_id), 0)",
    "retries": "avg(retries)",
    "channels": "count(distinct channel)",
    "template_entropy": "entropy(system_prompt_hash) * ln(2)",
    "prompts_distinct": "count(distinct prompt_simhash) / count(*)",
    "answers_distinct": f"count(distinct {_ANSWER}) / nullif(count({_ANSWER}), 0)",
    "topic_spread": f"({_SPREAD}) / {len(schema.EMBEDDING_COLUMNS)}",
}
REQUESTS = (
    _OWN
    | _BY_TOKENS
    | {name: f"ln(1 + count(distinct {c}))" for name, c in _DISTINCT.items()}
    | {name: f"list_max(map_values(histogram({c}))) / count({c})" for name, c in _TOP.items()}
    | {name: f"avg(({condition})::int)" for name, condition in _SHARE.items()}
)
ACCOUNTS = {
    "age": "sign(days_old) * ln(1 + abs(days_old))",
    **{
        f"{c}_frequency": f"count(*) over (partition by {c}) / count(*) over ()"
        for c in ("plan", "verification", "payment_type", "email_type")
    },
}


def plain(frame: pl.LazyFrame) -> pl.DataFrame:
    return frame.with_columns(pl.col(pl.Categorical).cast(pl.String)).collect()


@pytest.fixture(scope="module")
def oracle(target: Split) -> Iterator[pl.DataFrame]:
    start = f"timestamp '{target.start:%Y-%m-%d %H:%M:%S}'"
    connection = duckdb.connect()
    connection.register(
        "logged", plain(target.requests.polars().with_columns(pl.col("ts").dt.replace_time_zone(None)))
    )
    known = target.accounts.polars().with_columns(pl.col("created").dt.replace_time_zone(None))
    connection.register("known", plain(known))
    connection.sql(
        f"create view asked as select *, extract(hour from ts) as hour, date_trunc('hour', ts) as clock, "
        f"epoch_ms(ts) / 1000 - epoch({start}) as since, "
        "(epoch_ms(ts) - lag(epoch_ms(ts)) over (partition by account_id order by ts)) / 1000 as gap from logged"
    )
    connection.sql(
        f"create view aged as select *, (epoch({start}) - epoch(created)) / 86400 as days_old from known"
    )
    own = ", ".join(f"{sql.format(days=float(target.days))} as {name}" for name, sql in REQUESTS.items())
    told = ", ".join(f"{sql} as {name}" for name, sql in ACCOUNTS.items())
    yield connection.sql(
        f"select * from (select account_id, {told} from aged) left join "
        f"(select account_id, {own} from asked group by 1) using (account_id) order by account_id"
    ).pl()
    connection.close()


@pytest.fixture(scope="module")
def ours(target: Split) -> pl.DataFrame:
    return account_features.account_features(target, FEATURES)


def test_no_feature_is_left_out() -> None:
    assert set(REQUESTS) | set(ACCOUNTS) == {f.name for f in METADATA + LINKS + CONTENT}


@pytest.mark.parametrize("name", [f.name for f in FEATURES])
def test_features_agree_with_duckdb(name: str, oracle: pl.DataFrame, ours: pl.DataFrame) -> None:
    assert oracle["account_id"].equals(ours["account_id"])
    expected, found = (t[name].cast(pl.Float64).fill_null(np.nan).to_numpy() for t in (oracle, ours))
    assert np.isfinite(expected).sum() > 50
    assert np.allclose(found, expected, rtol=1e-5, atol=1e-6, equal_nan=True)
