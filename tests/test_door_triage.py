"""`siphonbench triage`: a swarm in logs of one's own stands first, by a detector that learnt on synthetic ones."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

import siphonbench
from baselines import explanations
from generator.errors import UserError
from leaderboard.seasons import grades
from siphonbench.cli.main import app
from siphonbench.ingest import ingestion, pseudonyms
from siphonbench.workflows import evidence_page, fitted_detectors, triage, triage_page
from tests import own_logs
from tests.conftest import Once

CALLS = own_logs.calls()
EXPORTS: dict[str, tuple[str, Callable[[list[own_logs.Call]], bytes]]] = {
    "jsonl": ("jsonl", own_logs.jsonl),
    "litellm": ("litellm", own_logs.litellm),
    "langfuse": ("langfuse", own_logs.langfuse),
    "otel": ("otel", own_logs.otlp),
}
Logs = Callable[[str], Path]


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Logs:
    """Dataset of each format's export, made once."""
    folder = tmp_path_factory.mktemp("logs")
    (folder / "mapping.toml").write_text(own_logs.MAPPING)

    def of(name: str) -> Path:
        if not (folder / name).exists():
            form, export = EXPORTS[name]
            (folder / f"{name}.json").write_bytes(export(CALLS))
            mapping = folder / "mapping.toml" if form == "jsonl" else None
            ingestion.ingest(folder / f"{name}.json", form, folder / name, mapping)
        return folder / name

    return of


@pytest.fixture(scope="session")
def fitted(once: Once, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A detector that learnt on five worlds of nano, without the columns that LiteLLM's logs lack."""

    def learnt(folder: Path) -> None:
        base = tmp_path_factory.mktemp("lessons")
        (base / "lesson.toml").write_text('preset = "nano"\nsplits = ["train"]\ntext = "none"\n')
        seeds = range(7, 12)
        lessons = [siphonbench.generate(seed=s, config=base / "lesson.toml", out=base / f"{s}") for s in seeds]
        (base / "litellm.json").write_bytes(own_logs.litellm(CALLS))
        ingestion.ingest(base / "litellm.json", "litellm", base / "litellm")
        siphonbench.fit("xgboost-relational", lessons, like=base / "litellm").save(folder)

    return once("fitted-relational", learnt)


def swarm(data: Path) -> set[str]:
    key = pseudonyms.read_key(data.with_name(data.name + ".key"), data)
    return {key.account(c.key if data.name == "litellm" else c.user) for c in CALLS if c.swarm}


def siphon(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(a) for a in arguments])


@pytest.mark.slow
@pytest.mark.parametrize("name", EXPORTS)
def test_the_swarm_stands_first_and_alone(name: str, logs: Logs, fitted: Path, here: Path) -> None:
    data = logs(name)
    found = triage.triage(siphonbench.load(data), siphonbench.load_detector(fitted), most=2)
    first, second = found.groups
    assert set(first.accounts) == swarm(data)
    assert first.score > second.score
    assert {f.kind.name for f in first.case.findings if f.linked} >= {"template", "prefix"}
    assert {"payment", "signup", "decoy"} <= set(first.case.untold)
    assert not {f.kind.name for f in first.case.findings} & set(first.case.untold)


@pytest.mark.slow
def test_pages_tables_and_json_say_the_same(logs: Logs, fitted: Path, here: Path) -> None:
    data = logs("litellm")
    for end in ("html", "csv", "json"):
        done = siphon("triage", data, "--detector", fitted, "--groups", 3, "--out", f"t.{end}")
        assert done.exit_code == 0, done.output
        assert "never to ban" in done.output
    table = list(csv.DictReader(io.StringIO(Path("t.csv").read_text())))
    content = json.loads(Path("t.json").read_text())
    page = Path("t.html").read_text()
    assert (
        {r["account_id"] for r in table if r["rank"] == "1"}
        == set(content["ranked"][0]["accounts"])
        == swarm(data)
    )
    assert all(account in page for group in content["ranked"] for account in group["accounts"])
    assert content["warning"] == triage_page.WARNING
    assert "never to ban" in page
    assert "accounts.created" in content["missing_columns"]
    assert content["learnt_from_columns_missing_here"] == []
    assert siphon("triage", data, "--detector", fitted, "--out", "t.pdf").exit_code == 2


def test_pages_that_stand_alone_look_like_the_site(tmp_path: Path) -> None:
    nothing = triage.Triage("logs", "volume", "nano", 2, 2, (), None, (), ())
    case = explanations.Case(("me",), "100 benign accounts of train", (), ())
    for page in (
        triage_page.write(nothing, tmp_path / "t.html").read_text("utf-8"),
        evidence_page.page(case, "Me", "here", ""),
        grades.page("ml-101", "2027-01-31", ("accounts",), []),
    ):
        assert page.startswith("<!doctype html>")
        assert "prefers-color-scheme: dark" in page
        assert "default-src 'none'" in page


def test_what_a_detector_learnt_from_and_logs_lack_is_said(logs: Logs, nano: Path, here: Path) -> None:
    data = logs("litellm")
    siphonbench.fit("volume", nano).save(here / "volume")
    siphonbench.fit("isolation-forest", nano).save(here / "forest")
    assert siphonbench.load_detector(here / "volume").unprepared(siphonbench.load(data).test) == []
    done = siphon("apply", here / "forest", "--data", data, "--out", here / "entry")
    assert done.exit_code == 0, done.output
    assert "columns that" in done.output
    assert "--like" in done.output
    siphonbench.fit("isolation-forest", nano, like=data).save(here / "like")
    assert siphonbench.load_detector(here / "like").unprepared(siphonbench.load(data).test) == []
    with pytest.raises(UserError, match="nobody recorded"):
        siphonbench.fit("account-age", nano).apply(data)


def test_without_hides_columns_as_if_nobody_had_recorded_them(nano: Path) -> None:
    world = siphonbench.load(nano).train
    bare = world.without(["requests.ip_prefix", "accounts.plan", "requests.account_id"])
    assert bare.missing == {"requests.ip_prefix", "accounts.plan"}
    rows = bare.requests.polars().collect()
    assert rows["ip_prefix"].is_null().all()
    assert rows["account_id"].null_count() == 0
    assert rows.schema == world.requests.polars().collect_schema()


def test_the_threshold_is_that_of_one_innocent_in_a_thousand(logs: Logs, nano: Path) -> None:
    data, known = siphonbench.load(logs("litellm")), siphonbench.load(nano)
    fitted = fitted_detectors.fit("volume", nano, like=data)
    found = triage.triage(data, fitted, 1, known)
    scores = dict(fitted.apply(known, "validation").predictions.iter_rows())
    labels = known.validation.labels.polars().collect()
    benign = [
        scores[a] for a, label in zip(labels["account_id"], labels["label"], strict=True) if label == "benign"
    ]
    assert found.threshold is not None
    assert sum(s > found.threshold for s in benign) <= len(benign) / 1000


def test_one_account_alone_can_be_looked_at(nano: Path, here: Path) -> None:
    alone = [c for c in CALLS if c.user == CALLS[0].user]
    (here / "calls.jsonl").write_bytes(own_logs.jsonl(alone))
    (here / "mapping.toml").write_text(own_logs.MAPPING)
    arguments = ("--format", "jsonl", "--mapping", "mapping.toml", "--out", "data")
    done = siphon("ingest", "calls.jsonl", *arguments)
    assert "all calls are of one account" in done.output
    siphonbench.fit("volume", nano).save(here / "volume")
    done = siphon("triage", "data", "--detector", "volume")
    assert done.exit_code == 0, done.output
