"""Refusals that end by themselves: the same request may be granted later."""

from __future__ import annotations

import math

from generator.errors import UserError


class LaterError(UserError):
    """What was asked may be granted later.

    Parameters
    ----------
    reason : str
        Beginning of a sentence, without a full stop.
    wait : float
        Seconds until another try may succeed.
    """

    status = 503
    """HTTP status."""

    def __init__(self, reason: str, wait: float) -> None:
        self.seconds = max(1, math.ceil(wait))
        super().__init__(f"{reason}: try again in {self.seconds} s.")


class UnavailableError(LaterError):
    """The server can't do it now: its disk is full, its database locked, or others come first."""


class TooManyError(LaterError):
    """Its sender has asked too often."""

    status = 429
