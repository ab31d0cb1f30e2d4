"""Does a simple aggregate give the headline away: the audit's gates on whole accounts, a sample of them.

    python -m benchmarks.headline_audit FOLDER/world --every 16

FOLDER is that of `benchmarks.headline`; any world with a campaign of that size in proportion will do. Every
sixteenth bucket of accounts is looked at, those that sent anything: a thousand aggregates of each.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import polars as pl
from sklearn.metrics import roc_auc_score

import siphonbench
from benchmarks import shown
from generator.audit.base import labelled_split
from generator.audit.base.labelled_split import LabelledSplit
from generator.audit.shortcuts import aggregates, single_column
from generator.table import Table

REPORTED = 28_800_000 / 25_000 / 45
"""Exchanges an account and day, of the best-known report."""


def sent(split: LabelledSplit) -> tuple[float, float]:
    """Requests an account of the campaign and day: first attempts, and all."""
    accounts = split.truth.filter(pl.col("label") == "extraction").select("account_id")
    rows = split.source.requests.polars().select(pl.col("account_id").cast(pl.String), again=pl.col("retries") > 0)
    counted = rows.join(accounts.lazy(), on="account_id", how="semi").select((~pl.col("again")).sum(), pl.len())
    first, every = counted.collect(engine="streaming").row(0)
    days = len(accounts) * split.source.days
    return first / days, every / days


def sampled(split: LabelledSplit, every: int) -> LabelledSplit:
    """Accounts of some of the buckets that sent anything, and their requests."""
    requests = split.source.requests
    parts = list(requests.buckets())[::every]
    seen = pl.concat([part.select(pl.col("account_id").cast(pl.String)).unique() for part in parts]).collect()
    known = pl.col("account_id").cast(pl.String).is_in(seen["account_id"].implode())
    accounts = split.source.accounts.where(known)
    tables = {**split.source.tables, "requests": Table("requests", parts, requests.columns), "accounts": accounts}
    return LabelledSplit(replace(split.source, tables=tables), split.truth.filter(known))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("world", type=Path)
    parser.add_argument("--every", type=int, default=16, help="of so many buckets one is looked at")
    args = parser.parse_args()
    whole = labelled_split.labelled_splits(siphonbench.load(args.world))[-1]
    part = sampled(whole, args.every)
    described = aggregates.aggregate([part])
    volume = described[0].values[described[0].judged, described[0].names.index("requests")]
    positive = part.hidden[described[0].judged]
    shown.head("what", "value", "bound", "where")
    for what, value in zip(("first attempts", "all requests"), sent(whole), strict=True):
        shown.row(
            f"{what} an account and day", f"{value:.2f}", f"{REPORTED} within 1 %", f"{value / REPORTED - 1:+.2%}"
        )
    shown.row("accounts looked at, of them extraction", f"{len(positive):,}, {positive.sum():,}", "-", "-")
    shown.row("number of requests: ROC AUC", f"{roc_auc_score(positive, volume):.3f}", "-", "-")
    for gate in single_column.single_aggregates(described):
        shown.row(gate.name, f"{gate.value:.3g}", gate.bound, gate.where)


if __name__ == "__main__":
    main()
