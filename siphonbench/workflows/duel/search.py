"""An operator's search: campaigns are tried, and Optuna proposes the next one by what a dollar bought.

The operator sees what it got and what it paid, and with that whom the provider turned away; no score.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from generator import files
from generator.errors import UserError
from siphonbench.workflows.duel import moves
from siphonbench.workflows.duel.outcome import DuelOutcome

Fight = Callable[[dict[str, Any]], DuelOutcome]
"""What comes of an operator's campaigns."""
_MOST = 1e12


@dataclass(frozen=True)
class Means:
    """What an operator has at most.

    Attributes
    ----------
    accounts, cards : int or None
        Accounts with their replacements, and payment instruments; None: as many as it likes.
    usd : float or None
        For requests, accounts and gear, if nobody stops it.
    """

    accounts: int | None = None
    cards: int | None = None
    usd: float | None = None

    def __post_init__(self) -> None:
        if bad := {k: v for k, v in asdict(self).items() if v is not None and not 0 < v <= _MOST}:
            told = ", ".join(f"{k} {v:g}" for k, v in bad.items())
            raise UserError(f"an operator's means: {told}: give numbers above 0, up to {_MOST:g}")

    def lack(self, outcome: DuelOutcome) -> str:
        """What campaigns ask for beyond these means; "" if they can be paid.

        Parameters
        ----------
        outcome : DuelOutcome
            What came of them.
        """
        asked = {"accounts": outcome.accounts, "cards": outcome.cards, "usd": outcome.planned_usd}
        there = asdict(self)
        over = [k for k, v in asked.items() if there[k] is not None and v > there[k]]
        return "; ".join(f"{asked[k]:,.0f} {k} are asked for, and there are {there[k]:,.0f}" for k in over)


@dataclass(frozen=True)
class Try:
    """A campaign that an operator tried.

    Attributes
    ----------
    places : dict of str to float
        Groups of dials that were moved, see `moves.moved`.
    outcome : DuelOutcome or None
        What came of it; None if it can't be, or can't be paid.
    why : str
        Then the reason, else "".
    """

    places: dict[str, float]
    outcome: DuelOutcome | None
    why: str = ""

    @property
    def worth(self) -> float:
        """Useful tokens of output per dollar."""
        return self.outcome.tokens_per_usd if self.outcome else 0.0


def search(
    fight: Fight,
    start: Mapping[str, Any],
    means: Means,
    trials: int,
    seed: int,
    free: Sequence[str],
    file: Callable[[int], Path | None] = lambda _: None,
    tick: Callable[[], None] = lambda: None,
) -> list[Try]:
    """Try campaigns one after the other, the first one as it stands.

    Parameters
    ----------
    fight : callable
        Given campaigns, says what comes of them.
    start : mapping
        The first try, as `rules.read` gives it.
    means : Means
        What it may cost; a try beyond them counts as worth nothing.
    trials : int
        Tries, the first one included.
    seed : int
        Of the search (tree-structured Parzen estimator: Bergstra et al., NeurIPS 2011).
    free : sequence of str
        Groups of dials that may be moved, of `moves.moves`.
    file : callable
        Where a try of that number is kept, and read from if it is there.
    tick : callable
        Called after each try.

    Returns
    -------
    list of Try
        In their order.

    Raises
    ------
    UserError
        If the first try can't be, or can't be paid.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed))
    study.enqueue_trial({_moves(name): False for name in free})
    tries = list[Try]()
    for number in range(trials):
        trial = study.ask()
        chosen = [name for name in free if trial.suggest_categorical(_moves(name), [False, True])]
        places = {name: trial.suggest_float(name, 0, 1) for name in chosen}
        tries.append(attempt(fight, start, means, places, file(number)))
        if not tries[0].outcome:
            raise UserError(f"the operator's first try: {tries[0].why}")
        study.tell(trial, tries[-1].worth)
        tick()
    return tries


def best(tries: Sequence[Try]) -> Try:
    """The try that was worth most; of equals the first.

    Parameters
    ----------
    tries : sequence of Try
        One or more.
    """
    return max(tries, key=lambda t: t.worth)


def attempt(
    fight: Fight, start: Mapping[str, Any], means: Means, places: dict[str, float], file: Path | None = None
) -> Try:
    """Try campaigns, or read from a file what came of them.

    Parameters
    ----------
    fight, start, means
        As for `search`.
    places : dict of str to float
        Groups of dials that are moved.
    file : Path, optional
        Where the try is kept, and read from if it is there.

    Raises
    ------
    UserError
        If the file holds anything else.
    """
    if file is None:
        return _made(fight, start, means, places)
    if not file.exists():
        files.write_text(file, json.dumps(asdict(_made(fight, start, means, places))) + "\n")
    try:
        plain = json.loads(file.read_text("utf-8"))
        outcome = DuelOutcome(**plain["outcome"]) if plain["outcome"] else None
        return Try(plain["places"], outcome, plain["why"])
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{file} is no try ({error!r}): remove it, and it is made again") from error


def _made(fight: Fight, start: Mapping[str, Any], means: Means, places: dict[str, float]) -> Try:
    try:
        outcome = fight(moves.moved(start, places))
    except UserError as error:  # dials that can't be had together
        return Try(places, None, str(error))
    lack = means.lack(outcome)
    return Try(places, None if lack else outcome, lack)


def _moves(name: str) -> str:
    return f"moves {name}"
