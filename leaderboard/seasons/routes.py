"""Seasons over HTTP: submissions, answers at set times, and the days of *early*; for any FastAPI application."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

from fastapi import APIRouter, FastAPI, Header, Request
from fastapi.responses import JSONResponse, Response
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from generator.errors import UserError
from leaderboard.records.moments import moment
from leaderboard.seasons.daily_replay import DailyReplay
from leaderboard.seasons.rules import Season
from leaderboard.seasons.submissions import SeasonService

PREFIX = "/api/v1/season"
_CAP = 64 << 20
_PROBLEM = "application/problem+json"
_UPLOADS = 8
Token = Annotated[str, Header(description="Bearer and the token of a team.")]


def router(season: Season, desk: SeasonService, who: Callable[[str], str | None], board: bool = True) -> APIRouter:
    """Operations on one season.

    Parameters
    ----------
    season : Season
        What is told of it.
    desk : Desk
        Where submissions go.
    who : callable
        Name of the team of a token; None for one that is none.
    board : bool
        Whether everybody may see the standings.
    """
    api = APIRouter(prefix=PREFIX)
    uploads = threading.BoundedSemaphore(_UPLOADS)

    def team(authorization: str) -> str:
        kind, _, token = authorization.partition(" ")
        found = who(token.strip()) if kind.lower() == "bearer" else None
        if found is None:
            said = "Send the header 'Authorization: Bearer TOKEN' with the token of your team."
            raise HTTPException(401, said, {"www-authenticate": "Bearer"})
        return found

    async def received(request: Request, use: Callable[[Path], Any]) -> Any:
        if not uploads.acquire(blocking=False):
            raise HTTPException(503, "Too many files come in at once: send it again.", {"retry-after": "2"})
        try:
            with TemporaryDirectory(prefix="siphonbench-") as folder:
                path = await _receive(request, Path(folder))
                return await run_in_threadpool(_told, use, path)
        finally:
            uploads.release()

    @api.get("", summary="The season: rules, commitment, size")
    def about() -> Response:
        return Response(season.to_json(), media_type="application/json")

    @api.put("/tasks/{task}", summary="Submit predictions, the body: Parquet or CSV", status_code=202)
    async def submit(request: Request, task: str, authorization: Token = "") -> dict[str, Any]:
        mine = await run_in_threadpool(team, authorization)
        got = await received(request, lambda path: desk.submit(mine, task, path))
        receipt = got.link.receipt(desk.commitment)
        return {"id": got.id, "due": moment(got.due), "left": got.left, "receipt": receipt}

    @api.get("/attempts/{id}", summary="What came of an attempt, once it is due")
    def answer(id: str, authorization: Token = "") -> dict[str, Any]:
        said = desk.answer(team(authorization), id)
        return {"task": said.task, "score": said.score, "said": said.said}

    @api.get("/standings/{task}", summary="Best answer of each team, of those that are out")
    def standings(task: str) -> list[dict[str, Any]]:
        if not board:
            raise HTTPException(403, "The board is private: ask for your own attempts.")
        return [vars(s) for s in desk.standings(task)]

    @api.get("/day", summary="Day whose scores are wanted next; null once all are in")
    def day(authorization: Token = "") -> dict[str, int | None]:
        return {"day": DailyReplay(desk, team(authorization)).day()}

    @api.get("/days/{day}/{table}", summary="What a day added to a table, as Parquet")
    def table(day: int, table: str, authorization: Token = "") -> Response:
        content = DailyReplay(desk, team(authorization)).table(day, table)
        return Response(content, media_type="application/vnd.apache.parquet")

    @api.put("/days/{day}/scores", summary="Hand in the scores of a day; they can't be revised")
    async def scores(request: Request, day: int, authorization: Token = "") -> dict[str, int | None]:
        mine = await run_in_threadpool(team, authorization)
        following = await received(request, lambda path: DailyReplay(desk, mine).hand_in(day, path))
        return {"day": following}

    @api.get("/walk", summary="Attempt of a finished walk")
    def walk(authorization: Token = "") -> dict[str, str]:
        return {"id": DailyReplay(desk, team(authorization)).attempt()}

    return api


def application(
    season: Season, desk: SeasonService, who: Callable[[str], str | None], board: bool = True
) -> FastAPI:
    """A server of one season alone, with errors as problem documents (RFC 9457)."""
    app = FastAPI(title=season.rules.name, docs_url=None, redoc_url=None, openapi_url="/api/v1/openapi.json")
    app.include_router(router(season, desk, who, board))

    async def refused(_: Request, error: Exception) -> Response:
        return _problem(422, str(error))

    async def http(_: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return _problem(error.status_code, str(error.detail), dict(error.headers or {}))

    app.add_exception_handler(UserError, refused)
    app.add_exception_handler(HTTPException, http)
    return app


class Settler(threading.Thread):
    """Judges what waits, beside the requests.

    Parameters
    ----------
    desk : Desk
        Whose attempts.
    seconds : float
        Between two looks.
    """

    def __init__(self, desk: SeasonService, seconds: float = 2.0) -> None:
        super().__init__(name="siphonbench-settler", daemon=True)
        self._desk, self._seconds, self._stopping = desk, seconds, threading.Event()

    def run(self) -> None:
        """Until `stop`."""
        while not self._stopping.wait(self._seconds):
            self._desk.settle()

    def stop(self) -> None:
        """End it."""
        self._stopping.set()
        self.join(timeout=60)


async def _receive(request: Request, folder: Path) -> Path:
    path, size, head = folder / "predictions.parquet", 0, b""
    with path.open("xb") as file:
        async for chunk in request.stream():
            size += len(chunk)
            if size > _CAP:
                raise HTTPException(413, f"The file is larger than {_CAP:,} bytes: send keys and values only.")
            head = (head + chunk)[:4] if len(head) < 4 else head
            file.write(chunk)
    if not size:
        raise HTTPException(400, "The body is empty: send the predictions as the body of the request.")
    return path if head == b"PAR1" else path.rename(path.with_suffix(".csv"))


def _told(use: Callable[[Path], Any], path: Path) -> Any:
    try:
        return use(path)
    except UserError as error:
        # Where the server keeps a file is its own affair.
        raise UserError(str(error).replace(str(path), path.name)) from error


def _problem(status: int, detail: str, headers: dict[str, str] | None = None) -> JSONResponse:
    document = {"type": "about:blank", "status": status, "detail": detail}
    return JSONResponse(document, status, headers, _PROBLEM)
