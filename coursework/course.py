"""What the notebooks of the course share: the class world, made on first use, its tables, scores, and a style."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib.pyplot as plt
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
SCORES = "SIPHONBENCH_SCORES"  # names the file in which your scores are kept from unit to unit
STYLE = {
    "axes.prop_cycle": plt.cycler(color=["#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9"]),
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "legend.frameon": False,
    "figure.dpi": 110,
}
"""Of all figures of the course: colours that colour-blind people tell apart (Okabe and Ito), and no frames."""
plt.rcParams.update(STYLE)
WEEK = {"first_day": 1, "days": 6, "target": "rubric grading"}  # of an operator's work


_moved: list[Path] = []  # the hand-out that the tables come from, once `move_to` was called


def world() -> Dataset:
    """The class world, or the data of your hand-out once you have moved there."""
    return siphonbench.load(_moved[-1]) if _moved else _class_world()


def move_to(handout: str | Path) -> None:
    """Let all tables come from a hand-out's data from now on, instead of from the class world."""
    _moved.append(Path(handout) / "data")


@cache
def _class_world() -> Dataset:
    """Made once (seconds), then kept in SIPHONBENCH_COURSE, or ~/.cache/siphonbench."""
    home = Path(os.environ.get("SIPHONBENCH_COURSE") or Path.home() / ".cache" / "siphonbench")
    recipe = WORLD.read_bytes() + siphonbench.__version__.encode()  # another version makes another world
    folder = home / f"class-{hashlib.sha256(recipe).hexdigest()[:12]}"
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


def judged(split: str = "train") -> pd.DataFrame:
    """The truth of those whom boards count: benign accounts, and those that served a campaign, sorted by name.

    Left out are grey accounts, which the truth leaves open, and sleepers: accounts of a campaign that sent nothing
    for it in this week. Nobody can find in a log what is not in it.
    """
    truth = labels(split).sort_index()
    return truth[truth["served"] | (truth["label"] == "benign")]


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


def scored(method: str, scores: pd.Series, split: str = "validation") -> pd.DataFrame:
    """What the benchmark says of a method's scores of a week, beside your methods so far; kept for the next units.

    `scores` are indexed by account; who isn't in it gets the lowest one. The number is the one that boards rank
    by: average precision, mean over the tiers, with a 95 % interval; sleepers and grey accounts are left out.
    """
    with tempfile.TemporaryDirectory() as folder:
        found = siphonbench.evaluate(world(), _answer(scores, split, Path(folder)), split).primary
    row = {"AP": found.value, "low": found.low, "high": found.high, "chance": found.chance}
    file = Path(os.environ.get(SCORES) or Path.home() / ".cache" / "siphonbench" / "course-scores.json")
    kept = json.loads(file.read_text("utf-8")) if file.exists() else {}
    kept[method] = {name: round(float(value), 4) for name, value in row.items()}
    with contextlib.suppress(OSError):  # nothing is lost but the comparison
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(kept, indent=1), "utf-8")
    return pd.DataFrame(kept).T.sort_index().round(3)


def hand_in(scores: pd.Series, folder: str | Path = ".") -> Path:
    """Write scores of the week `test` as the class board takes them: one row for every account."""
    return _answer(scores, "test", Path(folder))


def _answer(scores: pd.Series, split: str, folder: Path) -> Path:
    everybody = accounts(split)["account_id"]
    given = scores.reindex(everybody).astype(float)
    table = pd.DataFrame({"account_id": everybody.array, "score": given.fillna(scores.min() - 1).array})
    table.to_csv(folder / "predictions.csv", index=False)
    return folder / "predictions.csv"


@cache
def arena(*detectors: str) -> Arena:
    """Detectors that have learnt from the class world, and wait for operators in another, smaller one."""
    return siphonbench.arena(*detectors, train=_class_world(), preset="nano", seed=17, false_positives=0.01)


def duel(campaign: dict[str, Any], *detectors: str) -> pd.DataFrame:
    """What comes of an operator's campaign, one row per detector; `FIGHTERS` if none is named."""
    return _duel(json.dumps({"name": "mine"} | WEEK | campaign, sort_keys=True), detectors or FIGHTERS).copy()


@cache
def _duel(campaign: str, detectors: tuple[str, ...]) -> pd.DataFrame:
    found = arena(*detectors).fight({"cohorts": [json.loads(campaign)]})
    return pd.DataFrame([asdict(outcome) for outcome in found]).set_index("detector")
