"""What every detector promises: functions that raise where it is broken; the docstring is the promise."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import polars as pl

from baselines.base import evaluation
from baselines.base.detector import Detector
from baselines.contract import changes, context, toy_dataset
from baselines.contract.context import BrokenPromiseError, CheckContext
from baselines.fitted import folder
from generator import schema


def _declares(b: CheckContext) -> None:
    """Declares name, description, source, public fields and tasks, and needs no argument to be built."""
    kind, faults = b.kind, []
    for attribute in ("name", "description", "source", "fields"):
        value = getattr(kind, attribute, None)
        if not isinstance(value, tuple if attribute == "fields" else str) or value == "":
            faults.append(f"{attribute} is {value!r}: write a {'tuple' if attribute == 'fields' else 'text'}")
    tasks = getattr(kind, "tasks", ())
    faults += [
        f"{t!r} is no task: choose from {', '.join(evaluation.TASKS)}" for t in tasks if t not in evaluation.TASKS
    ]
    faults += [
        f"task {t} needs a method {evaluation.TASKS[t].method}"
        for t in tasks
        if t in evaluation.TASKS and not _has(kind, evaluation.TASKS[t].method)
    ]
    if not tasks:
        faults.append("tasks is empty: name at least one")
    if faults:
        raise BrokenPromiseError("; ".join(faults))
    try:
        schema.check_fields(kind.fields)
    except ValueError as error:
        raise BrokenPromiseError(str(error)) from error
    kind(seed=3)


def _has(kind: type[Detector], method: str) -> bool:
    return method == "score" or getattr(kind, method) is not getattr(Detector, method)


def _answers(b: CheckContext) -> None:
    """Answers every task it names: a row for every key, no other, and no NaN."""
    assert set(b.answers) == set(b.tasks)


def _days(b: CheckContext) -> None:
    """Can be asked day after day, from the first day on."""
    if "early" in b.kind.tasks:
        evaluation.replay(b.fitted, toy_dataset.split("validation", b.tables))


def _seed(b: CheckContext) -> None:
    """Says the same again under the same seed."""
    context.require_same(b.answers, b.answers_on(b.tables, b.fit()))
    context.require_same(b.answers, b.answers_on(b.tables))


def _clone(b: CheckContext) -> None:
    """A clone is unfitted, has the same parameters, and leaves the original alone."""
    before = b.answers
    twin = b.fitted.clone()
    if type(twin) is not b.kind or _parameters(twin) != _parameters(b.fitted):
        raise BrokenPromiseError(f"clone gave {twin!r} for {b.fitted!r}")
    fresh = b.kind()
    if left := [n for n in vars(twin) if repr(getattr(twin, n)) != repr(getattr(fresh, n, None))]:
        raise BrokenPromiseError(f"a clone still holds what was learnt in {', '.join(left)}")
    twin.fit(b.lessons[1].restrict(b.kind.fields))
    context.require_same(before, b.answers_on(b.tables))


def _fit(b: CheckContext) -> None:
    """Fitting returns the detector and changes neither its parameters nor what its class declares."""
    fresh, declared = b.kind(), _declared(b.kind)
    before = _parameters(fresh)
    back = fresh.fit(b.lessons[0].restrict(b.kind.fields))
    if back is not fresh:
        raise BrokenPromiseError(f"fit returned {type(back).__name__}, not the detector itself")
    if changed := {n: v for n, v in _parameters(fresh).items() if v != before[n]}:
        raise BrokenPromiseError(f"fit changed {changed}: what is learnt belongs in fields with init=False")
    if _declared(b.kind) != declared:
        raise BrokenPromiseError("fit changed what the class declares")


def _columns(b: CheckContext) -> None:
    """Reads declared columns only: others may hold anything."""
    context.require_same(b.answers, b.answers_on(changes.scrambled(b.tables, b.kind.fields)))


def _order(b: CheckContext) -> None:
    """The order of rows and the number of account buckets make no difference."""
    context.require_same(b.answers, b.answers_on(changes.shuffled(b.tables)))
    context.require_same(b.answers, b.answers_on(changes.shuffled(b.tables), buckets=1))


def _names(b: CheckContext) -> None:
    """Names of accounts and requests make no difference, unless it draws a number for each."""
    answers = b.answers_on(changes.renamed(b.tables))
    if not b.kind.draws:
        context.require_same(b.answers, changes.original_names(answers, b.tables))


def _future(b: CheckContext) -> None:
    """What it says as of a day is the same whatever follows, and whatever it has seen before."""
    day = 1
    moved = toy_dataset.split("validation", changes.other_future(b.tables, day))
    today = toy_dataset.split("validation", b.tables).as_of(day)
    expected = b.answers_about(today, b.spare)
    b.answers_about(moved)
    context.require_same(expected, b.answers_about(moved.as_of(day)))


def _empty(b: CheckContext) -> None:
    """Bears a day without a request, and a window without any."""
    b.answers_on(changes.filtered(b.tables, pl.col("day") != 1))
    b.answers_on(changes.filtered(b.tables, pl.lit(False)))


def _one(b: CheckContext) -> None:
    """Bears a world of one account, busy or silent."""
    busy = b.tables["requests"]["account_id"].cast(pl.String)[0]
    silent = b.tables["accounts"]["account_id"].cast(pl.String)[-1]
    for account in (busy, silent):
        chosen = pl.col("account_id").cast(pl.String) == account
        b.answers_on(changes.filtered(b.tables, chosen, chosen))


def _two(b: CheckContext) -> None:
    """Learns from two worlds at once."""
    b.answers_on(b.tables, evaluation.fit(b.kind(), b.lessons))


def _saved(b: CheckContext) -> None:
    """Saved as a file of plain data and read again, it says the same."""
    with tempfile.TemporaryDirectory() as place:
        path = folder.write(Path(place, "fitted"), b.fitted, ())
        again, _ = folder.read(path, b.kind)
    context.require_same(b.answers, b.answers_on(b.tables, again))


def _higher(b: CheckContext) -> None:
    """Scores a blatant campaign no lower than benign accounts on average, unless it is a floor."""
    from scipy.stats import rankdata

    if b.kind.floor:
        return
    scored = b.tables["account_labels"].filter(pl.col("served") | (pl.col("label").cast(pl.String) == "benign"))
    labels = scored.select("account_id", positive="served")
    request_labels = b.tables["request_labels"].select("request_id", positive="is_extraction")
    for task, truth in (("accounts", labels), ("requests", request_labels)):
        if task not in b.answers:
            continue
        key = truth.columns[0]
        text = pl.col(key).cast(pl.String)
        known = b.answers[task].with_columns(text).join(truth.with_columns(text), on=key)
        ranks, positive = rankdata(known["score"].to_numpy()), known["positive"].to_numpy()
        above, below = ranks[positive].mean(), ranks[~positive].mean()
        if above < below:
            raise BrokenPromiseError(
                f"higher must mean worse: of {len(ranks):,} scores for the task {task}, those of a campaign that "
                f"hides nothing have rank {above:,.0f} on average, the others {below:,.0f}; turn the sign round"
            )


def _parameters(detector: Detector) -> dict[str, object]:
    return {f.name: getattr(detector, f.name) for f in fields(detector) if f.init}


def _declared(kind: type[Detector]) -> tuple[object, ...]:
    return tuple(getattr(kind, a, None) for a in ("name", "description", "source", "fields", "tasks"))


CONTRACT: dict[str, Callable[[CheckContext], None]] = {
    "declaration": _declares,
    "answers": _answers,
    "day by day": _days,
    "same seed": _seed,
    "clone": _clone,
    "fit": _fit,
    "declared columns": _columns,
    "row order": _order,
    "names": _names,
    "future": _future,
    "nothing happens": _empty,
    "one account": _one,
    "two worlds": _two,
    "higher is worse": _higher,
    "saved": _saved,
}
"""Name of each check, and the function that tries it; its docstring is the promise."""
