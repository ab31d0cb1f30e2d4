"""The portrait of a campaign: who is drawn, the numbers behind the pictures, and a page that is safe to open."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from generator.campaign_report import behaviour, links, measures, page, selection, svg
from generator.campaign_report.selection import Crowd, Portrait, ReportedSplit
from generator.dataset import Dataset, Table
from generator.errors import UserError

HOSTILE = '"><script src=//evil.example/x.js></script>$\\frac{'


@pytest.fixture(scope="module")
def world(tiny: Dataset) -> ReportedSplit:
    return selection.survey(tiny, "test")


@pytest.fixture(scope="module")
def portrait(world: ReportedSplit) -> Portrait:
    return selection.gather(world)


@pytest.fixture(scope="module")
def html(portrait: Portrait) -> str:
    return page.render(portrait)


def requests(**columns: list[object]) -> pl.DataFrame:
    """Requests with the given columns; the others are as dull as can be."""
    n = len(next(iter(columns.values())))
    dull: dict[str, list[object]] = {name: [0] * n for name in ("row", *measures.PROMPT)}
    dull |= {"status": [200] * n, "account_id": [str(row) for row in columns.get("row", [0] * n)]}
    return pl.DataFrame(dull | columns).with_columns(
        pl.col("row").cast(pl.UInt32), pl.col("prompt_simhash").cast(pl.UInt64)
    )


def crowd(accounts: pl.DataFrame, rows: pl.DataFrame) -> Crowd:
    return Crowd("crowd", accounts.with_row_index("row"), rows, len(accounts))


# Who is drawn


def test_members_are_the_campaign_and_nobody_else(world: ReportedSplit, portrait: Portrait) -> None:
    name = portrait.campaign["campaign"]
    truth = (
        world.source.labels.polars()
        .filter(pl.col("campaign") == name)
        .select(pl.col("account_id").cast(pl.String))
    )
    assert set(portrait.members.accounts["account_id"]) == set(truth.collect()["account_id"])
    assert portrait.campaign["accounts"] == world.roster["accounts"].max()
    # Conservation: every request that the campaigns table counts is there.
    assert len(portrait.members.requests) == portrait.campaign["requests_planned"]
    answered = portrait.members.requests.filter(pl.col("is_extraction") & (pl.col("status") == 200))
    assert len(answered) == portrait.campaign["extraction_requests"]
    assert set(portrait.dials) == set(json.loads(portrait.campaign["dials"]))


def test_those_beside_them_are_benign(world: ReportedSplit, portrait: Portrait) -> None:
    label = dict(world.people.select("account_id", "label").iter_rows())
    for beside in portrait.crowds[1:]:
        assert {label[a] for a in beside.accounts["account_id"]} == {"benign"}
        assert not beside.requests["is_extraction"].any()
    assert len(portrait.benign.accounts) == len(portrait.members.accounts)
    cohort = dict(world.people.select("account_id", "cohort").iter_rows())
    for group in portrait.groups:
        assert len({cohort[a] for a in group.accounts["account_id"]}) == 1
        assert len(group.accounts) >= selection.GROUP_FLOOR


def test_matched_on_the_number_of_requests() -> None:
    pool = pl.DataFrame({"account_id": list("abcde"), "n": [1, 90, 110, 1000, 5]})
    taken = selection.match(pl.DataFrame({"n": [100, 0, 100]}), pool)
    assert sorted(taken["account_id"]) == ["a", "b", "c"]
    assert len(selection.match(pl.DataFrame({"n": [3] * 9}), pool)) == 5  # no more than there are


def test_a_crowd_too_large_is_drawn_in_part(world: ReportedSplit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selection, "ROWS", 3)
    one, same, other = (selection.gather(world, seed=seed) for seed in (1, 1, 2))
    assert len(one.members.accounts) == 3 < one.members.of == one.campaign["accounts"]
    assert one.members.accounts.equals(same.members.accounts)
    assert not one.members.accounts.equals(other.members.accounts)
    assert f"3 of {one.members.of} accounts, drawn at random" in behaviour.activity(one).caption
    monkeypatch.setattr(selection, "LOAD", 0)
    assert len(selection.gather(world).members.accounts) == 2


def test_refusals_name_what_there_is(tiny: Dataset, world: ReportedSplit) -> None:
    with pytest.raises(UserError, match="no campaign 'mine': choose campaign/"):
        selection.gather(world, "mine")
    with pytest.raises(UserError, match="no split 'tset'"):
        selection.survey(tiny, "tset")


@pytest.mark.parametrize(("shipped", "said"), [(True, "holds no campaign"), (False, "ships without its truth")])
def test_a_split_without_campaigns_is_refused(shipped: bool, said: str, tiny: Dataset) -> None:
    table = tiny.train.campaigns
    none = (
        {"campaigns": Table(table.name, [p.limit(0) for p in table.buckets()], table.columns)} if shipped else {}
    )
    tables = {name: t for name, t in tiny.train.tables.items() if name != "campaigns"} | none
    empty = replace(tiny, splits={**tiny.splits, "train": replace(tiny.train, tables=tables)})
    with pytest.raises(UserError, match=said):
        selection.survey(empty, "train")


# The numbers


def test_coverage_by_hand() -> None:
    found = measures.coverage(
        requests(row=[0, 0, 1, 1, 1, 0], prompt_simhash=[7, 8, 7, 9, 9, 6], status=[200, 200, 200, 200, 200, 429])
    )
    assert found.growth.tolist() == [1, 2, 2, 3, 3]
    assert (found.distinct, found.own, found.other) == (3, 0.2, 0.2)
    assert found.fresh == pytest.approx(0.6)
    # Another embedding is another prompt, even under one SimHash.
    assert measures.coverage(requests(row=[0, 0], prompt_emb_15=[1, 2])).distinct == 2


def test_activity_by_hand() -> None:
    rows = requests(row=[0, 0, 1], t=[0.0, 0.26, 1.9], is_extraction=[True, None, False])
    every, serving = measures.grid(crowd(pl.DataFrame({"account_id": ["a", "b"]}), rows), 2, 4)
    assert every.tolist() == [[2, 0, 0, 0], [0, 0, 0, 1]]
    assert serving.tolist() == [[1, 0, 0, 0], [0, 0, 0, 0]]
    assert measures.rate(rows, 2, 24).tolist() == [2 / 24, 1 / 24]
    assert measures.unsteadiness(np.array([1.0, 3.0])) == 0.5
    assert np.isnan(measures.unsteadiness(np.zeros(3)))


def test_gaps_are_inside_an_account() -> None:
    rows = requests(row=[0, 1, 0], t=[0.0, 0.1, 0.5])
    everyone = crowd(pl.DataFrame({"account_id": ["a", "b"]}), rows)
    assert measures.gaps(everyone).tolist() == [43200]
    assert measures.per_day(everyone).tolist() == [1, 2]


def test_nearest_is_of_another_account() -> None:
    ours = requests(row=[0, 0, 1], prompt_simhash=[0b0, 0b1, 0b1111])
    assert measures.nearest(ours, ours).tolist() == [4, 3, 3]
    alone = requests(row=[0, 0], prompt_simhash=[1, 2])
    assert measures.nearest(alone, alone).tolist() == []
    assert measures.chance_distance(1) == 32
    assert measures.chance_distance(1200) < 22


def test_plane_keeps_what_varies() -> None:
    rows = requests(prompt_emb_03=[-50, 50, -50, 50], prompt_emb_07=[0, 0, 3, 3])
    (points,), held = measures.plane([rows])
    assert held == pytest.approx(1)
    assert np.abs(points[:, 0]).tolist() == pytest.approx([50] * 4)
    assert np.abs(points[:, 1]).tolist() == pytest.approx([1.5] * 4)


# Links


def test_links_by_hand() -> None:
    found = links.Links(5, [("payment", [0, 1, 2]), ("device", [1, 2]), ("payment", [2, 3]), (links.ECHO, [0, 1])])
    assert found.counts("payment") == (4, 4)
    assert found.counts("device") == (2, 1)
    assert found.counts("prefix") == (0, 0)
    assert found.largest == 4
    assert links.Links(3, []).largest == 1
    assert found.top(1).things == [("payment", [0, 1, 2]), ("device", [1, 2]), (links.ECHO, [0, 1])]
    at = links.layout(found)
    assert at.shape == (9, 2)
    assert np.linalg.norm(at, axis=1).max() == pytest.approx(1)
    assert np.array_equal(at, links.layout(found))


def test_what_many_hold_is_no_link(world: ReportedSplit, monkeypatch: pytest.MonkeyPatch) -> None:
    members = tuple(selection.gather(world, f"campaign/{i}").members for i in range(6))

    def linked() -> list[bool]:
        each = (links.links(world, (some,))[0] for some in members)
        return [any(found.counts(kind)[0] for kind in links.SHARED) for found in each]

    assert any(linked())
    monkeypatch.setattr(links, "limit", lambda _: 1)
    assert not any(linked())


# The page


class Reader(HTMLParser):
    """Tags that are open, ids, headings, and everything that a browser might fetch."""

    VOID = ("meta", "link", "img", "br", "hr", "input")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.headings: list[int] = []
        self.targets: list[str] = []
        self.tags: set[str] = set()
        self.unnamed = 0
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        self.tags.add(tag)
        if tag not in self.VOID:
            self.open.append(tag)
        if re.fullmatch(r"h[1-6]", tag):
            self.headings.append(int(tag[1]))
        self.unnamed += tag == "svg" and not named.get("aria-label")
        self.ids += [v for k, v in attrs if k == "id" and v]
        self.targets += [v for k, v in attrs if k in ("href", "src", "xlink:href") and v]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)


def test_page_needs_nothing_from_outside(html: str) -> None:
    read = Reader(html)
    assert "http://" not in html
    assert "https://" not in html
    assert not read.tags & {"script", "link", "img", "iframe", "object"}
    assert all(t.startswith(("#", "data:image/png;base64,")) for t in read.targets)
    assert not re.search(r"@import|url\((?!#)", html)
    assert len(html) < 3e6


def test_page_is_well_made(html: str) -> None:
    read = Reader(html)
    assert read.open == []
    assert read.unnamed == 0
    assert read.headings[0] == 1
    assert all(b - a <= 1 for a, b in zip(read.headings, read.headings[1:], strict=False))
    assert len(read.ids) == len(set(read.ids))
    assert {t[1:] for t in read.targets if t.startswith("#")} <= set(read.ids)
    assert html.count("<figure>") == html.count("<figcaption>") == len(page.FIGURES)
    drawn = re.sub(r"(?s)<h2 id=\"prompts\">.*?</section>", "", html)  # code that somebody asks about may say None
    assert not re.search(r"\b(nan|inf|None)\b", re.sub(r"data:image[^\"]*", "", drawn))
    assert "test split" in html  # the page says so where the labels are those of test


def test_same_seed_same_bytes(tiny: Dataset, html: str) -> None:
    assert page.render(selection.gather(selection.survey(tiny, "test"))) == html


def test_hostile_names_are_only_text(world: ReportedSplit, portrait: Portrait) -> None:
    row = portrait.campaign | {"campaign": HOSTILE, "archetype": HOSTILE, "target": HOSTILE, "tier": HOSTILE}
    named = pl.lit(HOSTILE)
    roster = world.roster.with_columns(campaign=named + pl.col("campaign"), archetype=named, tier=named)
    members = portrait.members.accounts.select("account_id", request_id=pl.int_range(pl.len()))
    texts = members.lazy().with_columns(system_prompt=named, prompt=named)
    columns = ("request_id", "account_id", "system_prompt", "prompt")
    source = replace(world.source, tables={**world.source.tables, "prompts": Table("prompts", [texts], columns)})
    dataset = replace(world.dataset, manifest={"name": HOSTILE, "digest": HOSTILE})
    bad = replace(world, roster=roster, dataset=dataset, source=source)
    everyone = {"members": replace(portrait.members, title=HOSTILE)}
    groups = tuple(replace(g, title=HOSTILE + g.title) for g in portrait.groups)
    made = page.render(
        replace(portrait, split=bad, campaign=row, dials={HOSTILE: 1.0}, groups=groups, **everyone), siblings=True
    )
    read = Reader(made)
    assert 'id="prompts"' in made
    assert read.open == []
    assert "script" not in read.tags
    assert "<script" not in made
    targets = [t for t in read.targets if not t.startswith("data:image/png;base64,")]
    assert all(re.fullmatch(r"#.*|index\.html|\d+-[a-z0-9-]+\.html", t) for t in targets)


def test_a_campaign_that_sent_nothing_is_drawn(portrait: Portrait) -> None:
    idle = replace(portrait.members, requests=portrait.members.requests.clear())
    made = page.render(replace(portrait, members=idle))
    assert Reader(made).open == []
    assert "sent 0 requests" in made


def test_texts_keep_their_digits() -> None:
    drawn: list[svg.SvgPanel] = []
    with svg.axes(drawn, "a < b", "0.12345 of $x") as ax:
        ax.plot([0, 1], [0, 1])
    assert ">0.12345 of $x<" in drawn[0].svg
    assert 'aria-label="a &lt; b"' in drawn[0].svg
    assert not re.search(r'x="\d+\.\d{3}', drawn[0].svg)


def test_all_pages_and_their_index(tiny: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "FIGURES", (behaviour.activity,))  # the quickest
    two = replace(world := selection.survey(tiny, "train"), roster=world.roster.head(2))
    ticks: list[tuple[int, int]] = []
    index = page.write_all(two, tmp_path / "all", on_page=lambda done, total: ticks.append((done, total)))
    files = sorted(f.name for f in (tmp_path / "all").iterdir())
    assert ticks == [(0, 2), (1, 2), (2, 2)]
    assert index.name == "index.html"
    assert [*sorted(Reader(index.read_text("utf-8")).targets), "index.html"] == files
    for name in files[:2]:
        read = Reader((tmp_path / "all" / name).read_text("utf-8"))
        assert {t for t in read.targets if t.endswith(".html")} == set(files) - {name}


def test_a_stop_leaves_the_old_page(portrait: Portrait, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "mine.html"
    file.write_text("before")

    def stop(*_: object, **__: object) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(page, "render", stop)
    with pytest.raises(KeyboardInterrupt):
        page.write(portrait.split, file)
    assert [(f.name, f.read_text()) for f in tmp_path.iterdir()] == [("mine.html", "before")]
