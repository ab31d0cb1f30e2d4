"""The application: pages, API and the worker that empties the queue, in one process."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles
from starlette.concurrency import run_in_threadpool

from leaderboard.intake import problems, security
from leaderboard.site import api, routes
from leaderboard.site.context import Site
from leaderboard.site.settings import Settings


def create(settings: Settings) -> FastAPI:
    """The application of a site.

    Parameters
    ----------
    settings : Settings
        What it serves.
    """
    site = Site(settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await run_in_threadpool(site.start)
        yield
        await run_in_threadpool(site.stop)

    app = FastAPI(
        title="SiphonBench",
        version="1",
        lifespan=lifespan,
        docs_url=None,  # their pages load scripts from another host
        redoc_url=None,
        redirect_slashes=False,  # it would send people to whatever Host they name
        openapi_url="/api/v1/openapi.json",
    )
    app.include_router(api.router(site))
    app.include_router(routes.router(site, lambda: _operations(app)))
    app.mount("/static", StaticFiles(directory=Path(__file__).with_name("static")), name="static")
    problems.install(app, site.pages.error)
    app.state.site = site
    return app


def guarded(settings: Settings) -> security.App:
    """The application as it is served: also what goes wrong inside it carries the security headers.

    Parameters
    ----------
    settings : Settings
        What it serves.
    """
    return security.secured(create(settings))


def _operations(app: FastAPI) -> list[tuple[str, str, str]]:
    paths = app.openapi()["paths"].items()
    return [(m.upper(), path, o["summary"]) for path, methods in paths for m, o in methods.items()]
