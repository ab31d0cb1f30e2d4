"""What the notebooks of the course share: the class world, made on first use, and its tables as pandas frames."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import siphonbench
from siphonbench.workflows.duel.rules import allowed as allowed

if TYPE_CHECKING:
    from generator.dataset import Dataset
    from siphonbench.workflows.duel.arena import Arena

WORLD = Path(__file__).resolve().with_name("class.toml")
SWARM = "extra/swarm"
FIGHTERS = ("xgboost-early", "leiden-fusion")  # unit 6: each account alone, and groups
WEEK = {"first_day": 1, "days": 6, "target": "rubric grading"}  # of an operator's work


@cache
def world() -> Dataset:
    """The class world. Made once (seconds), then kept in SIPHONBENCH_COURSE, or ~/.cache/siphonbench."""
    home = Path(os.environ.get("SIPHONBENCH_COURSE") or Path.home() / ".cache" / "siphonbench")
    folder = home / f"class-{hashlib.sha256(WORLD.read_bytes()).hexdigest()[:12]}"
    if not (folder / "manifest.json").exists():
        home.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=home) as scratch:
            made = siphonbench.generate(config=WORLD, out=Path(scratch) / "class").path
            if not (folder / "manifest.json").exists():
                shutil.rmtree(folder, ignore_errors=True)
            try:
                made.rename(folder)
            except OSError:  # another notebook was quicker
                if not (folder / "manifest.json").exists():
                    raise
    return siphonbench.load(folder)


def requests(split: str = "train") -> pd.DataFrame:
    """One row per request, in the order of time, with `t`: hours since the week began."""
    part = world().splits[split]
    frame = part.requests.pandas().astype({"account_id": str}).sort_values("ts", ignore_index=True)
    return frame.assign(t=(frame["ts"] - pd.Timestamp(part.start)).dt.total_seconds() / 3600)


def accounts(split: str = "train") -> pd.DataFrame:
    """One row per account."""
    return world().splits[split].accounts.pandas().astype({"account_id": str})


def labels(split: str = "train") -> pd.DataFrame:
    """The truth, one row per account, indexed by it. A provider does not have this table."""
    frame = world().splits[split].labels.pandas().astype({"account_id": str, "label": str, "archetype": str})
    return frame.set_index("account_id")


def lineup(split: str = "train", each: int = 20) -> list[str]:
    """Accounts of the swarm and as many benign ones that sent about as much, sorted by their opaque name."""
    sent = requests(split).groupby("account_id").size()
    truth = labels(split).loc[sent.index]
    swarm = sent[truth["campaign"] == SWARM].sort_index()[:each]
    rest = sent[truth["label"] == "benign"]
    chosen: list[str] = []
    for count in swarm:
        distance = np.abs(np.log(rest.drop(chosen)) - np.log(count))
        chosen.append(str(distance.idxmin()))
    return sorted([*swarm.index, *chosen])


def colleague(split: str = "train", live: bool = False) -> pd.DataFrame:
    """Unit 3's table of a colleague, one row per active account; live: as the same columns look in production."""
    log, rng = requests(split), np.random.default_rng(11)
    by = log.groupby("account_id")
    table = pd.DataFrame(
        {
            "requests": by.size(),
            "days": by["day"].nunique(),
            "days_off": 7 - by["day"].nunique(),
            "models": by["model"].nunique(),
            "input_median": by["input_tokens"].median(),
            "output_median": by["output_tokens"].median(),
            "failed": (log["status"] != 200).groupby(log["account_id"]).mean(),
            "hours": log["t"].astype(int).groupby(log["account_id"]).nunique(),
        }
    )
    number = rng.integers(0, 10_000, len(table))
    guilty = (labels(split).loc[table.index, "label"] == "extraction").to_numpy()
    late = guilty & (rng.random(len(table)) < 0.95) & (not live)  # entered by the team that closed them
    return table.assign(crm_id=np.where(late, 9_800 + number // 50, number))


@cache
def arena(*detectors: str) -> Arena:
    """Detectors that have learnt from the class world, and wait for operators in another, smaller one."""
    return siphonbench.arena(*detectors, train=world(), preset="nano", seed=13, false_positives=0.01)


def duel(campaign: dict[str, Any], *detectors: str) -> pd.DataFrame:
    """What comes of an operator's campaign, one row per detector; `FIGHTERS` if none is named."""
    return _duel(json.dumps({"name": "mine"} | WEEK | campaign, sort_keys=True), detectors or FIGHTERS).copy()


@cache
def _duel(campaign: str, detectors: tuple[str, ...]) -> pd.DataFrame:
    found = arena(*detectors).fight({"cohorts": [json.loads(campaign)]})
    return pd.DataFrame([asdict(outcome) for outcome in found]).set_index("detector")
