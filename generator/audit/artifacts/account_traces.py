"""Artifacts of accounts: their file, their place in tables and dictionaries, digits of times, lengths of names."""

from __future__ import annotations

import numpy as np
import polars as pl
import pyarrow.parquet as pq

from generator.arrays import F64
from generator.audit.artifacts import ids
from generator.audit.base.labelled_split import LabelledSplit
from generator.dataset import Dataset
from generator.rng import opaque_ids

Columns = dict[str, F64]
_LOW_BITS = 8


def of_accounts(dataset: Dataset, split: LabelledSplit) -> dict[str, Columns]:
    """Read one number per account for each artifact.

    Parameters
    ----------
    dataset : Dataset
        Any; its files hold the dictionaries.
    split : LabelledSplit
        One split of it.

    Returns
    -------
    dict of str to dict of str to ndarray, shape (accounts,)
        By family and artifact; NaN where an account has no such number.
    """
    table = split.joined(split.source.accounts.polars())
    at = np.empty(len(table))
    at[table["row"].to_numpy()] = np.arange(len(table))
    table = table.sort("row")
    ms = table["created"].dt.epoch("ms").to_numpy()
    domain = pl.when(pl.col("email_type").cast(pl.String) != "free").then(pl.col("email_domain").str.len_bytes())
    lengths = table.select(domain.alias("domain"), organization=pl.col("organization").str.len_bytes())
    names = lengths.cast(pl.Float64).fill_null(float("nan"))
    return {
        "order": {
            "accounts row order": at - np.arange(len(at)),
            "place in the files' dictionaries": _dictionaries(dataset, split),
        },
        "file": _files(split),
        "digits": {
            "created milliseconds": (ms % 1000).astype(np.float64),
            "created last digit": (ms % 10).astype(np.float64),
            "created parity": (ms % 2).astype(np.float64),
        },
        "formatting": {
            "e-mail domain length": names["domain"].to_numpy(),
            "organization length": names["organization"].to_numpy(),
        },
    }


def identity(split: LabelledSplit) -> Columns:
    """Bits of account, payment and sign-up numbers and of the first request's id: for the model alone.

    Parameters
    ----------
    split : LabelledSplit
        Any.

    Returns
    -------
    dict of str to ndarray, shape (accounts,)
        By column and bit; NaN for null.
    """
    table = split.joined(split.source.accounts.polars()).sort("row")
    numbers = ids.account_numbers(split)
    columns = {"account_id": numbers.to_numpy().astype(np.float64)} | ids.bits(numbers, "account_id")
    for name in ("payment_id", "signup_prefix"):
        columns |= ids.bits(table[name], name, _LOW_BITS)
    first = [frame.group_by("row").agg(pl.col("request_id").first()) for frame in split.buckets("request_id")]
    asked = table.select("row").join(pl.concat(first), on="row", how="left", maintain_order="left")
    return columns | ids.bits(asked["request_id"], "request_id", opaque_ids.BITS)


def _files(split: LabelledSplit) -> Columns:
    """Which of the buckets an account's requests lie in; NaN for one without any, which is never a positive."""
    held = [frame["row"].unique().to_numpy() for frame in split.buckets()]
    inside = np.stack([np.isin(np.arange(len(split.truth)), rows) for rows in held])
    return {f"file {i}": np.where(inside.any(axis=0), here, np.nan) for i, here in enumerate(inside)}


def _dictionaries(dataset: Dataset, split: LabelledSplit) -> F64:
    """Place of each account in the dictionary of its first file; 0 in files where it only repeats the rows' order.

    A dictionary in the order in which accounts appear says no more than the rows do.
    """
    row = dict(zip(split.truth["account_id"], range(len(split.truth)), strict=True))
    places = np.full(len(row), np.nan)
    listed = dataset.manifest["splits"][split.name]["files"]
    for path in sorted(p for p in listed if "/requests/" in p):
        column = pq.ParquetFile(dataset.path / path).read(["account_id"]).column("account_id").combine_chunks()
        for chunk in getattr(column, "chunks", [column]):
            at = np.array([row.get(name, -1) for name in chunk.dictionary.to_pylist()], np.int64)
            used, first = np.unique(chunk.indices.to_numpy(), return_index=True)
            repeats = len(used) == len(at) and bool(np.all(np.diff(first) > 0))
            place = np.zeros(len(at)) if repeats else np.arange(len(at), dtype=np.float64)
            fresh = at >= 0
            fresh[fresh] = np.isnan(places[at[fresh]])
            places[at[fresh]] = place[fresh]
    return places
