"""Worlds whose campaigns all do as an operator did who adapted to a detector, and what entries reach in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from generator.config import dataset_config
from generator.errors import UserError
from siphonbench.workflows import series
from siphonbench.workflows.duel import moves

if TYPE_CHECKING:
    from generator.dataset import Dataset
    from leaderboard.tracking.board import Board


def config(preset: str, places: Mapping[str, float], name: str) -> dict[str, Any]:
    """A preset whose own campaigns, of every tier, have their dials where a best response has them.

    Parameters
    ----------
    preset : str
        A preset's name.
    places : mapping of str to float
        As for `moves.moved`.
    name : str
        Of the configuration: datasets are called NAME-seedSEED.

    Examples
    --------
    >>> config("nano", {"camouflage": 0}, "adapted")["overlay"]["A1"]
    {'camouflage': 0.0}
    """
    kinds = dataset_config.preset(preset)["campaign_archetypes"]
    campaigns = [{"name": kind, "archetype": kind, "tier": "evasive", "accounts": 1} for kind in kinds]
    turned = moves.moved({"cohorts": campaigns}, places)["cohorts"]
    return {
        "preset": preset,
        "name": name,
        "overlay": {cohort["archetype"]: cohort["dials"] for cohort in turned if cohort["dials"]},
    }


def robust_board(
    dataset: Dataset, adapted: Sequence[Dataset], folder: str | Path, task: str = "accounts"
) -> Board:
    """Read a board whose entries also say what they reach where campaigns adapted, and write its page.

    Parameters
    ----------
    dataset : Dataset
        Whose board gets the column *robust*: the mean of the primary metric over `adapted`.
    adapted : sequence of Dataset
        Worlds whose campaigns adapted, with boards in the same store. An entry counts there by its name and team,
        the last one if there are several; one that is not on all of them has no value.
    folder : path or address
        Of the store.
    task : str
        Key of `task_definitions.TASKS`.

    Raises
    ------
    UserError
        If a dataset has no board, or no entry is on all.
    """
    from leaderboard.site import folder_page
    from leaderboard.tracking import rankings
    from leaderboard.tracking.store import Store

    store = Store.at(folder)
    found = {b.digest: b for b in rankings.read_all(store, task)}
    # Where there is none, `read` says so.
    own, *others = (found.get(d.digest) or rankings.read(store, d.digest, task) for d in (dataset, *adapted))
    found.pop(own.digest)
    board = joined(own, others)
    folder_page.write([board, *found.values()], folder_page.path(store.folder, task))
    return board


def joined(board: Board, adapted: Sequence[Board]) -> Board:
    """A board with the column *robust*.

    Parameters
    ----------
    board, adapted
        As `robust_board` reads them.

    Raises
    ------
    UserError
        If no entry is on all boards.
    """
    others = [series.newest(b.entries) for b in adapted]
    entries = []
    for entry in board.entries:
        key = entry.name, entry.team
        found = [of[key].primary for of in others if key in of]
        value = {"robust": sum(found) / len(found)} if len(found) == len(others) else {}
        entries.append(replace(entry, numbers=entry.numbers | value))
    if not any("robust" in entry.numbers for entry in entries):
        names = ", ".join(b.dataset for b in adapted)
        raise UserError(f"no entry on {board.dataset} is also on {names}: submit it there, or run baselines there")
    return replace(board, entries=tuple(entries))
