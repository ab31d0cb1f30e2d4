"""Everything by which two accounts can be joined, and who holds what since when."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from generator.audit.hunt.hunted_split import DAY, HuntedSplit

HALF = 32  # bits of a SimHash that must agree

_C = pl.col
OF_REQUESTS: Mapping[str, pl.Expr] = {
    "system_prompt_hash": _C("system_prompt_hash"),
    "tools_hash": _C("tools_hash"),
    "system_prompt_hash + tools_hash": pl.struct("system_prompt_hash", "tools_hash").hash(0),
    "tls_fingerprint": _C("tls_fingerprint"),
    "ip_prefix": _C("ip_prefix"),
    "asn": _C("asn"),
    "ip_prefix + tls_fingerprint": pl.struct("ip_prefix", "tls_fingerprint").hash(0),
    "prompt_simhash": _C("prompt_simhash"),
    "prompt_simhash, upper half": _C("prompt_simhash") // 2**HALF,
    "prompt_simhash, lower half": _C("prompt_simhash") % 2**HALF,
    "response_simhash": _C("response_simhash"),
    "conversation_id": _C("conversation_id"),
    "end_user_id": _C("end_user_id"),
}
"""Keys that a request carries."""
OF_ACCOUNTS: Mapping[str, pl.Expr] = {
    "payment_id": _C("payment_id"),
    "email_domain": _C("email_domain"),
    "organization": _C("organization"),
    "signup_prefix": _C("signup_prefix"),
    "hour of sign-up": _C("created").dt.truncate("1h"),
}
"""Keys that an account has."""
ECHOES = "echo_response_id"
"""Accounts that sent an answer on, joined with the account that got it."""
KEYS = (*OF_REQUESTS, *OF_ACCOUNTS, ECHOES)

_HELD = (
    pl.len().alias("requests"),
    _C("at").min().alias("first") / DAY,
    _C("at").max().alias("last") / DAY,
    (_C("at") // int(DAY)).n_unique().alias("days"),
    _C("fresh").mean().alias("fresh"),
)


def holdings(split: HuntedSplit, key: str) -> pl.DataFrame:
    """Which account held which value of a key: one row each, of values that two accounts or more hold.

    Parameters
    ----------
    split : HuntedSplit
        Any.
    key : str
        One of `KEYS`.

    Returns
    -------
    polars.DataFrame
        key, row, requests, first and last (days of the window), days, fresh (share of prompts that the account had
        not sent before); sorted by row.
    """
    of = _echoed if key == ECHOES else _of_accounts if key in OF_ACCOUNTS else _of_requests
    held: pl.DataFrame = of(split, key).filter(pl.len().over("key") > 1)
    numbered = held.with_columns(key=_C("key").rank("dense").cast(pl.UInt32))
    return numbered.sort("row", "key")


def _of_requests(split: HuntedSplit, key: str) -> pl.DataFrame:
    frames = [f.drop_nulls("key") for f in split.requests(OF_REQUESTS[key].alias("key"))]
    ends = (_C("row").min().alias("least"), _C("row").max().alias("most"))
    held_by = pl.concat(f.group_by("key").agg(*ends) for f in frames).group_by("key")
    shared = held_by.agg(_C("least").min(), _C("most").max()).filter(_C("least") < _C("most")).select("key")
    return pl.concat(f.join(shared, on="key", how="semi").group_by("key", "row").agg(*_HELD) for f in frames)


def _of_accounts(split: HuntedSplit, key: str) -> pl.DataFrame:
    table = split.labelled.joined(split.labelled.source.accounts.polars())
    keyed = table.select(_C("row").cast(pl.UInt32), key=OF_ACCOUNTS[key]).drop_nulls("key")
    return pl.concat(f.join(keyed, on="row").group_by("key", "row").agg(*_HELD) for f in split.visits)


def _echoed(split: HuntedSplit, key: str) -> pl.DataFrame:
    echo = _C(key).alias("request_id")
    echoes = pl.concat(f.drop_nulls("request_id") for f in split.requests(echo))
    answers = [
        f.join(echoes.select("request_id"), on="request_id", how="semi") for f in split.requests(_C("request_id"))
    ]
    answered = pl.concat(answers)
    sent_on = echoes.join(answered.select("request_id", key="row"), on="request_id").filter(_C("row") != _C("key"))
    got = answered.join(sent_on.select("request_id").unique(), on="request_id", how="semi")
    members = pl.concat([sent_on, got.with_columns(key="row")], how="diagonal")
    return members.group_by("key", "row").agg(*_HELD)
