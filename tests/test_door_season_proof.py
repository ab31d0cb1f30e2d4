"""What a season proves: `season check` notices every change; a season ends once, and takes nothing then."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from generator.errors import UserError
from generator.pipeline import sealed_worlds
from leaderboard.seasons import attempts_table, receipts, results, rules
from leaderboard.seasons.receipts import ChainLink
from siphonbench.workflows.seasons import sealing, season_end
from tests.test_door_season import SCENARIO, call, guess, refused

Change = Callable[[Path], object]
_TEAMS = ("A", "B", "A", "C", "B")


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A season of five attempts, unsealed, and the receipts that its teams hold."""
    root = tmp_path_factory.mktemp("ended")
    (root / "little.toml").write_text(SCENARIO)
    folder, secret = root / "spring", root / "spring.secret"
    call(
        *("seal", "spring", "--scenario", root / "little.toml", "--closes", "2999-12-31", "--every", 0),
        *("--out", folder, "--secret", secret, "--workers", 1),
    )
    (root / "receipts").mkdir()
    season, sealed = sealing.opened(folder, secret)
    service = sealing.service(season, sealed, secret)
    for seed, team in enumerate(_TEAMS):
        taken = service.submit(team, "accounts", guess(folder, root / "p.parquet", seed))
        (root / "receipts" / f"{seed}.json").write_text(json.dumps(taken.link.receipt(season.commitment)))
    season_end.unseal(folder, secret, early=True)
    shutil.copy(folder / results.CLOSING_FILE, root / "receipts" / "closing.json")
    return root


@pytest.fixture(scope="module")
def made_worlds() -> dict[str, Path]:
    return {}


@pytest.fixture
def copy(ended: Path, tmp_path: Path, made_worlds: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it; its world is made again once for all tests."""
    make = sealed_worlds.world

    def once(sealed: sealed_worlds.Seal, out: Path, *more: Any) -> Path:
        if sealed.commitment not in made_worlds:
            made_worlds[sealed.commitment] = make(sealed, ended / f"again-{sealed.commitment[:8]}", *more)
        return made_worlds[sealed.commitment]

    monkeypatch.setattr(sealed_worlds, "world", once)
    shutil.copytree(ended, tmp_path / "copy", ignore=shutil.ignore_patterns("again-*"))
    return tmp_path / "copy" / "spring"


def check(folder: Path, *, held: bool = False) -> list[str]:
    """Faults that `season check` finds, or the one sentence that refuses what can't even be read."""
    try:
        kept = folder.parent / "receipts" if held else None
        return season_end.check(folder, None, None, kept, 1, lambda done, total: None)[1]
    except UserError as error:
        return [str(error)]


def edit(name: str, change: Callable[[dict[str, Any]], object]) -> Change:
    """Change the JSON of a file in place."""

    def apply(folder: Path) -> None:
        document = json.loads((folder / name).read_text())
        change(document)
        (folder / name).write_text(json.dumps(document))

    return apply


def season(**values: object) -> Change:
    return edit("season.json", lambda d: d.update(values))


def rule(**values: object) -> Change:
    return edit("season.json", lambda d: d["rules"].update(values))


def scores(change: Callable[[list[dict[str, Any]]], object]) -> Change:
    return edit("scores.json", lambda d: change(d["scores"]))


def attempt(place: int, **values: object) -> Change:
    return scores(lambda s: s[place].update(values))


def _swap(first: dict[str, Any], second: dict[str, Any], *keys: str) -> None:
    for key in keys:
        first[key], second[key] = second[key], first[key]


def _zeroed(document: dict[str, Any]) -> None:
    document["decimals"] = 0
    for one in document["scores"]:
        one.update(score=0.0, counting=0.0)


def _extra_file(folder: Path) -> None:
    shutil.copy(next((folder / "entries").iterdir()), folder / "entries" / f"{'0' * 64}.rows")


def _other_rows(folder: Path) -> None:
    first, second = sorted((folder / "entries").iterdir())[:2]
    shutil.copy(first, second)


def _table(folder: Path) -> None:
    file = next((folder / "test" / "requests").rglob("*.parquet"))
    pl.read_parquet(file).head(10).write_parquet(file)


PLAIN: dict[str, Change] = {
    # what was sealed
    "secret": edit("secret.json", lambda d: d.update(secret="0" * 64)),
    "config": edit("secret.json", lambda d: d["config"].update(accounts=241)),
    "seal": season(seal="0" * 64),
    "commitment": season(commitment="0" * 64),
    "world": season(world="0" * 64),
    "evaluator": season(evaluator="0"),
    "versions": edit("season.json", lambda d: d["versions"].update(numpy="0")),
    "accounts": season(accounts=239),
    "days": season(days=4),
    "start": season(start="2001-01-01T00:00:00"),
    "unsealed": season(unsealed=False),
    "format": season(format=1),
    "table": _table,
    "no manifest entry": edit("manifest.json", lambda d: d["splits"]["test"]["files"].popitem()),
    # rules
    "name": rule(name="autumn"),
    "tasks": rule(tasks=["accounts", "requests"]),
    "opens": rule(opens="2001-01-01T00:00:00+00:00"),
    "closes": rule(closes="3000-01-01T00:00:00+00:00"),
    "attempts": rule(attempts=9),
    "every": rule(every=60),
    "decimals": rule(decimals=1),
    "total": rule(total=31),
    "beacon": rule(beacon="drand round 1"),
    # attempts
    "first left out": scores(lambda s: s.pop(0)),
    "one left out": scores(lambda s: s.pop(2)),
    "last left out": scores(lambda s: s.pop()),
    "all left out": scores(lambda s: s.clear()),
    "one listed 31 times": scores(lambda s: s.extend(dict(s[0]) for _ in range(30))),
    "one slipped in": scores(lambda s: s.append(s[0] | {"number": 6, "id": "f" * 32, "team": "Mine"})),
    "one moved": scores(lambda s: s.insert(0, s.pop())),
    "teams swapped": scores(lambda s: _swap(s[0], s[1], "team")),
    "files swapped": scores(lambda s: _swap(s[0], s[1], "file")),
    "scores swapped": scores(lambda s: _swap(s[0], s[1], "counting", "score")),
    "score": scores(lambda s: s[0].update(score=s[0]["score"] + 0.01)),
    "counting": scores(lambda s: s[0].update(counting=s[0]["counting"] + 0.01)),
    "scores zeroed": edit("scores.json", _zeroed),
    "failed": attempt(0, failed=True, score=None, counting=None),
    "no score": attempt(0, score=None),
    "task": attempt(0, task="requests"),
    "made": attempt(0, made=1.0),
    "id": attempt(0, id="f" * 32),
    "digest": attempt(0, digest="f" * 64),
    "count": edit("scores.json", lambda d: d.update(attempts=4)),
    # files
    "rows": _other_rows,
    "more rows": _extra_file,
    "no rows": lambda folder: next((folder / "entries").iterdir()).unlink(),
    "no scores": lambda folder: (folder / "scores.json").unlink(),
    "no closing": lambda folder: (folder / "closing.json").unlink(),
    "closing's attempts": edit("closing.json", lambda d: d.update(attempts=4)),
    "closing's head": edit("closing.json", lambda d: d.update(head="f" * 64)),
    "closing's moment": edit("closing.json", lambda d: d.update(closed=1.0)),
    "closing's beacon": edit("closing.json", lambda d: d.update(beacon="7")),
}


def rewritten(change: Callable[[list[dict[str, Any]]], object], **new_rules: Any) -> Change:
    """What a careful cheat does: change attempts or rules, then make commitment, chain and closing anew."""

    def apply(folder: Path) -> None:
        now = rules.read(folder)
        again = replace(now, rules=replace(now.rules, **new_rules)).committed()
        rules.write(again, folder)
        document = json.loads((folder / "scores.json").read_text())
        change(document["scores"])
        previous = again.commitment
        for number, one in enumerate(document["scores"], 1):
            one.update(number=number, previous=previous)
            link = ChainLink(**{k: one[k] for k in results._LINK})
            previous = one["digest"] = link.digest
        document.update(commitment=again.commitment, attempts=len(document["scores"]))
        (folder / "scores.json").write_text(json.dumps(document))
        end = results.read_closing(folder)
        assert end is not None
        end = replace(end, commitment=again.commitment, attempts=document["attempts"], head=previous)
        (folder / "closing.json").write_text(json.dumps(asdict(end)))

    return apply


REWRITTEN: dict[str, Change] = {
    "closing time": rewritten(lambda s: None, closes=rules.checked_rules("x", ("accounts",), "2998-01-01").closes),
    "attempts allowed": rewritten(lambda s: None, attempts=9),
    "left out": rewritten(lambda s: s.pop(1)),
    "last left out": rewritten(lambda s: s.pop()),
    "slipped in": rewritten(lambda s: s.append(s[0] | {"id": "f" * 32, "team": "Mine"})),
    "slipped in first": rewritten(lambda s: s.insert(0, s[0] | {"id": "f" * 32, "team": "Mine"})),
    "team": rewritten(lambda s: s[3].update(team="Mine")),
    "time": rewritten(lambda s: s[3].update(made=s[3]["made"] - 1)),
}


def test_what_was_not_touched_is_sound(copy: Path) -> None:
    assert check(copy, held=True) == []
    document = json.loads((copy / "scores.json").read_text())
    assert [one["team"] for one in document["scores"]] == list(_TEAMS)
    assert {one["number"] for one in document["scores"]} == {1, 2, 3, 4, 5}
    assert "5 scores" in call("check", copy, "--workers", 1, "--receipts", copy.parent / "receipts")


@pytest.mark.parametrize("manipulation", PLAIN)
def test_every_manipulation_is_noticed(manipulation: str, copy: Path) -> None:
    PLAIN[manipulation](copy)
    assert check(copy) != []


@pytest.mark.parametrize("manipulation", REWRITTEN)
def test_receipts_show_what_was_rewritten_from_the_commitment_on(manipulation: str, copy: Path) -> None:
    REWRITTEN[manipulation](copy)
    faults = check(copy, held=True)
    assert [fault for fault in faults if "receipt" in fault] != []
    assert all("receipt" in fault for fault in faults if manipulation != "left out" and "rows" not in fault)


def test_a_changed_receipt_is_none(copy: Path) -> None:
    edit("../receipts/0.json", lambda d: d.update(team="Mine"))(copy)
    assert "changed after it was given" in refused("check", copy, "--receipts", copy.parent / "receipts")


def test_once_unsealed_nothing_is_taken_and_it_ends_once(copy: Path, tmp_path: Path) -> None:
    secret = copy.parent / "spring.secret"
    file = guess(copy, tmp_path / "p.parquet", 9)
    before = {path: path.read_bytes() for path in copy.rglob("*") if path.is_file()}
    team = ("--team", "D", "--secret", secret)
    assert "nothing is taken any more" in refused("submit", copy, file, *team)
    assert "unsealed before" in refused("unseal", copy, "--secret", secret, "--before-close")
    # Nor does it help the owner to take the mark away again.
    edit("season.json", lambda d: d.update(unsealed=False))(copy)
    assert "nothing is taken any more" in refused("submit", copy, file, *team)
    call("unseal", copy, "--secret", secret)
    assert {path: path.read_bytes() for path in copy.rglob("*") if path.is_file()} == before
    assert check(copy, held=True) == []


def test_a_receipt_is_written_where_it_is_asked_for(copy: Path, tmp_path: Path) -> None:
    held = json.loads((copy.parent / "receipts" / "0.json").read_text())
    (tmp_path / "held").mkdir()
    # As a server's answer has it, with other things around it.
    (tmp_path / "held" / "answer.json").write_text(json.dumps({"id": held["id"], "left": 2, "receipt": held}))
    assert "5 scores" in call("check", copy, "--workers", 1, "--receipts", tmp_path / "held")
    assert "no .json file" in refused("check", copy, "--receipts", tmp_path)


def test_an_owner_who_changes_a_rule_takes_nothing(ended: Path, copy: Path, tmp_path: Path) -> None:
    rule(attempts=99)(copy)
    file = guess(copy, tmp_path / "p.parquet", 9)
    secret = copy.parent / "spring.secret"
    assert "commitment" in refused("submit", copy, file, "--team", "D", "--secret", secret)


def test_a_closed_season_takes_nothing_and_counts_by_its_beacon(tmp_path: Path) -> None:
    (tmp_path / "little.toml").write_text(SCENARIO)
    folder, secret = tmp_path / "spring", tmp_path / "spring.secret"
    call(
        *("seal", "spring", "--scenario", tmp_path / "little.toml", "--closes", "2999-12-31", "--every", 0),
        *("--out", folder, "--secret", secret, "--workers", 1, "--beacon", "drand round 4000000"),
    )
    file = guess(folder, tmp_path / "p.parquet")
    owner = ("--secret", secret)
    call("submit", folder, file, "--team", "A", *owner)
    assert "--before-close" in refused("close", folder, *owner, "--beacon", "5e2a")
    assert "drand round 4000000" in refused("close", folder, *owner, "--before-close")
    assert "1 attempts" in call("close", folder, *owner, "--before-close", "--beacon", "5e2a")
    assert "nothing is taken any more" in refused("submit", folder, file, "--team", "A", *owner)
    assert "can't be changed" in refused("close", folder, *owner, "--beacon", "77")
    call("unseal", folder, *owner)
    assert check(folder) == []
    opened = sealing.opened(folder, secret)[1]
    world = sealing.private(secret) / "world"
    labels = sealing.scored_split(world, opened).split.labels.polars().collect()
    hidden, counted = (
        set(sealing.scored_split(world, opened, beacon).parts.accounts(labels, "counting"))
        for beacon in ("", "5e2a")
    )
    assert counted < hidden
    with attempts_table.engine(f"sqlite:///{sealing.private(secret) / 'season.db'}").connect() as connection:
        end = receipts.closing(connection)
    assert end == results.read_closing(folder)
