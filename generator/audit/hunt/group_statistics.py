"""What can be said of the accounts that share a value: the numbers from which one-rule detectors are made."""

from __future__ import annotations

import polars as pl

from generator.arrays import F64
from generator.audit.hunt.hunted_split import DAY, HuntedSplit

_C = pl.col
STATISTICS: dict[str, pl.Expr] = {
    "size": _C("size").cast(pl.Float64).log(2),
    "first day": _C("debut"),
    "last day": _C("end"),
    "persistence": _C("end") - _C("debut"),
    "days of a member": _C("days").mean().over("key"),
    "requests": _C("requests").sum().over("key"),
    "requests of a member": _C("requests").mean().over("key"),
    "evenness of members": -(_C("requests").log().std().over("key")),
    "uniqueness of prompts": (_C("fresh") * _C("requests")).sum().over("key") / _C("requests").sum().over("key"),
    "own uniqueness of prompts": _C("fresh"),
    "share of the member's traffic": _C("share"),
    "share of members' traffic": _C("share").mean().over("key"),
    "members active before its first day": (_C("began") < _C("debut")).mean().over("key"),
    "days of members before its first day": (_C("debut") - _C("began")).mean().over("key"),
    "member's days before using it": _C("first") - _C("began"),
    "members' days before using it": (_C("first") - _C("began")).mean().over("key"),
    "members' days after using it": (_C("ended") - _C("last")).mean().over("key"),
    "spread of members' first use": _C("first").std().over("key"),
    "spread of members' sign-ups": _C("created").std().over("key"),
    "age of members": -_C("created").mean().over("key"),
    "countries of members": _C("country").n_unique().over("key") / _C("size"),
    "networks of members": _C("asn").n_unique().over("key") / _C("size"),
    "devices of members": _C("tls_fingerprint").n_unique().over("key") / _C("size"),
    "prompts of members": _C("system_prompt_hash").n_unique().over("key") / _C("size"),
    "domains of members": _C("email_domain").n_unique().over("key") / _C("size"),
    "plans of members": _C("plan").n_unique().over("key") / _C("size"),
}
"""By name: over holdings, as `described` joins them."""
MAIN = ("country", "asn", "tls_fingerprint", "system_prompt_hash")
"""Columns of the requests whose commonest value is said of an account."""


def members(split: HuntedSplit) -> pl.DataFrame:
    """What is said of an account whatever the key: begin, end, requests, age, plan, domain, main places.

    Parameters
    ----------
    split : HuntedSplit
        Any.
    """
    parts = []
    for f in split.requests(*(pl.col(c).cast(pl.String) if c == "country" else pl.col(c) for c in MAIN)):
        total = f.group_by("row").agg(
            pl.len().alias("all"), began=_C("at").min() / DAY, ended=_C("at").max() / DAY
        )
        for name in MAIN:
            counted = f.group_by("row", name).len().sort("len", name, descending=True, nulls_last=True)
            main = counted.group_by("row", maintain_order=True).agg(_C(name).first().hash(0).alias(name))
            total = total.join(main, on="row")
        parts.append(total)
    table = split.labelled.joined(split.labelled.source.accounts.polars())
    age = (_C("created") - split.labelled.source.start).dt.total_seconds() / DAY
    own = table.select(_C("row").cast(pl.UInt32), "plan", "email_domain", created=age)
    return pl.concat(parts).join(own, on="row")


def described(held: pl.DataFrame, of_members: pl.DataFrame) -> F64:
    """Statistics of each holding's group.

    Parameters
    ----------
    held : polars.DataFrame
        As `keys.holdings` gives it.
    of_members : polars.DataFrame
        As `members` gives it.

    Returns
    -------
    ndarray of float64, shape (holdings, statistics)
        In the order of `held` and of `STATISTICS`; NaN where undefined.
    """
    joined = held.join(of_members, on="row", how="left", maintain_order="left").with_columns(
        size=pl.len().over("key"),
        debut=_C("first").min().over("key"),
        end=_C("last").max().over("key"),
        share=_C("requests") / _C("all"),
    )
    values = joined.select(e.cast(pl.Float64).fill_null(float("nan")).alias(n) for n, e in STATISTICS.items())
    return values.to_numpy()
