"""The stack trusts members by what they say of campaigns that they have not seen."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

import numpy as np
import polars as pl
import pytest

from baselines.base import detector, evaluation
from baselines.detectors.relational import stacked
from baselines.detectors.trivial.volume import Volume
from baselines.features import supervision
from generator.dataset import Split


@dataclass
class Memory(detector.Detector):
    """Knows by heart who extracted in training, and nothing else."""

    name = "memory"
    description = source = "test"
    fields = ("requests.ts",)
    _known: list[str] = field(init=False, repr=False, default_factory=list)

    def fit(self, *worlds: Split) -> Self:
        for world in worlds:
            ids = detector.accounts(world)
            known = supervision.training_labels(world, ids)
            self._known += ids.gather(known.rows[known.positive]).to_list()
        return self

    def score(self, split: Split) -> pl.DataFrame:
        ids = detector.accounts(split)
        return pl.DataFrame({"account_id": ids, "score": ids.is_in(self._known).cast(pl.Float64)})


def test_a_member_that_learns_names_by_heart_weighs_nothing(
    monkeypatch: pytest.MonkeyPatch, train: Split, target: Split
) -> None:
    monkeypatch.setattr(stacked, "MEMBERS", (Volume, Memory))
    fitted = evaluation.fit(stacked.Stacked(), [train])
    assert isinstance(fitted, stacked.Stacked)
    by_volume, by_heart = fitted._weights
    assert by_volume > 0.5
    assert by_heart == 0
    scores = evaluation.answer(fitted, target)
    alone = evaluation.run(Volume(), train, target).predictions
    assert scores["score"].rank().equals(alone["score"].rank())


def test_cohorts_stay_whole_and_every_fold_has_its_campaigns(train: Split) -> None:
    fold, bad = stacked._dealt(train, 2)
    ids = detector.accounts(train)
    cohort = supervision.cohort_numbers(train, ids)
    assert all(len(set(fold[cohort == c])) == 1 for c in np.unique(cohort))
    assert sorted(np.bincount(fold[bad])) == [12, 12]  # two campaigns of six each
    part = stacked._part(train, fold == 0)
    assert detector.accounts(part).equals(ids.filter(pl.Series(fold == 0)))
    owners = part.requests.polars().select(pl.col("account_id").cast(pl.String).unique()).collect()
    assert set(owners.to_series()) <= set(detector.accounts(part))


def test_with_one_campaign_members_count_alike(monkeypatch: pytest.MonkeyPatch, train: Split) -> None:
    monkeypatch.setattr(stacked, "MEMBERS", (Volume, Memory))
    fold, bad = stacked._dealt(train, 4)
    one = stacked._part(train, (fold == 0) | ~bad)
    fitted = evaluation.fit(stacked.Stacked(), [one])
    assert isinstance(fitted, stacked.Stacked)
    assert fitted._weights.tolist() == [1, 1]
