"""What accounts share, which of it is rare enough to mean something, and where to draw it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from generator.arrays import F64, I64
from generator.campaign_report.selection import Crowd, ReportedSplit

# Kind of link: table and column in which equal values are the link.
SHARED = {
    "payment": ("accounts", "payment_id"),
    "prefix": ("requests", "ip_prefix"),
    "device": ("requests", "tls_fingerprint"),
    "e-mail domain": ("accounts", "email_domain"),
    "template": ("requests", "system_prompt_hash"),
}
ECHO = "echo"
KINDS = (*SHARED, ECHO)
# A value that more of a split's accounts hold is nobody's own: a mail provider, a framework's prompt (a).
COMMON_SHARE, COMMON_FLOOR = 0.02, 12
STEPS = 160  # of the layout (a)
_SPRING, _CENTRE, _STRIDE = 0.8, 0.6, 0.1  # ideal length, pull of the middle, longest first step (a)


@dataclass(frozen=True)
class Links:
    """Links inside one crowd.

    Attributes
    ----------
    accounts : int
        Accounts of the crowd: nodes 0 to accounts - 1.
    things : list of (str, list of int)
        Shared things: kind, and the accounts that share it.
    """

    accounts: int
    things: list[tuple[str, list[int]]]

    @property
    def edges(self) -> I64:
        """Pairs (account, node of the thing), shape (edges, 2); things are numbered after the accounts."""
        pairs = [(a, self.accounts + i) for i, (_, holders) in enumerate(self.things) for a in holders]
        return np.array(pairs, np.int64).reshape(-1, 2)

    def counts(self, kind: str) -> tuple[int, int]:
        """Accounts that hold a shared thing of a kind, and pairs of accounts that share one.

        Parameters
        ----------
        kind : str
            One of `KINDS`.
        """
        held = [holders for k, holders in self.things if k == kind]
        pairs = {(a, b) for holders in held for i, a in enumerate(holders) for b in holders[i + 1 :]}
        return len({a for holders in held for a in holders}), len(pairs)

    def top(self, each: int) -> Links:
        """The same, with at most so many things of each kind: those that most accounts share.

        Parameters
        ----------
        each : int
            Things of each kind.
        """
        kept = [t for kind in KINDS for t in sorted((t for t in self.things if t[0] == kind), key=_holders)[:each]]
        return Links(self.accounts, kept)

    @property
    def largest(self) -> int:
        """Accounts in the largest connected part; 1 if nothing is shared."""
        root = list(range(self.accounts))

        def top(a: int) -> int:
            while root[a] != a:
                root[a] = root[root[a]]
                a = root[a]
            return a

        for _, holders in self.things:
            for a in holders[1:]:
                root[top(a)] = top(holders[0])
        return int(np.bincount([top(a) for a in range(self.accounts)], minlength=1).max())


def links(split: ReportedSplit, crowds: tuple[Crowd, ...]) -> list[Links]:
    """Links of each crowd, by one rule: values shared inside it that are rare in the split.

    Parameters
    ----------
    split : ReportedSplit
        Where the crowds live.
    crowds : tuple of Crowd
        Any.
    """
    held = {kind: [_held(crowd, *where) for crowd in crowds] for kind, where in SHARED.items()}
    rare = {kind: _rare(split, kind, pl.concat(parts)) for kind, parts in held.items()}
    of_crowds = []
    for i, crowd in enumerate(crowds):
        things = [(kind, rows) for kind in SHARED for rows in _shared(held[kind][i], rare[kind])]
        things += [(ECHO, [a, b]) for a, b in _echoes(crowd)]
        of_crowds.append(Links(len(crowd.accounts), things))
    return of_crowds


def limit(split: ReportedSplit) -> int:
    """Most accounts of a split that may hold a thing for it to count as a link.

    Parameters
    ----------
    split : ReportedSplit
        Any.
    """
    return max(COMMON_FLOOR, int(COMMON_SHARE * len(split.people)))


def layout(links: Links, seed: int = 0) -> F64:
    """Place accounts and things: springs pull along links, everything pushes apart, the middle pulls a little.

    Forces and cooling are those of Fruchterman and Reingold (1991).

    Parameters
    ----------
    links : Links
        Links of one crowd.
    seed : int
        The same seed gives the same places.

    Returns
    -------
    ndarray of float64, shape (nodes, 2)
        Inside a unit disc.
    """
    n = links.accounts + len(links.things)
    turn = np.arange(n) * np.pi * (3 - np.sqrt(5))  # a sunflower: even, and no draw needed
    noise = np.random.default_rng(seed).normal(0, 1e-3, (n, 2))
    at = np.sqrt(np.arange(n) / n)[:, None] * np.stack([np.cos(turn), np.sin(turn)], axis=1) + noise
    ideal, edges = _SPRING / np.sqrt(n), links.edges
    for step in range(STEPS):
        apart = at[:, None, :] - at[None, :, :]
        square = np.maximum((apart**2).sum(axis=2), 1e-6)
        force = (apart * (ideal**2 / square)[:, :, None]).sum(axis=1) - _CENTRE * at
        pull = at[edges[:, 1]] - at[edges[:, 0]]
        pull *= np.linalg.norm(pull, axis=1, keepdims=True) / ideal
        np.add.at(force, edges[:, 0], pull)
        np.add.at(force, edges[:, 1], -pull)
        length = np.maximum(np.linalg.norm(force, axis=1, keepdims=True), 1e-9)
        at = at + force / length * np.minimum(length, _STRIDE * (1 - step / STEPS))
    at = at - at.mean(axis=0)
    return np.asarray(at / max(float(np.linalg.norm(at, axis=1).max()), 1e-9))


def _holders(thing: tuple[str, list[int]]) -> int:
    return -len(thing[1])


def _held(crowd: Crowd, table: str, column: str) -> pl.DataFrame:
    """Pairs (row, value) that occur."""
    frame = crowd.accounts if table == "accounts" else crowd.requests
    return frame.select("row", value=pl.col(column)).drop_nulls().unique()


def _shared(held: pl.DataFrame, rare: pl.Series) -> list[list[int]]:
    """Accounts of each rare value that at least two hold."""
    kept = held.filter(pl.col("value").is_in(rare.implode()))
    things = kept.sort("row").group_by("value").agg(pl.col("row")).filter(pl.col("row").list.len() > 1)
    return sorted(things["row"].to_list())


def _rare(split: ReportedSplit, kind: str, held: pl.DataFrame) -> pl.Series:
    """Those of the values that few accounts of the whole split hold."""
    table, column = SHARED[kind]
    values = held.group_by("value").len().filter(pl.col("len") > 1)["value"]
    counts = []
    for bucket in split.source.tables[table].buckets():  # an account's rows are all in one bucket
        pairs = bucket.select("account_id", value=pl.col(column)).filter(pl.col("value").is_in(values.implode()))
        counts.append(pairs.unique().group_by("value").len().collect(engine="streaming"))
    total = pl.concat(counts).group_by("value").agg(pl.col("len").sum())
    return total.filter(pl.col("len") <= limit(split))["value"].sort()


def _echoes(crowd: Crowd) -> list[tuple[int, int]]:
    """Pairs of accounts of which one's prompt holds an answer that the other got."""
    answers = crowd.requests.select("row", echo_response_id="request_id")
    quotes = crowd.requests.select("row", "echo_response_id").drop_nulls()
    pairs = quotes.join(answers, on="echo_response_id").filter(pl.col("row") != pl.col("row_right"))
    low, high = pl.min_horizontal("row", "row_right"), pl.max_horizontal("row", "row_right")
    return sorted(pairs.select(low.alias("a"), high.alias("b")).unique().rows())
