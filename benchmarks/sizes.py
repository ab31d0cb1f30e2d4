"""Worlds of any size that differ from `medium` in nothing but how many accounts there are."""

from __future__ import annotations

import math

from generator.config import dataset_config
from generator.config.dataset_config import Config

_EACH = 359  # requests of an account of `medium` in its 28 days
_SHARD = 1_400_000  # requests of a shard of `medium`


def world(requests: int, seed: int = 7) -> Config:
    """One world of about so many requests: the preset `medium`, its accounts and campaigns in proportion.

    The number of shards is even, so that two workers end together.
    """
    medium = dataset_config.preset("medium")
    part = requests / (_EACH * medium["accounts"])
    return dataset_config.from_dict(
        medium
        | {
            "seed": seed,
            "name": f"medium-{requests}",
            "splits": ["train"],
            "accounts": max(100, round(part * medium["accounts"])),
            "extraction_accounts": max(27, round(part * medium["extraction_accounts"])),
            "campaigns": max(9, round(part * medium["campaigns"])),
            "least_campaigns": 0,
            "buckets": 2 * math.ceil(requests / _SHARD / 2),
        },
        f"{requests} requests",
    )
