"""Links between accounts as a table: each a rule that gives an account its keys; equal keys mean a link.

Nothing here compares pairs of accounts. A link is a sparse matrix of accounts by keys, and keys that only one
account holds are dropped.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from baselines.features import account_features
from generator.dataset import Split

if TYPE_CHECKING:
    from scipy import sparse

_DAY_S = 86_400
_SLOT_S = 600  # s; sessions that begin in the same one begin together (a)
PAUSE_S = 1800  # s without a request after which a session begins (a)
_BANDS = 4  # of 16 bits: Manku, Jain and Das Sarma, WWW 2007
_COUNTED_AT_ONCE = 20_000_000  # rows: bounds memory
SLOTS_PER_DAY = _DAY_S // _SLOT_S
"""Moments a day that the link "start" tells apart."""


@dataclass(frozen=True, slots=True)
class Link:
    """One way in which accounts can be connected.

    Parameters
    ----------
    name, description : str
        Name of the link, and what it says.
    needs : tuple of str
        Fields (table.column) it is computed from.
    pairs : callable
        Split -> frame of distinct (account_id, key).
    """

    name: str
    needs: tuple[str, ...]
    description: str
    pairs: Callable[[Split], pl.DataFrame]


def incidence(link: Link, split: Split, ids: pl.Series) -> sparse.csr_array:
    """Accounts by keys: 1 where the account holds the key.

    Parameters
    ----------
    link : Link
        Row of `LINKS`.
    split : Split
        World; keys never carry over to another.
    ids : polars.Series
        Accounts (String), one per row of the result.

    Returns
    -------
    scipy.sparse.csr_array, shape (accounts, keys)
        Only keys that two accounts or more hold have a column.

    Examples
    --------
    Six accounts of a campaign pay with one instrument:

    >>> from baselines.base import detector
    >>> from baselines.contract import toy_dataset
    >>> toy = toy_dataset.split("train", toy_dataset.world(1, accounts=30, campaign=6))
    >>> [payment] = [link for link in LINKS if link.name == "payment"]
    >>> incidence(payment, toy, detector.accounts(toy)).sum(axis=0)
    array([6.])
    """
    from scipy import sparse

    rows = pl.DataFrame({"account_id": ids, "row": np.arange(len(ids))})
    pairs = held_by(link.pairs(split), pl.len() > 1).with_columns(pl.col("account_id").cast(pl.String))
    rows_of_keys = pairs.join(rows, on="account_id").sort("row")
    column = rows_of_keys["key"].rank("dense").to_numpy().astype(np.int64) - 1
    shape = (len(ids), int(column.max(initial=-1)) + 1)
    return sparse.csr_array((np.ones(len(rows_of_keys)), (rows_of_keys["row"].to_numpy(), column)), shape=shape)


def held_by(rows: pl.DataFrame, enough: pl.Expr) -> pl.DataFrame:
    """Rows of those keys that enough hold.

    Most keys are held by one account. Keys are counted some at a time: counting all at once would take several
    times the memory of the rows, which may be as many as requests.

    Parameters
    ----------
    rows : polars.DataFrame
        With a column "key".
    enough : polars.Expr
        Condition on the rows of a key.

    Returns
    -------
    polars.DataFrame
        In no order.

    Examples
    --------
    >>> held_by(pl.DataFrame({"key": [7, 8, 7]}), pl.len() > 1)["key"].to_list()
    [7, 7]
    """
    parts = 1 + len(rows) // _COUNTED_AT_ONCE
    numbered = rows.with_columns(part=(pl.col("key").hash() % parts).cast(pl.UInt16))
    found = [numbered.filter(pl.col("part") == k).filter(enough.over("key")) for k in range(parts)]
    return pl.concat(found).drop("part")


def _link(name: str, description: str, table: str, columns: str, key: pl.Expr, least: int = 1) -> Link:
    """Link whose keys are an expression, or a list per row; one counts once an account has it `least` times."""
    names = columns.split()

    def pairs(split: Split) -> pl.DataFrame:
        buckets = []
        for bucket in split.tables[table].buckets():
            rows = account_features.with_helpers(bucket.select("account_id", *names).collect().lazy())
            keyed = rows.select("account_id", key.alias("key"))
            if isinstance(keyed.collect_schema()["key"], pl.List):
                keyed = keyed.explode("key")
            counted = keyed.drop_nulls("key").group_by("account_id", "key").len()
            buckets.append(counted.filter(pl.col("len") >= least).select("account_id", "key").collect())
        return pl.concat(buckets)

    return Link(name, tuple(f"{table}.{n}" for n in names), description, pairs)


def _echoes(split: Split) -> pl.DataFrame:
    """The account that got an answer and the accounts whose prompts hold it share that answer as a key."""
    requests = split.requests.polars()
    echoed = requests.select("account_id", key="echo_response_id").drop_nulls("key").unique().collect()
    sources = requests.select("account_id", key="request_id").join(echoed.lazy(), on="key", how="semi").collect()
    return pl.concat([echoed, sources]).unique()


_start = pl.when(pl.col("gap").is_null() | (pl.col("gap") > PAUSE_S)).then(pl.col("ts").dt.epoch("s") // _SLOT_S)
_width = 2 ** (64 // _BANDS)
_bands = pl.concat_list(
    [(pl.col("prompt_simhash") // _width**band % _width + band * _width).cast(pl.Int32) for band in range(_BANDS)]
)
_own_domain = pl.when(pl.col("email_type") != "free").then(pl.col("email_domain"))

LINKS = (
    _link("payment", "same payment instrument", "accounts", "payment_id", pl.col("payment_id")),
    _link("domain", "same e-mail domain, free ones left out", "accounts", "email_domain email_type", _own_domain),
    _link("signup", "signed up from the same prefix", "accounts", "signup_prefix", pl.col("signup_prefix")),
    _link("prefix", "sent from the same prefix", "requests", "ip_prefix", pl.col("ip_prefix")),
    _link("device", "same TLS fingerprint", "requests", "tls_fingerprint", pl.col("tls_fingerprint")),
    _link("conversation", "same conversation", "requests", "conversation_id", pl.col("conversation_id")),
    _link("template", "same system prompt", "requests", "system_prompt_hash", pl.col("system_prompt_hash")),
    _link("tools", "same set of tools", "requests", "tools_hash", pl.col("tools_hash")),
    _link("prompt", "the very same prompt", "requests", "prompt_simhash", pl.col("prompt_simhash")),
    _link("family", "a band of SimHash bits that both repeat", "requests", "prompt_simhash", _bands, least=2),
    Link("echo", ("requests.echo_response_id",), "one's answer in the other's prompt", _echoes),
    _link("start", "began sessions in the same ten minutes", "requests", "ts", _start),
)  # fmt: skip
_work_domain = pl.when(pl.col("email_type").cast(pl.String).is_in(["corporate", "education"])).then(
    pl.col("email_domain")
)
DECLARED_LINKS = (
    _link("organisation", "same organisation named", "accounts", "organization", pl.col("organization")),
    _link(
        "work domain", "same domain of an employer or school", "accounts", "email_domain email_type", _work_domain
    ),
)
"""No traces but what accounts say of themselves: who says the same has a reason to be alike."""
