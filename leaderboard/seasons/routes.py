"""Seasons over HTTP: submissions, answers at set times, and the days of *early*; for any FastAPI application."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, FastAPI, Header, Request
from fastapi import Path as Part
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool

from generator.errors import UserError
from generator.files import PARTIAL
from leaderboard.intake import problems, security
from leaderboard.intake.gate import TokenGate
from leaderboard.intake.problems import Problem
from leaderboard.intake.refusals import LaterError, TooManyError
from leaderboard.intake.upload import Uploads
from leaderboard.records.moments import moment
from leaderboard.seasons.attempt_scoring import AttemptWorker
from leaderboard.seasons.daily_replay import DailyReplay
from leaderboard.seasons.rules import Season
from leaderboard.seasons.submissions import SeasonService

PREFIX = "/api/v1/season"
_CAP = 64 << 20  # bytes of an upload
_HOUR = 3600.0
T = TypeVar("T")
Token = Annotated[str, Header(description="Bearer and the token of a team.")]
Short = Annotated[str, Part(max_length=80)]
Day = Annotated[int, Part(ge=-(10**9), le=10**9)]


@dataclass(frozen=True)
class ServerLimits:
    """What one server takes.

    Attributes
    ----------
    team_hour : int
        Files that a team may send in an hour, whether they are sound or not.
    address_minute : int
        Wrong tokens of one address in a minute.
    upload_seconds, idle_seconds : float
        A whole upload, and a pause in it, may take so long.
    """

    team_hour: int = 200
    address_minute: int = 60
    upload_seconds: float = 300.0
    idle_seconds: float = 15.0


class SeasonServer:
    """What the operations on one season share.

    Parameters
    ----------
    season : Season
        What is told of it.
    service : SeasonService
        Where submissions go.
    find : callable
        From a token to the name of its team; None for one that is none.
    board : bool
        Whether everybody may see the standings.
    limits : ServerLimits
        Of this server.
    refresh : callable
        Called before each request: reads what may have changed.
    """

    def __init__(
        self,
        season: Season,
        service: SeasonService,
        find: Callable[[str], str | None],
        board: bool,
        limits: ServerLimits,
        refresh: Callable[[], None],
    ) -> None:
        self.season, self.service, self.board, self.refresh = season, service, board, refresh
        self.gate = TokenGate(find, limits.address_minute)
        self.uploads = Uploads(
            service.blobs.folder.with_name("uploads"), limits.upload_seconds, limits.idle_seconds
        )
        self.hourly = security.Rate(limits.team_hour, _HOUR)
        self.worker = AttemptWorker(service.scoring)

    async def receive(self, request: Request, team: str, use: Callable[[Path], T]) -> T:
        """Receive a file, and use it under a name that tells its kind.

        Parameters
        ----------
        request : Request
            Its body is the file.
        team : str
            Who sends it.
        use : callable
            Given the file's path.
        """
        if wait := self.hourly.wait(team):
            raise TooManyError(f"Your team has sent {self.hourly.most} files in an hour", wait)
        file = await self.uploads.receive(request, team, _CAP)
        with TemporaryDirectory(PARTIAL, dir=file.path.parent) as folder:
            path = file.path.rename(Path(folder) / f"predictions{file.suffix}")
            try:
                return await run_in_threadpool(use, path)
            except LaterError:
                raise
            except UserError as error:
                # Where the server keeps a file is its own affair.
                raise UserError(str(error).replace(str(path), path.name)) from error


def router(server: SeasonServer) -> APIRouter:
    """Operations on one season.

    Parameters
    ----------
    server : SeasonServer
        The season, and what guards it.
    """
    api = APIRouter(prefix=PREFIX, dependencies=[Depends(server.refresh)])
    service, gate = server.service, server.gate

    @api.get("", summary="The season: rules, commitment, size")
    def about() -> Response:
        # A deadline may have moved on.
        shown = replace(server.season, rules=service.rules)
        return Response(shown.to_json(), media_type="application/json")

    @api.put("/tasks/{task}", summary="Submit predictions, the body: Parquet or CSV", status_code=202)
    async def submit(request: Request, task: Short, authorization: Token = "") -> dict[str, Any]:
        team = await gate.sender(request, authorization)
        await run_in_threadpool(service.check, team, task)
        taken = await server.receive(request, team, lambda path: service.submit(team, task, path))
        server.worker.wake.set()
        receipt = taken.link.receipt(service.commitment)
        return {"id": taken.id, "due": moment(taken.due), "left": taken.left, "receipt": receipt}

    @api.get("/attempts/{id}", summary="What came of an attempt, once it is due")
    def answer(request: Request, id: Short, authorization: Token = "") -> dict[str, Any]:
        found = service.answer(gate.team(request, authorization), id)
        return {"task": found.task, "score": found.score, "said": found.message}

    @api.get("/standings/{task}", summary="Best answer of each team, of those that are out")
    def standings(task: Short) -> list[dict[str, Any]]:
        if not server.board:
            raise Problem(403, "The board is private: ask for your own attempts.")
        return [asdict(standing) for standing in service.standings(task)]

    @api.get("/day", summary="Day whose scores are wanted next; null once all are in")
    def day(request: Request, authorization: Token = "") -> dict[str, int | None]:
        return {"day": DailyReplay(service, gate.team(request, authorization)).day()}

    @api.get("/days/{day}/{table}", summary="What a day added to a table, as Parquet")
    def table(request: Request, day: Day, table: Short, authorization: Token = "") -> Response:
        content = DailyReplay(service, gate.team(request, authorization)).table(day, table)
        return Response(content, media_type="application/vnd.apache.parquet")

    @api.put("/days/{day}/scores", summary="Hand in the scores of a day; they can't be revised")
    async def scores(request: Request, day: Day, authorization: Token = "") -> dict[str, int | None]:
        team = await gate.sender(request, authorization)
        replay = await run_in_threadpool(DailyReplay, service, team)
        await run_in_threadpool(replay.check, day)
        following = await server.receive(request, team, lambda path: replay.hand_in(day, path))
        server.worker.wake.set()
        return {"day": following}

    @api.get("/walk", summary="Attempt of a finished walk")
    def walk(request: Request, authorization: Token = "") -> dict[str, Any]:
        id_ = DailyReplay(service, gate.team(request, authorization)).attempt()
        return {"id": id_, "receipt": service.receipt(id_)}

    return api


def application(
    season: Season,
    service: SeasonService,
    find: Callable[[str], str | None],
    board: bool = True,
    limits: ServerLimits = ServerLimits(),
    refresh: Callable[[], None] = lambda: None,
) -> security.App:
    """A server of one season alone, as it is served: guarded, with a thread that scores what waits.

    Parameters
    ----------
    season, service, find, board, limits, refresh
        See `SeasonServer`.
    """
    server = SeasonServer(season, service, find, board, limits, refresh)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        server.uploads.clear()
        server.worker.start()
        yield
        await run_in_threadpool(server.worker.stop)

    app = FastAPI(
        title=season.rules.name,
        lifespan=lifespan,
        docs_url=None,  # their pages load scripts from another host
        redoc_url=None,
        redirect_slashes=False,  # it would send people to whatever Host they name
        openapi_url="/api/v1/openapi.json",
    )
    app.include_router(router(server))
    problems.install(app)
    return security.secured(app)
