"""Whose laws a world follows: the seam between the hands, and the table of them.

A hand is an author's idea of how groups of accounts behave: who shares what, when they work, what they ask. The
first hand's laws are the functions that `law` marks, where they are used; together they are the protocol of a
hand. Another hand is a module of `generator.hands` with functions of the same names and parameters; what it
leaves out is as in the first. All else (limits, errors, tokens, cache, rendering, ids) is one for all hands, and
so is the physics of the log.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Concatenate, ParamSpec, Protocol, TypeVar


@dataclass(frozen=True)
class Hand:
    """One author's laws.

    Attributes
    ----------
    module : str
        Where they stand; "": where they are used.
    """

    module: str

    def own(self, law: Callable[P, T]) -> Callable[P, T]:
        """Its own version of a law, or the law itself.

        Parameters
        ----------
        law : callable
            The first hand's.
        """
        if not self.module:
            return law
        found: Callable[P, T] = getattr(import_module(self.module), law.__name__, law)
        return found


HANDS = {"first": Hand(""), "second": Hand("generator.hands.second")}
"""All hands by name: a third one is a module and a line here."""

LAWS: dict[str, Callable[..., object]] = {}
"""The laws in which hands may differ, by name, as the first hand has them: of the modules that were imported."""


class _Settings(Protocol):
    @property
    def hand(self) -> str: ...


class _World(Protocol):
    @property
    def config(self) -> _Settings: ...


P = ParamSpec("P")
T = TypeVar("T")
W = TypeVar("W", bound=_World)


def law(first: Callable[Concatenate[W, P], T]) -> Callable[Concatenate[W, P], T]:
    """Mark a function of a plan as one that each hand may have its own of.

    Parameters
    ----------
    first : callable
        The first hand's; its first parameter is the plan of the world.
    """
    LAWS[first.__name__] = first

    @functools.wraps(first)
    def of_the_hand(plan: W, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return HANDS[plan.config.hand].own(first)(plan, *args, **kwargs)

    return of_the_hand
