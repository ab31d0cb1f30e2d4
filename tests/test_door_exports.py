"""Datasets in the layouts of other benchmarks: the same scores as from the dataset itself."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from sklearn.metrics import average_precision_score

import siphonbench
from generator.errors import UserError
from siphonbench.workflows import exports

LINKS = ("ip_prefix", "tls_fingerprint", "system_prompt_hash", "signup_prefix", "payment_id")


@pytest.fixture(scope="module")
def written(nano: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder, data = tmp_path_factory.mktemp("exports"), siphonbench.load(nano)
    return {layout: exports.export(data, layout, folder / layout, test_labels=True) for layout in exports.LAYOUTS}


def native(nano: Path, folder: Path) -> float:
    """Average precision, mean of tiers, of an account's requests, its links and how many others hold them."""
    test = siphonbench.load(nano).test
    accounts = test.accounts.polars().select(pl.col("account_id").cast(pl.String), "signup_prefix", "payment_id")
    requests = test.requests.polars().with_columns(pl.col("account_id").cast(pl.String))
    held = [
        requests.select("account_id", thing=pl.format("{} {}", pl.lit(column), column))
        for column in ("tls_fingerprint", "system_prompt_hash")
    ]
    held += [requests.select("account_id", thing=pl.format("prefix {}", "ip_prefix"))]
    held += [accounts.select("account_id", thing=pl.format("prefix {}", "signup_prefix"))]
    held += [accounts.select("account_id", thing=pl.format("payment {}", "payment_id"))]
    scores = score(pl.concat(held).drop_nulls(), "account_id")
    scores = accounts.select("account_id").join(scores, on="account_id", how="left").fill_null(0.0)
    scores.collect().write_parquet(folder / "predictions.parquet")
    return siphonbench.evaluate(nano, folder / "predictions.parquet").primary.value


def score(held: pl.LazyFrame, key: str) -> pl.LazyFrame:
    """One row per event: how many events an account has, and with how many others it holds a thing."""
    busy = held.with_columns(others=pl.col(key).n_unique().over("thing"))
    return busy.group_by(key).agg(score=pl.len().log() + pl.col("others").mean())


def tier_mean(labels: pl.DataFrame, scores: pl.DataFrame, key: str) -> float:
    """Mean over the tiers of scikit-learn's average precision, each tier beside all benign accounts."""
    table = labels.join(scores, on=key, how="left").with_columns(pl.col("score").fill_null(0.0))
    tiers = table["tier"].drop_nulls().unique().to_list()
    parts = [table.filter(pl.col("tier").is_null() | (pl.col("tier") == t)) for t in tiers]
    assert len(parts) == 3
    return sum(float(average_precision_score(p["extraction"], p["score"])) for p in parts) / 3


def test_a_score_is_the_same_through_every_layout(nano: Path, written: dict[str, Path], tmp_path: Path) -> None:
    expected = native(nano, tmp_path)
    assert 0.02 < expected < 0.95  # worth comparing
    db, task = written["relbench"] / "db", written["relbench"] / "tasks" / exports.TASK
    tables = {name: pl.scan_parquet(db / f"{name}.parquet") for name in ("accounts", "requests")}
    held = [
        tables[table].select("account", thing=pl.format("{} {}", pl.lit(entity), column))
        for table, links in exports.LINKS.items()
        for column, entity in links.items()
    ]
    scores = score(pl.concat(held).drop_nulls(), "account").collect()
    assert tier_mean(pl.read_parquet(task / "test.parquet"), scores, "account") == pytest.approx(
        expected, abs=1e-9
    )
    events = pl.scan_csv(written["tgb"] / "edgelist.csv").rename({"head": "node_id", "tail": "thing"})
    labels = pl.read_csv(written["tgb"] / "node_labels.csv").filter(pl.col("split") == "test")
    assert tier_mean(labels, score(events, "node_id").collect(), "node_id") == pytest.approx(expected, abs=1e-9)


def test_relbench_keys_hold(written: dict[str, Path]) -> None:
    """What RelBench asks of a folder: keys 0..n-1 in row order, foreign ones inside, moments in order."""
    root = written["relbench"]
    manifest = json.loads((root / "manifest.yaml").read_text("utf-8"))
    tables = {name: pl.read_parquet(root / "db" / f"{name}.parquet") for name in manifest["tables"]}
    for name, spec in manifest["tables"].items():
        if spec["pkey"]:
            assert tables[name][spec["pkey"]].to_list() == list(range(len(tables[name])))
        for column, target in spec["fkeys"].items():
            values = tables[name][column].drop_nulls()
            assert len(values)
            assert values.min() >= 0
            assert values.max() < len(tables[target])
        if spec["time_col"]:
            assert tables[name][spec["time_col"]].is_sorted()
    moments = [
        pl.read_parquet(root / "tasks" / exports.TASK / f"{s}.parquet")["timestamp"]
        for s in ("train", "val", "test")
    ]
    assert [len(m.unique()) for m in moments] == [1, 1, 1]
    assert [m[0].isoformat() for m in moments[1:]] == [manifest["val_timestamp"], manifest["test_timestamp"]]
    assert tables["requests"]["ts"].max() <= moments[2][0]


def test_relbench_itself_reads_it(written: dict[str, Path]) -> None:
    relbench = pytest.importorskip("relbench.load", reason="relbench 3 is no dependency")
    data = relbench.load_dataset(str(written["relbench"]))
    task = data.load_task(exports.TASK)
    table = task.get_table("test", mask_input_cols=False)
    assert set(task.get_table("test").df) == {"timestamp", "account"}
    assert task.evaluate(table.df["extraction"].to_numpy().astype(float))["roc_auc"] == 1
    assert len(task.get_db().table_dict["accounts"]) == len(
        pl.read_parquet(written["relbench"] / "db/accounts.parquet")
    )


def test_labels_of_test_stay_masked_unless_asked_for(nano: Path, tmp_path: Path) -> None:
    data = siphonbench.load(nano)
    labels = exports.pool(data).labels
    assert labels["test"].columns == ["timestamp", "account"]
    assert len(labels["test"]) == len(data.test.accounts.polars().collect())
    assert "extraction" in labels["validation"].columns
    with pytest.raises(UserError, match="no layout 'ogb': choose relbench or tgb"):
        exports.export(data, "ogb", tmp_path / "x")
    with pytest.raises(UserError, match="exists already and is kept"):
        exports.export(data, "tgb", tmp_path)
