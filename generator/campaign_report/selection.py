"""Pick a campaign, accounts to compare it with, and read what the pictures need of them: nothing else."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from generator.config.archetypes import archetypes
from generator.dataset import Dataset, Split
from generator.errors import UserError
from generator.rng import streams
from generator.schema import EMBEDDING_COLUMNS

ROWS = 120  # accounts of a raster: more would be thinner than a pixel
GROUPS = 5  # benign cohorts drawn for comparison (a)
GROUP_ROWS = 60  # accounts of each (a)
GROUP_FLOOR = 3  # accounts that make a cohort a group (a)
LOAD = 1_000_000  # requests read of any crowd, so that memory stays bounded on every preset (a)

COLUMNS = (
    "request_id",
    "account_id",
    "ts",
    "input_tokens",
    "output_tokens",
    "status",
    "ip_prefix",
    "tls_fingerprint",
    "system_prompt_hash",
    "prompt_simhash",
    *EMBEDDING_COLUMNS,
    "echo_response_id",
)


@dataclass(frozen=True)
class Crowd:
    """Some accounts and all their requests.

    Attributes
    ----------
    title : str
        What a legend calls them.
    accounts : polars.DataFrame
        account_id, payment_id, email_domain, signup_prefix; by the time of the first request.
    requests : polars.DataFrame
        `COLUMNS`, and is_extraction, t (days since the window began) and row (number in `accounts`); by time.
    of : int
        Accounts that they were drawn from.
    """

    title: str
    accounts: pl.DataFrame
    requests: pl.DataFrame
    of: int


@dataclass(frozen=True)
class Portrait:
    """All that the page of one campaign is drawn from.

    Attributes
    ----------
    campaign : dict
        Its row of the campaigns table.
    dials : dict of str to float
        Its drawn dials.
    members, benign : Crowd
        Its accounts, and as many benign ones that sent about as many requests.
    groups : tuple of Crowd
        Benign cohorts of other archetypes that are most like it in accounts and requests.
    """

    split: ReportedSplit
    campaign: dict[str, Any]
    dials: dict[str, float]
    members: Crowd
    benign: Crowd
    groups: tuple[Crowd, ...]

    @property
    def crowds(self) -> tuple[Crowd, ...]:
        """Members, matched benign accounts, benign groups."""
        return (self.members, self.benign, *self.groups)


@dataclass(frozen=True)
class ReportedSplit:
    """One split with its truth open: who is who, and how many requests each account sent.

    Attributes
    ----------
    people : polars.DataFrame
        account_id, label, archetype, cohort, campaign (strings), n (requests); by account_id.
    roster : polars.DataFrame
        The campaigns table, the one with most accounts first.
    """

    dataset: Dataset
    source: Split
    people: pl.DataFrame
    roster: pl.DataFrame


def survey(dataset: Dataset, split: str) -> ReportedSplit:
    """Open the truth of a split and count every account's requests.

    Parameters
    ----------
    dataset : Dataset
        Any.
    split : str
        Name of the split.

    Raises
    ------
    UserError
        If there is no such split, or no truth or campaign in it.
    """
    source = dataset.reveal(split)
    if "campaigns" not in source.tables:
        raise UserError(f"{split} of {dataset.path} ships without its truth; choose --split train or validation")
    roster = source.campaigns.polars().collect().sort(["accounts", "campaign"], descending=[True, False])
    if roster.is_empty():
        others = ", ".join(s for s in dataset.splits if s != split)
        raise UserError(f"{split} of {dataset.path} holds no campaign; choose another --split: {others}")
    names = pl.col("account_id", "label", "archetype", "cohort", "campaign").cast(pl.String)
    people = source.labels.polars().select(names).collect()
    counts = [
        bucket.group_by("account_id").agg(n=pl.len()).with_columns(pl.col("account_id").cast(pl.String)).collect()
        for bucket in source.requests.restrict([]).buckets()
    ]
    people = people.join(pl.concat(counts), on="account_id", how="left").with_columns(pl.col("n").fill_null(0))
    return ReportedSplit(dataset, source, people.sort("account_id"), roster)


def gather(split: ReportedSplit, campaign: str | None = None, seed: int = 0) -> Portrait:
    """Choose and read what the page of a campaign is drawn from.

    Parameters
    ----------
    split : ReportedSplit
        From `survey`.
    campaign : str, optional
        Its name; left out, the one with most accounts.
    seed : int
        Decides which accounts stand for a crowd that is too large to draw.

    Raises
    ------
    UserError
        If there is no such campaign; names those that there are.
    """
    names = split.roster["campaign"].to_list()
    if campaign is not None and campaign not in names:
        raise UserError(
            f"{split.source.name} of {split.dataset.path} has no campaign {campaign!r}: choose {', '.join(names)}"
        )
    row = split.roster.row(names.index(campaign or names[0]), named=True)
    rng = np.random.default_rng(int(streams.key("portrait", seed, row["campaign"])))
    people = _shuffled(split.people, rng)
    mine = people.filter(pl.col("campaign") == row["campaign"])
    members = _fitting(mine, ROWS)
    benign = match(members, people.filter(pl.col("label") == "benign"))
    chosen = {f"campaign {row['campaign']}": (members, len(mine)), "benign accounts": (benign, len(benign))}
    chosen |= {title: (_fitting(group, GROUP_ROWS), len(group)) for title, group in alike(mine, people).items()}
    crowds = _read(split, chosen)
    dials = {name: float(value) for name, value in json.loads(row["dials"]).items()}
    return Portrait(split, row, dials, crowds[0], crowds[1], tuple(crowds[2:]))


def match(members: pl.DataFrame, pool: pl.DataFrame) -> pl.DataFrame:
    """As many accounts of the pool, each nearest to a member in its number of requests, none taken twice.

    Parameters
    ----------
    members, pool : polars.DataFrame
        With a column n, requests. The busiest member chooses first.
    """
    have = np.log1p(pool["n"].to_numpy())
    taken = []
    for wanted in np.sort(np.log1p(members["n"].to_numpy()))[::-1][: len(pool)]:
        best = int(np.argmin(np.abs(have - wanted)))
        taken.append(best)
        have[best] = np.inf
    return pool[taken]


def alike(members: pl.DataFrame, people: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Benign cohorts to compare with: of each archetype the one most like the members.

    Alike is near in the number of accounts and of requests, both on a log scale.

    Parameters
    ----------
    members : polars.DataFrame
        Accounts of the campaign, with n, requests.
    people : polars.DataFrame
        See `ReportedSplit`.

    Returns
    -------
    dict of str to polars.DataFrame
        Accounts by title, the nearest first.
    """
    benign = people.filter(pl.col("label") == "benign")
    cohorts = benign.group_by("archetype", "cohort").agg(accounts=pl.len(), n=pl.col("n").sum())
    accounts, n = np.log(len(members)), np.log1p(int(members["n"].sum()))
    far = (pl.col("accounts").log() - accounts).abs() + ((pl.col("n") + 1).log() - n).abs()
    nearest = (
        cohorts.filter(pl.col("accounts") >= GROUP_FLOOR)
        .sort(far.round(9), "cohort")
        .unique("archetype", keep="first", maintain_order=True)
        .head(GROUPS)
    )
    known = archetypes()
    return {
        f"{a} {known[a].title if a in known else 'benign group'}": benign.filter(pl.col("cohort") == cohort)
        for a, cohort in nearest.select("archetype", "cohort").iter_rows()
    }


def _fitting(people: pl.DataFrame, rows: int) -> pl.DataFrame:
    """The first accounts of a shuffled crowd, as many as fit a picture and memory; at least two."""
    fits = (pl.col("n").cum_sum() <= LOAD) | (pl.int_range(pl.len()) < 2)
    return people.head(rows).filter(fits)


def _shuffled(people: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    return people[rng.permutation(len(people))]


def _read(split: ReportedSplit, chosen: Mapping[str, tuple[pl.DataFrame, int]]) -> list[Crowd]:
    """Read the chosen accounts' rows, one bucket at a time."""
    wanted = pl.concat([people["account_id"] for people, _ in chosen.values()]).unique(maintain_order=True)
    parts = []
    for requests, truth in zip(
        split.source.requests.buckets(), split.source.request_labels.buckets(), strict=True
    ):
        here = requests.select(COLUMNS).with_columns(pl.col("account_id").cast(pl.String))
        here = here.filter(pl.col("account_id").is_in(wanted.implode()))
        flags = truth.select("request_id", "is_extraction")
        parts.append(here.join(flags, on="request_id", how="left").collect(engine="streaming"))
    since = (pl.col("ts") - split.source.start).dt.total_milliseconds() / 86_400_000
    rows = pl.concat(parts).sort("ts", "request_id").with_columns(t=since)
    accounts = split.source.accounts.polars().select("account_id", "payment_id", "email_domain", "signup_prefix")
    accounts = accounts.with_columns(pl.col("account_id").cast(pl.String))
    listed = accounts.filter(pl.col("account_id").is_in(wanted.implode())).collect()
    return [_crowd(title, people, of, listed, rows) for title, (people, of) in chosen.items()]


def _crowd(title: str, people: pl.DataFrame, of: int, known: pl.DataFrame, requests: pl.DataFrame) -> Crowd:
    rows = requests.join(people.select("account_id"), on="account_id", how="semi", maintain_order="left")
    first = rows.group_by("account_id").agg(first=pl.col("t").min())
    accounts = (
        people.select("account_id")
        .join(known, on="account_id", how="left")
        .join(first, on="account_id", how="left")
    )
    accounts = accounts.sort("first", "account_id", nulls_last=True).drop("first").with_row_index("row")
    rows = rows.join(accounts.select("account_id", "row"), on="account_id", how="left", maintain_order="left")
    return Crowd(title, accounts, rows, of)
