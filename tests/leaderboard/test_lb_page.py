"""The page: complete, self-contained, safe to show strangers' text on."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest

from leaderboard.tracking import board_page
from leaderboard.tracking.rankings import RANK_RULE, Board, RankedEntry

VOID = {"meta", "br", "line", "circle", "link", "input"}


def entry(rank: int, name: str) -> RankedEntry:
    return RankedEntry(
        rank=rank,
        name=name,
        team="<b>us</b>",
        field_groups="M+L",
        primary=0.625,
        low=0.5,
        high=0.75,
        chance=0.125,
        numbers={"overt/ap": 0.75, "evasive/ap": 0.5, "overall/roc_auc": 0.875, "fpr/B3": 0.0625},
        worst_archetype="B3",
        seconds=None,
        when=datetime(2026, 3, 2, tzinfo=UTC),
        code_url='https://x.org/"onclick="alert(1)',
        run_id="r",
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
    return board_page.render(Board("nano-0", "ab" * 32, "1", "accounts", entries))


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
        "B3 6.2 %",
        "2026-03-02 00:00",
        "AP evasive",
        "Worst confounder: the benign",
    ):
        assert part in shown
    assert RANK_RULE in text


def test_entries_of_one_name_are_told_apart() -> None:
    first = replace(entry(2, "mine"), when=datetime(2026, 3, 1, tzinfo=UTC))
    board = Board("nano-0", "ab" * 32, "1", "accounts", (entry(1, "mine"), first, entry(3, "other")))
    assert board.labels == ("mine #2", "mine #1", "other")
    text = board_page.render(board)
    assert text.index("mine #2") < text.index("mine #1") < text.index(">other<")


def test_seconds_are_a_column_where_they_are_known(text: str) -> None:
    assert "Seconds" not in text
    board = Board("nano-0", "ab" * 32, "1", "accounts", (replace(entry(1, "best"), seconds=12.25), entry(2, "x")))
    timed = board_page.render(board)
    assert ">12.2</td>" in timed
    assert len(Reader(timed).all("td")) == len(Reader(text).all("td")) + 2


def test_the_bar_stands_where_the_interval_is(text: str) -> None:
    bar, chance = Reader(text).all("line")[:2]
    assert (bar["x1"], bar["x2"]) == ("100.0", "151.0")  # of 200; one more, so that a point is seen
    assert (chance["x1"], chance["x2"]) == ("25.0", "25.0")


def test_written_whole(tmp_path: Path) -> None:
    board = Board("nano-0", "ab" * 32, "1", "accounts", (entry(1, "best"),))
    path = board_page.write(board, tmp_path / "new" / "board.html")
    assert path.read_text("utf-8") == board_page.render(board)
    assert [p.name for p in path.parent.iterdir()] == ["board.html"]
