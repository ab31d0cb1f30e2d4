"""The pages over HTTP, each made once for as long as its board stays the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Request
from fastapi import Query as Asked
from fastapi.responses import FileResponse, HTMLResponse, Response

from leaderboard.intake.problems import Problem
from leaderboard.site import board_files
from leaderboard.site.board_query import Query
from leaderboard.site.live_boards import LiveBoard
from leaderboard.site.settings import ServedDataset

if TYPE_CHECKING:
    from leaderboard.site.context import Site

_KEPT = 512
Short = Annotated[str, Asked(max_length=80)]


def router(site: Site, operations: Callable[[], list[tuple[str, str, str]]]) -> APIRouter:
    """Pages of a site, and its boards as files.

    Parameters
    ----------
    site : Site
        What they share.
    operations : callable
        Gives (method, path, summary) of each operation of the API.
    """
    web = APIRouter(default_response_class=HTMLResponse, include_in_schema=False)

    @web.get("/")
    def home() -> str:
        return site.pages.home()

    @web.get("/boards/{world}/{task}/")
    def board(
        request: Request,
        world: str,
        task: str,
        sort: Short = "rank",
        order: Short = "asc",
        groups: Annotated[list[Short], Asked(max_length=8)] = [],  # noqa: B006 - FastAPI copies it
        text: Short = "",
        mark: Short = "",
        page: Annotated[int, Asked(ge=1, le=100_000)] = 1,
    ) -> Response:
        query = Query(sort, order == "asc", "".join(groups), text, mark, page)
        found = site.place(world, task)
        view = site.boards.view(found.digest, task)
        return _kept(request, view, query, lambda: site.pages.board(found, task, query).encode(), "text/html")

    @web.get("/boards/{world}/{task}/board.json")
    def board_json(request: Request, world: str, task: str) -> Response:
        view = site.boards.view(site.place(world, task).digest, task)
        return _kept(request, view, "json", lambda: board_files.as_json(view), "application/json")

    @web.get("/boards/{world}/{task}/board.csv")
    def board_csv(request: Request, world: str, task: str) -> Response:
        view = site.boards.view(site.place(world, task).digest, task)
        return _kept(request, view, "csv", lambda: board_files.as_csv(view), "text/csv")

    @web.get("/entries/{id}/")
    def entry(id: str) -> str:
        return site.pages.entry(*site.entry(id))

    @web.get("/compare/")
    def compare(entry: Annotated[list[Short], Asked(max_length=100)] = []) -> str:  # noqa: B006
        if len(entry) != 2:
            raise Problem(422, f"{len(entry)} entries are ticked: tick two of the same board.")
        (view, a), (other, b) = site.entry(entry[0]), site.entry(entry[1])
        if view.by_id is not other.by_id:
            raise Problem(
                422, "These entries are of unlike boards, whose numbers don't compare: choose two of one."
            )
        return site.pages.compare(view, a, b)

    def served(world: str) -> ServedDataset:
        if (found := site.settings.world(world)) is None:
            raise Problem(404, "There is no such dataset here.")
        return found

    @web.get("/datasets/{world}/")
    def dataset(request: Request, world: str) -> str:
        return site.pages.dataset(served(world), str(request.base_url).rstrip("/"))

    @web.get("/datasets/{world}/files.txt")
    def file_list(request: Request, world: str) -> Response:
        found, base = served(world), str(request.base_url)
        lines = (f"{base}datasets/{found.key}/files/{path}\n" for path in found.downloads)
        return Response("".join(lines), media_type="text/plain")

    @web.get("/datasets/{world}/files/{path:path}")
    def file(world: str, path: str) -> Response:
        found = served(world)
        if path not in found.downloads:
            raise Problem(404, "There is no such file to be handed out.")
        return FileResponse(found.folder / path, media_type="application/vnd.apache.parquet")

    @web.get("/cite/")
    def cite() -> str:
        return site.pages.cite()

    @web.get("/submit/")
    def submit(request: Request) -> str:
        return site.pages.submit(str(request.base_url).rstrip("/"))

    @web.get("/submissions/{id}/")
    def submission(id: str) -> str:
        job = site.job(id)
        return site.pages.submission(job, site.entry_of(job))

    @web.get("/api/")
    def documented() -> str:
        return site.pages.api(operations())

    return web


def _kept(request: Request, view: LiveBoard, key: object, make: Callable[[], bytes], kind: str) -> Response:
    """What a board looks like, made once for as long as the board stays the same."""
    tag = f'"{view.digest[:12]}-{view.version}-{hash(key) & 0xFFFFFFFF:x}"'
    headers = {"etag": tag, "cache-control": "no-cache"}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    if (body := view.rendered.get(key)) is None:
        if len(view.rendered) >= _KEPT:
            view.rendered.clear()
        body = view.rendered[key] = make()
    return Response(body, headers=headers, media_type=kind)
