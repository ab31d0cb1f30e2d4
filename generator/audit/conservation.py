"""Conservation: what the campaigns' truth says against what the tables of requests and labels hold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from generator.dataset import Split
from generator.population import model_calendar

if TYPE_CHECKING:
    import polars as pl

# Column of the campaigns table: what it must equal, counted from requests and labels.
_COUNTED = {
    "accounts": "members",
    "accounts_served": "served",
    "requests_planned": "logged",
    "requests_rejected": "rejected",
    "extraction_requests": "useful",
    "extraction_input_tokens": "useful_input",
    "extraction_output_tokens": "useful_output",
    "list_price_usd": "useful_price",
    "list_price_all_usd": "price",
}
_USD, _RELATIVE = 0.01, 1e-6  # the truth is rounded to 0.0001 USD, and sums of floats depend on their order


@dataclass(frozen=True)
class CampaignBalance:
    """One campaign, or all of them, as counted from requests and labels.

    Attributes
    ----------
    campaign, archetype, tier : str
        Which; "" for a total.
    accounts, planned, logged, answered, rejected, useful : int
        Accounts; requests that the truth orders; rows of their accounts; of these, status 200 and others; of the
        answered ones, those that serve the extraction ("exchanges").
    input_tokens, output_tokens : int
        Of all answered requests.
    price : float
        List price of all answered requests, USD.
    median : float
        Requests a day of the median account, over the days of the split.
    """

    campaign: str
    archetype: str
    tier: str
    accounts: int
    planned: int
    logged: int
    answered: int
    rejected: int
    useful: int
    input_tokens: int
    output_tokens: int
    price: float
    median: float


def ledger(
    split: Split, on_bucket: Callable[[int, int], None] | None = None
) -> tuple[list[CampaignBalance], list[str]]:
    """Balance all campaigns of a split.

    Parameters
    ----------
    split : Split
        With its truth open.
    on_bucket : callable, optional
        Called with (done, total) after each bucket.

    Returns
    -------
    list of CampaignBalance
        One for each campaign, the total last.
    list of str
        Every fault, as a sentence.

    Raises
    ------
    MaskedLabelsError
        If the split's truth is masked.
    """
    import polars as pl

    truth = split.campaigns.polars().sort(pl.col("campaign").str.len_chars(), "campaign").collect()
    named = split.labels.polars().select(pl.col("account_id", "campaign").cast(pl.String))
    members = named.filter(pl.col("campaign").is_not_null()).collect()
    pairs = list(zip(split.requests.buckets(), split.request_labels.buckets(), strict=True))
    parts, faults = [], []
    for done, (requests, labels) in enumerate(pairs, 1):
        part, fault = _bucket(requests, labels, members)
        parts.append(part)
        faults += [f"{split.name}: bucket {done - 1}: {fault}"] * bool(fault)
        if on_bucket:
            on_bucket(done, len(pairs))
    counted = pl.concat(parts).group_by("account_id").agg(pl.all().sum()) if parts else pl.DataFrame()
    each = members.join(counted, on="account_id", how="left").fill_null(0)
    sums = _sums(each.group_by("campaign"), split.days)
    faults += [f"{split.name}: {fault}" for fault in _faults(truth, sums)]
    both = truth.select("campaign", "archetype", "tier", "requests_planned").join(
        sums, on="campaign", how="left", maintain_order="left"
    )
    lines = [_line(row) for row in both.fill_null(0).iter_rows(named=True)]
    total = _sums(each.group_by(pl.lit("").alias("campaign")), split.days).to_dicts() if each.height else []
    planned = {"archetype": "", "tier": "", "requests_planned": truth["requests_planned"].sum()}
    return [*lines, *(_line(planned | row) for row in total)], faults


def _bucket(requests: pl.LazyFrame, labels: pl.LazyFrame, members: pl.DataFrame) -> tuple[pl.DataFrame, str]:
    """Sums per campaign account of one bucket, and what is wrong with its rows."""
    import polars as pl

    labels = labels.select("is_extraction", labelled="request_id")
    rows = pl.concat([requests, labels], how="horizontal").with_columns(pl.col("account_id").cast(pl.String))
    answered = pl.col("status") == 200
    useful = answered & pl.col("is_extraction")
    price = _price()
    sums = (
        rows.join(members.lazy(), on="account_id")
        .group_by("account_id")
        .agg(
            logged=pl.len().cast(pl.Int64),
            answered=answered.cast(pl.Int64).sum(),
            rejected=(~answered).cast(pl.Int64).sum(),
            useful=useful.cast(pl.Int64).sum(),
            served=useful.any().cast(pl.Int64),
            input=pl.col("input_tokens").cast(pl.Int64).filter(answered).sum(),
            output=pl.col("output_tokens").cast(pl.Int64).filter(answered).sum(),
            useful_input=pl.col("input_tokens").cast(pl.Int64).filter(useful).sum(),
            useful_output=pl.col("output_tokens").cast(pl.Int64).filter(useful).sum(),
            price=price.filter(answered).sum(),
            useful_price=price.filter(useful).sum(),
        )
    )
    wrong = rows.select((pl.col("request_id") != pl.col("labelled")).fill_null(value=True).sum())
    sums_of_bucket, misplaced = pl.collect_all([sums, wrong])
    n = int(misplaced.item())
    return sums_of_bucket, f"{n} requests are not beside their own label" if n else ""


def _price() -> pl.Expr:
    import polars as pl

    model = pl.col("served_model").cast(pl.String)
    names = [m[0] for m in model_calendar.MODELS]
    per_input, per_output = (
        model.replace_strict(names, per_million, return_dtype=pl.Float64) / 1e6
        for per_million in ([m[1] for m in model_calendar.MODELS], [m[2] for m in model_calendar.MODELS])
    )
    read, write = pl.col("cache_read_input_tokens"), pl.col("cache_creation_input_tokens")
    fresh = pl.col("input_tokens") - read + (model_calendar.CACHE_WRITE - 1) * write
    full = per_input * (fresh + model_calendar.CACHE_READ * read) + per_output * pl.col("output_tokens")
    return full * pl.when(pl.col("service_tier").cast(pl.String) == "batch").then(model_calendar.BATCH).otherwise(
        1.0
    )


def _sums(groups: Any, days: int) -> pl.DataFrame:
    import polars as pl

    counted = pl.exclude("campaign", "account_id").sum()
    frame: pl.DataFrame = groups.agg(counted, members=pl.len(), median=pl.col("logged").median() / days)
    return frame


def _faults(truth: pl.DataFrame, sums: pl.DataFrame) -> list[str]:
    both = truth.join(sums, on="campaign", how="full", suffix="_counted", coalesce=True)
    if both.height > truth.height:
        return [f"{both.height - truth.height} campaigns of the labels are not in the campaigns table"]
    faults = []
    for row in both.fill_null(0).iter_rows(named=True):
        for column, counted in _COUNTED.items():
            allowed = _USD + _RELATIVE * row[column] if isinstance(row[column], float) else 0
            if abs(row[column] - row[counted]) > allowed:
                faults.append(
                    f"{row['campaign']}: {column} is {row[column]:,} and the tables hold {row[counted]:,}"
                )
        if row["answered"] + row["rejected"] != row["logged"]:
            faults.append(f"{row['campaign']}: answered and rejected are not {row['logged']:,}")
    return faults


def _line(row: dict[str, Any]) -> CampaignBalance:
    return CampaignBalance(
        campaign=row["campaign"],
        archetype=row["archetype"],
        tier=row["tier"],
        accounts=row["members"],
        planned=row["requests_planned"],
        logged=row["logged"],
        answered=row["answered"],
        rejected=row["rejected"],
        useful=row["useful"],
        input_tokens=row["input"],
        output_tokens=row["output"],
        price=row["price"],
        median=row["median"],
    )
