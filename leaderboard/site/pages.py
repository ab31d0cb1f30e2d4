"""The pages: the same templates, live with queries and forms, or as files that link to one another."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache, partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from generator import dataset, schema
from leaderboard.intake.queue_records import QueuedSubmission
from leaderboard.records import power
from leaderboard.records.task_definitions import TASKS
from leaderboard.site import board_query, comparison, templating
from leaderboard.site.board_query import PER_PAGE, Query
from leaderboard.site.live_boards import Boards
from leaderboard.site.settings import ServedDataset, Settings
from leaderboard.tracking.board import RANK_RULE, Board, RankedEntry

NAV = (("", "Boards"), ("datasets/", "Data"), ("submit/", "Submit"), ("api/", "API"))
_NEIGHBOURS = 2
_SAMPLE = 5


class Pages:
    """Renders every page of a site.

    Parameters
    ----------
    settings, boards
        What is shown.
    live : bool
        Whether a server answers queries; otherwise every link names a file.
    """

    def __init__(self, settings: Settings, boards: Boards, live: bool = True) -> None:
        self.settings, self.boards, self.live = settings, boards, live
        self._jinja = templating.environment(
            version=version("siphonbench"),
            groups=board_query.GROUPS,
            worlds=settings.worlds,
            live=live,
            archetypes=settings.archetypes,
            docs=settings.docs,
        )

    def home(self) -> str:
        """All boards, with the first few entries of each."""
        boards = [(w, self.boards.view(w.digest, t), TASKS[t].primary_column) for w, t in self._tabs()]
        return self._page("home", "", boards=boards)

    def board(self, world: ServedDataset, task: str, query: Query) -> str:
        """One board as a reader asked for it.

        Parameters
        ----------
        world : ServedDataset
            Which dataset.
        task : str
            Key of `task_definitions.TASKS`.
        query : Query
            Filters and order.
        """
        view = self.boards.view(world.digest, task)
        rows = board_query.select(view, query)
        return self._page(
            "board",
            f"boards/{world.key}/{task}/",
            world=world,
            view=view,
            query=query,
            rows=board_query.page(rows, query.page) if self.live else rows,
            total=len(rows),
            pages=math.ceil(len(rows) / PER_PAGE) if self.live else 1,
            main=TASKS[task].primary_column,
            columns=view.columns,
            rule=RANK_RULE,
            tabs=[(w, self.boards.view(w.digest, t)) for w, t in self._tabs()],
            several=len(self.settings.worlds) > 1,
        )

    def entry(self, view: Board, entry: RankedEntry) -> str:
        """One entry: all its numbers, and those ranked beside it.

        Parameters
        ----------
        view : Board
            Its board.
        entry : RankedEntry
            Of that board.
        """
        card = self.boards.card(entry)
        path = f"entries/{entry.id}/"
        links = {"card.code_url": "Code", "card.paper_url": "Paper"}
        return self._page(
            "entry",
            path,
            world=self._world(view),
            view=view,
            entry=entry,
            main=TASKS[view.task].primary_column,
            links=[(entry.tags[k], text) for k, text in links.items() if entry.tags.get(k)],
            tiers=list(card["tables"]),
            metrics=_metrics(view.task, card),
            curves=list(_lines(card).items())[:4],
            fpr=_archetypes(entry),
            fpr_top=_top(_archetypes(entry)),
            neighbours=_neighbours(view, entry),
            pair=partial(self._pair, path),
        )

    def compare(self, view: Board, a: RankedEntry, b: RankedEntry) -> str:
        """Two entries of a board side by side.

        Parameters
        ----------
        view : Board
            Its board.
        a, b : RankedEntry
            Of that board.
        """
        cards = [self.boards.card(e) for e in (a, b)]
        lines = [_lines(c) for c in cards]
        bars = [(e, _archetypes(e)) for e in (a, b)]
        low, mid, high = comparison.difference(a, b)
        return self._page(
            "compare",
            f"compare/{a.id}-{b.id}/" if not self.live else "compare/",
            world=self._world(view),
            view=view,
            a=a,
            b=b,
            low=low,
            mid=mid,
            high=high,
            needed=power.sentence(a.estimate - b.estimate) if low <= 0 <= high else "",
            main=TASKS[view.task].primary_column,
            rows=comparison.rows(view, a, b),
            curves=[(t, [(a.name, lines[0][t]), (b.name, lines[1][t])]) for t in lines[0] if t in lines[1]],
            fpr=bars if all(rows for _, rows in bars) else [],
            fpr_top=max(_top(rows) for _, rows in bars),
        )

    def dataset(self, world: ServedDataset, origin: str) -> str:
        """One dataset: how to get it, its sizes, columns and a few rows.

        Parameters
        ----------
        world : ServedDataset
            Which dataset.
        origin : str
            Scheme and host of the site.
        """
        return self._page(
            "dataset",
            f"datasets/{world.key}/",
            world=world,
            splits=list(world.manifest["splits"].items()),
            origin=origin,
            size=sum(world.downloads.values()),
            tables=_samples(world.folder),
        )

    def submit(self, origin: str) -> str:
        """How to submit, and a form that does.

        Parameters
        ----------
        origin : str
            Scheme and host of the site.
        """
        return self._page("submit", "submit/", origin=origin)

    def submission(self, job: QueuedSubmission, entry: RankedEntry | None) -> str:
        """What has become of a submission.

        Parameters
        ----------
        job : QueuedSubmission
            From the queue.
        entry : RankedEntry or None
            Once it is on the board.
        """
        world = self.settings.world(job.world)
        name = world.name if world else job.world[:12]
        return self._page("submission", f"submissions/{job.id}/", job=job, entry=entry, world_name=name)

    def cite(self) -> str:
        """How to cite software and datasets."""
        return self._page("cite", "cite/")

    def api(self, operations: list[tuple[str, str, str]]) -> str:
        """Every operation of the API.

        Parameters
        ----------
        operations : list of (method, address, summary)
            Of the server.
        """
        return self._page("api", "api/", operations=operations)

    def error(self, title: str, detail: str) -> str:
        """A page that says what is wrong.

        Parameters
        ----------
        title, detail : str
            As in a problem document.
        """
        return self._page("error", "error", title=title, detail=detail)

    def _page(self, template: str, path: str, **values: Any) -> str:
        nav = [(f"datasets/{self.settings.worlds[0].key}/" if a == "datasets/" else a, text) for a, text in NAV]
        url = self._url(path)
        return self._jinja.get_template(f"{template}.html.j2").render(path=path, nav=nav, url=url, **values)

    def _url(self, path: str) -> Callable[[str], str]:
        if self.live:
            return lambda to: f"/{to}"
        up = "../" * path.count("/")
        return lambda to: up + (f"{to}index.html" if not to or to.endswith("/") else to)

    def _pair(self, path: str, a: RankedEntry, b: RankedEntry) -> str:
        url = self._url(path)
        return url("compare/") + f"?entry={a.id}&entry={b.id}" if self.live else url(f"compare/{a.id}-{b.id}/")

    def _tabs(self) -> list[tuple[ServedDataset, str]]:
        return [(w, t) for w in self.settings.worlds for t in w.tasks]

    def _world(self, view: Board) -> ServedDataset:
        world = self.settings.world(view.digest)
        assert world is not None  # boards are made of these worlds
        return world


def neighbours(view: Board, entry: RankedEntry) -> list[RankedEntry]:
    """Entries ranked next to one.

    Parameters
    ----------
    view : Board
        Its board.
    entry : RankedEntry
        Of that board.
    """
    place = view.by_id[entry.id]
    some = range(max(0, place - _NEIGHBOURS), min(len(view.entries), place + _NEIGHBOURS + 1))
    return [view.entries[i] for i in some if i != place]


def _neighbours(view: Board, entry: RankedEntry) -> list[tuple[RankedEntry, float, float, float]]:
    return [(other, *comparison.difference(entry, other)) for other in neighbours(view, entry)]


def _metrics(task: str, card: dict[str, Any]) -> list[tuple[str, list[tuple[float, float, float] | None]]]:
    """Metric by metric, its value and interval in each slice."""
    tables = card["tables"].values()
    names = dict.fromkeys(name for table in tables for name in table)
    return [(TASKS[task].metrics[name].title, [_interval(t.get(name)) for t in tables]) for name in names]


def _lines(card: dict[str, Any]) -> dict[str, tuple[list[float], list[float]]]:
    """Recalls and precisions by slice; none where the task has no such curve."""
    return dict(card["curves"].get("precision_recall", {}))


def _interval(v: dict[str, float] | None) -> tuple[float, float, float] | None:
    return (v["value"], v["low"], v["high"]) if v else None


def _archetypes(entry: RankedEntry) -> list[tuple[str, float, str]]:
    """Benign archetypes by false-positive rate, worst first."""
    rates = {m.removeprefix("fpr/"): v for m, v in entry.numbers.items() if m.startswith("fpr/")}
    ordered = sorted(rates.items(), key=lambda pair: -pair[1])
    return [(name, value, "worst" if i == 0 else "other") for i, (name, value) in enumerate(ordered)]


def _top(rows: list[tuple[str, float, str]]) -> float:
    return max([0.02, *(value for _, value, _ in rows)])


@cache
def _samples(folder: Path) -> list[tuple[str, tuple[schema.Column, ...], list[tuple[Any, ...]]]]:
    """The public tables of a dataset with a few rows of train."""
    train = dataset.load(folder).train
    return [
        (name, schema.TABLES[name], train.tables[name].polars().head(_SAMPLE).collect().rows())
        for name in schema.PUBLIC
        if name in train.tables
    ]
