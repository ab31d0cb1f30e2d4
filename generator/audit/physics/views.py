"""The views that invariants are checked on, by name."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from generator.audit.physics import history_views, key_views, load_view, request_view
from generator.audit.physics.invariant import View
from generator.dataset import Split


def _accounts(split: Split) -> Iterator[pl.DataFrame]:
    created = request_view.since_start(split, "created").alias(request_view.SINCE_START)
    yield split.accounts.polars().with_columns(created, pl.lit(split.days).alias(request_view.WINDOW)).collect()


def _releases(split: Split) -> Iterator[pl.DataFrame]:
    yield split.releases.polars().collect()


_REQUEST = ("request_id", "account_id")
VIEWS: dict[str, View] = {
    "requests": View("requests", request_view.frames, _REQUEST, request_view.DERIVED),
    "load": View("requests", load_view.frames, _REQUEST, load_view.DERIVED),
    "turns": View("requests", history_views.turns, ("request_id", "conversation_id"), history_views.TURNS),
    "retries": View("requests", history_views.retries, _REQUEST, history_views.RETRIES),
    "quotations": View("requests", history_views.quotations, _REQUEST, history_views.QUOTATIONS),
    "prompts": key_views.PROMPTS,
    "request ids": key_views.REQUEST_IDS,
    "prefixes": key_views.key_view("requests", ("ip_prefix",), ("asn", "country", "channel")),
    "systems": key_views.key_view("requests", ("asn",), ("asn_type",)),
    "devices": key_views.key_view("requests", ("tls_fingerprint",), ("channel",)),
    "api keys": key_views.key_view("requests", ("api_key",), ("account_id",)),
    "tool sets": key_views.key_view("requests", ("tools_hash",), ("tools",)),
    "accounts": View(
        "accounts",
        _accounts,
        ("account_id",),
        request_view.DERIVED | {request_view.SINCE_START: "accounts.created"},
    ),
    "account ids": key_views.ACCOUNT_IDS,
    "domains": key_views.key_view("accounts", ("email_domain",), ("email_type", "organization")),
    "instruments": key_views.key_view("accounts", ("payment_id",), ("payment_type",)),
    "releases": View("releases", _releases, ("model",)),
    "models": key_views.MODELS,
}
