"""Sealed worlds: nothing of them can be computed without the secret, and with it all of them comes back."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from generator.config import dataset_config, distributions, parameters
from generator.config.dataset_config import Config
from generator.config.parameters import TOPICS
from generator.dataset import load, read_manifest
from generator.errors import UserError
from generator.pipeline import generate, sealed_publication, sealed_worlds
from generator.population import cohorts
from generator.prompts import embeddings, wordings
from generator.rng import keyed_streams, streams
from generator.schema import TRUTH

KEY, OTHER = "1f" * 32, "1f" * 31 + "1e"
GOLDEN = 0x9E3779B97F4A7C15
WORD = 2**64


@pytest.fixture(scope="module")
def little(tiny_config: Config) -> Config:
    return replace(tiny_config, splits=("test",), days=2)


def _digest(made: Config, out: Path) -> str:
    return load(generate.generate(made, out)).digest


def test_the_secret_and_nothing_else_decides_a_sealed_world(little: Config, tmp_path: Path) -> None:
    sealed = replace(little, secret=KEY)
    first = _digest(sealed, tmp_path / "a")
    assert first == _digest(sealed, tmp_path / "b")
    assert (
        len({first, _digest(little, tmp_path / "c"), _digest(replace(little, secret=OTHER), tmp_path / "d")}) == 3
    )
    # An open world made after a sealed one, in the same process, is the open world.
    assert _digest(little, tmp_path / "e") == load(tmp_path / "c").digest


def test_the_secret_stands_in_no_file_and_no_text(little: Config, tmp_path: Path) -> None:
    sealed = replace(little, secret=KEY)
    folder = generate.generate(sealed, tmp_path / "made")
    assert not [f for f in folder.rglob("*") if f.is_file() and KEY.encode() in f.read_bytes()]
    assert KEY not in repr(sealed)
    assert KEY not in json.dumps(sealed.as_dict())
    with pytest.raises(UserError, match="secret: no such key"):
        dataset_config.from_dict({**dataset_config.preset("nano"), "seed": 1, "secret": KEY}, "a file")


def test_every_bit_of_the_secret_counts() -> None:
    seen = set()
    for bit in range(256):
        with keyed_streams.keyed(f"{1 << bit:064x}"):
            seen |= {int(streams.key("world", 0, "test")), int(streams.mix(np.array([7], np.uint64))[0])}
    assert len(seen) == 512


def test_a_sealed_world_is_never_drawn_with_open_streams_nor_the_other_way(little: Config) -> None:
    with pytest.raises(RuntimeError, match="sealed world"):
        cohorts.build_plan(replace(little, secret=KEY), "test")
    with keyed_streams.keyed(KEY), pytest.raises(RuntimeError, match="sealed world"):
        cohorts.build_plan(little, "test")


@pytest.mark.skipif(sys.hash_info.algorithm != "siphash13", reason="needs an interpreter that hashes with it")
def test_mixing_is_siphash_1_3() -> None:
    numbers = [0, 1, 2**63, 0x0123456789ABCDEF]
    code = f"print(*(hash(n.to_bytes(8, 'little')) for n in {numbers}))"
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | {"PYTHONHASHSEED": "0"}, capture_output=True, check=True
    )
    # Its constants, under a key of zeros.
    state = (0x736F6D6570736575, 0x646F72616E646F6D, 0x6C7967656E657261, 0x7465646279746573)
    a, b, c, d = (np.uint64(word) for word in state)
    mine = keyed_streams.mix(np.array(numbers, np.uint64), (a, b, c, d))
    assert [int(x) for x in done.stdout.split()] == mine.astype(np.int64).tolist()


def test_keyed_draws_have_the_right_moments_and_no_correlation() -> None:
    with keyed_streams.keyed(KEY):
        bits = streams.items(np.full(200_000, streams.key("test"), np.uint64), np.arange(200_000))
        columns = [streams.normal(bits, part) for part in range(4)] + [
            streams.normal(streams.child(bits, "other"))
        ]
    assert np.abs(np.mean(columns, axis=1)).max() < 0.01
    assert np.abs(np.corrcoef(columns) - np.eye(5)).max() < 0.01


def _unmixed(x: int) -> int:
    """What SplitMix64's finaliser made x of."""
    for shift, factor in ((31, 0x94D049BB133111EB), (27, 0xBF58476D1CE4E5B9), (30, 1)):
        y = x
        for _ in range(3):
            y = x ^ (y >> shift)
        x = y * pow(factor, -1, WORD) % WORD
    return x


def _grouped_by_their_ids(made: Config) -> float:
    """Share of accounts of groups that a stranger who runs the open generator backwards puts beside a mate."""
    with keyed_streams.keyed(made.secret):
        plan = cohorts.build_plan(made, "test")
        ids = streams.child(plan.account_key, "account id").tolist()
    purpose, inverse = int(streams.key("purpose", "account id")), pow(GOLDEN, -1, WORD)
    place = {
        (_unmixed(_unmixed(i) ^ purpose) * inverse) % WORD: c
        for i, c in zip(ids, plan.account_cohort, strict=True)
    }
    grouped = [p for p, c in place.items() if plan.sizes[c] > 1]
    return float(np.mean([place.get((p + 1) % WORD, place.get((p - 1) % WORD)) == place[p] for p in grouped]))


def test_ids_of_an_open_world_can_be_run_backwards_and_those_of_a_sealed_one_cannot(little: Config) -> None:
    assert _grouped_by_their_ids(little) == 1
    assert _grouped_by_their_ids(replace(little, secret=KEY)) == 0


def _centres() -> npt.NDArray[np.float64]:
    """Mean embedding of 400 items of each topic."""
    topic, item = np.repeat(np.arange(TOPICS), 400), np.arange(TOPICS * 400, dtype=np.uint64)
    n = len(topic)
    nothing = np.full(n, wordings.NOTHING), np.zeros(n, np.bool_), np.full(n, 80, np.float32)
    vectors = embeddings.prompt_embedding(item, topic, np.zeros(n, np.int32), *nothing)
    return np.asarray(vectors.reshape(16, -1, 400).mean(axis=2), np.float64)


def test_meanings_are_the_same_in_every_world() -> None:
    # What was learnt about topics in an open world holds in a sealed one, where items have other phrases.
    open_ones = _centres()
    with keyed_streams.keyed(KEY):
        sealed = _centres()
    assert not np.array_equal(sealed, open_ones)
    assert np.corrcoef(sealed.ravel(), open_ones.ravel())[0, 1] > 0.95


def test_a_seal_is_read_back_and_its_commitment_holds(little: Config, tmp_path: Path) -> None:
    made = sealed_worlds.new(replace(little, overlay={"A1": {"rate": distributions.parse("rate", [3, 9])}}), "2")
    sealed_worlds.write(made, tmp_path / "s")
    assert (tmp_path / "s").stat().st_mode & 0o777 == 0o600
    again = sealed_worlds.read(tmp_path / "s")
    assert again == made
    assert again.commitment == made.commitment
    others = [sealed_worlds.new(made.config, "2"), replace(made, evaluator="3")]
    others.append(replace(made, config=replace(made.config, overlay={})))
    assert len({made.commitment, *(o.commitment for o in others)}) == 4


def test_a_secret_file_is_refused_where_others_would_see_it(little: Config, tmp_path: Path) -> None:
    made = sealed_worlds.new(little, "2")
    public = tmp_path / "release"
    (public / "deep").mkdir(parents=True)
    (tmp_path / "link").symlink_to(public)
    for place in (public / "s", public / "deep" / "s", tmp_path / "link" / "s"):
        with pytest.raises(UserError, match="keep it outside"):
            sealed_worlds.write(made, place, public)
    with pytest.raises(UserError, match="is no folder"):
        sealed_worlds.write(made, tmp_path / "no" / "s", public)
    sealed_worlds.write(made, tmp_path / "s", public)
    with pytest.raises(UserError, match="exists already"):
        sealed_worlds.write(made, tmp_path / "s", public)
    (tmp_path / "s").chmod(0o644)
    with pytest.raises(UserError, match="chmod 600"):
        sealed_worlds.read(tmp_path / "s")


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.pop("config"),
        lambda d: d.update(secret=d["secret"][:-1]),
        lambda d: d.update(secret=d["secret"].upper() + "0"),
        lambda d: d.update(more=1),
        lambda d: d["config"].update(accounts="many"),
        lambda d: d["config"].update(accounts=True),
        lambda d: d.update(format=2),
        lambda d: d.update(config=[1]),
    ],
)
def test_what_is_no_secret_file_is_refused_and_not_repeated(
    change: object, little: Config, tmp_path: Path
) -> None:
    document = json.loads(sealed_worlds.text(sealed_worlds.new(little, "2")))
    hidden = document["secret"]
    change(document)  # type: ignore[operator]
    (tmp_path / "s").write_text(json.dumps(document))
    (tmp_path / "s").chmod(0o600)
    with pytest.raises(UserError) as told:
        sealed_worlds.read(tmp_path / "s")
    assert hidden[:-1] not in str(told.value)


def test_what_is_published_holds_no_truth_and_is_compared_value_by_value(little: Config, tmp_path: Path) -> None:
    made = sealed_worlds.new(little, "2")
    world = sealed_worlds.world(made, tmp_path / "world")
    assert (world / "manifest.json").stat().st_mode & 0o077 == 0
    out = tmp_path / "out"
    out.mkdir()
    sealed_publication.publish(world, out, "spring", made.commitment)
    assert not [f for f in out.rglob("*") if any(t in f.name or t in str(f.parent) for t in TRUTH)]
    text = (out / "manifest.json").read_text()
    assert not [w for w in ("extraction", "campaign", "overlay", "label", *TRUTH) if w in text]
    assert sealed_publication.compare(out, world) == []
    manifest = read_manifest(out)
    path = next(iter(manifest["splits"]["test"]["files"]))
    manifest["splits"]["test"]["files"][path]["content"] = "0" * 64
    generate.write_manifest(out, manifest)
    assert sealed_publication.compare(out, world) == [f"{path}: holds other values than the world made again"]


def test_a_range_laid_over_a_correlated_dial_stays_correlated() -> None:
    below = parameters.ParameterRange(1, 2, "uniform", correlation=-0.8)
    for spec in (7, [3, 9], {"times": 2}):
        assert distributions.overlaid(distributions.parse("rate", spec), below).correlation == -0.8
    # As JSON keeps one, it comes back whole.
    kept = json.loads(json.dumps(parameters.ParameterRange(3, 9, "log", correlation=0.5)))
    assert distributions.parse("rate", kept) == parameters.ParameterRange(3, 9, "log", correlation=0.5)
    for wrong in (2, "x", None, True, float("nan")):
        with pytest.raises(ValueError, match="is no range"):
            distributions.parse("rate", [*kept[:4], wrong])
