"""Cards that several accounts pay with, and how many of those collect, with Polars: ... FOLDER."""

import sys

import polars as pl

import siphonbench

train = siphonbench.load(sys.argv[1]).train
accounts = train.accounts.polars().join(train.labels.polars(), on="account_id")
cards = accounts.drop_nulls("payment_id").group_by("payment_id")
collects = (pl.col("label") == "extraction").sum().alias("extraction")
print(cards.agg(pl.len().alias("accounts"), collects).sort("accounts").tail(10).collect())  # noqa: T201
