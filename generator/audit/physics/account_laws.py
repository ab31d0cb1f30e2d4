"""Invariants of accounts, models, and of what must be the same wherever a key occurs."""

from __future__ import annotations

import polars as pl

from generator.audit.physics.invariant import Invariant
from generator.audit.physics.request_view import SINCE_START, WINDOW
from generator.schema import DAY_MS


def _is(column: str, *values: str) -> pl.Expr:
    return pl.col(column).cast(pl.String).is_in(values)


def _one(view: str, key: str, value: str, law: str) -> Invariant:
    return Invariant(f"one {value} of a {key}", law, view, pl.col(f"least {value}") == pl.col(f"most {value}"))


def _once(view: str, name: str, law: str) -> Invariant:
    return Invariant(name, law, view, pl.col("rows") == 1)


ACCOUNTS = (
    Invariant(
        "sign-up before the end",
        "Every account signed up before its window ended.",
        "accounts",
        pl.col(SINCE_START) < pl.col(WINDOW).cast(pl.Int64) * DAY_MS,
    ),
    Invariant(
        "instruments where there is payment",
        "An account has a payment instrument unless it pays nothing or with credits.",
        "accounts",
        pl.col("payment_id").is_null() == _is("payment_type", "none", "credits"),
    ),
    Invariant(
        "checked payment has an instrument",
        "An account whose payment was verified has an instrument on file.",
        "accounts",
        pl.col("payment_id").is_not_null(),
        _is("verification", "payment"),
    ),
    Invariant(
        "verified organisations have their mail",
        "An account verified as an organisation has corporate or education mail.",
        "accounts",
        _is("email_type", "corporate", "education"),
        _is("verification", "organisation"),
    ),
    Invariant(
        "corporate mail names an organisation",
        "An account names an organisation where, and only where, its mail is corporate.",
        "accounts",
        pl.col("organization").is_not_null() == _is("email_type", "corporate"),
    ),
    Invariant(
        "nobody invoices a free plan",
        "No free plan is paid by invoice.",
        "accounts",
        ~_is("payment_type", "invoice"),
        _is("plan", "free"),
    ),
    Invariant(
        "education plans have education mail",
        "An account on the education plan has education mail.",
        "accounts",
        _is("email_type", "education"),
        _is("plan", "education"),
    ),
    Invariant(
        "throw-away mail is self-serve",
        "Disposable mail occurs on the free and the build plan alone.",
        "accounts",
        _is("plan", "free", "build"),
        _is("email_type", "disposable"),
    ),
    Invariant(
        "enterprises have work mail",
        "An account on the enterprise plan has corporate or education mail.",
        "accounts",
        _is("email_type", "corporate", "education"),
        _is("plan", "enterprise"),
    ),
    Invariant(
        "teams are known",
        "An account on the scale or startup plan has corporate mail, or its payment was verified.",
        "accounts",
        _is("email_type", "corporate") | _is("verification", "payment"),
        _is("plan", "scale", "startup"),
    ),
    Invariant(
        "prices in order",
        "Prices are positive; reading from the cache costs less than input, writing to it no less, output more; a "
        "batch costs at most the standard price.",
        "releases",
        (pl.col("cache_read_price") > 0)
        & (pl.col("cache_read_price") < pl.col("input_price"))
        & (pl.col("cache_write_price") >= pl.col("input_price"))
        & (pl.col("output_price") > pl.col("input_price"))
        & (pl.col("batch_factor") > 0)
        & (pl.col("batch_factor") <= 1),
    ),
    Invariant(
        "released, withdrawn, returned",
        "A model is withdrawn after its release, and comes back after that, if it does.",
        "releases",
        (pl.col("withdrawn") > pl.col("released")) & (pl.col("returned") > pl.col("withdrawn")).fill_null(True),
        pl.col("withdrawn").is_not_null(),
    ),
)
KEYS = (
    _once("request ids", "request ids are unique", "No two requests of a split have the same id."),
    _once("account ids", "one row of an account", "The accounts table has one row for each account."),
    _once("models", "one row of a model", "The releases table has one row for each model."),
    _one("prefixes", "prefix", "asn", "An address prefix lies in one autonomous system."),
    _one("prefixes", "prefix", "country", "An address prefix lies in one country."),
    _one("prefixes", "prefix", "channel", "An address prefix is met on one channel: gateways show their own."),
    _one("systems", "asn", "asn_type", "An autonomous system is of one type."),
    _one("devices", "device", "channel", "A device fingerprint is met on one channel."),
    _one("api keys", "api key", "account_id", "An API key is of one account."),
    _one("tool sets", "tools hash", "tools", "A hash of tools stands for one number of tools."),
    _one("domains", "mail domain", "email_type", "A mail domain is of one type."),
    _one("domains", "mail domain", "organization", "A mail domain belongs to one organisation, or to none."),
    _one("instruments", "instrument", "payment_type", "A payment instrument is of one type."),
    _one("prompts", "prompt", "input_tokens", "Single calls with one SimHash and embedding have as many tokens."),
    _one("prompts", "prompt", "language", "Single calls with one SimHash and embedding are in one language."),
    _one("prompts", "prompt", "embedding", "Single calls with one SimHash, language and size have one embedding."),
)
