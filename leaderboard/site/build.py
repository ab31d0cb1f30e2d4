"""The site as static files: the same pages, linked by relative addresses, sorted and filtered by the browser."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations
from pathlib import Path

from generator import files
from generator.errors import UserError
from leaderboard.site import board_files, pages
from leaderboard.site.board_query import Query
from leaderboard.site.live_boards import Boards
from leaderboard.site.pages import Pages
from leaderboard.site.settings import Settings
from leaderboard.tracking.board import Board

_MARK = ".siphonbench-site"
_COMPARED = 12  # of each board, every pair; and every entry with its neighbours
_SERVER = "https://SERVER"  # pages that stand alone don't know where a board is served
_STATIC = Path(__file__).with_name("static")


def build(settings: Settings, out: Path, tick: Callable[[int, int], None] = lambda done, total: None) -> int:
    """Write every page; the folder appears under its name only when it is complete.

    Parameters
    ----------
    settings : Settings
        What is shown; its queue and teams are not.
    out : Path
        New or empty, or built before.
    tick : callable
        Told (done, total) as work goes on.

    Returns
    -------
    int
        Files written.

    Raises
    ------
    UserError
        If the folder holds anything else.
    """
    if out.exists() and not (out / _MARK).is_file() and (not out.is_dir() or any(out.iterdir())):
        raise UserError(f"{out} holds something else than a site: name a new or empty folder")
    boards = Boards(settings.store, [(w.digest, t) for w in settings.worlds for t in w.tasks])
    views = [boards.refresh(w.digest, t) for w in settings.worlds for t in w.tasks]
    total = sum(3 + len(v.entries) + len(_pairs(v)) for v in views) + len(settings.worlds) + 4
    written = 0
    with files.atomic_folder(out) as partial:
        shutil.copytree(_STATIC, partial / "static")
        (partial / _MARK).touch()
        for written, (path, content) in enumerate(_files(settings, boards, views), 1):
            file = partial / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
            tick(written, total)
    return written


def _files(settings: Settings, boards: Boards, views: Sequence[Board]) -> Iterator[tuple[str, bytes]]:
    site = Pages(settings, boards, live=False)
    yield "index.html", site.home().encode()
    yield "submit/index.html", site.submit(_SERVER).encode()
    yield "cite/index.html", site.cite().encode()
    yield "api/index.html", site.api([]).encode()
    for world in settings.worlds:
        yield f"datasets/{world.key}/index.html", site.dataset(world, _SERVER).encode()
    for view in views:
        shown = settings.world(view.digest)
        assert shown is not None  # the views are of these worlds
        folder = f"boards/{shown.key}/{view.task}"
        yield f"{folder}/index.html", site.board(shown, view.task, Query()).encode()
        yield f"{folder}/board.json", board_files.as_json(view)
        yield f"{folder}/board.csv", board_files.as_csv(view)
        for entry in view.entries:
            yield f"entries/{entry.id}/index.html", site.entry(view, entry).encode()
        for a, b in sorted(_pairs(view)):
            pair = view.entries[view.by_id[a]], view.entries[view.by_id[b]]
            yield f"compare/{a}-{b}/index.html", site.compare(view, *pair).encode()


def _pairs(view: Board) -> set[tuple[str, str]]:
    best = [e.id for e in view.entries[:_COMPARED]]
    beside = {(e.id, other.id) for e in view.entries for other in pages.neighbours(view, e)}
    return set(combinations(best, 2)) | beside
