"""An operator that adapts: what its search promises, and rounds against a detector that learns."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner, Result

import siphonbench
from baselines.contract import toy_dataset
from generator.config import dataset_config
from generator.errors import UserError
from siphonbench.cli.main import app
from siphonbench.workflows.duel import moves, redteam, redteam_page, rules, search
from siphonbench.workflows.duel.outcome import DuelOutcome
from siphonbench.workflows.duel.search import Means, Try

START = {"cohorts": [{"name": "mine", "archetype": "A1", "tier": "evasive", "accounts": 20}]}


def outcome(worth: float, **other: Any) -> DuelOutcome:
    plain: dict[str, Any] = dict.fromkeys(DuelOutcome.__dataclass_fields__, 0) | {"detector": "d", "task": "early"}
    return DuelOutcome(**plain | {"tokens_per_usd": worth} | other)


def camouflage(document: dict[str, Any]) -> float:
    """Of the first campaign; half of it where nothing is said."""
    return float(document["cohorts"][0].get("dials", {}).get("camouflage", 0.5))


def call(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(a) for a in arguments])


def test_places_are_the_ends_that_an_archetype_allows() -> None:
    for name, group in moves.moves().items():
        for place in (0.0, 0.5, 1.0):
            document = moves.moved(START, {name: place})
            assert list(rules.faults(document, 500)) == []
            dials = document["cohorts"][0]["dials"]
            assert set(dials) <= set(group.dials)
            for dial, value in dials.items():
                low, high = rules.allowed("A1")[dial]
                assert low <= value <= high
                if place != 0.5:
                    assert value == pytest.approx(high if (place == 1) == (group.dials[dial] > 0) else low)
    assert moves.moved(START, {})["cohorts"][0]["dials"] == {}
    assert "dials" not in START["cohorts"][0]


def test_an_operator_with_no_freedom_has_exploitability_one() -> None:
    tries = search.search(lambda d: outcome(100 * camouflage(d)), START, Means(), 5, 1, free=())
    assert [t.places for t in tries] == [{}] * 5
    response = redteam.OperatorResponse(1, (tuple(tries),), (tries[0], search.best(tries)))
    assert response.exploitability == response.exploitability_elsewhere == 1


def test_who_may_stop_camouflaging_does_never_worse_and_finds_it() -> None:
    free = ("camouflage", "links", "topics")
    for seed in range(3):
        tries = search.search(lambda d: outcome(2 - camouflage(d)), START, Means(), 30, seed, free)
        assert tries[0].places == {}
        assert search.best(tries).worth >= tries[0].worth
        assert search.best(tries).places["camouflage"] < 0.2


def test_what_cannot_be_had_or_paid_is_worth_nothing_and_told() -> None:
    def fight(document: dict[str, Any]) -> DuelOutcome:
        if camouflage(document) < 0.2:
            raise UserError("can't be had together")
        return outcome(3 - camouflage(document), cards=100 if camouflage(document) < 0.4 else 10)

    tries = search.search(fight, START, Means(cards=50), 30, 2, ("camouflage",))
    assert {t.why for t in tries} == {
        "",
        "can't be had together",
        "100 cards are asked for, and there are 50",
    }
    assert all(t.worth == 0 for t in tries if t.why)
    assert search.best(tries).outcome is not None
    with pytest.raises(UserError, match="first try: 10 cards are asked for, and there are 9"):
        search.search(fight, START, Means(cards=9), 3, 2, ())
    with pytest.raises(UserError, match=r"cards -1: give numbers above 0"):
        Means(cards=-1)


def test_a_search_goes_on_with_the_tries_that_are_kept(tmp_path: Path) -> None:
    asked: list[dict[str, Any]] = []

    def fight(document: dict[str, Any]) -> DuelOutcome:
        asked.append(document)
        return outcome(2 - camouflage(document))

    def file(number: int) -> Path:
        return tmp_path / f"{number}.json"

    run: Callable[[int], list[Try]] = lambda trials: search.search(  # noqa: E731
        fight, START, Means(), trials, 5, ("camouflage", "links"), file
    )
    first = run(6)
    assert len(asked) == 6
    assert run(9)[:6] == first
    assert len(asked) == 9
    file(3).write_text('{"places": {}}')
    with pytest.raises(UserError, match=r"3\.json is no try"):
        run(9)


def test_reviews_teach_whom_they_caught_and_nothing_else() -> None:
    world = toy_dataset.split("test", toy_dataset.world(3))
    labels = world.labels.polars().select(pl.col("account_id", "label", "cohort").cast(pl.String)).collect()
    bad = labels.filter(label="extraction")["account_id"].to_list()
    seen = set(bad[: len(bad) // 2])
    scores = labels.select("account_id", score=pl.col("account_id").is_in(seen).cast(pl.Float64))
    learnt = redteam.as_provider(world, scores, 0.001)
    known = learnt.labels.polars().collect()
    caught = known.filter(label="extraction")
    assert set(caught["account_id"]) <= seen
    assert len(caught)
    assert caught["cohort"].n_unique() < len(caught)
    assert known.filter(label="benign")["cohort"].n_unique() == len(known) - len(caught)
    assert set(known["label"]) == {"extraction", "benign"}
    with pytest.raises(Exception, match="truth"):
        _ = learnt.request_labels


def test_all_is_written_and_best_responses_can_be_fought(tmp_path: Path) -> None:
    terms = redteam.Terms({"name": "d", "sha256": ""}, "nano", (7,), 2, 3, 3, START, Means(), ("camouflage",))
    tries = (Try({}, outcome(10)), Try({"camouflage": 0.25}, outcome(15, prevented=0.4)), Try({}, None, "no"))
    response = redteam.OperatorResponse(7, (tries, tries), (tries[0], tries[1]))
    written = redteam_page.write(terms, [response], tmp_path)
    assert [f.name for f in written] == [
        "redteam.md",
        "redteam.json",
        "redteam.svg",
        "adapted-d-7.toml",
        "best-7-round1.toml",
        "best-7-round2.toml",
    ]
    assert json.loads(written[1].read_text("utf-8"))["responses"][0]["exploitability"] == 1.5
    assert "| 7 | 1 | 10 | 15 | 0.400 | 1.50 | 1.50 | camouflage 0.25 |" in written[0].read_text("utf-8")
    rules.plan(rules.read(written[4]), "best")
    adapted, plain = dataset_config.from_file(written[3], 7), dataset_config.from_preset("nano", 7)
    assert adapted.name == "adapted-d-7"
    assert {name.partition(".")[0] for name in adapted.overlay} == set(plain.campaign_archetypes)
    assert all(set(dials) == {"camouflage"} for dials in adapted.overlay.values())
    once = written[2].read_bytes()
    redteam_page.write(terms, [response], tmp_path)
    assert written[2].read_bytes() == once
    unlike = replace(terms, trials=4)
    assert redteam_page.words(unlike, [response]).endswith("most often: camouflage (1 of 1).")


@pytest.mark.slow
def test_two_rounds_at_the_command_line_and_again(
    nano: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    siphonbench.fit("honeypot-propagation", nano).save("fitted")
    asked = ("redteam", "fitted", "--data", nano, "--seed", 3, "--trials", 2, "--rounds", 2, "--size", 40)
    done = call(*asked, "--out", "there", "--json")
    assert done.exit_code == 0, done.output
    (found,) = json.loads(done.stdout)["responses"]
    assert found["exploitability"] >= 1
    assert len(list(Path("there", "tries").iterdir())) == 2 * 2 + 2
    again = call(*asked, "--out", "there", "--json")
    assert again.stdout == done.stdout
    refused = call(*asked, "--out", "there", "--every", 2)
    assert refused.exit_code == 2
    assert "holds another design: every differs" in refused.stderr


def test_what_can_not_be_is_refused(tmp_path: Path) -> None:
    for options, told in (
        (("--rounds", 2), "--rounds 2: name with --data what the detector learns from again"),
        ((), "detector.json"),
    ):
        done = call("redteam", tmp_path, *options)
        assert done.exit_code == 2
        assert told in " ".join(done.stderr.split())
    with pytest.raises(UserError, match="no preset 'tiny'"):
        moves.first_try("tiny", "evasive")
    with pytest.raises(UserError, match="no group 'linkz'"):
        moves.moves(["linkz"])
