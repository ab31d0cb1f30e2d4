"""Boards in memory: read from MLflow once, brought up to date beside the requests that look at them."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from generator.arrays import F32
from leaderboard.records import scorecard
from leaderboard.tracking import mlflow_runs, rankings
from leaderboard.tracking.store import Store

if TYPE_CHECKING:
    from mlflow.entities import Run

_LOG = logging.getLogger(__name__)
_FRESH_SECONDS = 1.0  # no look at the store within so long of the last one
_ALL_SECONDS = 600.0  # all of it is read again: what was taken away, marked, or ended by a slow clock
_PAGE, _LOOK = 200, 10  # runs asked for at once: for all, and to see whether there are new ones
_CARDS = 256


@dataclass(frozen=True)
class EntryPage:
    """One entry: what its run says of it.

    Attributes
    ----------
    id : str
        Names it in addresses: the start of its submission id, the same in every store.
    run : str
        MLflow's id, for the operator.
    metrics : dict of str to float
        Every number of its scorecard by name, see `Scorecard.flat`.
    tags : dict of str to str
        Card and origin.
    resampled : ndarray of float32
        The primary metric in each resample.
    """

    id: str
    run: str
    metrics: dict[str, float]
    tags: dict[str, str]
    when: datetime
    resampled: F32 = field(repr=False, compare=False)
    rank: int = 0

    @property
    def name(self) -> str:
        """Name of the entry."""
        return self.tags["card.name"]

    @property
    def team(self) -> str:
        """Who sent it."""
        return self.tags["card.team"]

    @property
    def fields(self) -> str:
        """Field groups that it uses, e.g. "M+L"."""
        return self.tags["card.field_groups"]

    @property
    def primary(self) -> float:
        """What it is ranked by."""
        return self.metrics["primary"]

    @property
    def mark(self) -> str:
        """Whether the operator has reproduced it from its code, or it is as reported by its team."""
        return "reproduced" if self.tags.get("reproduced") else "reported"


@dataclass(frozen=True)
class View:
    """One board at one moment, best entry first; everything derived from it is kept with it."""

    world: str
    task: str
    entries: tuple[EntryPage, ...]
    version: int
    kept: dict[Any, bytes] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def by_id(self) -> dict[str, int]:
        """Place of each entry."""
        return {e.id: i for i, e in enumerate(self.entries)}


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
        self._views = {key: View(*key, (), 0) for key in keys}
        self._seen: dict[tuple[str, str], dict[str, EntryPage]] = {key: {} for key in self._views}
        self._looked: dict[tuple[str, str], float] = {}
        self._read_all: dict[tuple[str, str], float] = {}
        self._lock = threading.Lock()
        self._cards: dict[str, dict[str, Any]] = {}

    def view(self, digest: str, task: str) -> View:
        """The board as it stands in memory; looked after in the background where it may be old."""
        key = (digest, task)
        if time.monotonic() - self._looked.get(key, -1e9) > _FRESH_SECONDS and not self._lock.locked():
            threading.Thread(target=self._look, args=(key,), daemon=True).start()
        return self._views[key]

    def refresh(self, digest: str, task: str) -> View:
        """The board, once the store has been looked at."""
        with self._lock:
            self._update((digest, task))
        return self._views[digest, task]

    def find(self, id_: str) -> tuple[View, EntryPage] | None:
        """An entry of any board, and its board."""
        for view in self._views.values():
            if (place := view.by_id.get(id_)) is not None:
                return view, view.entries[place]
        return None

    def all(self) -> list[View]:
        """Every board."""
        return [self.view(*key) for key in self._views]

    def card(self, entry: EntryPage) -> dict[str, Any]:
        """Scorecard of an entry, from its artifact."""
        if entry.run not in self._cards:
            with TemporaryDirectory() as folder:
                file = self.store.client().download_artifacts(entry.run, "scorecard.json", folder)
                card = json.loads(Path(file).read_text("utf-8"))
            if len(self._cards) >= _CARDS:
                self._cards.pop(next(iter(self._cards)), None)
            self._cards[entry.run] = card
        return self._cards[entry.run]

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
        seen = {} if everything else dict(self._seen[key])
        for page in _pages(self.store, *key, size=_PAGE if everything else _LOOK):
            new = [run for run in page if run.info.run_id not in seen]
            seen |= {run.info.run_id: _entry(run) for run in new}
            if not everything and len(new) < len(page):
                break  # the rest ended earlier, and is known
        if everything:
            self._read_all[key] = began
        if everything or len(seen) > len(self._seen[key]):
            old = self._views[key]
            ranked = _ranked(seen.values())
            if ranked != old.entries:
                self._views[key] = View(*key, ranked, old.version + 1)
            self._seen[key] = seen
        self._looked[key] = time.monotonic()


def _pages(store: Store, digest: str, task: str, size: int) -> Iterator[list[Run]]:
    """FINISHED runs of a board, those that ended last first."""
    if not store.exists:
        return
    client = store.client()
    found = client.get_experiment_by_name(mlflow_runs.experiment_name(digest, task, scorecard.EVALUATOR_VERSION))
    token: str | None = None
    while found is not None:
        page = client.search_runs(
            [found.experiment_id],
            "attributes.status = 'FINISHED'",
            max_results=size,
            order_by=["attributes.end_time DESC"],
            page_token=token,
        )
        yield list(page)
        token = page.token
        if not token:
            return


def _entry(run: Run) -> EntryPage:
    tags = {k: v for k, v in run.data.tags.items() if not k.startswith("mlflow.")}
    return EntryPage(
        id=tags["submission_id"][:16],
        run=run.info.run_id,
        metrics=dict(run.data.metrics),
        tags={k: v for k, v in tags.items() if k != "resampled"},
        when=datetime.fromtimestamp(run.info.end_time / 1000, UTC),
        resampled=mlflow_runs.unpack(tags["resampled"]).astype(np.float32),
    )


def _ranked(entries: Iterable[EntryPage]) -> tuple[EntryPage, ...]:
    """Best first, each submission once, ranks shared; see `board.RANK_RULE`."""
    once: dict[str, EntryPage] = {}
    for e in sorted(entries, key=lambda e: (e.when, e.run)):
        once.setdefault(e.id, e)  # hosts without a common lock may both have recorded it
    best = sorted(once.values(), key=lambda e: (-e.primary, e.id))
    ranks = rankings.ranks([e.resampled.astype(np.float64) for e in best])
    return tuple(
        EntryPage(e.id, e.run, e.metrics, e.tags, e.when, e.resampled, rank)
        for e, rank in zip(best, ranks, strict=True)
    )
