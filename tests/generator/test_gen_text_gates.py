"""Gates on prompts as text: a planted word and a planted style are found, by name, and clean text passes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from generator.audit.base import labelled_split
from generator.audit.base.gate import Gate
from generator.audit.base.labelled_split import LabelledSplit
from generator.audit.text import text_gates
from generator.dataset import Dataset
from generator.schema import PROMPTS
from generator.table import Table

WORDS = [
    f"{a}{b}" for a in ("ba", "ke", "lo", "mi", "nu", "pra", "sto") for b in ("din", "fer", "gat", "lum", "rop")
]
HABITS: tuple[Callable[[str], str], ...] = (str, str.lower, lambda t: t.replace(". ", "; "), lambda t: t + " ?")
Plant = Callable[[str, int], str]


def sentence(rng: np.random.Generator) -> str:
    return " ".join(rng.choice(WORDS, 8)).capitalize() + ". "


def written(split: LabelledSplit, plant: Plant) -> LabelledSplit:
    """Six prompts of every account in its own habit; `plant` changes those of extraction accounts."""
    rng = np.random.default_rng(len(split.name))
    rows = []
    for i, account in enumerate(split.truth["account_id"]):
        habit = HABITS[rng.integers(len(HABITS))]
        for k in range(6):
            text = habit("".join(sentence(rng) for _ in range(3)).strip())
            rows.append((6 * i + k, account, 0, None, plant(text, k) if split.extraction[i] else text))
    names = tuple(c.name for c in PROMPTS)
    frame = pl.DataFrame(rows, names, orient="row", schema_overrides={"system_prompt": pl.String})
    tables = {**split.source.tables, "prompts": Table("prompts", [frame.lazy()], names)}
    return replace(split, source=replace(split.source, tables=tables))


def judged(dataset: Dataset, plant: Plant) -> dict[str, Gate]:
    splits = [written(split, plant) for split in labelled_split.labelled_splits(dataset)]
    return {gate.name: gate for gate in text_gates.gates(splits)}


def test_clean_text_passes(tiny: Dataset) -> None:
    gates = judged(tiny, lambda text, k: text)
    assert list(gates) == [text_gates.WORDS, text_gates.STYLE]
    assert all(gate.passed and 0 < gate.value < 2.5 for gate in gates.values()), gates


@pytest.mark.parametrize(
    ("plant", "found", "clean"),
    [
        (
            lambda text, k: " ".join([*(w := text.split(" "))[:3], "zilpa", *w[4:]]),
            text_gates.WORDS,
            text_gates.STYLE,
        ),
        (lambda text, k: text.replace(" ", "  "), text_gates.STYLE, text_gates.WORDS),
    ],
    ids=["word", "style"],
)
def test_what_was_planted_is_found_by_its_gate_alone(tiny: Dataset, plant: Plant, found: str, clean: str) -> None:
    gates = judged(tiny, plant)
    assert not gates[found].passed
    assert "an account's prompts in " in gates[found].where
    assert gates[clean].passed


def test_a_dataset_without_text_is_skipped_by_name(tiny: Dataset) -> None:
    bare = []
    for split in labelled_split.labelled_splits(tiny):
        tables = {name: table for name, table in split.source.tables.items() if name != "prompts"}
        bare.append(replace(split, source=replace(split.source, tables=tables)))
    gates = text_gates.gates(bare)
    assert [(gate.name, gate.passed) for gate in gates] == [(text_gates.WORDS, True), (text_gates.STYLE, True)]
    assert all(gate.bound == "skipped: no prompts as text" for gate in gates)
