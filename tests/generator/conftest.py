from __future__ import annotations

from pathlib import Path

import pytest

from generator import config, release
from generator.config import Config
from generator.dataset import Dataset, load

TINY = {
    "name": "tiny",
    "seed": 7,
    "accounts": 240,
    "extraction_accounts": 36,
    "campaigns": 6,
    "days": 4,
    "quiet_days": 0,
    "buckets": 2,
    "rate_cap": 60,
}


@pytest.fixture(scope="session")
def tiny_config() -> Config:
    return config.from_dict(dict(TINY), "test")


@pytest.fixture(scope="session")
def tiny(tiny_config: Config, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return load(release.generate(tiny_config, Path(tmp_path_factory.mktemp("tiny")) / "data"))
