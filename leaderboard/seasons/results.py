"""What a season publishes at its end: every score with the rows it was given for, and the check of each."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from generator.dataset import Split
from generator.errors import UserError
from leaderboard.seasons.attempts_table import ATTEMPTS
from leaderboard.seasons.blob_store import BlobStore
from leaderboard.seasons.submissions import SeasonService
from leaderboard.tasks import scoring

FILE, ENTRIES = "scores.json", "entries"
_KEYS = {"team", "task", "file", "score"}


def publish(desk: SeasonService, folder: Path) -> int:
    """Write every judged attempt and its rows into a folder; how many there are."""
    out = BlobStore(folder / ENTRIES)
    judged = sa.select(ATTEMPTS).where(ATTEMPTS.c.score.is_not(None)).order_by(ATTEMPTS.c.made, ATTEMPTS.c.id)
    with desk.engine.connect() as connection:
        rows = connection.execute(judged).all()
    told = []
    for row in rows:
        shutil.copyfile(desk.shelf.path(row.file), out.path(row.file))
        score = round(row.score, desk.rules.decimals)
        told.append({"team": row.team, "task": row.task, "file": row.file, "score": score})
    temporary = folder / (FILE + ".tmp")
    temporary.write_text(json.dumps({"decimals": desk.rules.decimals, "scores": told}, indent=1) + "\n", "utf-8")
    temporary.rename(folder / FILE)
    return len(told)


def check(file: Path, entries: Path, split: Split, digest: str) -> tuple[int, list[str]]:
    """Judge everything again: how many scores there are, and one sentence per fault.

    Parameters
    ----------
    file : Path
        Scores, as `publish` writes them.
    entries : Path
        Folder of the rows.
    split : Split
        The world made again, with its labels.
    digest : str
        Of its public tables.

    Raises
    ------
    UserError
        If the file is none of that kind.
    """
    decimals, scores = _read(file)
    shelf, faults = BlobStore(entries), []
    for i, told in enumerate(scores):
        who = f"{file.name}: scores[{i}], {str(told['team'])[:40]!r} at {str(told['task'])[:20]}"
        try:
            table = shelf.checked(str(told["file"]))
            found = round(scoring.primary_value(str(told["task"]), table, split, digest), decimals)
        except (UserError, OSError, ValueError, KeyError) as error:
            faults.append(f"{who}: can't be judged again ({str(error)[:160]})")
            continue
        if not math.isclose(found, float(told["score"]), abs_tol=1e-9):
            faults.append(f"{who}: {told['score']} was published, judged again it gets {found}")
    return len(scores), faults


def _read(file: Path) -> tuple[int, list[dict[str, Any]]]:
    try:
        document = json.loads(file.read_text("utf-8"))
        decimals, scores = int(document["decimals"]), list(document["scores"])
        sound = all(
            isinstance(s, dict) and set(s) == _KEYS and isinstance(s["score"], int | float) for s in scores
        )
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise UserError(f"{file} holds no scores ({error!r}): take the file as unseal wrote it") from error
    if not sound:
        raise UserError(
            f"{file}: each of its scores must hold {', '.join(sorted(_KEYS))}: take it as unseal wrote it"
        )
    return decimals, scores
