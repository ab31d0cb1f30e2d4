"""Boards in memory: read from MLflow once, brought up to date beside the requests that look at them."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from generator.errors import UserError
from leaderboard.records.scorecard import EVALUATOR_VERSION
from leaderboard.tracking import artifacts, mlflow_runs, rankings
from leaderboard.tracking.board import Board, RankedEntry
from leaderboard.tracking.store import Store

if TYPE_CHECKING:
    from mlflow.entities import Run

_LOG = logging.getLogger(__name__)
_FRESH_SECONDS = 1.0  # no look at the store within so long of the last one
_ALL_SECONDS = 600.0  # all of it is read again: what was taken away, marked, or ended by a slow clock
_PAGE, _LOOK = 200, 10  # runs asked for at once: for all, and to see whether there are new ones
_CARDS = 256


@dataclass(frozen=True)
class LiveBoard(Board):
    """One board at one moment; everything derived from it is kept with it.

    Attributes
    ----------
    version : int
        Another one whenever the board has changed.
    rendered : dict
        Pages and files made of it, by what was asked for.
    """

    version: int = 0
    rendered: dict[Any, bytes] = field(default_factory=dict, repr=False, compare=False)


class Boards:
    """All boards of a store.

    Parameters
    ----------
    store : Store
        Read through `MlflowClient` only.
    keys : iterable of (digest, task)
        Boards there are.
    """

    def __init__(self, store: Store, keys: Iterable[tuple[str, str]]) -> None:
        self.store = store
        self._views = {(d, t): LiveBoard("", d, EVALUATOR_VERSION, t, ()) for d, t in keys}
        # None: a damaged run, which is told once.
        self._known: dict[tuple[str, str], dict[str, RankedEntry | None]] = {key: {} for key in self._views}
        self._looked: dict[tuple[str, str], float] = {}
        self._read_all: dict[tuple[str, str], float] = {}
        self._lock = threading.Lock()
        self._cards: dict[str, dict[str, Any]] = {}

    def view(self, digest: str, task: str) -> LiveBoard:
        """The board as it stands in memory; looked after in the background where it may be old.

        Parameters
        ----------
        digest : str
            Of the dataset.
        task : str
            Key of `task_definitions.TASKS`.
        """
        key = (digest, task)
        if time.monotonic() - self._looked.get(key, -1e9) > _FRESH_SECONDS and not self._lock.locked():
            threading.Thread(target=self._look, args=(key,), daemon=True).start()
        return self._views[key]

    def refresh(self, digest: str, task: str) -> LiveBoard:
        """The board, once the store has been looked at.

        Parameters
        ----------
        digest : str
            Of the dataset.
        task : str
            Key of `task_definitions.TASKS`.
        """
        with self._lock:
            self._update((digest, task))
        return self._views[digest, task]

    def find(self, id_: str) -> tuple[LiveBoard, RankedEntry] | None:
        """An entry of any board, and its board.

        Parameters
        ----------
        id_ : str
            See `RankedEntry.id`.
        """
        for view in self._views.values():
            if (place := view.by_id.get(id_)) is not None:
                return view, view.entries[place]
        return None

    def all(self) -> list[LiveBoard]:
        """Every board."""
        return [self.view(*key) for key in self._views]

    def card(self, entry: RankedEntry) -> dict[str, Any]:
        """Scorecard of an entry, from its artifact; without tables and curves if that is damaged.

        Parameters
        ----------
        entry : RankedEntry
            Of any board.
        """
        if entry.run_id not in self._cards:
            client = self.store.client()
            try:
                files = artifacts.read(self.store, client, client.get_run(entry.run_id))
                card = json.loads(files[artifacts.SCORECARD])
                card = {key: dict(card[key]) for key in ("tables", "curves")}
            except (UserError, ValueError, KeyError, TypeError) as error:
                _LOG.warning("the scorecard of %s can't be read (%r): its page is shown without", entry.id, error)
                return {"tables": {}, "curves": {}}
            if len(self._cards) >= _CARDS:
                self._cards.pop(next(iter(self._cards)), None)
            self._cards[entry.run_id] = card
        return self._cards[entry.run_id]

    def _look(self, key: tuple[str, str]) -> None:
        if not self._lock.acquire(blocking=False):
            return  # somebody is looking already
        try:
            if time.monotonic() - self._looked.get(key, -1e9) > _FRESH_SECONDS:
                self._update(key)
        except Exception:
            _LOG.exception("the board can't be read; the one in memory stays")
        finally:
            self._lock.release()

    def _update(self, key: tuple[str, str]) -> None:
        began = time.monotonic()
        everything = began - self._read_all.get(key, -1e9) > _ALL_SECONDS
        known = {} if everything else dict(self._known[key])
        for page in self._pages(key, _PAGE if everything else _LOOK):
            new = [run for run in page if run.info.run_id not in known]
            known |= {run.info.run_id: rankings.entry(run) for run in new}
            if not everything and len(new) < len(page):
                break  # the rest ended earlier, and is known
        if everything:
            self._read_all[key] = began
        if everything or len(known) > len(self._known[key]):
            board = self._views[key]
            entries = rankings.ranked(e for e in known.values() if e)
            if entries != board.entries:
                name = entries[0].tags["dataset"] if entries else ""
                self._views[key] = replace(
                    board, dataset=name, entries=entries, version=board.version + 1, rendered={}
                )
            self._known[key] = known
        self._looked[key] = time.monotonic()

    def _pages(self, key: tuple[str, str], size: int) -> Iterator[list[Run]]:
        if self.store.exists:
            name = mlflow_runs.experiment_name(*key, EVALUATOR_VERSION)
            yield from rankings.finished_runs(self.store.client(), name, size)
