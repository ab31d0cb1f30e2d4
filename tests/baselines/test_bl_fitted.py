"""Fitted detectors as files: the same to the bit when read again, and refused in a sentence when tampered with."""

from __future__ import annotations

import hashlib
import io
import json
import os
import pickle
import shutil
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from baselines.base import evaluation
from baselines.features import forests
from baselines.fitted import folder as fitted
from baselines.fitted import plain_values
from baselines.registry import DETECTORS
from generator.dataset import Split
from generator.errors import UserError
from siphonbench.workflows import fitted_detectors

Hostile = Callable[[Path], Any]


@pytest.fixture(scope="module")
def honest(train: Split, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Folder of a detector fitted on the toy world, made once."""
    base = tmp_path_factory.mktemp("honest")

    def made(name: str) -> Path:
        if not (base / name).exists():
            params = {"trees": 50} if name == "random-forest" else {}
            fitted.write(base / name, evaluation.fit(DETECTORS[name](**params), [train]), ())
        return base / name

    return made


def sealed(place: Path) -> None:
    """Give the manifest the digests of what lies beside it, as a careful forger would."""

    def change(document: dict[str, Any]) -> None:
        document["sha256"] = {n: hashlib.sha256((place / n).read_bytes()).hexdigest() for n in document["sha256"]}

    said(change)(place)


def said(change: Callable[[Any], Any], file: str = fitted.MANIFEST) -> Hostile:
    """Change what a JSON file says."""

    def changed(place: Path) -> None:
        document = json.loads((place / file).read_text())
        change(document)
        (place / file).write_text(json.dumps(document))
        if file != fitted.MANIFEST:
            sealed(place)

    return changed


def tree(change: Callable[[Any], Any]) -> Hostile:
    """Change the first tree of the first model."""
    return said(lambda d: change(d[0]["learner"]["gradient_booster"]["model"]["trees"][0]), fitted.TREES)


def learner(change: Callable[[Any], Any]) -> Hostile:
    return said(lambda d: change(d[0]["learner"]), fitted.TREES)


def columns(number: int) -> Hostile:
    """A model of a consistent but other number of columns."""

    def change(part: dict[str, Any]) -> None:
        part["learner_model_param"]["num_feature"] = str(number)
        for one in part["gradient_booster"]["model"]["trees"]:
            one["tree_param"]["num_feature"] = str(number)

    return learner(change)


def array(name: str, change: Callable[[Any], Any]) -> Hostile:
    """Change one array of the model."""

    def changed(place: Path) -> None:
        state = json.loads((place / fitted.MANIFEST).read_text())["state"]
        number = state["dict"]["_model"]["dict"][name]["array"]
        with np.load(place / fitted.ARRAYS) as stored:
            arrays = {name: stored[name] for name in stored.files}
        arrays[str(number)] = change(arrays[str(number)].copy())
        np.savez(place / fitted.ARRAYS, **arrays)
        sealed(place)

    return changed


def members(*contents: tuple[str, bytes], method: int = zipfile.ZIP_STORED) -> Hostile:
    """Put other members into the file of arrays."""

    def changed(place: Path) -> None:
        with zipfile.ZipFile(place / fitted.ARRAYS, "w", method) as archive:
            for name, content in contents:
                archive.writestr(name, content)
        sealed(place)

    return changed


def cut(file: str, keep: float = 0.6) -> Hostile:
    return lambda place: os.truncate(place / file, int((place / file).stat().st_size * keep))


def then_sealed(hostile: Hostile) -> Hostile:
    def both(place: Path) -> None:
        hostile(place)
        sealed(place)

    return both


def npy(shape: tuple[int, ...], content: bytes = b"") -> bytes:
    """An array file that declares a shape, whatever it holds."""
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": "<f8", "fortran_order": False, "shape": shape})
    return stream.getvalue() + content


class Harmful:
    """Pickled, it makes a folder when it is loaded."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (os.mkdir, ("harmed",))


def pickled() -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array(stream, np.array([Harmful()], object), allow_pickle=True)
    return stream.getvalue()


def linked(place: Path) -> None:
    (place / fitted.TREES).rename(place.parent / "elsewhere.json")
    (place / fitted.TREES).symlink_to(place.parent / "elsewhere.json")


BOOSTED, FOREST, LINEAR = "xgboost-aggregates", "random-forest", "logistic-regression"
HOSTILE: dict[str, tuple[str, Hostile, str]] = {
    "another format": (BOOSTED, said(lambda d: d.update(format=2)), "its format is 2, not 1"),
    "another version": (BOOSTED, said(lambda d: d.update(version="0.1.0")), "it is of version 0.1.0"),
    "other columns": (
        BOOSTED,
        said(lambda d: d["fields"].remove("accounts.plan")),
        "other columns .* accounts.plan",
    ),
    "another detector": (BOOSTED, said(lambda d: d.update(detector="volume")), "other columns"),
    "a module of its own": (BOOSTED, said(lambda d: d.update(detector="harmful:Mine")), "is no built-in detector"),
    "an upper bound": (BOOSTED, said(lambda d: d.update(detector="cohort-oracle")), "is no built-in detector"),
    "a list for a name": (BOOSTED, said(lambda d: d.update(detector=["volume"])), "another kind of value"),
    "an extra entry": (BOOSTED, said(lambda d: d.update(run="import os")), "besides what it may have, run"),
    "a seed below zero": (BOOSTED, said(lambda d: d.update(seed=-1)), "its seed is not"),
    "endless trees": (FOREST, said(lambda d: d["params"].update(trees=10**12)), "not from 50 to 500"),
    "an unknown parameter": (FOREST, said(lambda d: d["params"].update(hook="x")), "no such parameter"),
    "an array that is not there": (
        LINEAR,
        said(lambda d: d["state"].update(dict={"_model": {"array": 99}})),
        "99",
    ),
    "a method in the state": (LINEAR, said(lambda d: d["state"]["dict"].update(score=1)), "learnt other things"),
    "a deep state": (LINEAR, lambda p: (p / fitted.MANIFEST).write_text("[" * 200_000), "no fitted detector"),
    "a manifest cut off": (LINEAR, cut(fitted.MANIFEST), "no fitted detector"),
    "a large manifest": (
        LINEAR,
        lambda p: os.truncate(p / fitted.MANIFEST, 1 << 24),
        "16,777,216 bytes, more than",
    ),
    "large arrays": (LINEAR, lambda p: os.truncate(p / fitted.ARRAYS, 1 << 32), "4,294,967,296 bytes, more than"),
    "arrays cut off": (LINEAR, cut(fitted.ARRAYS), "damaged or cut off"),
    "arrays cut off and sealed": (LINEAR, then_sealed(cut(fitted.ARRAYS)), "not a zip file"),
    "no arrays": (LINEAR, lambda p: (p / fitted.ARRAYS).unlink(), "lacks or has arrays.npz"),
    "an extra file": (LINEAR, lambda p: (p / "hook.py").write_text("1"), "lacks or has hook.py"),
    "a link": (LINEAR, linked, "trees.json is a link"),
    "a pickle": (LINEAR, members(("0.npy", pickled())), "holds object"),
    "a path": (LINEAR, members(("../0.npy", npy((0,)))), "other members"),
    "a huge shape": (LINEAR, members(("0.npy", npy((1 << 40,)))), "shape"),
    "a shape below zero": (LINEAR, members(("0.npy", npy((-1, 8), b"8" * 8))), "shape"),
    "a bomb": (
        LINEAR,
        members(("0.npy", npy((1 << 17,), bytes(1 << 20))), method=zipfile.ZIP_DEFLATED),
        "declares",
    ),
    "weights of NaN": (LINEAR, array("weights", lambda a: a * np.nan), "not finite"),
    "weights of another length": (
        LINEAR,
        array("weights", lambda a: a[:-1]),
        "does not hold what logistic-regression",
    ),
    "nodes in a circle": (FOREST, array("left", lambda a: np.where(a < 0, a, 0)), "do not come after them"),
    "a root beyond the nodes": (FOREST, array("root", lambda a: a + 10**9), "other lists"),
    "trees cut off and sealed": (BOOSTED, then_sealed(cut(fitted.TREES)), "no fitted detector"),
    "a tree of NaN": (BOOSTED, tree(lambda t: t.update(split_conditions=[float("nan")] * 3)), "the number NaN"),
    "an infinite leaf": (BOOSTED, tree(lambda t: t["split_conditions"].__setitem__(-1, 1e300)), "not finite"),
    "a tree in a circle": (
        BOOSTED,
        tree(lambda t: t["left_children"].__setitem__(0, 0)),
        "do not come after them",
    ),
    "a child that is not there": (
        BOOSTED,
        tree(lambda t: t["right_children"].__setitem__(0, 10**6)),
        "come after",
    ),
    "a column that is not there": (
        BOOSTED,
        tree(lambda t: t["split_indices"].__setitem__(0, 10**4)),
        "or columns",
    ),
    "lists of other lengths": (BOOSTED, tree(lambda t: t["parents"].append(0)), "other lengths"),
    "an extra list in a tree": (BOOSTED, tree(lambda t: t.update(hook=[])), "lacks or has hook"),
    "too few trees": (BOOSTED, learner(lambda m: m["gradient_booster"]["model"]["trees"].pop()), "counts them"),
    "another objective": (BOOSTED, learner(lambda m: m["objective"].update(name="reg:tweedie")), "objective"),
    "another booster": (BOOSTED, learner(lambda m: m["gradient_booster"].update(name="dart")), "no gbtree"),
    "another version of XGBoost": (BOOSTED, said(lambda d: d[0].update(version=[0]), fitted.TREES), "no version"),
    "a model of more columns": (BOOSTED, columns(500), "trees fitted on 500 columns"),
    "no model at all": (
        BOOSTED,
        said(lambda d: d.clear() if isinstance(d, dict) else d.pop(), fitted.TREES),
        "trees 0",
    ),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_files_are_refused(case: str, honest: Callable[[str], Path], here: Path) -> None:
    name, tamper, reason = HOSTILE[case]
    place = here / "fitted"
    shutil.copytree(honest(name), place)
    (here / "harmful.py").write_text("import os\nos.mkdir('harmed')\n")
    tamper(place)
    with pytest.raises(UserError, match=reason) as refused:
        fitted_detectors.load_detector(place)
    assert str(refused.value).isprintable()
    assert len(str(refused.value)) < 600
    assert not (here / "harmed").exists()
    assert "harmful" not in sys.modules


@pytest.mark.parametrize("name", [BOOSTED, FOREST, LINEAR])
def test_honest_files_are_not(name: str, honest: Callable[[str], Path], target: Split, train: Split) -> None:
    loaded = fitted_detectors.load_detector(honest(name)).detector
    again = evaluation.fit(loaded, [train])  # same parameters and seed
    assert evaluation.answer(loaded, target).equals(evaluation.answer(again, target))


def test_a_class_of_ones_own_is_named_by_the_reader(here: Path, train: Split) -> None:
    code = (
        "from baselines.detectors.trivial import account_age as a\nclass Mine(a.AccountAge):\n    name = 'mine'\n"
    )
    (here / "own_of_a_test.py").write_text(code)
    from baselines import plugins

    own = "own_of_a_test:Mine"
    fitted.write(here / "mine", evaluation.fit(plugins.find(own)(), [train]), ())
    with pytest.raises(UserError, match="'mine', which is no built-in detector"):
        fitted_detectors.load_detector(here / "mine")
    assert fitted_detectors.load_detector(here / "mine", own).detector.name == "mine"
    with pytest.raises(UserError, match="it is of detector mine, not of volume"):
        fitted_detectors.load_detector(here / "mine", "volume")


def test_what_is_no_plain_data_is_not_written(here: Path, train: Split) -> None:
    detector = evaluation.fit(DETECTORS["account-age"](), [train])
    detector._sign = pickle  # type: ignore[attr-defined]
    with pytest.raises(UserError, match="a module is no plain value"):
        fitted.write(here / "fitted", detector, ())
    detector._sign = float("nan")  # type: ignore[attr-defined]
    with pytest.raises(UserError, match="nan is no plain value"):
        fitted.write(here / "fitted", detector, ())
    assert not list(here.iterdir())
    (here / "notes.txt").write_text("mine")
    with pytest.raises(UserError, match=r"holds 1 other files, e.g. notes.txt"):
        fitted.write(here, detector, ())


BEYOND: dict[str, Any] = {"trees": 20}


def test_parameters_beyond_their_ranges_are_not_written(here: Path, train: Split) -> None:
    detector = evaluation.fit(DETECTORS[FOREST](**BEYOND), [train])
    with pytest.raises(UserError, match="trees is 20, not from 50 to 500"):
        fitted.write(here / "fitted", detector, ())


def test_plain_values_come_back() -> None:
    value: dict[str, Any] = {"a": [1, -2.5, None, True, "x"], "b": {"c": np.arange(3)}, "d": {}}
    arrays: list[Any] = []
    models: list[Any] = []
    text = json.dumps(plain_values.pack(value, arrays, models))
    back = plain_values.unpack(json.loads(text), arrays, models)
    assert back.pop("b")["c"].tolist() == value.pop("b")["c"].tolist()
    assert back == value


def test_forests_say_what_scikit_learn_says() -> None:
    from sklearn.ensemble import IsolationForest, RandomForestClassifier

    from baselines.detectors.accounts import isolation_forest

    rng = np.random.default_rng(5)
    x, fresh = rng.normal(size=(300, 4)), rng.normal(size=(50, 4))
    forest = RandomForestClassifier(20, min_samples_leaf=3, random_state=0).fit(x, x[:, 0] * x[:, 1] > 0)
    trees = [t.tree_ for t in forest.estimators_]
    flat = forests.flatten(trees, (t.value[:, 0, 1] / t.value[:, 0].sum(axis=1) for t in trees))
    assert np.allclose(forests.mean_value(flat, fresh), forest.predict_proba(fresh)[:, 1], rtol=0, atol=1e-12)
    lonely = IsolationForest(n_estimators=20, random_state=0).fit(x)
    flat = isolation_forest.flattened(lonely)
    assert np.allclose(2.0 ** -forests.mean_value(flat, fresh), -lonely.score_samples(fresh), rtol=0, atol=1e-12)
