"""A package to start from: one detector, the contract checks as its tests, and an entry point."""

from __future__ import annotations

import keyword
import re
import shutil
from importlib import util
from pathlib import Path
from string import Template

from baselines import plugins, registry
from baselines.registry import NAMES
from generator.errors import UserError

_LONGEST = 40
_PYPROJECT = """\
[build-system]
requires = ["setuptools>=77"]
build-backend = "setuptools.build_meta"

[project]
name = "siphonbench-$name"
version = "0.1.0"
description = "The detector $name for SiphonBench"
requires-python = ">=3.11"
dependencies = ["siphonbench"]

[project.optional-dependencies]
test = ["pytest"]

[project.entry-points."$group"]
$name = "$module:$kind"

[tool.setuptools]
py-modules = ["$module"]
"""
_README = """\
# $name

A detector for SiphonBench.

    pip install -e ".[test]"
    pytest                                  # the contract, and what the detector promises
    siphonbench baselines check $name
    siphonbench baselines run $name         # once it is installed it stands beside the built-in ones

Without installing, from this folder: `siphonbench baselines check $module:$kind`.
"""
_DETECTOR = '''\
"""Say here what the detector looks for."""

import dataclasses
import typing

import numpy as np
import polars as pl

from baselines.base import detector
from baselines.features import account_features, feature_table, supervision
from generator import arrays, dataset

# Rows of the table of account features (baselines/features/feature_table.py). To count something of your own
# instead, name columns in `fields` below, e.g. ("requests.ip_prefix",); ids may always be read. In `fit` and
# `score`,
#     split.requests.polars().group_by("account_id").agg(pl.col("ip_prefix").n_unique())
# is a lazy Polars frame of them; in `fit`, split.labels.polars() has account_id and label. See docs/author.md.
WANTED = feature_table.named("requests", "quiet_share", "sdks", "output_median")


@dataclasses.dataclass
class $kind(detector.Detector):
    """Logistic regression on four habits of an account: a start, to be replaced by your idea.

    Parameters
    ----------
    strength : float
        Inverse of the penalty on large weights.
    """

    name: typing.ClassVar[str] = "$name"
    description: typing.ClassVar[str] = "logistic regression on four habits"
    source: typing.ClassVar[str] = "your paper"
    # Columns that are not declared are not there to be read.
    fields: typing.ClassVar[tuple[str, ...]] = account_features.fields_of(WANTED)
    tasks: typing.ClassVar[tuple[str, ...]] = ("accounts", "early")

    strength: float = 1.0
    # What is learnt is a field with init=False: a clone comes without it. Plain values can be saved.
    _weights: arrays.F64 = dataclasses.field(init=False, repr=False, default_factory=lambda: np.zeros(len(WANTED)))
    _offset: float = dataclasses.field(init=False, repr=False, default=0.0)

    def fit(self, *worlds: dataset.Split) -> "$kind":
        """Learn from accounts with a label; supervision.labelled leaves grey ones out."""
        from sklearn.linear_model import LogisticRegression
        from sklearn.preprocessing import StandardScaler

        known = supervision.labelled(worlds, WANTED)
        model = LogisticRegression(C=self.strength, class_weight="balanced", max_iter=1000)
        scale, x = StandardScaler(), _filled(known.x)
        model.fit(scale.fit_transform(x), known.positive)
        self._weights = model.coef_[0] / scale.scale_
        self._offset = float(model.intercept_[0] - scale.mean_ @ self._weights)
        return self

    def score(self, split: dataset.Split) -> pl.DataFrame:
        """One row (account_id, score) for every account; higher is worse."""
        frame = account_features.account_features(split, WANTED)
        odds = _filled(supervision.matrix(frame)) @ self._weights + self._offset
        return frame.select("account_id", score=pl.Series(odds))


def _filled(x: arrays.F64) -> arrays.F64:
    """Accounts without a request have no habits: zero stands for them."""
    x[x != x] = 0
    return x
'''
_TEST = '''\
"""The contract that every detector keeps, and what this one promises."""

import pytest

from baselines.base import evaluation
from baselines.contract import checks, toy_dataset
from $module import $kind


@pytest.mark.parametrize("check", list(checks.checks($kind)), ids=lambda check: check.name)
def test_contract(check):
    check()


def test_a_blatant_campaign_leads():
    train, target = (toy_dataset.split("train", toy_dataset.world(seed)) for seed in (1, 2))
    scores = dict(evaluation.run($kind(), train, target).predictions.iter_rows())
    truth = target.labels.polars().collect()
    guilty = set(truth.filter("served")["account_id"].cast(str))
    first = sorted(scores, key=scores.get, reverse=True)[: len(guilty)]
    assert len(guilty.intersection(first)) > len(guilty) / 2
'''


def write(name: str, out: Path | None = None) -> Path:
    """Write a package for a detector of that name.

    Parameters
    ----------
    name : str
        Small letters and digits, words joined by hyphens, e.g. my-idea.
    out : Path, optional
        New or empty folder; the name if left out.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    UserError
        If the name can't be used, with every reason, or the folder holds something.
    """
    folder = out or Path(name)
    module, _, kind = address(name).partition(":")
    if faults := _faults(name, module, kind):
        raise UserError(f"detector name {name!r}: {'; '.join(faults)}; write e.g. my-idea")
    if folder.is_file() or (folder.exists() and any(folder.iterdir())):
        raise UserError(f"{folder} exists and is not an empty folder; choose another with --out")
    values = {"name": name, "module": module, "kind": kind, "group": registry.GROUP}
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    files = {"pyproject.toml": _PYPROJECT, "README.md": _README, f"{module}.py": _DETECTOR}
    for file, text in (files | {f"tests/test_{module}.py": _TEST}).items():
        (partial / file).parent.mkdir(parents=True, exist_ok=True)
        (partial / file).write_text(Template(text).substitute(values), "utf-8")
    if folder.exists():
        folder.rmdir()
    partial.rename(folder)
    return folder


def address(name: str) -> str:
    """Module and class of a detector.

    Parameters
    ----------
    name : str
        Small letters and digits, words joined by hyphens.

    Returns
    -------
    str
        "module:Class".

    Examples
    --------
    >>> address("my-idea")
    'my_idea:MyIdea'
    """
    return f"{name.replace('-', '_')}:{''.join(word.capitalize() for word in name.split('-'))}"


def _faults(name: str, module: str, kind: str) -> list[str]:
    if len(name) > _LONGEST or not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name):
        return [f"at most {_LONGEST} small letters and digits, words joined by single hyphens, a letter first"]
    taken = name in NAMES or name in plugins.installed()
    word = keyword.iskeyword(module) or keyword.iskeyword(kind)
    spec = None if word else util.find_spec(module)
    return [
        reason
        for reason, fault in (
            ("there is a detector of this name", taken),
            ("it is a word of Python", word),
            (f"there is a module {module} already", module == "tests" or bool(spec and spec.origin)),
        )
        if fault
    ]
