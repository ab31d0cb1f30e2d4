"""Errors over HTTP: problem documents of RFC 9457 for programs, a page for people."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, Response
from sqlalchemy.exc import DBAPIError
from starlette.exceptions import HTTPException

from generator.errors import UserError
from leaderboard.intake.refusals import LaterError, UnavailableError
from leaderboard.tracking.store import may_pass

MEDIA_TYPE = "application/problem+json"
_SENTENCES = {
    404: "There is nothing at this address.",
    405: "This address does not take that method.",
    500: "This is a fault of the server, not of what was sent; it is in its log.",
}
_FOR_PROGRAMS = (".json", ".csv")
_MOST_FAULTS = 10
_BUSY_SECONDS = 10.0
_LOG = logging.getLogger(__name__)


class Problem(Exception):  # noqa: N818 - the word of RFC 9457
    """An error to be told over HTTP.

    Parameters
    ----------
    status : int
        HTTP status.
    detail : str
        A complete sentence that says what to do.
    headers : mapping, optional
        Such as Retry-After.
    """

    def __init__(self, status: int, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status, self.detail, self.headers = status, detail, dict(headers or {})


def install(app: FastAPI, page: Callable[[str, str], str] | None = None) -> None:
    """Have every error of an application told this way.

    Parameters
    ----------
    app : FastAPI
        The application.
    page : callable, optional
        From title and detail to an HTML page, for addresses that people read; left out, all get documents.
    """

    def answer(request: Request, problem: Problem) -> Response:
        title = HTTPStatus(problem.status).phrase
        path = request.url.path
        if page is None or path.startswith("/api/v1") or path.endswith(_FOR_PROGRAMS):
            document = {"type": "about:blank", "title": title, "status": problem.status, "detail": problem.detail}
            return JSONResponse(document, problem.status, problem.headers, MEDIA_TYPE)
        return HTMLResponse(page(title, problem.detail), problem.status, problem.headers)

    async def known(request: Request, error: Exception) -> Response:
        assert isinstance(error, Problem)
        return answer(request, error)

    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        detail = _SENTENCES.get(error.status_code, str(error.detail))
        return answer(request, Problem(error.status_code, detail, error.headers))

    async def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        faults = [f"{'.'.join(map(str, e['loc'][1:]))}: {e['msg']}" for e in error.errors()[:_MOST_FAULTS]]
        return answer(request, Problem(422, "; ".join(faults)))

    async def user(request: Request, error: Exception) -> Response:
        return answer(request, Problem(422, str(error)))

    async def later(request: Request, error: Exception) -> Response:
        assert isinstance(error, LaterError)
        return answer(request, Problem(error.status, str(error), {"retry-after": str(error.seconds)}))

    async def bug(request: Request, error: Exception) -> Response:
        if may_pass(error):  # a locked database, a full disk
            _LOG.warning("%s %s: %s", request.method, request.url.path, type(error).__name__)
            return await later(request, UnavailableError("The server is busy", _BUSY_SECONDS))
        return answer(request, Problem(500, _SENTENCES[500]))

    async def database(request: Request, error: Exception) -> Response:
        if not may_pass(error):
            raise error
        return await bug(request, error)

    for kind, handler in (
        (Problem, known),
        (HTTPException, http),
        (RequestValidationError, invalid),
        (UserError, user),
        (LaterError, later),
        (DBAPIError, database),
        (Exception, bug),
    ):
        app.add_exception_handler(kind, handler)
