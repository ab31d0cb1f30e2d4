"""Two little worlds with one planted campaign each."""

from __future__ import annotations

import pytest

from baselines.contract import toy_dataset
from generator.dataset import Split


@pytest.fixture(scope="session")
def train() -> Split:
    return toy_dataset.split("train", toy_dataset.world(1))


@pytest.fixture(scope="session")
def target() -> Split:
    return toy_dataset.split("validation", toy_dataset.world(2))
