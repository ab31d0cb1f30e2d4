"""Content of a dataset beside the texts that its prompts read like, and beside real prompts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from scipy.stats import spearmanr

from generator.arrays import F32, I64, U64, map_arrays
from generator.config import dataset_config
from generator.errors import UserError
from generator.fidelity.content import encoder, geometry, relations
from generator.schema import EMBEDDING_COLUMNS, EMBEDDING_DIMENSIONS, KINDS, LANGUAGES
from generator.text.latents import PromptLatents
from generator.text.render import render_prompts
from generator.traffic.quotas import plan_world
from generator.traffic.simulate import simulate

if TYPE_CHECKING:
    from generator.dataset import Dataset

HAMMING, COSINE = "hamming_simhash64_words3", "cosine_its_pca_16"
"""Measures, as the files of reference geometry call them."""
QUARTILES = (0.25, 0.5, 0.75)
# Thresholds: bits of a quartile, cosine of a median, Spearman's rank correlation over pairs.
BITS, COSINES, RANKS = 2.0, 0.08, 0.8
RANKS_OFF = 0.1  # that 16 fitted dimensions may be behind the encoder's own 16 axes (a)
_PAIRS = 4_000  # of each relation
_TEXTS = 40  # of each account
_LANGUAGE = LANGUAGES.index("en")  # that of the real prompts
_SPOKEN = [KINDS.index(kind) for kind in ("api", "reasoning", "conversation")]  # the others send code and results
_LEAST = 200  # pairs that say something


@dataclass(frozen=True)
class ContentRow:
    """One number of one relation.

    Attributes
    ----------
    relation : str
        One of `relations.RELATIONS`, or "all".
    measure : str
        What was measured.
    logged : float
        In the dataset.
    text, real : float or None
        Of the rendered texts, and of the reference; None: not there.
    bound : float
        What `logged` may be off from both; of the rank correlation, the least that it may be.
    holds : bool
        Whether it is met.
    """

    relation: str
    measure: str
    logged: float
    text: float | None
    real: float | None
    bound: float
    holds: bool


@dataclass(frozen=True)
class PromptSample:
    """Prompts of one language: what is logged of them, and their texts.

    Attributes
    ----------
    latents : PromptLatents
        What the texts are made from.
    author : ndarray of int64
        Who wrote each.
    sketch, text_sketch : ndarray of uint64
        SimHash as logged, and of the text.
    vector : ndarray of float32, shape (prompts, 16)
        Embedding as logged.
    texts : list of str
        The texts.
    """

    latents: PromptLatents
    author: I64
    sketch: U64
    text_sketch: U64
    vector: F32
    texts: list[str]


def measure(dataset: Dataset, reference: dict[str, Any], split: str = "train", seed: int = 0) -> list[ContentRow]:
    """Compare what a dataset logs of prompts with their texts and with real prompts, by relation of two prompts.

    Parameters
    ----------
    dataset : Dataset
        An open one: its config makes the texts again.
    reference : dict
        See `geometry.read_reference`; empty: texts alone.
    split : str
        Which world.
    seed : int
        Draws the pairs.

    Raises
    ------
    UserError
        If the dataset is sealed, or a relation has too few pairs.
    """
    sample = _sample(dataset, split)
    pairs = relations.pairs(sample.latents, sample.author, _PAIRS, np.random.default_rng(seed))
    short = [f"{name} ({len(a)})" for name, (a, _) in pairs.items() if len(a) < _LEAST]
    if short:
        raise UserError(
            f"{dataset.name} has fewer than {_LEAST} pairs of {', '.join(short)}; take a larger one, such as small"
        )
    rows = [row for name, (a, b) in pairs.items() for row in _hamming(name, sample, a, b, reference)]
    if encoder.installed():
        rows += _cosines(sample, pairs, reference)
    return rows


def _sample(dataset: Dataset, split: str) -> PromptSample:
    """Prompts of the first bucket that open sessions, in English."""
    if dataset.manifest.get("sealed"):
        raise UserError(
            f"{dataset.name} is sealed: its texts can't be made again; measure an open one of its config"
        )
    config = dataset_config.from_dict(dataset.manifest["config"], dataset.name)
    shard = simulate(plan_world(config, split), 0, texts=_TEXTS)
    texts = shard.texts
    every = texts.latents
    chosen = np.flatnonzero((every.turn == 0) & (every.language == _LANGUAGE) & np.isin(every.kind, _SPOKEN))
    chosen = chosen[(every.template_language[chosen] == _LANGUAGE) | (every.template[chosen] == 0)]
    latents: PromptLatents = map_arrays(lambda x: x[chosen], every)
    row = texts.row[chosen]
    ids = shard.columns["request_id"][row]
    names = ["request_id", "prompt_simhash", *EMBEDDING_COLUMNS]
    logged = (
        dataset.reveal(split).requests.polars().select(names).filter(pl.col("request_id").is_in(ids)).collect()
    )
    logged = pl.DataFrame({"request_id": ids}).join(logged, on="request_id", how="left", maintain_order="left")
    rendered = render_prompts(latents).to_pylist()
    return PromptSample(
        latents,
        shard.owner[row].astype(np.int64),
        logged["prompt_simhash"].to_numpy().view(np.uint64),
        geometry.simhash(rendered),
        logged.select(EMBEDDING_COLUMNS).to_numpy().astype(np.float32),
        rendered,
    )


def _hamming(name: str, sample: PromptSample, a: I64, b: I64, reference: dict[str, Any]) -> list[ContentRow]:
    """Quartiles of the bits in which sketches differ."""
    logged, text = (geometry.hamming(s[a], s[b]) for s in (sample.sketch, sample.text_sketch))
    real = reference.get(name, {}).get(HAMMING, {})
    q = {share: (np.quantile(logged, share), np.quantile(text, share), real.get(share)) for share in QUARTILES}
    return [_row(name, f"Hamming, {share:.0%}", *values, BITS) for share, values in q.items()]


def _cosines(
    sample: PromptSample, pairs: dict[str, tuple[I64, I64]], reference: dict[str, Any]
) -> list[ContentRow]:
    """Medians of cosines by relation, and how alike pairs are ranked over all relations, each as often."""
    vectors = encoder.encode(sample.texts)
    centred = vectors - vectors.mean(axis=0)
    axes = np.linalg.eigh(centred.T @ centred)[1][:, -EMBEDDING_DIMENSIONS:]
    cosines: list[F32] = []
    rows = []
    some = slice(min(len(a) for a, _ in pairs.values()))
    for name, (a, b) in pairs.items():
        logged = geometry.cosine(sample.vector[a], sample.vector[b])
        text = geometry.cosine(centred[a] @ axes, centred[b] @ axes)
        real = reference.get(name, {}).get(COSINE, {}).get(0.5)
        rows.append(_row(name, "cosine, median", float(np.median(logged)), float(np.median(text)), real, COSINES))
        cosines.append(np.stack([logged, text, geometry.cosine(vectors[a], vectors[b])])[:, some])
    # Every relation as often as the others.
    ours, in_axes, whole = np.concatenate(cosines, axis=1)
    rank, rank_whole, most = (
        float(spearmanr(x, y).statistic) for x, y in ((ours, in_axes), (ours, whole), (in_axes, whole))
    )
    return [
        *rows,
        ContentRow("all", "rank correlation with the encoder's 16 axes", rank, None, None, RANKS, rank >= RANKS),
        # No 16 dimensions can tell more of the encoder's 256 than its own principal axes do.
        _row("all", "rank correlation with its 256 dimensions", rank_whole, most, None, RANKS_OFF),
    ]


def _row(relation: str, measure: str, logged: float, text: float, real: float | None, bound: float) -> ContentRow:
    others = [float(x) for x in (text, real) if x is not None]
    holds = all(abs(float(logged) - x) <= bound for x in others)
    return ContentRow(relation, measure, float(logged), float(text), real, bound, holds)
