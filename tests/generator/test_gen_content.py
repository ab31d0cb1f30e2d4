"""Content: sketches follow the law of sums, embeddings what prompts are about; both agree with texts."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from generator.arrays import I64, U64
from generator.config.parameters import TOPICS, TOPICS_PER_DOMAIN
from generator.errors import UserError
from generator.fidelity.content import encoder, geometry, measurement, relations
from generator.prompts import embeddings, simhash, wordings
from generator.text.latents import PromptLatents
from siphonbench import generate

N = 4_000


def keys(n: int, seed: int = 0) -> U64:
    return np.random.default_rng(seed).integers(1, 2**63, n).astype(np.uint64)


def sketches(fixed: float, task: tuple[int, int] = (-1, -1)) -> tuple[I64, I64]:
    """Bits in which two items of one template differ, and two of two templates."""
    template = keys(2)
    shares, item = np.full(2, fixed, np.float32), keys(2 * N, 1)
    of = np.repeat([0, 1], N)
    sketch = simhash.prompt_simhash(template, shares, np.array(task), item, of)
    half = N // 2
    return geometry.hamming(sketch[:half], sketch[half:N]), geometry.hamming(sketch[:N], sketch[N:])


@pytest.mark.parametrize("fixed", [0.02, 0.1, 0.3, 0.6])
def test_sketches_differ_as_sums_do(fixed: float) -> None:
    same, apart = sketches(fixed)
    # One template has 64 bits of its own: its mean is off by their spread.
    assert abs(same.mean() - 64 * np.arccos(fixed) / np.pi) < 2
    assert abs(apart.mean() - 32) < 4


def test_prompts_of_one_task_are_a_little_alike() -> None:
    means = []
    for task in ((3, 3), (3, 4)):
        template = keys(800)
        sketch = simhash.prompt_simhash(
            template, np.full(800, 0.05, np.float32), np.repeat(task, 400), keys(800, 2), np.arange(800)
        )
        means.append(geometry.hamming(sketch[:400], sketch[400:]).mean())
    assert means[0] < means[1] - 0.3


def test_the_same_prompt_has_the_same_sketch_and_an_item_shows_under_any_template() -> None:
    template, item = keys(2), np.repeat(keys(500, 3), 2)
    of = np.tile([0, 1], 500)
    sketch = simhash.prompt_simhash(template, np.full(2, 0.1, np.float32), np.array([-1, -1]), item, of)
    again = simhash.prompt_simhash(template, np.full(2, 0.1, np.float32), np.array([-1, -1]), item, of)
    assert np.array_equal(sketch, again)
    differ = geometry.hamming(sketch[::2], sketch[1::2])
    assert 4 < differ.mean() < 16  # much of an item is left
    free = simhash.prompt_simhash(
        template, np.full(2, 0.1, np.float32), np.array([-1, -1]), item, np.full(1000, -1)
    )
    assert np.array_equal(free[::2], free[1::2])
    assert 28 < geometry.hamming(free[:-2:2], free[2::2]).mean() < 36


def test_a_sketch_depends_on_nothing_beside_its_prompt() -> None:
    template, item, of = keys(7), keys(200, 4), np.arange(200) % 8 - 1
    fixed, task = np.linspace(0.02, 0.6, 7, dtype=np.float32), np.arange(7)
    whole = simhash.prompt_simhash(template, fixed, task, item, of)
    for at in (np.arange(50, 90), np.array([3])):
        assert np.array_equal(simhash.prompt_simhash(template, fixed, task, item[at], of[at]), whole[at])


def test_embeddings_of_one_topic_are_neighbours() -> None:
    topic = np.repeat(np.arange(TOPICS), 10)
    n = len(topic)
    nothing = np.full(n, wordings.NOTHING), np.zeros(n, np.bool_), np.full(n, 80, np.float32)
    vector = embeddings.prompt_embedding(keys(n), topic, np.zeros(n, np.int32), *nothing).T.astype(np.float32)
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, len(topic), (2, 20_000))
    cosine = geometry.cosine(vector[a], vector[b])
    domain = topic // TOPICS_PER_DOMAIN
    one_topic, one_domain = topic[a] == topic[b], (domain[a] == domain[b]) & (topic[a] != topic[b])
    apart = domain[a] != domain[b]
    assert np.median(cosine[one_topic & (a != b)]) > np.median(cosine[one_domain]) + 0.1
    assert np.median(cosine[one_domain]) > np.median(cosine[apart]) + 0.15
    assert abs(np.median(cosine[apart])) < 0.1


def test_simhash_of_text_tells_copies_from_strangers() -> None:
    words = [f"word{i}" for i in range(400)]
    rng = np.random.default_rng(1)
    long = [" ".join(rng.choice(words, 120)) for _ in range(40)]
    near = [text.replace("word7 ", "other ") + " and an end" for text in long]
    sketch, other = geometry.simhash(long), geometry.simhash(near)
    assert geometry.hamming(sketch, other).mean() < 12
    assert geometry.hamming(sketch[:-1], sketch[1:]).mean() > 27
    assert geometry.simhash(["Word One two", "word one TWO!"])[0] == geometry.simhash(["word one two"])[0]
    assert len(geometry.simhash(["", "a", "漢字の文", "two words"])) == 4
    assert np.array_equal(geometry.simhash(long)[3:5], geometry.simhash(long[3:5]))


def test_pairs_have_the_relation_that_they_are_named_for() -> None:
    rng = np.random.default_rng(2)
    n = 600
    zero = np.zeros(n, np.int32)
    latents = PromptLatents(
        template=np.where(rng.random(n) < 0.7, keys(30)[rng.integers(0, 30, n)], np.uint64(0)),
        domain=zero,
        task=rng.integers(0, 4, n).astype(np.int32),
        template_language=zero,
        fixed=np.full(n, 0.1, np.float32),
        item=keys(n, 5),
        topic=rng.integers(0, TOPICS, n),
        language=zero,
        kind=zero,
        turn=np.zeros(n, np.int64),
        style=keys(n, 6),
        tokens=np.full(n, 100),
    )
    author = rng.integers(0, 50, n)
    found = relations.pairs(latents, author, 300, rng)
    assert tuple(found) == relations.RELATIONS
    same, kin, apart, own = found.values()
    template, family = latents.template, latents.task * 1000 + latents.topic // TOPICS_PER_DOMAIN
    assert len(same[0]) == 300
    assert (template[same[0]] == template[same[1]]).all()
    assert (same[0] != same[1]).all()
    assert (family[kin[0]] == family[kin[1]]).all()
    assert (template[kin[0]] != template[kin[1]]).all()
    assert (family[apart[0]] != family[apart[1]]).all()
    assert (template[apart[0]] > 0).all()
    assert (template[np.concatenate(own)] == 0).all()
    assert (author[own[0]] != author[own[1]]).all()


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"quantiles": [0.5], "relations": {"a": {"b": [1, 2]}}}', '{"quantiles": 1}']
)
def test_what_is_no_geometry_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "geometry.json"
    file.write_text(text)
    with pytest.raises(UserError, match=r"geometry\.json"):
        geometry.read_reference(file)
    with pytest.raises(UserError, match="none"):
        geometry.read_reference(tmp_path / "none.json")


def test_a_world_is_measured_beside_its_texts(tmp_path: Path) -> None:
    dataset = generate("nano", 5, tmp_path / "nano")
    quantiles = {
        name: {measurement.HAMMING: dict.fromkeys(measurement.QUARTILES, 99.0)} for name in relations.RELATIONS
    }
    alone, off = measurement.measure(dataset, {}), measurement.measure(dataset, quantiles)
    bits = [row for row in alone if row.measure.startswith("Hamming")]
    assert len(bits) == len(relations.RELATIONS) * 3
    assert all(row.text is not None for row in bits)
    assert sum(row.holds for row in bits) >= 10  # nano has few templates
    assert not any(row.holds for row in off if row.measure.startswith("Hamming"))
    if encoder.installed():
        assert {row.measure for row in alone} >= {"cosine, median"}
    json.dumps([row.logged for row in alone])


def test_sealed_worlds_are_not_measured(tmp_path: Path) -> None:
    dataset = generate("nano", 5, tmp_path / "nano")
    dataset.manifest["sealed"] = {"commitment": "x"}
    with pytest.raises(UserError, match="sealed"):
        measurement.measure(dataset, {})
