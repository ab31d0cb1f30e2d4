"""Two little worlds with one planted campaign each."""

from __future__ import annotations

import pytest

from baselines import little_world
from generator.dataset import Split


@pytest.fixture(scope="session")
def train() -> Split:
    return little_world.split("train", little_world.world(1))


@pytest.fixture(scope="session")
def target() -> Split:
    return little_world.split("validation", little_world.world(2))
