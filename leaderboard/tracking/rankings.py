"""The board, read back from MLflow: entries by primary metric, ranks shared where data can't tell them apart."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from generator.arrays import F64
from generator.errors import UserError
from leaderboard.metrics import resampling
from leaderboard.records.scorecard import EVALUATOR_VERSION
from leaderboard.records.task_definitions import TASKS, BoardColumn
from leaderboard.tracking import mlflow_runs

if TYPE_CHECKING:
    from mlflow.entities import Run
    from rich.table import Table

    from leaderboard.tracking.mlflow_runs import Store

RANK_RULE = (
    "Entries share a rank with the best of their group when the 95 % interval of their paired difference (over "
    "resampled campaigns and cohorts) contains zero."
)


@dataclass(frozen=True)
class RankedEntry:
    """One row of a board.

    Attributes
    ----------
    numbers : dict of str to float
        Every number of the scorecard, see `Scorecard.flat`.
    worst_archetype : str
        Benign archetype falsely flagged most often; "" where the task has none.
    """

    rank: int
    name: str
    team: str
    field_groups: str
    primary: float
    low: float
    high: float
    chance: float
    numbers: dict[str, float]
    worst_archetype: str
    seconds: float | None
    when: datetime
    code_url: str
    run_id: str


@dataclass(frozen=True)
class Board:
    """All entries with one key (dataset, evaluator, task), best first."""

    dataset: str
    digest: str
    evaluator: str
    task: str
    entries: tuple[RankedEntry, ...]

    @property
    def columns(self) -> tuple[BoardColumn, ...]:
        """What the board shows beside the primary metric: the columns of the task that some entry has."""
        return tuple(c for c in TASKS[self.task].columns if any(c.number in e.numbers for e in self.entries))

    @property
    def timed(self) -> bool:
        """Whether it is known of any entry how long it took."""
        return any(e.seconds is not None for e in self.entries)

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the entries; several of one name are numbered in the order in which they came."""
        total = Counter(e.name for e in self.entries)
        seen: Counter[str] = Counter()
        found = {}
        for i, e in sorted(enumerate(self.entries), key=lambda at: (at[1].when, at[1].run_id)):
            seen[e.name] += 1
            found[i] = f"{e.name} #{seen[e.name]}" if total[e.name] > 1 else e.name
        return tuple(found[i] for i in range(len(found)))


def read(store: Store, digest: str, task: str = "accounts") -> Board:
    """Board of a dataset and task.

    Raises
    ------
    UserError
        If nothing has been recorded for it.
    """
    runs = _finished(store, mlflow_runs.experiment_name(digest, task))
    if not runs:
        raise UserError(f"{store.name} has no entries for {task} on dataset {digest[:12]}; submit one first")
    runs.sort(key=lambda r: (-r.data.metrics["primary"], r.info.run_id))
    placed = ranks([mlflow_runs.unpack(r.data.tags["resampled"]) for r in runs])
    entries = tuple(_entry(run, rank) for run, rank in zip(runs, placed, strict=True))
    return Board(runs[0].data.tags["dataset"], digest, EVALUATOR_VERSION, task, entries)


def table(board: Board) -> Table:
    """The board for a terminal."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    # Narrow enough for 80 columns; the page has every number.
    task, columns = TASKS[board.task], board.columns[:4]
    title = f"{board.task} on {board.dataset} ({board.digest[:12]}), evaluator {board.evaluator}"
    shown = Table(title=title, box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in ("#", "entry", "fields", task.short, "95 %", *(c.short for c in columns), *["s"] * board.timed):
        left = name in ("entry", "fields")
        shown.add_column(name, justify="left" if left else "right", no_wrap=True, overflow="ellipsis")
    for e, label in zip(board.entries, board.labels, strict=True):
        numbers = [f"{e.numbers[c.number]:.3f}" if c.number in e.numbers else "-" for c in columns]
        shown.add_row(
            str(e.rank),
            Text(label),
            e.field_groups,
            f"{e.primary:.3f}",
            f"{e.low:.3f}-{e.high:.3f}",
            *numbers,
            *["-" if e.seconds is None else f"{e.seconds:.1f}"] * board.timed,
        )
    told = [f"{task.short}: {task.title}; chance {board.entries[0].chance:.3f}."]
    told += [f"{c.short}: {c.title}, all tiers together." for c in columns if c.number.startswith("overall/")]
    told += ["s: seconds for training and scoring."] * board.timed
    shown.caption = " ".join([*told, RANK_RULE])
    return shown


def _finished(store: Store, experiment: str) -> list[Run]:
    if not store.exists:
        return []
    runs: list[Run] = []
    token: str | None = ""
    with store.lock():  # another process may be setting up the database
        client = store.client()
        found = client.get_experiment_by_name(experiment)
        while found is not None and token is not None:
            page = client.search_runs(
                [found.experiment_id], "attributes.status = 'FINISHED'", max_results=1000, page_token=token or None
            )
            runs += page
            token = page.token or None
    once: dict[str, Run] = {}
    for run in sorted(runs, key=lambda r: (r.info.end_time, r.info.run_id)):
        once.setdefault(run.data.tags["submission_id"], run)  # see `tracking.settle`
    return list(once.values())


def ranks(resampled: list[F64]) -> list[int]:
    """Competition ranks (1, 1, 3) of entries ordered best first; see `RANK_RULE`."""
    found: list[int] = []
    leader = 0
    for i, values in enumerate(resampled):
        if i and resampling.differs(resampled[leader], values):
            leader = i
        found.append(leader + 1)
    return found


def _entry(run: Run, rank: int) -> RankedEntry:
    m, tags = run.data.metrics, run.data.tags
    return RankedEntry(
        rank=rank,
        name=tags["card.name"],
        team=tags["card.team"],
        field_groups=tags["card.field_groups"],
        primary=m["primary"],
        low=m["primary_low"],
        high=m["primary_high"],
        chance=m["primary_chance"],
        numbers=dict(m),
        worst_archetype=tags["worst_archetype"],
        seconds=m.get("seconds"),
        when=datetime.fromtimestamp(run.info.end_time / 1000, UTC),
        code_url=tags["card.code_url"],
        run_id=run.info.run_id,
    )
