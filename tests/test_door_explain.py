"""`siphonbench explain`: evidence that was put there is found, no label is read, and hostile names do no harm."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner, Result

import siphonbench
from baselines import explanations, tie_kinds
from baselines.base import detector
from generator.dataset import Dataset, Split, Table
from siphonbench.cli.main import app
from siphonbench.workflows import evidence_page


@pytest.fixture(scope="module")
def nano(nano: Path) -> Dataset:
    return siphonbench.load(nano)


def call(data: Dataset, *arguments: object) -> Result:
    return CliRunner().invoke(app, ["explain", *map(str, arguments), "--data", str(data.path)])


def changed(split: Split, table: str, accounts: Sequence[str], **values: Any) -> Split:
    """The split with values of these accounts' rows replaced."""
    theirs = pl.col("account_id").cast(pl.String).is_in(list(accounts))

    def part(rows: pl.LazyFrame) -> pl.LazyFrame:
        types = rows.collect_schema()
        return rows.with_columns(
            pl.when(theirs).then(pl.lit(v).cast(types[c])).otherwise(pl.col(c)).alias(c) for c, v in values.items()
        )

    parts = [part(b) for b in split.tables[table].buckets()]
    return replace(split, tables={**split.tables, table: Table(table, parts, split.tables[table].columns)})


def finding(case: explanations.Case, name: str) -> explanations.Finding:
    (found,) = (f for f in case.findings if f.kind.name == name)
    return found


@pytest.mark.parametrize(
    ("kind", "table", "values"),
    [
        ("payment", "accounts", {"payment_id": 12345}),
        ("domain", "accounts", {"email_domain": "one.example", "email_type": "corporate"}),
        ("signup", "accounts", {"signup_prefix": 999_999}),
        ("device", "requests", {"tls_fingerprint": 77}),
        ("conversation", "requests", {"conversation_id": 77}),
        ("template", "requests", {"system_prompt_hash": 77}),
        ("near-duplicate", "requests", {"prompt_simhash": 0b1011}),
    ],
)
def test_what_was_put_there_is_found(kind: str, table: str, values: dict[str, Any], nano: Dataset) -> None:
    ids = detector.accounts(nano.validation)
    active = nano.validation.requests.polars().group_by("account_id").len().sort("len", "account_id").collect()
    some = sorted(active["account_id"].cast(pl.String).to_list()[-5:])
    assert set(some) <= set(ids)
    world = changed(nano.validation, table, some, **values)
    case = explanations.case(world, some[:1], nano.train)
    found = finding(case, kind)
    assert set(some[1:]) <= set(found.names)
    assert found.partners == len(found.names) >= 4
    assert set(some[1:]) <= set(case.partners)
    group = finding(explanations.case(world, some, nano.train), kind)
    assert (group.linked, group.partners) == (5, 4)


def test_usual_is_the_share_of_benign_accounts_of_train(nano: Dataset) -> None:
    (who,) = detector.accounts(nano.validation).head(1)
    labels = nano.train.labels.polars().select(pl.col("account_id", "label").cast(pl.String)).collect()
    benign = labels.filter(pl.col("label") == "benign")["account_id"]
    case = explanations.case(nano.validation, [who], nano.train)
    assert case.reference == f"{len(benign)} benign accounts of train"
    found = finding(case, "signup")
    known = nano.train.accounts.polars().select(pl.col("account_id").cast(pl.String), "signup_prefix").collect()
    partners = known.with_columns(n=pl.len().over("signup_prefix") - 1).filter(pl.col("n") < 60)
    expected = ((partners["n"] >= max(1, found.partners)) & partners["account_id"].is_in(benign.implode())).sum()
    assert found.usual == pytest.approx(expected / len(benign))


def test_no_label_of_the_split_is_read(nano: Dataset) -> None:
    who = detector.accounts(nano.validation).to_list()[:3]
    said = explanations.case(nano.reveal("validation"), who, nano.train)
    bare = replace(
        nano.validation,
        tables={
            n: t for n, t in nano.validation.tables.items() if n in ("requests", "accounts", "releases", "prompts")
        },
    )
    assert explanations.case(bare, who, nano.train) == said
    sealed = replace(nano.train, masked=True)  # and where train has none, all accounts say what is usual
    assert (
        explanations.case(bare, who, sealed).reference
        == f"{len(detector.accounts(nano.train)):,} accounts of train"
    )


def test_an_account_without_a_request(nano: Dataset, here: Path) -> None:
    ids = detector.accounts(nano.validation)
    sent = nano.validation.requests.polars().select(pl.col("account_id").cast(pl.String)).unique().collect()
    silent = ids.filter(~ids.is_in(sent["account_id"].implode()))
    assert len(silent)
    done = call(nano, silent[0])
    assert done.exit_code == 0, done.output
    assert "synchrony" in done.stdout.partition("Not found: ")[2].partition("\n")[0]


def test_page_text_and_picture(nano: Dataset, here: Path) -> None:
    ids = detector.accounts(nano.validation).to_list()
    who = next(one for one in ids if explanations.case(nano.validation, [one], nano.train).findings)
    done = call(nano, who)
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith(f"Account {who}\n")
    html = Path("explain.html").read_text("utf-8")
    assert not re.search(r"https?://|<script|<link|url\(", html)
    (picture,) = re.findall(r'src="data:image/svg\+xml;base64,([^"]+)"', html)
    assert base64.b64decode(picture).startswith(b"<?xml")
    first = re.findall(r"^- (.*?); usual: (.*?); may be", done.stdout, re.MULTILINE)[0]
    assert all(part in html for part in first)  # both say the same
    again = call(nano, who, "--out", "deep/again.html")
    assert again.exit_code == 0
    assert Path("deep/again.html").read_text("utf-8") == html
    assert call(nano, who, "--out", "look.png").exit_code == 0
    assert Path("look.png").read_bytes().startswith(b"\x89PNG")
    assert sorted(f.name for f in here.iterdir()) == ["deep", "explain.html", "look.png"]


@pytest.mark.parametrize("kind", ["parquet", "csv", "folder"])
def test_a_group_of_an_answer(kind: str, nano: Dataset, here: Path) -> None:
    ids = detector.accounts(nano.validation)
    label = "<script>$\\frac{1}{0}$ & co"
    groups = [label if i < 30 else None for i in range(len(ids))]
    frame = pl.DataFrame({"account_id": ids, "campaign": groups}, {"account_id": pl.String, "campaign": pl.String})
    path = Path({"parquet": "g.parquet", "csv": "g.csv", "folder": "g"}[kind])
    if kind == "folder":
        path.mkdir()
    getattr(frame, "write_csv" if kind == "csv" else "write_parquet")(
        path / "predictions.parquet" if kind == "folder" else path
    )
    done = call(nano, label, "--groups", path)
    assert done.exit_code == 0, done.output
    assert f"Group {label}: 30 accounts" in done.stdout
    html = Path("explain.html").read_text("utf-8")
    assert "<script>" not in html
    assert all(member in html for member in ids[:30])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("nobody", "validation has no account 'nobody': choose one of 600, e.g. "),
        ("nobody --split tset", "no split 'tset': choose train, validation, test"),
        ("nobody --out page.pdf", "--out page.pdf: name a file that ends in .html or .png"),
        ("x --groups none.csv", "--groups none.csv does not exist"),
        ("x --groups other.csv", "other.csv can't be read"),
        ("x --groups good.csv", "good.csv has no group 'x': the largest of 1 are mine"),
        ("mine --groups good.csv", "good.csv: 1 of 1 members are no accounts of validation, e.g. stranger"),
    ],
)
def test_bad_input_is_one_sentence(arguments: str, said: str, nano: Dataset, here: Path) -> None:
    Path("other.csv").write_text("a,b\n1,2\n")
    Path("good.csv").write_text("account_id,campaign\nstranger,mine\nother,\n")
    done = call(nano, *arguments.split())
    assert (done.exit_code, done.stdout) == (2, ""), done.output
    (sentence,) = done.stderr.strip().splitlines()
    assert said in sentence
    assert sorted(f.name for f in here.iterdir()) == ["good.csv", "other.csv"]


@pytest.mark.parametrize(
    ("name", "description", "value", "said"),
    [
        ("requests", "requests, log(1 + n)", np.log1p(803), "requests: 803"),
        ("prefixes", "distinct address prefixes, log(1 + n)", np.log1p(1), "distinct address prefixes: 1"),
        ("age", "age, signed log(1 + days)", np.log1p(90), "created before the window began: 90.0 days"),
        ("age", "age, signed log(1 + days)", -np.log1p(0.5), "created after the window began: 0.5 days"),
        ("vpn_share", "share of requests from VPNs", 0.125, "share of requests from VPNs: 12.5%"),
        ("gap_cv", "deviation over mean", 1.5, "deviation over mean: 1.5"),
    ],
)
def test_habits_are_told_as_people_count(name: str, description: str, value: float, said: str) -> None:
    assert " ".join(evidence_page.counted(explanations.Habit(name, description, value, 0.5))) == said


def test_only_what_is_out_of_the_ordinary_is_evidence() -> None:
    shares = {"low": 0.01, "lower middle": 0.141, "middle": 0.5, "high": 0.973}
    habits = tuple(explanations.Habit(name, name, 1.0, below) for name, below in shares.items())
    case = explanations.Case(("me",), "100 benign accounts of train", (), habits)
    for said in (evidence_page.text(case, "Me"), evidence_page.page(case, "Me", "here", "")):
        before, after = said.rpartition("</style>")[2].split("Ordinary")
        assert "below 99.0% of usual accounts" in before
        assert "above 97.3% of usual accounts" in before
        assert "middle" not in before
        assert "lower middle: 1; middle: 1" in after
    assert evidence_page.place(habits[1]) == "below 85.9% of usual accounts"


def test_rare_and_unknown_are_told_as_such() -> None:
    found = explanations.Finding(tie_kinds.TIE_KINDS[0], 1, 3, ("a", "b", "c"), 0.0)
    case = explanations.Case(("me",), "100 benign accounts of train", (found,), ())
    assert evidence_page.sentence(case, found) == "pays with the same instrument as 3 accounts"
    assert evidence_page.usual(found) == "none have 3 or more"
    assert evidence_page.usual(replace(found, usual=0.0123)) == "1.23% have 3 or more"
    assert evidence_page.usual(replace(found, usual=float("nan"))) == "unknown"
