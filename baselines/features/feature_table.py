"""The table of account features: adding one is adding a row."""

from __future__ import annotations

import polars as pl

from baselines.features.account_features import Feature
from generator import schema

_c = pl.col
_DAY_S = 86_400


def _feature(name: str, columns: str, text: str, expression: pl.Expr) -> Feature:
    return Feature(name, tuple(f"requests.{c}" for c in columns.split()), text, expression)


def _known(name: str, columns: str, text: str, expression: pl.Expr) -> Feature:
    return Feature(name, tuple(f"accounts.{c}" for c in columns.split()), text, expression)


def _log(values: pl.Expr) -> pl.Expr:
    return values.cast(pl.Float64).log1p()


def _distinct(column: str) -> pl.Expr:
    return _log(_c(column).drop_nulls().n_unique())


def _top_share(column: str) -> pl.Expr:
    counts = _c(column).drop_nulls().unique_counts()
    return counts.max() / counts.sum()


def _entropy(column: str) -> pl.Expr:
    return _c(column).drop_nulls().unique_counts().entropy(normalize=True)


def _frequency(column: str) -> pl.Expr:
    return pl.len().over(column) / pl.len()


# Share of requests in the quietest seven hours in a row, around the clock.
_QUIET = pl.min_horizontal([(((_c("hour") - first) % 24) < 7).mean() for first in range(24)])
_ANSWER = _c("response_simhash").filter(_c("response_simhash") != 0)  # of those with a fingerprint
_SINCE_START = (_c("ts") - _c("window_start")).dt.total_milliseconds() / (1000 * _DAY_S)

METADATA = (
    _feature("requests", "ts", "requests, log(1 + n)", _log(pl.len())),
    _feature("active_days", "day", "share of the window's days with a request", _c("day").n_unique() / _c("window_days").first()),
    _feature("active_hours", "ts", "clock hours with a request, log(1 + n)", _log(_c("clock_hour").n_unique())),
    _feature("requests_per_active_day", "day", "requests per active day, log(1 + n)", _log(pl.len() / _c("day").n_unique())),
    _feature("requests_per_active_hour", "ts", "requests per active clock hour, log(1 + n)", _log(pl.len() / _c("clock_hour").n_unique())),
    _feature("day_peak_share", "day", "share of requests on the busiest day", _top_share("day")),
    _feature("hour_peak_share", "ts", "share of requests in the busiest clock hour", _top_share("clock_hour")),
    _feature("first_seen", "ts", "first request, days since the window began", _SINCE_START.min()),
    _feature("last_seen", "ts", "last request, days since the window began", _SINCE_START.max()),
    _feature("gap_mean", "ts", "mean gap between requests, log(1 + s)", _log(_c("gap").mean())),
    _feature("gap_median", "ts", "median gap, log(1 + s)", _log(_c("gap").quantile(0.5, "linear"))),
    _feature("gap_low", "ts", "10 % quantile of the gaps, log(1 + s)", _log(_c("gap").quantile(0.1, "linear"))),
    _feature("gap_cv", "ts", "standard deviation of the gaps over their mean", _c("gap").std() / _c("gap").mean()),
    _feature("hour_entropy", "ts", "entropy of the hour of the day, nats", _entropy("hour")),
    _feature("quiet_share", "ts", "share of requests in the quietest seven hours", _QUIET),
    _feature("weekend_share", "ts", "share of requests on Saturday and Sunday", (_c("ts").dt.weekday() > 5).mean()),
    _feature("input_mean", "input_tokens", "mean input, log(1 + tokens)", _log(_c("input_tokens").mean())),
    _feature("input_low", "input_tokens", "10 % quantile, log(1 + tokens)", _log(_c("input_tokens").quantile(0.1, "linear"))),
    _feature("input_median", "input_tokens", "median, log(1 + tokens)", _log(_c("input_tokens").quantile(0.5, "linear"))),
    _feature("input_high", "input_tokens", "90 % quantile, log(1 + tokens)", _log(_c("input_tokens").quantile(0.9, "linear"))),
    _feature("input_sd", "input_tokens", "standard deviation of log(1 + tokens)", _log(_c("input_tokens")).std()),
    _feature("output_mean", "output_tokens", "mean output, log(1 + tokens)", _log(_c("output_tokens").mean())),
    _feature("output_low", "output_tokens", "10 % quantile, log(1 + tokens)", _log(_c("output_tokens").quantile(0.1, "linear"))),
    _feature("output_median", "output_tokens", "median, log(1 + tokens)", _log(_c("output_tokens").quantile(0.5, "linear"))),
    _feature("output_high", "output_tokens", "90 % quantile, log(1 + tokens)", _log(_c("output_tokens").quantile(0.9, "linear"))),
    _feature("output_sd", "output_tokens", "standard deviation of log(1 + tokens)", _log(_c("output_tokens")).std()),
    _feature("input_output", "input_tokens output_tokens", "log of input over output tokens", _log(_c("input_tokens").sum()) - _log(_c("output_tokens").sum())),
    _feature("reasoning_share", "reasoning_tokens output_tokens", "thinking tokens over output tokens", _c("reasoning_tokens").sum() / _c("output_tokens").sum()),
    _feature("cache_read_share", "cache_read_input_tokens input_tokens", "cached over input tokens", _c("cache_read_input_tokens").sum() / _c("input_tokens").sum()),
    _feature("cache_write_share", "cache_creation_input_tokens input_tokens", "cache-written over input tokens", _c("cache_creation_input_tokens").sum() / _c("input_tokens").sum()),
    _feature("max_tokens", "max_tokens", "mean ceiling, log(1 + tokens)", _log(_c("max_tokens").mean())),
    _feature("max_tokens_top_share", "max_tokens", "share of the commonest ceiling", _top_share("max_tokens")),
    _feature("temperature_set", "temperature", "share of requests that set a temperature", _c("temperature").is_not_null().mean()),
    _feature("temperature", "temperature", "mean temperature where set", _c("temperature").mean()),
    _feature("tools_share", "tools", "share of requests with tools", (_c("tools") > 0).mean()),
    _feature("tools_mean", "tools", "tools per request", _c("tools").mean()),
    _feature("messages", "messages", "mean messages in the prompt, log(1 + n)", _log(_c("messages").mean())),
    _feature("stream_share", "stream", "share of streamed requests", _c("stream").mean()),
    _feature("batch_share", "endpoint", "share of requests to the batch endpoint", (_c("endpoint") == "batches").mean()),
    _feature("conversation_share", "conversation_id", "share of requests in a conversation", _c("conversation_id").is_not_null().mean()),
    _feature("conversation_length", "conversation_id", "requests per conversation", _c("conversation_id").count() / _c("conversation_id").drop_nulls().n_unique()),
    _feature("end_users", "end_user_id", "distinct end users, log(1 + n)", _distinct("end_user_id")),
    _feature("failed_share", "status", "share of failed requests", (_c("status") != 200).mean()),
    _feature("limited_share", "status", "share of requests answered with 429", (_c("status") == 429).mean()),
    _feature("retries", "retries", "mean earlier attempts", _c("retries").mean()),
    _feature("models", "model", "distinct models, log(1 + n)", _distinct("model")),
    _feature("model_top_share", "model", "share of the commonest model", _top_share("model")),
    _feature("sdks", "sdk", "distinct clients, log(1 + n)", _distinct("sdk")),
    _feature("api_keys", "api_key", "distinct keys, log(1 + n)", _distinct("api_key")),
    _feature("channels", "channel", "distinct channels", _c("channel").n_unique()),
    _feature("console_share", "channel", "share of requests through the provider's own console", (_c("channel") == "console").mean()),
    _known("age", "created", "age when the window began, signed log(1 + days); negative: created inside it",
           ((_c("window_start") - _c("created")).dt.total_seconds() / _DAY_S).pipe(lambda d: d.sign() * d.abs().log1p())),
    _known("plan_frequency", "plan", "share of accounts on the same plan", _frequency("plan")),
    _known("verification_frequency", "verification", "share of accounts verified the same way", _frequency("verification")),
)  # fmt: skip

LINKS = (
    _feature("prefixes", "ip_prefix", "distinct address prefixes, log(1 + n)", _distinct("ip_prefix")),
    _feature("prefix_top_share", "ip_prefix", "share of the commonest prefix", _top_share("ip_prefix")),
    _feature("asns", "asn", "distinct autonomous systems, log(1 + n)", _distinct("asn")),
    _feature("countries", "country", "distinct country buckets, log(1 + n)", _distinct("country")),
    _feature("devices", "tls_fingerprint", "distinct TLS fingerprints, log(1 + n)", _distinct("tls_fingerprint")),
    _feature("hosting_share", "asn_type", "share of requests from hosting networks", (_c("asn_type") == "hosting").mean()),
    _feature("vpn_share", "asn_type", "share of requests from VPNs", (_c("asn_type") == "vpn").mean()),
    _known("payment_type_frequency", "payment_type", "share of accounts that pay the same way", _frequency("payment_type")),
    _known("email_type_frequency", "email_type", "share of accounts with the same kind of address", _frequency("email_type")),
)  # fmt: skip

CONTENT = (
    _feature("templates", "system_prompt_hash", "distinct system prompts, log(1 + n)", _distinct("system_prompt_hash")),
    _feature("template_top_share", "system_prompt_hash", "share of the commonest system prompt", _top_share("system_prompt_hash")),
    _feature("template_entropy", "system_prompt_hash", "entropy of system prompts, nats", _entropy("system_prompt_hash")),
    _feature("template_share", "system_prompt_hash", "share of requests with a system prompt", _c("system_prompt_hash").is_not_null().mean()),
    _feature("tool_sets", "tools_hash", "distinct tool sets, log(1 + n)", _distinct("tools_hash")),
    _feature("prompts_distinct", "prompt_simhash", "distinct prompts over requests", _c("prompt_simhash").n_unique() / pl.len()),
    _feature("answers_distinct", "response_simhash", "distinct answers over answers", _ANSWER.n_unique() / _ANSWER.len()),
    _feature("topic_spread", " ".join(schema.EMBEDDING_COLUMNS), "standard deviation of the embedding, mean over dimensions", pl.mean_horizontal([_c(e).std() for e in schema.EMBEDDING_COLUMNS])),
    _feature("languages", "language", "distinct languages, log(1 + n)", _distinct("language")),
    _feature("language_top_share", "language", "share of the commonest language", _top_share("language")),
    _feature("flagged_share", "stop_category", "share of requests that the classifier flagged", _c("stop_category").is_not_null().mean()),
    _feature("echo_share", "echo_response_id", "share of prompts that hold an earlier answer", _c("echo_response_id").is_not_null().mean()),
)  # fmt: skip

TOPIC = tuple(
    _feature(f"topic_{e[-2:]}", e, "mean of one dimension of the prompt embedding, 1/127", _c(e).mean())
    for e in schema.EMBEDDING_COLUMNS
)
"""Where an account's prompts lie: meaningless alone (no two worlds share topics), but neighbours compare."""

FEATURES = METADATA + LINKS + CONTENT


def named(*names: str) -> tuple[Feature, ...]:
    """Look up features by name.

    Parameters
    ----------
    *names : str
        Names of rows of `FEATURES` or `TOPIC`; others are passed over.

    Returns
    -------
    tuple of Feature
        In the order of the names.

    Examples
    --------
    >>> [feature] = named("quiet_share")
    >>> feature.description, feature.needs
    ('share of requests in the quietest seven hours', ('requests.ts',))
    """
    return tuple(f for name in names for f in FEATURES + TOPIC if f.name == name)
