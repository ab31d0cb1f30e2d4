"""Prompts as text: who chooses them, what a dataset holds of them, and what its reader sees."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from baselines.contract import toy_dataset
from generator import schema
from generator.config import dataset_config
from generator.config.dataset_config import Config
from generator.dataset import Dataset, load
from generator.errors import UserError
from generator.pipeline import forecast, generate
from generator.rng import group_samples


@pytest.fixture(scope="module")
def wordless(tiny_config: Config, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    config = replace(tiny_config, text="none")
    return load(generate.generate(config, tmp_path_factory.mktemp("wordless") / "data"))


def test_a_sample_of_parts_is_the_sample_of_the_whole() -> None:
    rng = np.random.default_rng(5)
    groups = rng.integers(0, 40, 3000)
    draws = rng.permutation(3000).astype(np.uint64)
    whole = group_samples.smallest(groups, draws, 7)
    parts = np.array_split(np.arange(3000), 9)
    some = np.concatenate([part[group_samples.smallest(groups[part], draws[part], 7)] for part in parts])
    assert some[group_samples.smallest(groups[some], draws[some], 7)].tolist() == whole.tolist()
    for group in range(40):
        own = draws[groups == group]
        assert sorted(draws[whole][groups[whole] == group]) == sorted(own)[:7]


def test_bad_text_is_refused_with_all_other_faults() -> None:
    with pytest.raises(
        UserError, match=r"2 faults: text: 'al' is none of none, sample, all.*prompts_per_account: 0 is no "
    ):
        dataset_config.from_dict(
            dataset_config.preset("nano") | {"seed": 1, "text": "al", "prompts_per_account": 0}, "x"
        )
    with pytest.raises(UserError, match=r"preset nano: 1 fault: text: 'some'"):
        dataset_config.from_preset("nano", 1, "some")


def test_the_caller_outdoes_the_file(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('preset = "nano"\ntext = "all"\nprompts_per_account = 3\n')
    assert dataset_config.from_file(tmp_path / "mine.toml").text == "all"
    chosen = dataset_config.from_file(tmp_path / "mine.toml", text="none")
    assert (chosen.text, chosen.prompts_per_account) == ("none", 3)


def test_a_dataset_without_text_says_how_to_get_it(wordless: Dataset) -> None:
    for read in (
        lambda: wordless.train.prompts,
        lambda: wordless.train.restrict(["requests.ts", "prompts.prompt"]),
    ):
        with pytest.raises(UserError, match=r"train has no prompts\.prompt: .*generate it with --text sample"):
            read()
    assert set(wordless.train.as_of(1).tables) == {"requests", "accounts", "releases"}


def test_text_is_read_as_requests_are() -> None:
    split = toy_dataset.split("train", toy_dataset.world(3))
    texts = split.as_of(1).prompts.polars().collect()
    known = split.as_of(1).requests.polars().select("request_id").collect()
    assert texts["day"].max() == 1
    assert texts.join(known, on="request_id", how="anti").is_empty()
    assert split.restrict(["prompts.prompt"]).prompts.columns == ("request_id", "account_id", "prompt")
    assert split.restrict(["requests.ts"]).prompts.columns == ("request_id", "account_id")
    assert "prompts" in split.without_labels().tables


def test_text_is_a_group_of_its_own() -> None:
    assert schema.field_groups(["prompts.prompt", "requests.language"]) == "C+X"


def test_other_tables_do_not_depend_on_text(tiny: Dataset, wordless: Dataset) -> None:
    without, with_text = (
        {p: e["sha256"] for split in d.manifest["splits"].values() for p, e in split["files"].items()}
        for d in (wordless, tiny)
    )
    assert {p: h for p, h in with_text.items() if "/prompts/" not in p} == without
    assert len(with_text) - len(without) == sum(p.count("/requests/") for p in without)
    assert tiny.digest != wordless.digest


def test_every_prompt_is_of_a_request_and_every_account_shows_its_share(tiny: Dataset) -> None:
    for split in tiny.splits.values():
        for requests, prompts in zip(split.requests.buckets(), split.prompts.buckets(), strict=True):
            sent = requests.with_columns(pl.col("account_id").cast(pl.String)).collect()
            shown = prompts.with_columns(pl.col("account_id").cast(pl.String)).collect()
            both = sent.with_row_index().join(shown, on="request_id", suffix="_of", maintain_order="right")
            assert both.height == shown.height
            assert both["index"].is_sorted()
            assert (both["account_id"] == both["account_id_of"]).all()
            assert (both["day"] == both["day_of"]).all()
            assert both["system_prompt"].is_null().equals(both["system_prompt_hash"].is_null())
            counts = (
                sent.group_by("account_id")
                .len()
                .join(shown.group_by("account_id").len(), on="account_id", how="left", suffix="_shown")
            )
            assert (counts["len_shown"] == counts["len"].clip(upper_bound=5)).all()


def test_equal_hashes_of_system_prompts_are_equal_texts(tiny: Dataset) -> None:
    texts = tiny.train.prompts.polars().select("request_id", "system_prompt")
    hashes = tiny.train.requests.polars().select("request_id", "system_prompt_hash")
    both = (
        texts.join(hashes, on="request_id").drop_nulls().unique(["system_prompt", "system_prompt_hash"]).collect()
    )
    assert both["system_prompt_hash"].is_unique().all()
    assert both.height > 5


def test_all_is_every_request(tiny_config: Config, tmp_path: Path) -> None:
    config = replace(tiny_config, text="all", splits=("train",))
    data = load(generate.generate(config, tmp_path / "all"))
    prompts = data.train.prompts.polars().select("request_id", "account_id", "day").collect()
    assert prompts.equals(data.train.requests.polars().select("request_id", "account_id", "day").collect())


def test_text_without_room_is_refused_before_work(
    tiny_config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone, texts = (forecast.expected_rows(replace(tiny_config, text=t)) for t in ("none", "all"))
    assert all(n.prompts == n.requests > 0 for n in texts.values())
    room = int(1.5 * sum(n.disk for n in alone.values()))
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(room, 0, room))
    with pytest.raises(UserError, match=r"prompts as text, and .* GB are free; .*--text none"):
        generate.generate(replace(tiny_config, text="all"), tmp_path / "out")
    assert list(tmp_path.iterdir()) == []
    generate.generate(replace(tiny_config, splits=("train",)), tmp_path / "out")
