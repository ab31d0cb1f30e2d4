from __future__ import annotations

from dataclasses import replace

import pytest

from generator.config import archetypes, dataset_config
from generator.config.dataset_config import Config
from generator.dataset import Dataset, load
from generator.pipeline import generate
from generator.schema import TIERS
from tests.conftest import Once
from tests.generator.one_archetype import make

__all__ = ["make"]

TINY = {
    "name": "tiny",
    "seed": 7,
    "accounts": 240,
    "extraction_accounts": 36,
    "campaigns": 9,
    "days": 4,
    "quiet_days": 0,
    "buckets": 2,
    "rate_cap": 60,
    "text": "sample",
    "prompts_per_account": 5,
}


@pytest.fixture(scope="session")
def tiny_config() -> Config:
    return dataset_config.from_dict(dict(TINY), "test")


@pytest.fixture(scope="session")
def all_kinds(tiny_config: Config) -> Config:
    """A small world with a cohort of every archetype in every tier."""
    return replace(
        tiny_config,
        days=6,
        cohorts=tuple(
            dataset_config.ExtraCohort(f"extra {a.id} {tier}", a.id, 6 if a.label == "benign" else 9, tier)
            for a in archetypes.archetypes().values()
            for tier in (TIERS if a.label == "extraction" else ("",))
        ),
    )


@pytest.fixture(scope="session")
def tiny(tiny_config: Config, once: Once) -> Dataset:
    return load(once("tiny", lambda folder: generate.generate(tiny_config, folder)))
