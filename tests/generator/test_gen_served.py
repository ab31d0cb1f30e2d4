"""Who served a campaign: counted from requests and their labels, by account, campaign and tier."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from generator.audit import structure
from generator.audit.base import labelled_split
from generator.audit.base.labelled_split import LabelledSplit
from generator.dataset import MANIFEST, Dataset, load

ACCOUNT = pl.col("account_id").cast(pl.String)


@pytest.mark.parametrize("name", ["train", "validation", "test"])
def test_who_served_is_what_the_tables_hold(tiny: Dataset, name: str) -> None:
    split = tiny.reveal(name)
    texts = (pl.col(c).cast(pl.String) for c in ("account_id", "label", "campaign"))
    labels = split.labels.polars().select(*texts, "served", "extraction_requests", "cohort_requests").collect()
    rows = split.requests.polars().select("request_id", "status", ACCOUNT)
    work = split.request_labels.polars().filter("is_extraction").select("request_id").join(rows, on="request_id")
    counted = work.filter(pl.col("status") == 200).group_by("account_id").len("answered").collect()
    both = labels.join(counted, on="account_id", how="left").with_columns(pl.col("answered").fill_null(0))
    assert (both["extraction_requests"] == both["answered"]).all()
    assert (both["served"] == (both["answered"] > 0)).all()
    extraction = pl.col("label") == "extraction"
    assert both.filter(extraction & ~pl.col("served")).height  # there are sleepers
    assert both.filter(extraction)["cohort_requests"].equals(both.filter(extraction)["extraction_requests"])
    assert (both.filter(~extraction)["cohort_requests"] > 0).any()
    campaigns = split.campaigns.polars().select("campaign", "accounts_served", "extraction_requests").collect()
    sums = both.filter(extraction).group_by("campaign").agg(pl.col("served").sum(), n=pl.sum("answered"))
    paired = campaigns.join(sums, on="campaign")
    assert paired.height == campaigns.height
    assert (paired["accounts_served"] == paired["served"]).all()
    assert (paired["extraction_requests"] == paired["n"]).all()


def asleep(split: LabelledSplit, campaigns: list[str]) -> LabelledSplit:
    return replace(
        split,
        truth=split.truth.with_columns(
            served=pl.col("served") & ~pl.col("campaign").is_in(campaigns).fill_null(False)
        ),
    )


def test_positives_of_the_audit_served(tiny: Dataset) -> None:
    for split in labelled_split.labelled_splits(tiny):
        served = split.truth["served"].to_numpy()
        assert (split.extraction == served).all()
        assert not (split.hidden & ~served).any()
        sleepers = (split.truth["label"] == "extraction").to_numpy() & ~served
        assert not ((split.benign | split.extraction) & sleepers).any()


def test_a_tier_with_two_served_campaigns_is_noticed(tiny: Dataset) -> None:
    splits = labelled_split.labelled_splits(tiny)
    usual = structure.campaigns_of_tiers(tiny, splits)
    train = splits[0].truth.filter(pl.col("served") & (pl.col("tier") == "evasive"))["campaign"].unique().sort()
    dozing = asleep(splits[0], train.to_list()[:-2])
    gate = structure.campaigns_of_tiers(tiny, [dozing, *splits[1:]])
    assert (usual.passed, usual.value) == (True, 3)
    assert (gate.passed, gate.value, gate.where) == (False, 2, "2 evasive in train")


def test_a_dataset_says_that_a_tier_has_few_campaigns_that_served(tiny: Dataset, tmp_path: Path) -> None:
    assert "campaigns served in a tier" not in repr(tiny)
    counts = tiny.manifest["splits"]["train"]["counts"]
    served = tiny.train.campaigns.polars().filter(pl.col("accounts_served") > 0).collect()["tier"]
    assert counts["rarest_tier"] == int(np.unique(served.to_numpy(), return_counts=True)[1].min())
    assert counts["served"] == tiny.train.labels.polars().select(pl.col("served").sum()).collect().item()
    shutil.copytree(tiny.path, tmp_path / "few")
    manifest = json.loads((tiny.path / MANIFEST).read_text())
    manifest["splits"]["train"]["counts"]["rarest_tier"] = 2
    (tmp_path / "few" / MANIFEST).write_text(json.dumps(manifest))
    assert "only 2 campaigns served in a tier: ask for more" in repr(load(tmp_path / "few"))
