"""What the world promises: same bytes, independence of cohorts, no label inside, conservation."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from generator import schema
from generator.arrays import I64
from generator.audit import structure
from generator.config import archetypes, dataset_config, parameters
from generator.config.dataset_config import Config
from generator.dataset import Dataset
from generator.pipeline import arrow_tables, generate, labels
from generator.population import cohorts, population_plan
from generator.population.accounts import Accounts, draw_accounts
from generator.population.population_plan import PopulationPlan
from generator.traffic import attempts, cross_shard, quotations, request_log, sessions, simulate
from generator.workloads.batch import Sessions


def _public(plan: population_plan.PopulationPlan) -> pl.DataFrame:
    parts = []
    for bucket in range(plan.config.buckets):
        shard = simulate.simulate(plan, bucket)
        parts += [pl.from_arrow(t) for _, t in arrow_tables.requests(plan, shard)]
    frame = pl.concat([p for p in parts if isinstance(p, pl.DataFrame)])
    return frame.with_columns(pl.col(pl.Categorical).cast(pl.String)).sort("request_id")


def test_worker_count_does_not_change_a_byte(tiny: Dataset, tiny_config: Config, tmp_path: Path) -> None:
    other = generate.generate(tiny_config, tmp_path / "two", workers=2)
    files = sorted(p.relative_to(other) for p in other.rglob("*") if p.is_file())
    assert files == sorted(p.relative_to(tiny.path) for p in tiny.path.rglob("*") if p.is_file())
    assert all((other / f).read_bytes() == (tiny.path / f).read_bytes() for f in files)


def test_another_seed_gives_other_bytes(tiny: Dataset, tiny_config: Config, tmp_path: Path) -> None:
    other = generate.generate(replace(tiny_config, seed=8), tmp_path / "eight")
    name = "train/requests/day-000/bucket-0000.parquet"
    assert (other / name).read_bytes() != (tiny.path / name).read_bytes()


@pytest.mark.slow
def test_processor_does_not_change_a_value(tiny: Dataset, tmp_path: Path) -> None:
    """Without the widest vector instructions numpy's exp and sort take other paths."""
    code = (
        "import sys, json; from pathlib import Path; from generator import dataset\n"
        "from generator.config import dataset_config; from generator.pipeline import generate\n"
        "config = dataset_config.from_dict(json.loads(sys.argv[1]), 'test')\n"
        "print(dataset.load(generate.generate(config, Path(sys.argv[2]))).digest)"
    )
    given = json.dumps(tiny.manifest["config"])
    environment = {**os.environ, "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL AVX512_SPR"}
    run = [sys.executable, "-W", "ignore", "-c", code, given, str(tmp_path / "plain")]
    found = subprocess.run(run, env=environment, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == tiny.digest


@pytest.mark.parametrize("split", ["train", "test"])
def test_more_cohorts_of_every_archetype_leave_all_other_accounts_alone(all_kinds: Config, split: str) -> None:
    before = cohorts.build_plan(replace(all_kinds, cohorts=()), split)
    after = cohorts.build_plan(all_kinds, split)
    assert {a for a, _ in population_plan.variants()} == {
        population_plan.variants()[i][0] for i in after.archetype
    }
    assert len(after.account_key) == len(before.account_key) + sum(c.accounts for c in all_kinds.cohorts)
    old, new = _public(before), _public(after)
    ids = old["account_id"].unique()
    assert new.height > old.height
    assert new.filter(pl.col("account_id").is_in(ids.implode())).equals(old)


def test_shards_together_are_the_world_whatever_their_number(all_kinds: Config) -> None:
    """Buckets cut pods in two: each side has to make the other's part of it."""
    few, many = (_public(cohorts.build_plan(replace(all_kinds, buckets=n), "train")) for n in (1, 5))
    assert few.equals(many)


@pytest.mark.parametrize(
    ("order", "most"), [((0, 1, 2, 3, 4), 1_000_000), ((3, 0, 4, 3, 1, 2), 1_000_000), ((0, 1, 2, 3, 4), -1)]
)
def test_a_cache_of_what_was_handed_over_changes_nothing(
    all_kinds: Config, order: tuple[int, ...], most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In any order, a bucket made twice, and a cache that is full all the time included."""
    monkeypatch.setattr(cross_shard, "_MOST", most)
    plan = cohorts.build_plan(replace(all_kinds, buckets=5), "train")
    cache, counts = cross_shard.CrossShardCache(plan), {"alone": 0, "noted": 0}
    real = attempts.make_attempts

    def counted(plan: PopulationPlan, accounts: Accounts, sessions: Sessions) -> attempts.Attempts:
        counts[now] += len(sessions.key)
        return real(plan, accounts, sessions)

    monkeypatch.setattr(attempts, "make_attempts", counted)
    for bucket in order:
        now = "alone"
        alone = simulate.simulate(plan, bucket)
        now = "noted"
        noted = simulate.simulate(plan, bucket, cache)
        assert all(values.tobytes() == noted.columns[name].tobytes() for name, values in alone.columns.items())
        assert (alone.owner.tobytes(), alone.item.tobytes()) == (noted.owner.tobytes(), noted.item.tobytes())
    assert (counts["noted"] < 0.9 * counts["alone"]) == (most > 0)


@pytest.mark.parametrize("last", [40, 2**60])
def test_a_bucket_of_more_than_2_to_the_25_rows_is_in_the_order_of_time(last: int) -> None:
    """Row numbers were packed into 25 bits; moments that leave no room for them are sorted without packing."""
    n = 2**25 + 4
    ts, resent = np.full(n, 7), np.zeros(n, np.bool_)
    ts[[0, n - 3]], resent[1] = last, True
    order = simulate._by_time(ts, resent)
    assert order[[0, 1, -4, -3, -2, -1]].tolist() == [2, 3, n - 1, 1, 0, n - 3]


def test_a_history_longer_than_its_column_is_logged_as_long_as_the_column_holds(all_kinds: Config) -> None:
    plan = cohorts.build_plan(all_kinds, "train")
    some = draw_accounts(plan, np.arange(20))
    made = attempts.make_attempts(plan, some, sessions.draw_sessions(plan, some))
    made.usage.turn[:] = 20_000
    every = np.arange(len(made.routed.ts))
    assert set(request_log.log_attempts(plan, some, made.take(every)).columns["messages"]) == {2**15 - 1}


def test_permuted_labels_leave_every_archetype_alone(all_kinds: Config) -> None:
    plan = cohorts.build_plan(all_kinds, "test")
    turned = replace(plan, label=plan.label[::-1].copy(), tier=plan.tier[::-1].copy())
    assert _public(plan).equals(_public(turned))


def test_permuted_labels_leave_the_public_bytes_alone(tiny: Dataset) -> None:
    assert structure.permuted_labels(tiny).passed


def test_labels_are_permuted_in_one_making_beside_the_files(
    tiny: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files of another version are made twice, and are no leak of labels."""
    real, made = simulate.simulate, []

    def counted(plan: Any, bucket: int) -> Any:
        made.append(bucket)
        return real(plan, bucket)

    monkeypatch.setattr(simulate, "simulate", counted)
    monkeypatch.setattr(structure, "_SAMPLE", tiny.manifest["config"]["accounts"] // 2)
    gate = structure.permuted_labels(tiny)
    assert (gate.passed, gate.where, len(made)) == (True, "1 of 2 buckets of each split made again", 3)
    other = json.loads(json.dumps(tiny.manifest))
    for split in other["splits"].values():
        split["files"] = {path: entry | {"content": "0" * 64} for path, entry in split["files"].items()}
    gate = structure.permuted_labels(replace(tiny, manifest=other))
    assert (gate.passed, len(made)) == (True, 9)
    assert "3 differ from the files whatever the labels" in gate.where


def test_a_dial_read_by_label_is_noticed(tiny: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    real = sessions.request_counts

    def leaky(plan: PopulationPlan, accounts: Accounts, day: I64) -> I64:
        counts = real(plan, accounts, day)
        attack = plan.label[accounts.cohort] == labels.EXTRACTION
        return np.where(attack[:, None], counts * 2, counts)

    for module in (simulate, quotations):
        monkeypatch.setattr(module, "request_counts", leaky)
    assert not structure.permuted_labels(tiny).passed


def test_plan_is_conserved_in_the_tables(tiny: Dataset, tiny_config: Config) -> None:
    for name in tiny.splits:
        split = tiny.reveal(name)
        plan = cohorts.build_plan(tiny_config, name)
        accounts = split.accounts.polars().collect()
        assert accounts.height == len(plan.account_key) == tiny_config.accounts
        assert accounts["account_id"].n_unique() == accounts.height
        truth = split.labels.polars().collect()
        assert (truth["label"].cast(pl.String) == "extraction").sum() == tiny_config.extraction_accounts
        requests = split.requests.polars().collect()
        marked = split.request_labels.polars().collect()
        assert requests["request_id"].to_list() == marked["request_id"].to_list()
        assert requests["request_id"].n_unique() == requests.height
        campaigns = split.campaigns.polars().collect()
        assert campaigns["accounts"].sum() == tiny_config.extraction_accounts
        rows = requests.join(marked.select("request_id", "is_extraction"), on="request_id").join(
            truth.with_columns(pl.col("account_id").cast(pl.String)),
            left_on=pl.col("account_id").cast(pl.String),
            right_on="account_id",
        )
        attack = rows.filter(pl.col("label").cast(pl.String) == "extraction")
        assert campaigns["requests_planned"].sum() == attack.height
        assert campaigns["requests_rejected"].sum() == (attack["status"] != 200).sum()
        useful = attack.filter(pl.col("is_extraction") & (pl.col("status") == 200))
        assert campaigns["extraction_requests"].sum() == useful.height
        assert campaigns["extraction_output_tokens"].sum() == useful["output_tokens"].sum()
        assert not rows.filter(pl.col("is_extraction") & (pl.col("label").cast(pl.String) == "benign")).height


def test_rows_are_in_time_order_and_inside_their_day(tiny: Dataset) -> None:
    for part in tiny.train.requests.buckets():
        frame = part.collect()
        assert frame["ts"].is_sorted()
        day = (frame["ts"] - tiny.train.start).dt.total_days()
        assert (day == frame["day"]).all()
        assert 0 <= int(frame["day"].to_numpy().min()) <= int(frame["day"].to_numpy().max()) < tiny.train.days


def test_numbers_of_a_request_fit_together(tiny: Dataset) -> None:
    r = tiny.train.requests.polars().collect()
    cached = r["cache_read_input_tokens"] + r["cache_creation_input_tokens"]
    assert (cached <= r["input_tokens"]).all()
    assert (r["reasoning_tokens"] <= r["output_tokens"]).all()
    assert (r["output_tokens"] <= r["max_tokens"]).all()
    failed = r["status"] != 200
    assert failed.any()
    assert (r["error_type"].is_not_null() == failed).all()
    assert (r["stop_reason"].is_null() == failed).all()
    assert (r.filter(failed)["output_tokens"] == 0).all()
    assert (r["input_tokens"].to_numpy().min() > 0) & (r["latency_ms"].to_numpy().min() > 0)


def test_no_request_before_its_account(tiny: Dataset) -> None:
    first = tiny.train.requests.polars().group_by(pl.col("account_id").cast(pl.String)).agg(pl.col("ts").min())
    accounts = tiny.train.accounts.polars().with_columns(pl.col("account_id").cast(pl.String))
    joined = accounts.join(first, on="account_id").collect()
    # An account is born on a day: the day's first request may precede the minute of the sign-up, never the day.
    early = (joined["created"] - joined["ts"]).dt.total_days()
    assert int(early.to_numpy().max()) <= 1


def test_every_dial_in_every_file_has_a_unit_and_a_source() -> None:
    import tomllib

    files = sorted(archetypes.FOLDER.glob("*.toml"))
    assert len(files) >= 14
    for file in files:
        document = tomllib.loads(file.read_text("utf-8"))
        tables = [document.get("dials", {}), *document.get("tiers", {}).values()]
        for name, spec in (item for table in tables for item in table.items()):
            assert spec["unit"] == parameters.DIALS[name].unit, (file.name, name)
            assert spec["source"], (file.name, name)


def test_campaigns_draw_their_own_dials_in_three_tiers() -> None:
    plan = cohorts.build_plan(dataset_config.from_preset("small", 3), "test")
    attack = plan.label == labels.EXTRACTION
    assert sorted(np.bincount(plan.tier[attack]).tolist()) == [12, 12, 12]
    assert len(set(plan.dials["synchrony"][attack].tolist())) == attack.sum() == 36
    assert len({plan.archetype[i] for i in np.flatnonzero(attack)}) >= 8


def test_the_schema_of_every_file_is_the_documented_one(tiny: Dataset) -> None:
    import pyarrow.parquet as pq

    for path in tiny.manifest["splits"]["train"]["files"]:
        table = path.split("/")[1].removesuffix(".parquet")
        found = pq.read_schema(tiny.path / path)
        wanted = schema.arrow_schema(table)
        assert found.names == wanted.names
        for field in wanted:
            assert found.field(field.name).type == field.type, (path, field.name)
