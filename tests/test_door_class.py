"""A class by its commands: from roster to grades, and what it refuses."""

from __future__ import annotations

import csv
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
from starlette.testclient import TestClient
from typer.testing import CliRunner

import siphonbench
from generator import dataset, schema
from generator.config import dataset_config
from generator.errors import MaskedLabelsError, UserError
from leaderboard.records.task_definitions import submitted
from leaderboard.seasons import grades, routes
from siphonbench.cli.main import app
from siphonbench.workflows.seasons import class_folder, class_grades, classroom
from tests.test_door_season import answer, guess

CLASS = 5
LITTLE = """
preset = "nano"
name = "little"
accounts = 80
extraction_accounts = 27
campaigns = 9
days = 1
quiet_days = 0
rate_cap = 20
"""


@pytest.fixture
def here(here: Path) -> Path:
    (here / "little.toml").write_text(LITTLE)
    return here


def call(*arguments: object, code: int = 0) -> str:
    done = CliRunner().invoke(app, ["class", *map(str, arguments)])
    assert done.exit_code == code, done.output
    return (done.stdout if code == 0 else done.stderr).strip()


def roster(folder: Path, size: int, name: str = "roster.csv") -> Path:
    rows = [f"s{i:03d},Student {i},s{i}@school.example" for i in range(size)]
    (folder / name).write_text("\n".join(["id,name,email", *rows]) + "\n")
    return folder / name


def new(*more: object) -> None:
    call("new", "ml-101", "--scenario", "little.toml", "--deadline", "2999-01-31", *more)


def nicknames(folder: Path) -> list[Path]:
    return sorted((folder / "ml-101" / "hand-out").iterdir())


@pytest.mark.slow
def test_a_class_from_roster_to_grades(here: Path) -> None:
    new()
    assert f"{CLASS} enrolled" in call("roster", "ml-101", roster(here, CLASS))
    handed = nicknames(here)
    assert len(handed) == CLASS
    for seed, student in enumerate(handed[:-1]):
        file = guess(student / "data", here / "predictions.parquet", seed)
        assert "attempts left today: 2" in call("submit", "ml-101", file, "--token-file", student / "token.txt")
    board = call("board", "ml-101")
    assert all(s.name in board for s in handed[:-1])
    assert "Student 3" not in board
    call("page", "ml-101", "--out", "page.html", "--full", 0.3)
    page = (here / "page.html").read_text()
    assert f"{CLASS - 1} of {CLASS} students" in page
    assert "95 % interval" in page
    assert all(f"Student {i}<" in page for i in range(CLASS))
    for lms, key in (("canvas", "SIS User ID"), ("moodle", "ID number")):
        call("grades", "ml-101", "--out", "grades.csv", "--lms", lms, "--full", 0.3)
        rows = list(csv.DictReader((here / "grades.csv").open()))
        points = {r[key]: float(r["ml-101"]) for r in rows if r[key]}
        assert len(points) == CLASS
        assert sum(p == 0 for p in points.values()) == 1
        assert max(points.values()) <= 100


def test_worlds_differ_and_nobody_gets_labels_of_test(here: Path) -> None:
    new()
    call("roster", "ml-101", roster(here, 2))
    first, second = nicknames(here)
    ids = [set(siphonbench.load(s / "data").test.accounts.pandas()["account_id"]) for s in (first, second)]
    assert not ids[0] & ids[1]
    file = guess(first / "data", here / "p.parquet")
    assert "missing" in call("submit", "ml-101", file, "--token-file", second / "token.txt", code=2)
    secret = class_folder.opened(here / "ml-101").seal.config.secret
    for student in (first, second):
        truth = dataset.load(here / "ml-101" / "worlds" / student.name).reveal("test").labels.polars()
        assert truth.filter(pl.col("label").cast(pl.String) == "extraction").collect().height == 27
        found = [f for f in student.rglob("*") if f.is_file()]
        assert not [f for f in (student / "data" / "test").rglob("*") for t in schema.TRUTH if t in str(f.name)]
        assert not [f for f in (student / "data" / "test").rglob("*") if f.parent.name in schema.TRUTH]
        assert not [f for f in found if secret.encode() in f.read_bytes() or b"overlay" in f.read_bytes()]
        assert siphonbench.verify(student / "data") == []
        with pytest.raises(MaskedLabelsError):
            siphonbench.load(student / "data").reveal("test").labels.polars()


def test_a_class_may_be_asked_every_task_that_a_file_answers(here: Path) -> None:
    (here / "little.toml").write_text(LITTLE.replace("days = 1", "days = 3"))
    new(*(part for task in submitted() for part in ("--task", task)))
    call("roster", "ml-101", roster(here, 1))
    (student,) = nicknames(here)
    for task in submitted():
        file = answer(student / "data", task, here / "predictions.parquet")
        call("submit", "ml-101", file, "--task", task, "--token-file", student / "token.txt")
        assert student.name in call("board", "ml-101", "--task", task)
    call("grades", "ml-101", "--out", "grades.csv", "--lms", "moodle", "--full", 1)
    (row,) = csv.DictReader((here / "grades.csv").open())
    assert 0 < float(row["ml-101"]) < 100


def test_the_readme_of_a_hand_out_says_how_to_hand_in(here: Path) -> None:
    new("--task", "campaigns", "--attempts", 7)
    call("roster", "ml-101", roster(here, 1))
    (student,) = nicknames(here)
    readme = (student / "README.txt").read_text()
    assert student.name in readme
    assert "7 attempts a day, until 2999-01-31" in readme
    room = class_folder.opened(here / "ml-101")
    client = TestClient(routes.application(classroom.season(room), classroom.service(room), room.nickname))
    (address,) = re.findall(r"http://ADDRESS(/\S+/tasks/\S+)", readme)
    token = {"authorization": f"Bearer {(student / 'token.txt').read_text().strip()}"}
    got = client.put(address, content=b"account_id,campaign\n", headers=token)
    assert (got.status_code, "missing" in got.json()["detail"]) == (422, True)  # it got as far as being read
    assert client.put(address, content=b"", headers={"authorization": "Bearer x"}).status_code == 401


def test_a_later_roster_adds_only_who_is_new(here: Path) -> None:
    new("--same-world", "--board", "private")
    call("roster", "ml-101", roster(here, 2))
    before = {s.name: (s / "token.txt").read_text() for s in nicknames(here)}
    assert "1 enrolled" in call("roster", "ml-101", roster(here, 3))
    after = {s.name: (s / "token.txt").read_text() for s in nicknames(here)}
    assert len(after) == 3
    assert after | before == after
    assert len({siphonbench.load(s / "data").digest for s in nicknames(here)}) == 1
    assert "is private" in call("board", "ml-101", code=2)


def test_a_faulty_class_is_refused_with_all_its_faults(here: Path) -> None:
    before = sorted(here.iterdir())
    said = call(
        *("new", "../up", "--deadline", "2001-01-01", "--attempts", 0, "--board", "loud", "--task", "prizes"),
        *("--preset", "huge"),
        code=2,
    )
    for fault in ("no path", "deadline", "attempts", "loud", "prizes", "huge"):
        assert fault in said
    assert sorted(here.iterdir()) == before
    new()
    assert "exists already" in call("new", "ml-101", "--deadline", "2999-01-01", code=2)


def test_a_faulty_roster_is_refused_with_all_its_faults(here: Path) -> None:
    new()
    before = sorted((here / "ml-101").rglob("*"))
    (here / "bad.csv").write_text(
        "id,name,email,nickname\n"
        "a1,Ada,ada@x.edu,owl\nA1,Bob,ADA@x.edu,OWL\n=2+3,Eve,eve@x.edu,\nc,=cmd(),no address,../up\nd,,d@x.edu\n"
    )
    said = call("roster", "ml-101", "bad.csv", code=2)
    for fault in (
        "line 3: id",
        "line 3: email",
        "line 3: nickname",
        "line 4: id",
        "formula",
        "no address",
        "'../up'",
    ):
        assert fault in said
    assert "line 6: 3 cells" in said
    for text, fault in (
        ("name\nAda\n", "no column id"),
        ("id,name,x\n1,A,2\n", "'x'"),
        ("id,name\n", "no students"),
    ):
        (here / "bad.csv").write_text(text)
        assert fault in call("roster", "ml-101", "bad.csv", code=2)
    assert sorted((here / "ml-101").rglob("*")) == before


def test_an_import_that_fails_midway_leaves_nothing(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    new()
    furnish = classroom._furnish
    done: list[int] = []

    def breaks(*given: object) -> str:
        if len(done) == 1:
            raise OSError(28, "No space left on device")
        done.append(1)
        return furnish(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(classroom, "_furnish", breaks)
    call("roster", "ml-101", roster(here, 3), code=2)
    assert class_folder.opened(here / "ml-101").students == ()
    assert nicknames(here) == []
    assert list((here / "ml-101" / "worlds").iterdir()) == []


def test_pages_and_grades_go_to_files(here: Path) -> None:
    new()
    (here / "folder").mkdir()
    before = sorted(here.rglob("*"))
    for command in ("page", "grades"):
        for out, fault in (("folder", "folder is a folder"), ("none/x.csv", "none is no folder")):
            said = call(command, "ml-101", "--out", out, "--full", 0, code=2)
            assert fault in said
            assert "--full 0" in said
    assert sorted(here.rglob("*")) == before


def test_no_nickname_takes_the_folder_of_the_shared_world(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    new("--same-world")
    call("roster", "ml-101", roster(here, 1))
    (shared,) = (here / "ml-101" / "worlds").iterdir()
    (here / "more.csv").write_text(f"id,name,nickname\n8,Eve,{shared.name}\n")
    assert "nickname" in call("roster", "ml-101", "more.csv", code=2)
    monkeypatch.setattr("secrets.token_urlsafe", lambda n: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        classroom.enrol(class_folder.opened(here / "ml-101"), roster(here, 2), lambda *_: None)
    assert shared.is_dir()
    assert len(nicknames(here)) == 1


@pytest.mark.parametrize("name", ["=1+1", "\uff1dcmd", "@x", "-1", "\uff0bx", "A\x00", "\u202eA", "\u200b"])
def test_a_name_is_neither_a_formula_nor_unseen(here: Path, name: str) -> None:
    new()
    (here / "bad.csv").write_text(f"id,name\n1,{name}\n", "utf-8")
    said = call("roster", "ml-101", "bad.csv", code=2)
    assert "line 2: name" in said
    assert said.isprintable()


def test_by_default_grades_mean_something(here: Path) -> None:
    call("new", "ml-102", "--deadline", "2999-01-31")
    room = class_folder.opened(here / "ml-102")
    small = dataset_config.from_preset("small")
    assert (room.seal.config.accounts, room.seal.config.campaigns) == (small.accounts, small.campaigns)
    assert (room.rules.decimals, room.rules.total) == (2, 30)


@pytest.mark.parametrize("worlds", [(), ("--same-world",), ("--shared-test",)])
def test_points_lie_between_chance_and_references_of_the_same_world(
    here: Path, monkeypatch: pytest.MonkeyPatch, worlds: tuple[str, ...]
) -> None:
    monkeypatch.setattr(class_grades, "REFERENCES", {"accounts": {"volume": 100.0}})
    runs: list[str] = []

    def references(room: class_folder.Class, world: str, task: str) -> tuple[float, dict[str, float]]:
        runs.append(world)
        return 0.5, {"volume": 0.9}

    new(*worlds)
    call("roster", "ml-101", roster(here, 2))
    room = class_folder.opened(here / "ml-101")
    for student, right in zip(room.students, (1.0, 0.0), strict=True):
        labels = classroom.scored_split(room, student.nickname).split.labels.polars().collect()
        attack = pl.col("label").cast(pl.String) == "extraction"
        labels.select("account_id", score=attack.cast(float) * right).write_parquet(here / "p.parquet")
        token = here / "ml-101" / "hand-out" / student.nickname / "token.txt"
        call("submit", "ml-101", here / "p.parquet", "--token-file", token)
    chance, found = class_grades._run_references(room, room.tested_on(room.students[0].nickname), "accounts")
    assert 0 < chance < 0.5
    assert 0 < found["volume"] <= 1
    monkeypatch.setattr(class_grades, "_run_references", references)
    lines = class_grades.grades(room, None, lambda done, total: None).lines
    assert [line.points for line in lines] == [100, 0]
    assert all(line.low <= line.points <= line.high for line in lines)
    call("page", "ml-101", "--out", "page.html")
    page = (here / "page.html").read_text()
    assert "chance 0, volume 100" in page
    assert f"{lines[1].low:g} to {lines[1].high:g}" in page
    assert len(runs) == (1 if worlds else 2)  # once per world, and kept


def test_a_shared_test_is_one_for_all_beside_training_worlds_of_their_own(here: Path) -> None:
    new("--shared-test")
    call("roster", "ml-101", roster(here, 2))
    data = [siphonbench.load(s / "data") for s in nicknames(here)]
    ids = [[set(getattr(d, split).accounts.pandas()["account_id"]) for d in data] for split in ("train", "test")]
    assert not ids[0][0] & ids[0][1]
    assert ids[1][0] == ids[1][1]
    file = guess(nicknames(here)[0] / "data", here / "p.parquet")
    for student in nicknames(here):
        assert siphonbench.verify(student / "data") == []
        assert siphonbench.load(student / "data").reveal("train").labels.polars().collect().height == 80
        assert not [f for f in (student / "data" / "test").rglob("*") if f.parent.name in schema.TRUTH]
        call("submit", "ml-101", file, "--token-file", student / "token.txt")
    assert call("board", "ml-101").count(" 1 ") >= 2  # both on the first rank
    said = call("new", "x", "--deadline", "2999-01-31", "--same-world", "--shared-test", code=2)
    assert "--shared-test" in said
    assert "1 enrolled" in call("roster", "ml-101", roster(here, 3))


def test_the_grade_is_about_campaigns_that_no_score_was_about(here: Path) -> None:
    new("--same-world")
    call("roster", "ml-101", roster(here, 1))
    room = class_folder.opened(here / "ml-101")
    world = classroom.scored_split(room, room.students[0].nickname)
    labels = world.split.labels.polars().collect()
    ids = {part: world.parts.accounts(labels, part) for part in ("feedback", "counting")}
    assert sorted(pl.concat(ids.values())) == sorted(labels["account_id"].cast(pl.String))
    # Who knows the labels of all that feedback is about, and of nothing else, has all feedback, not the points.
    known = labels.select(pl.col("account_id", "label").cast(pl.String)).with_columns(
        score=(pl.col("account_id").is_in(ids["feedback"].implode()) & (pl.col("label") == "extraction")).cast(
            float
        )
    )
    known.select("account_id", "score").write_parquet(here / "p.parquet")
    call("submit", "ml-101", here / "p.parquet", "--token-file", nicknames(here)[0] / "token.txt")
    (line,) = class_grades.grades(room, 1.0, lambda done, total: None).lines
    assert line.results["accounts"].feedback == 1
    assert line.results["accounts"].score < 0.7


def test_attempts_of_a_term_are_counted(here: Path) -> None:
    new("--same-world", "--attempts", 9, "--total", 2)
    call("roster", "ml-101", roster(here, 1))
    (student,) = nicknames(here)
    file = guess(student / "data", here / "p.parquet")
    for _ in range(2):
        call("submit", "ml-101", file, "--token-file", student / "token.txt")
    assert "all 2 attempts" in call("submit", "ml-101", file, "--token-file", student / "token.txt", code=2)


def test_scales_by_hand() -> None:
    scale = grades.scale(0.1, {"weak": 0.3, "strong": 0.8}, {"weak": 50.0, "strong": 100.0})
    assert [scale.points(x) for x in (0, 0.1, 0.2, 0.3, 0.55, 0.8, 1)] == pytest.approx(
        [0, 0, 25, 50, 75, 100, 100]
    )
    # A weak reference that is worse than chance sets no mark.
    skipped = grades.scale(0.1, {"weak": 0.05, "strong": 0.5}, {"weak": 50.0, "strong": 100.0})
    assert skipped.anchors == ((0.1, 0.0), (0.5, 100.0))
    with pytest.raises(UserError, match="too small to grade"):
        grades.scale(0.5, {"strong": 0.4}, {"strong": 100.0})
    assert grades.full_scale(0.5).points(0.25) == 50


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 3 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(disk)], capture_output=True
    ).returncode:
        pytest.skip("a small file system can't be mounted: run as root")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def test_a_full_disk_is_told_in_a_sentence_and_leaves_no_file(
    here: Path, small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scenario, people = here / "little.toml", roster(here, 1)
    monkeypatch.chdir(small_disk)
    filler = small_disk / "filler"

    def fails(*arguments: object, free: int = 0) -> None:
        """A command on a disk that has so many kB left."""
        files = sorted(f for f in small_disk.rglob("*") if f.is_file())
        filler.write_bytes(bytes(max(0, shutil.disk_usage(small_disk).free - (free << 10))))
        said = call(*arguments, code=2)
        filler.unlink()
        assert said.count("error: ") == 1
        assert "free" in said or "later" in said
        assert sorted(f for f in small_disk.rglob("*") if f.is_file()) == files

    new_class = ("new", "ml-101", "--scenario", scenario, "--deadline", "2999-01-31")
    fails(*new_class)
    call(*new_class)
    for free in (0, 100):
        fails("roster", "ml-101", people, free=free)
    call("roster", "ml-101", people)
    (student,) = (small_disk / "ml-101" / "hand-out").iterdir()
    file = guess(student / "data", here / "p.parquet")
    fails("submit", "ml-101", file, "--token-file", student / "token.txt")
    call("submit", "ml-101", file, "--token-file", student / "token.txt")
    for command in ("page", "grades"):
        fails(command, "ml-101", "--out", "x", "--full", 1)
