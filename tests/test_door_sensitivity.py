"""Groups of dials are moved, worlds are made once, and the words follow from the numbers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner, Result

import siphonbench
from generator.config import dataset_config
from generator.errors import UserError
from generator.pipeline import folder_lock
from leaderboard.records.estimate import Estimate
from siphonbench.cli.main import app
from siphonbench.workflows.sensitivity import design, groups, pages, rows, summary

TWO = ("rate-limit", "volume")
KNOWN = groups.read()


def call(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(a) for a in arguments])


def plan(*names: str, **changes: Any) -> design.Design:
    wanted: dict[str, Any] = {"preset": "nano", "seeds": [11], "detectors": TWO}
    return design.plan(groups=groups.chosen(KNOWN, [*names]), **wanted | changes)


@pytest.mark.parametrize("preset", ["nano", "full"])
def test_every_group_can_be_moved_in_every_preset(preset: str) -> None:
    assert len(KNOWN) >= 12
    study = plan(preset=preset, joint=3)  # `plan` builds the configuration of each setting
    assert len(study.settings) == 1 + 2 * len(KNOWN) - 1 + 3  # the switch is as published at its high end
    assert study.scenario("base").keys() == {"preset", "name", "splits", "text"}


def test_a_level_multiplies_ranges_shares_and_numbers() -> None:
    study = plan("sharers", "mix", "size")
    assert study.scenario("sharers-low")["overlay"]["A1"] == {
        "sharers": {"times": 0.5},
        "link_pool": {"times": 2.0},
    }
    assert study.scenario("size-high")["extraction_accounts"] == 144
    before, after = dataset_config.preset("nano")["mix"], study.scenario("mix-high")["mix"]
    assert sum(after.values()) == pytest.approx(1)
    assert after["B5"] / after["B1"] == pytest.approx(2 * before["B5"] / before["B1"])


def test_groups_that_meet_in_one_dial_multiply(tmp_path: Path) -> None:
    table = tmp_path / "mine.toml"
    one = 'title = "t"\nlow = 0.5\nhigh = 2\narchetypes = "benign"\ndials = { size = 1 }\n'
    table.write_text(f"[one]\n{one}[other]\n{one}")
    study = design.plan("full", [11], TWO, groups.read(table))
    study.settings["both"] = {"one": 2.0, "other": 0.5}
    overlay = study.scenario("both")["overlay"]
    assert overlay["B1"]["size"] == {"times": 1.0}
    # What the preset lays over the archetype stays, and is what is multiplied.
    assert overlay["B2"]["size"][:3] == [1.0, 500.0, "log"]
    assert study.scenario("one-high")["overlay"]["B2"]["size"][:2] == [2.0, 1000.0]
    assert study.scenario("one-high")["overlay"]["B5"]["rate"]["law"] == "lognormal"


def test_joint_settings_are_a_latin_hypercube_between_the_levels() -> None:
    study = plan("links", "paraphrase", "labels", joint=10)
    joint = [levels for name, levels in study.settings.items() if name.startswith("joint-")]
    for name in ("links", "paraphrase"):
        group = KNOWN[name]
        shares = np.log([levels[name] / group.low for levels in joint]) / np.log(group.high / group.low)
        assert sorted(np.floor(shares * 10).astype(int)) == list(range(10))  # one in each tenth
    assert sorted(levels["labels"] for levels in joint) == [0] * 5 + [1] * 5
    assert [study.observed(f"joint-{i}") for i in (1, 2)] == [levels["labels"] == 0 for levels in joint[:2]]


def test_a_study_makes_each_world_once_and_from_its_scenario_file(tmp_path: Path) -> None:
    folder = tmp_path / "study"
    asked = ("sensitivity", folder, "--group", "size", "--detector", TWO[0], "--detector", TWO[1])
    done = call(*asked)
    assert done.exit_code == 0, done.output
    assert "first; they keep their places in" in done.stdout.replace("\n", " ")
    made = {f.name: f.stat().st_mtime_ns for f in (folder / "rows").iterdir()}
    assert set(made) == {f"{s}-seed11.json" for s in ("base", "size-low", "size-high")}
    assert {f.name for f in folder.iterdir()} >= set(pages.NAMES)
    found = json.loads((folder / "sensitivity.json").read_text("utf-8"))
    assert [o["setting"] for o in found["outcomes"]] == ["size-low", "size-high"]
    row = json.loads((folder / "rows" / "size-low-seed11.json").read_text("utf-8"))
    again = siphonbench.generate(seed=11, config=folder / "scenarios" / "size-low.toml", out=tmp_path / "again")
    assert again.digest == row["digest"]
    # What is finished is not made again, also where another process is at the rest.
    (folder / "rows" / "base-seed11.json").unlink()
    with folder_lock.claimed(folder / "rows" / "base-seed11.lock") as ours:
        assert ours
        busy = call(*asked)
        assert (busy.exit_code, busy.stdout) == (2, "")
        assert "none of 2 settings is made beside the published world" in busy.stderr
    assert {f.name: f.stat().st_mtime_ns for f in (folder / "rows").iterdir()}.items() <= made.items()
    other = call(*asked, "--seeds", 12)
    assert other.exit_code == 2
    assert "holds another design: seeds differs" in other.stderr


def test_a_detector_learns_from_observed_labels_where_the_switch_is_low(tmp_path: Path) -> None:
    study = plan("labels", detectors=("volume", "logistic-regression"))
    design.keep(study, tmp_path)
    base, low = rows.make(study, tmp_path)
    assert base.digest == low.digest
    assert base.reached["volume"].value == low.reached["volume"].value  # learns from no label
    assert base.reached["logistic-regression"].value != low.reached["logistic-regression"].value
    (outcome,) = summary.summarise(study, [base, low]).outcomes
    assert (outcome.shifts["volume"].low, outcome.shifts["volume"].high) == (0, 0)  # in pairs: one world


def row(setting: str, seed: int, **values: float) -> rows.WorldRow:
    steps = np.array([-0.01, 0, 0.01])
    reached = {name: Estimate(value, value + steps, (3,)) for name, value in values.items()}
    return rows.WorldRow(setting, seed, f"{setting}{seed}", reached)


def test_words_name_what_holds_and_what_decides() -> None:
    study = plan("links", "size", detectors=("volume", "rate-limit", "random"), seeds=(1, 2), joint=1)
    order = {"volume": 0.5, "rate_limit": 0.4, "random": 0.1}
    turned = {"volume": 0.2, "rate_limit": 0.1, "random": 0.6}

    def named(values: dict[str, float]) -> dict[str, float]:
        return {name.replace("_", "-"): value for name, value in values.items()}

    made = [row(s, seed, **named(turned if s == "links-low" else order)) for s, seed in study.worlds]
    found = summary.summarise(study, made)
    assert (found.order, found.kept, found.noise, found.missing) == (("volume", "rate-limit", "random"), 0.8, 1, 0)
    low, high = found.of("links").values()
    assert (low.kept, high.kept, high.tau) == (False, True, 1)
    assert low.tau == pytest.approx(-1 / 3)
    assert low.shifts["random"].change == pytest.approx(0.5)
    # Two worlds of three folds each: the variances of both are added, and halved by two seeds.
    error = 0.01 * np.sqrt(2 * 2 / 3) * np.sqrt(2) / np.sqrt(2)
    assert low.shifts["random"].high - 0.5 > 1.9 * error
    said = summary.words(found)
    assert "4 of 5 settings (80%): their order holds" in said
    assert 'hangs most on "links" at the level 0.5' in said
    assert "The largest change is that of random" in said
    assert pages.ranked(found) == ["links", "size"]
    part = summary.summarise(study, made[: len(made) // 2 + 1])
    assert "4 of 10 worlds are not made yet" not in summary.words(part)
    assert part.missing == len(made) // 2 - 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--group", "link"), "no group 'link' (did you mean links?): choose of links, sharers"),
        (("--detector", "volume", "--detector", "nobody"), "no detector 'nobody'"),
        (("--detector", "volume"), "a study ranks detectors, and 1 has no order"),
        (("--detector", "volume", "--detector", "cohort-oracle"), "cohort-oracle knows part of the truth"),
        (("--preset", "huge"), "no preset 'huge'"),
    ],
)
def test_bad_options_are_one_sentence(arguments: tuple[str, ...], said: str, tmp_path: Path) -> None:
    done = call("sensitivity", tmp_path / "study", *arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    assert said in done.stderr
    assert not (tmp_path / "study").exists()


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("low = 0.5\nhigh = 40\ndials = { camouflage = 1 }", "g: level 40 takes camouflage to 2 to "),
        ("low = 0.5\nhigh = 2000\ndials = { size = 1 }", "g: level 2000: size: times 2000 is outside 0 to 1000"),
        ("low = 2\nhigh = 3\ndials = { size = 1 }", "g: low 2 and high 3 must lie above 0, on both sides of 1"),
        ("low = 0.5\nhigh = 2\ndials = { sise = 1 }", "g.dials.sise: no such dial (did you mean size?)"),
        ("low = 0.5\nhigh = 2\nmix = ['A1']", "g.mix: 'A1' is no benign archetype"),
        ("low = 0.5\nhigh = 2\nsettings = { days = 1 }", "g.settings.days: is none of accounts"),
        ("low = 0.5\nhigh = 2\nobserved = true", "g: observed is a switch: give it low = 0 and high = 1"),
        ("low = 0.5\nhigh = 2", "g: moves nothing"),
        ("low = 'a'\nhigh = 2\ndials = { size = 1 }", "g: low and high must be numbers, not 'a' and 2"),
        ("low = 0.5\nhihg = 2\ndials = { size = 1 }", "g.hihg: no such key (did you mean high?); g.high: missing"),
    ],
)
def test_a_faulty_table_is_one_sentence(table: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(f'[g]\ntitle = "t"\narchetypes = "campaigns"\n{table}\n')
    with pytest.raises(UserError) as caught:
        groups.read(file)
    assert said in str(caught.value)
