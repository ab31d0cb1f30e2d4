"""The API, version 1: boards, entries and submissions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Header, Path, Query, Request
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from generator.errors import UserError
from leaderboard.intake import teams
from leaderboard.intake.gate import TokenGate
from leaderboard.records import card as cards
from leaderboard.site import board_files, pages

if TYPE_CHECKING:
    from leaderboard.intake.queue_records import QueuedSubmission
    from leaderboard.site.context import Site
    from leaderboard.tracking.board import RankedEntry

Text = Annotated[str, Query(max_length=1000)]
Task = Annotated[str, Path(max_length=40, pattern="^[a-z]+$")]
WorldKey = Annotated[
    str | None, Query(alias="world", max_length=64, description="Dataset; the first one without.")
]


def router(site: Site) -> APIRouter:
    """Operations on a site.

    Parameters
    ----------
    site : Site
        What they share.
    """
    api = APIRouter(prefix="/api/v1")
    gate = TokenGate(lambda token: teams.find(site.engine, token), site.settings.address_minute)

    @api.get("/boards", summary="All boards")
    def boards() -> list[dict[str, Any]]:
        return [
            {
                "dataset": w.digest,
                "world": w.key,
                "name": w.name,
                "task": t,
                "board": f"/boards/{w.key}/{t}/board.json",
            }
            for w in site.settings.worlds
            for t in w.tasks
        ]

    @api.get("/boards/{task}", summary="One board, best entry first")
    def board(task: Task, world: WorldKey = None) -> dict[str, Any]:
        return board_files.document(site.boards.view(site.place(world, task).digest, task))

    @api.get("/entries/{entry}", summary="One entry, with its scorecard and its neighbours")
    def entry(entry: Annotated[str, Path(max_length=64)]) -> dict[str, Any]:
        view, row = site.entry(entry)
        beside = [e.id for e in pages.neighbours(view, row)]
        return board_files.row(row) | {"dataset": view.digest, "task": view.task, "neighbours": beside}

    @api.put(
        "/submissions/{task}",
        summary="Submit predictions, the body: Parquet or CSV; answers at once with the page of the score",
        status_code=202,
        openapi_extra={"requestBody": {"content": {"application/octet-stream": {}}, "required": True}},
    )
    async def submit(
        request: Request,
        task: Task,
        name: Text,
        world: WorldKey = None,
        field_groups: Text = "-",
        contact: Text = "",
        code_url: Text = "",
        paper_url: Text = "",
        external_data: bool = False,
        labels: Text = "truth",
        authorization: Annotated[str, Header(description="Bearer and the token of a team.")] = "",
    ) -> JSONResponse:
        team = await gate.sender(request, authorization, counted=True)
        place = site.place(world, task)
        if task not in place.submitted:
            raise UserError(
                f"task {task} takes no file, its scores are asked day by day: choose {', '.join(place.submitted)}"
            )
        texts = {"name": name, "field_groups": field_groups, "contact": contact, "code_url": code_url}
        texts |= {"paper_url": paper_url, "labels": labels, "team": team.name}
        card = cards.of(texts | {"external_data": external_data})
        await run_in_threadpool(site.queue.check, team.id, site.settings.team_hour)
        file = await site.uploads.receive(request, team.id, place.cap(task))
        keyed = (team.id, place.digest, task, card, file.digest, file.suffix, file.size, file.path)
        id_, new = await run_in_threadpool(site.queue.put, *keyed, site.settings.team_hour)
        site.wake()
        job = await run_in_threadpool(site.queue.get, id_)
        assert job is not None
        return JSONResponse(document(job), 202 if new else 200, {"location": f"/api/v1/submissions/{id_}"})

    @api.get("/submissions/{id}", summary="What has become of a submission, with its entry and scores")
    def state(id: Annotated[str, Path(max_length=64)]) -> dict[str, Any]:
        job = site.job(id)
        return document(job, site.entry_of(job))

    return api


def document(job: QueuedSubmission, entry: RankedEntry | None = None) -> dict[str, Any]:
    """A submission as one JSON object.

    Parameters
    ----------
    job : QueuedSubmission
        Of any state.
    entry : RankedEntry, optional
        Once it is on the board.
    """
    return {
        "id": job.id,
        "page": f"/submissions/{job.id}/",
        "state": job.state,
        "progress": job.progress,
        "ahead": job.ahead,
        "error": job.error,
        "task": job.task,
        "world": job.world,
        "name": job.card.name,
        "team": job.team,
        "sha256": job.file,
        "created": job.created.isoformat(),
        "finished": job.finished.isoformat() if job.finished else None,
        "entry": entry.id if entry else None,
        "rank": entry.rank if entry else None,
        "scores": dict(sorted(entry.numbers.items())) if entry else None,
    }
