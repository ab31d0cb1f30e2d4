"""Account features with a clock: what began when, what came back when, and how much of the traffic followed."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from generator.audit.hunt.hunted_split import DAY, HuntedSplit

_C = pl.col
_TOPIC_BITS = 6
"""Signs of the first dimensions of the embedding stand for its topic."""
HELD: Mapping[str, pl.Expr] = {
    "system_prompt_hash": _C("system_prompt_hash"),
    "tools_hash": _C("tools_hash"),
    "model": _C("model").to_physical(),
    "language": _C("language").to_physical(),
    "topic": pl.sum_horizontal((_C(f"prompt_emb_{i:02d}") > 0).cast(pl.Int64) * 2**i for i in range(_TOPIC_BITS)),
    "api_key": _C("api_key"),
    "ip_prefix": _C("ip_prefix"),
    "tls_fingerprint": _C("tls_fingerprint"),
    "country": _C("country").to_physical(),
    "sdk": _C("sdk").to_physical(),
    "endpoint": _C("endpoint").to_physical(),
    "tools": _C("tools"),
    "max_tokens": _C("max_tokens"),
    "end_user_id": _C("end_user_id"),
}
"""What an account may begin to use, and stop using."""
_LATE = 1.0
"""Days after an account's first request, or before its last, that make a value new, or given up (a)."""


def features(split: HuntedSplit) -> pl.DataFrame:
    """Debuts and last uses of what each account holds, relative to its own activity and to the window.

    Parameters
    ----------
    split : HuntedSplit
        Any.

    Returns
    -------
    polars.DataFrame
        row, and one column per feature; accounts without requests are left out.
    """
    columns = [expression.alias(f"held {name}") for name, expression in HELD.items()]
    return pl.concat(_of_bucket(frame, split.days) for frame in split.requests(*columns))


def _of_bucket(frame: pl.DataFrame, days: int) -> pl.DataFrame:
    at = _C("at") / DAY
    table = frame.group_by("row").agg(began=at.min(), ended=at.max(), all=pl.len())
    table = table.with_columns(active=_C("ended") - _C("began"), left=days - _C("ended"))
    whole = table.select("row", "began", "ended", "all")
    for name in HELD:
        key = f"held {name}"
        held = frame.lazy().drop_nulls(key).group_by("row", key).agg(n=pl.len(), first=at.min(), last=at.max())
        lags = (
            held.join(whole.lazy(), on="row")
            .with_columns(lag=_C("first") - _C("began"), gone=_C("ended") - _C("last"), share=_C("n") / _C("all"))
            # What ties in all of these is alike in every feature: the order of groups, which varies, says nothing.
            .sort("row", "n", "first", "last", descending=[False, True, False, False])
            .group_by("row", maintain_order=True)
        )
        named = lags.agg(expression.alias(f"{name}: {word}") for word, expression in _LAGS.items()).collect()
        table = table.join(named, on="row", how="left")
    return table.drop("all")


_new, _given_up = _C("lag") > _LATE, _C("gone") > _LATE
_LAGS: Mapping[str, pl.Expr] = {
    "debut of the main one, day": _C("first").first(),
    "debut of the main one, after the account's": _C("lag").first(),
    "main one last seen, day": _C("last").first(),
    "main one last seen, before the account's": _C("gone").first(),
    "span of the main one": (_C("last") - _C("first")).first(),
    "newest debut": _C("first").max(),
    "mean debut": (_C("lag") * _C("n")).sum() / _C("n").sum(),
    "share of traffic with new ones": _C("share").filter(_new).sum(),
    "share of values that are new": _new.mean(),
    "share of traffic with given-up ones": _C("share").filter(_given_up).sum(),
}
