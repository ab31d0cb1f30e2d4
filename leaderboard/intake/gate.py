"""Who sends a request: the team of its token; addresses that try too often are turned away."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from leaderboard.intake import security
from leaderboard.intake.problems import Problem
from leaderboard.intake.refusals import TooManyError

Team = TypeVar("Team")
_MINUTE = 60.0


class TokenGate(Generic[Team]):
    """Lets in who has a token.

    Parameters
    ----------
    find : callable
        From a token to its team; None for one that is forged or revoked.
    address_minute : int
        Wrong tokens, and requests that are counted, of one address in a minute.
    """

    def __init__(self, find: Callable[[str], Team | None], address_minute: int) -> None:
        self._find, self._rate = find, security.Rate(address_minute, _MINUTE)

    def team(self, request: Request, authorization: str, counted: bool = False) -> Team:
        """Team of a request.

        Parameters
        ----------
        request : Request
            From an address.
        authorization : str
            Its header.
        counted : bool
            Whether the request counts although its token is good.

        Raises
        ------
        Problem
            401 without a token that is good.
        TooManyError
            For an address that tries too often.
        """
        address = security.network(request.client.host if request.client else None)
        if wait := self._rate.wait(address, counted):
            raise TooManyError("Too many uploads or wrong tokens from your address", wait)
        kind, _, token = authorization.partition(" ")
        team = self._find(token.strip()) if kind.lower() == "bearer" else None
        if team is None:
            if not counted:
                self._rate.wait(address)
            sentence = "Send the header 'Authorization: Bearer TOKEN' with the token of your team."
            raise Problem(401, sentence, {"www-authenticate": "Bearer"})
        return team

    async def sender(self, request: Request, authorization: str, counted: bool = False) -> Team:
        """`team` in a thread: the token is looked up in a database.

        Parameters
        ----------
        request, authorization, counted
            See `team`.
        """
        return await run_in_threadpool(self.team, request, authorization, counted)
