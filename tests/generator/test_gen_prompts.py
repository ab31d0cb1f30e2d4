"""Prompts as text: who chooses them, what a dataset holds of them, and what its reader sees."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from baselines.contract import toy_dataset
from generator import schema
from generator.config import dataset_config
from generator.dataset import Dataset
from generator.errors import UserError
from generator.rng import group_samples


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


def test_a_dataset_without_text_says_how_to_get_it(tiny: Dataset) -> None:
    for read in (lambda: tiny.train.prompts, lambda: tiny.train.restrict(["requests.ts", "prompts.prompt"])):
        with pytest.raises(UserError, match=r"train has no prompts\.prompt: .*generate --text sample"):
            read()
    assert set(tiny.train.as_of(1).tables) == {"requests", "accounts", "releases"}


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
