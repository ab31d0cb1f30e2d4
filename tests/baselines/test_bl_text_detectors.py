"""Detectors that read text: what they find where it was planted, and less of it where prompts change owners."""

from __future__ import annotations

import zlib

import numpy as np
import polars as pl
import pytest
from scipy import sparse
from sklearn.metrics import average_precision_score

from baselines.base import evaluation
from baselines.contract import toy_dataset
from baselines.detectors.text import near_duplicates, style_links
from baselines.features import prompt_texts
from baselines.registry import DETECTORS
from generator.dataset import Split

WORDS = ["pools", "report", "summary", "customer", "invoice", "latency", "budget", "query", "garden", "travel"]
NAMES = ("text-duplicates", "text-style", "text-discrepancy")
LAYOUTS = (" ", "  ", "\n", "\n- ", " / ")


def sentence(rng: np.random.Generator, words: int) -> str:
    return " ".join(rng.choice(WORDS, words)).capitalize() + "."


def as_texts(owners: np.ndarray, prompts: list[str]) -> pl.DataFrame:
    return pl.DataFrame({"row": owners, "day": np.zeros(len(owners), np.int32), "text": prompts})


def world(seed: int, permuted: bool) -> tuple[Split, pl.DataFrame]:
    """A toy world; campaigns write to a template and in a layout of theirs, other accounts each in its own."""
    tables = toy_dataset.world(seed)
    cohorts = tables["account_labels"].select(pl.col("account_id", "cohort").cast(pl.String))
    owners = tables["prompts"].with_columns(pl.col("account_id").cast(pl.String)).join(cohorts, on="account_id")
    rng, prompts = np.random.default_rng(seed), []
    for account, cohort in owners.select("account_id", "cohort").rows():
        number = int(cohort[1:])
        author = np.random.default_rng(
            9000 + 100 * seed + number if number < 1000 else zlib.crc32(account.encode())
        )
        template = sentence(author, 25) if number < 1000 else ""
        mark, joint, words = (
            author.choice([".", " !", ";", "?", ","]),
            author.choice(LAYOUTS),
            author.integers(4, 14),
        )
        body = joint.join(sentence(rng, int(words))[:-1] + mark for _ in range(5))
        prompts.append(f"{template} {body}")
    column = pl.Series("prompt", prompts)
    tables["prompts"] = owners.drop("cohort").with_columns(
        pl.col("account_id").cast(tables["prompts"].schema["account_id"]),
        prompt=column.shuffle(seed=3) if permuted else column,
    )
    return toy_dataset.split("train", tables), tables["account_labels"]


def reached(name: str, permuted: bool) -> float:
    """Average precision on a second toy world."""
    (train, _), (target, labels) = world(1, permuted), world(2, permuted)
    scores = evaluation.run(DETECTORS[name](), train, target).predictions
    known = labels.select(pl.col("account_id", "label").cast(pl.String)).filter(pl.col("label") != "grey")
    both = scores.join(known, on="account_id")
    return float(average_precision_score((both["label"] == "extraction").to_numpy(), both["score"].to_numpy()))


@pytest.mark.parametrize("name", NAMES)
def test_it_finds_less_where_the_same_prompts_are_dealt_out_to_other_accounts(name: str) -> None:
    assert reached(name, permuted=False) > reached(name, permuted=True) + 0.2


def test_ngrams_are_hashed_by_what_they_are_whatever_stands_around_them(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    texts = pl.Series(["".join(rng.choice(list("abcé漢"), n)) for n in (40, 0, 5, 33, 12, 7, 60)])
    width = 7
    spelled = [
        (i, b[k : k + width]) for i, t in enumerate(texts) for b in [t.encode()] for k in range(len(b) - width + 1)
    ]
    monkeypatch.setattr(prompt_texts, "_AT_ONCE", 3)
    parts = list(prompt_texts.hashed_ngrams(texts, width))
    assert [(start, stop) for start, stop, _, _ in parts] == [(0, 3), (3, 6), (6, 7)]
    owner = np.concatenate([start + o for start, _, _, o in parts])
    hashes = np.concatenate([h for _, _, h, _ in parts])
    assert owner.tolist() == [i for i, _ in spelled]
    assert (
        len({*hashes.tolist()})
        == len({b for _, b in spelled})
        == len({*zip(hashes.tolist(), (b for _, b in spelled), strict=True)})
    )


def test_accounts_with_one_template_are_proposed_and_nearer_than_others() -> None:
    rng = np.random.default_rng(4)
    templates = [sentence(rng, 30) for _ in range(8)]
    owners = np.repeat(np.arange(32), 4)
    texts = as_texts(owners, [f"{templates[o % 8]} {sentence(rng, 20)}" for o in owners])
    terms = near_duplicates.shingles(texts)
    pairs = near_duplicates.candidates(near_duplicates.signatures(terms), owners, 20)
    graph = near_duplicates.tied(pairs, near_duplicates.account_vectors(terms, owners, 32)).toarray()
    same = np.equal.outer(np.arange(32) % 8, np.arange(32) % 8) & ~np.eye(32, dtype=bool)
    assert graph[same].min() > 0.5 > graph[~same].max()


def test_a_phrase_that_many_write_makes_no_candidates() -> None:
    prompts = ["Answer in short sentences and name your sources. " * 3] * 30
    signatures = near_duplicates.signatures(near_duplicates.shingles(as_texts(np.arange(30), prompts)))
    assert near_duplicates.candidates(signatures, np.arange(30), most=29).is_empty()
    assert len(near_duplicates.candidates(signatures, np.arange(30), most=30)) == 30 * 29 / 2


def test_accounts_of_one_habit_are_nearest_whatever_they_write_about() -> None:
    rng = np.random.default_rng(2)
    habits = (str.lower, str.upper, lambda t: t.replace(" ", "  "), lambda t: t.replace(".", " !"))
    owners = np.repeat(np.arange(40), 6)
    prompts = [habits[o % 4](" ".join(sentence(rng, 8) for _ in range(4))) for o in owners]
    vectors = style_links.style_vectors(as_texts(owners, prompts), 41)  # the last account writes nothing
    graph = style_links.nearest(vectors, sparse.csr_array(sparse.eye_array(41)), 5).tocoo()
    assert ((graph.row - graph.col) % 4 == 0).all()
    assert set(graph.row) == set(range(40))
