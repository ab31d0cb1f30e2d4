"""The door as a library: what it offers, what it refuses, and how lightly it opens."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

import siphonbench
from generator.dataset import Dataset
from generator.errors import MaskedLabelsError, UserError

HEAVY = ("mlflow", "sklearn", "xgboost", "pandas", "polars", "pyarrow", "matplotlib", "typer", "rich")
TINY = """
preset = "nano"
name = "tiny"
accounts = 120
extraction_accounts = 30
campaigns = 9
days = 2
buckets = 2
rate_cap = 20
"""


def python(code: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], cwd=cwd, capture_output=True, text=True, check=False)


def make(folder: Path, seed: int = 3) -> Dataset:
    config = folder / "tiny.toml"
    config.write_text(TINY)
    return siphonbench.generate(config=config, seed=seed, out=folder / "data")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return make(tmp_path_factory.mktemp("tiny"))


def scored(tiny: Dataset, score: pl.Expr) -> pl.DataFrame:
    """Predictions for test, from the truth."""
    truth = tiny.reveal("test").labels.polars().select(pl.col("account_id", "label").cast(pl.String))
    return truth.select("account_id", score.cast(pl.Float64).alias("score")).collect()


PERFECT = pl.col("label") == "extraction"


def entry(folder: Path, predictions: pl.DataFrame) -> Path:
    predictions.write_parquet(folder / "predictions.parquet")
    return folder / "predictions.parquet"


def test_generate_tells_how_far_it_is(tmp_path: Path) -> None:
    (tmp_path / "tiny.toml").write_text(TINY)
    told: list[tuple[int, int]] = []
    made = siphonbench.generate(
        config=tmp_path / "tiny.toml", out=tmp_path / "data", on_shard=lambda *t: told.append(t)
    )
    assert told == [(done, 6) for done in range(7)]  # two buckets in each of three worlds
    assert made.manifest["config"]["seed"] == 0
    assert made.digest == siphonbench.load(tmp_path / "data").digest


def test_seed_decides_the_bytes(tiny: Dataset, tmp_path: Path) -> None:
    (tmp_path / "again").mkdir()
    (tmp_path / "other").mkdir()
    assert make(tmp_path / "again").digest == tiny.digest
    assert make(tmp_path / "other", seed=4).digest != tiny.digest


def test_verify_names_what_was_touched(tmp_path: Path) -> None:
    root = make(tmp_path).path
    assert siphonbench.verify(root) == []
    file = root / "test" / "accounts.parquet"
    whole = file.read_bytes()
    file.write_bytes(whole[:-1])
    (fault,) = siphonbench.verify(root)
    assert fault == f"test/accounts.parquet: {len(whole) - 1:,} bytes, the manifest says {len(whole):,}"
    file.write_bytes(whole[:100] + bytes([whole[100] ^ 1]) + whole[101:])
    (fault,) = siphonbench.verify(root)
    assert fault.startswith("test/accounts.parquet: changed")
    file.unlink()
    assert siphonbench.verify(root) == ["test/accounts.parquet: missing"]


def test_labels_of_test_stay_masked(tiny: Dataset) -> None:
    assert tiny.train.labels.polars().collect().height == 120
    with pytest.raises(MaskedLabelsError, match="reveal"):
        _ = tiny.test.labels


def test_constant_scores_get_exactly_chance(tiny: Dataset, tmp_path: Path) -> None:
    card = siphonbench.evaluate(tiny, entry(tmp_path, scored(tiny, pl.lit(1.0))))
    truth = tiny.reveal("test").labels.polars().cast(pl.String).collect()
    benign = (truth["label"] == "benign").sum()
    served = truth.filter(pl.col("served") == "true")["tier"]
    sizes = [(served == tier).sum() for tier in served.unique()]
    assert card.primary.value == pytest.approx(sum(n / (n + benign) for n in sizes) / len(sizes))
    assert card.primary.value == pytest.approx(card.primary.chance)


def test_perfect_scores_get_one(tiny: Dataset, tmp_path: Path) -> None:
    card = siphonbench.evaluate(tiny, entry(tmp_path, scored(tiny, PERFECT)))
    assert (card.primary.value, card.primary.low, card.primary.high) == (1.0, 1.0, 1.0)


def test_submit_ranks_and_is_idempotent(tiny: Dataset, tmp_path: Path) -> None:
    board = tmp_path / "board"
    for name, score in {"perfect": PERFECT, "reversed": ~PERFECT}.items():
        file = tmp_path / f"{name}.parquet"
        scored(tiny, score).write_parquet(file)
        for _ in range(2):
            shown = siphonbench.submit(tiny, file, board, seconds=1.5)
    assert [(e.rank, e.name, e.seconds) for e in shown.entries] == [(1, "perfect", 1.5), (2, "reversed", 1.5)]
    assert siphonbench.board(tiny, board) == shown
    assert "perfect" in (board / "board.html").read_text("utf-8")


def test_a_path_stands_for_a_dataset(tiny: Dataset, tmp_path: Path) -> None:
    file = entry(tmp_path, scored(tiny, PERFECT))
    card = siphonbench.evaluate(tiny.path, file)
    assert siphonbench.evaluate(str(tiny.path), file) == card == siphonbench.evaluate(tiny, file)
    assert siphonbench.submit(tiny.path, file, tmp_path / "board") == siphonbench.board(tiny, tmp_path / "board")


def test_a_second_dataset_leaves_the_first_ones_board_on_the_page(tiny: Dataset, tmp_path: Path) -> None:
    for dataset in (tiny, make(tmp_path, seed=4)):
        siphonbench.submit(dataset, entry(tmp_path, scored(dataset, PERFECT)), tmp_path / "board")
        assert dataset.digest in (tmp_path / "board" / "board.html").read_text("utf-8")
    assert tiny.digest in (tmp_path / "board" / "board.html").read_text("utf-8")


def test_faulty_submission_records_nothing(tiny: Dataset, tmp_path: Path) -> None:
    file = entry(tmp_path, scored(tiny, PERFECT).head(100))
    with pytest.raises(UserError, match="20 accounts missing"):
        siphonbench.submit(tiny, file, tmp_path / "board")
    assert not (tmp_path / "board").exists()


def test_import_is_light_and_telemetry_off(tmp_path: Path) -> None:
    code = f"import os, sys, siphonbench; print([m for m in {HEAVY} if m in sys.modules])"
    done = python(code + "; print(os.environ['MLFLOW_DISABLE_TELEMETRY'])", tmp_path)
    assert done.stdout.split("\n") == ["[]", "true", ""]


def test_help_loads_no_library_that_only_a_command_needs(tmp_path: Path) -> None:
    heavy = tuple({*HEAVY, "numpy", "sqlalchemy", "asyncio", "jinja2", "fastapi"} - {"typer", "rich"})
    done = python(f"import sys, siphonbench.cli.main; print([m for m in {heavy} if m in sys.modules])", tmp_path)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("package", ["generator", "baselines", "leaderboard"])
def test_shadowed_package_is_named(package: str, tmp_path: Path) -> None:
    (tmp_path / f"{package}.py").write_text("")
    done = python("import siphonbench", tmp_path)
    said = done.stderr.strip().splitlines()[-1]
    assert said.startswith(f"ImportError: siphonbench needs its own package {package} in ")
    assert str(tmp_path / f"{package}.py") in said
