"""The page: complete, self-contained, safe to show strangers' text on."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from leaderboard.records.estimate import Estimate
from leaderboard.site import board_files, folder_page
from leaderboard.tracking import board_table
from leaderboard.tracking.board import RANK_RULE, Board, RankedEntry

VOID = {"meta", "br", "line", "circle", "link", "input"}


def entry(rank: int, name: str, **numbers: float) -> RankedEntry:
    card = {
        "name": name,
        "team": "<b>us</b>",
        "field_groups": "M+L",
        "code_url": 'https://x.org/"onclick="alert(1)',
    }
    primary = {"primary": 0.625, "primary_low": 0.5, "primary_high": 0.75, "primary_chance": 0.125}
    return RankedEntry(
        id=f"{rank:016x}",
        run_id="r",
        numbers=primary
        | {"overt/ap": 0.75, "evasive/ap": 0.5, "overall/roc_auc": 0.875, "worst_archetype_flagged": 0.0625}
        | numbers,
        tags={f"card.{k}": v for k, v in card.items()} | {"worst_archetype": "B3", "dataset": "nano-0"},
        when=datetime(2026, 3, 2, tzinfo=UTC),
        estimate=Estimate(0.625, np.full(2, 0.625), (2,)),
        rank=rank,
    )


class Reader(HTMLParser):
    """Checks nesting; collects tags and attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture
def text() -> str:
    entries = (entry(1, "best"), entry(2, "<script>alert(1)</script>"))
    return folder_page.render([Board("nano-0", "ab" * 32, "1", "accounts", entries)])


def test_strangers_text_is_text(text: str) -> None:
    read = Reader(text)
    assert read.open == []
    assert read.all("script") == []
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "&lt;b&gt;us&lt;/b&gt;" in text
    assert all("onclick" not in attributes for _, attributes in read.tags)


def test_nothing_is_fetched(text: str) -> None:
    read = Reader(text)
    assert not {tag for tag, _ in read.tags} & {"script", "link", "img", "iframe", "object", "embed"}
    assert all("src" not in attributes for _, attributes in read.tags)
    assert not re.search(r"url\(|@import", text)


def test_the_table_is_semantic(text: str) -> None:
    read = Reader(text)
    heads = read.all("th")
    assert [h.get("scope") for h in heads].count("row") == 2
    columns = [h.get("scope") for h in heads].count("col")
    assert len(read.all("caption")) == 1
    assert len(read.all("td")) + 2 == 2 * columns
    assert all(svg["aria-label"] == "0.500 to 0.750" for svg in read.all("svg"))
    assert read.all("html")[0]["lang"] == "en"


def test_everything_is_on_it(text: str) -> None:
    shown = re.sub(r"\s+", " ", text.replace("&nbsp;", " "))
    for part in (
        "ab" * 32,
        "nano-0",
        "0.625",
        "0.750",
        "0.875",
        "B3 0.062",
        "2026-03-02 00:00",
        "AP evasive",
        "Share of the worst benign archetype flagged",
    ):
        assert part in shown
    assert RANK_RULE in text


def test_entries_of_one_name_are_told_apart() -> None:
    first = replace(entry(2, "mine"), when=datetime(2026, 3, 1, tzinfo=UTC))
    board = Board("nano-0", "ab" * 32, "1", "accounts", (entry(1, "mine"), first, entry(3, "other")))
    assert board.labels == ("mine #2", "mine #1", "other")
    text = folder_page.render([board])
    assert text.index("mine #2") < text.index("mine #1") < text.index(">other<")


def test_seconds_are_a_column_where_they_are_known(text: str) -> None:
    assert "Seconds" not in text
    board = Board("nano-0", "ab" * 32, "1", "accounts", (entry(1, "best", seconds=12.25), entry(2, "x")))
    timed = folder_page.render([board])
    assert ">12.2</td>" in timed
    assert len(Reader(timed).all("td")) == len(Reader(text).all("td")) + 2


def test_the_bar_stands_where_the_interval_is(text: str) -> None:
    _, bar, chance = Reader(text).all("line")[:3]
    assert (bar["x1"], bar["x2"]) == ("50.0%", "75.0%")
    assert (chance["x1"], chance["x2"]) == ("12.5%", "12.5%")


def test_boards_of_several_datasets_stand_on_one_page() -> None:
    boards = [Board(f"nano-{i}", f"{i}" * 64, "1", "accounts", (entry(1, f"best of {i}"),)) for i in range(2)]
    text = folder_page.render(boards)
    assert Reader(text).open == []
    assert text.index("best of 0") < text.index("1" * 64) < text.index("best of 1")


def test_written_whole(tmp_path: Path) -> None:
    board = Board("nano-0", "ab" * 32, "1", "accounts", (entry(1, "best"),))
    path = folder_page.write([board], tmp_path / "new" / "board.html")
    assert path.read_text("utf-8") == folder_page.render([board])
    assert [p.name for p in path.parent.iterdir()] == ["board.html"]


@pytest.mark.parametrize(
    ("name", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("mine;=cmd()", "mine;'=cmd()"),
        ("a; @SUM(1)", "a;' @SUM(1)"),
        ('x"";+1', 'x"";\'+1'),
        ("two-step; fast", "two-step; fast"),
    ],
)
def test_no_cell_of_a_csv_is_run_by_a_spreadsheet(name: str, cell: str) -> None:
    board = Board("nano-0", "ab" * 32, "1", "accounts", (entry(1, name),))
    (row,) = csv.DictReader(io.StringIO(board_files.as_csv(board).decode()))
    assert row["name"] == cell


def of_dataset(name: str, **tags: str) -> Board:
    made = entry(1, "best")
    return Board(name, "ab" * 32, "1", "accounts", (replace(made, tags=made.tags | {"dataset": name} | tags),))


def test_where_labels_can_be_made_again_entries_are_unverified() -> None:
    public, secret = of_dataset("nano-seed7"), of_dataset("spring")
    assert "test labels of nano-seed7 again from its name" in folder_page.render([public])
    assert "sealed season" in folder_page.render([public])
    assert "test labels of spring again" not in folder_page.render([secret])
    assert [b.entries[0].mark for b in (public, secret)] == ["unverified", "reported"]
    assert of_dataset("nano-seed7", reproduced="by me").entries[0].mark == "reproduced"
    assert json.loads(board_files.as_json(public))["entries"][0]["mark"] == "unverified"
    assert "again from its name" in str(board_table.table(public).caption)
