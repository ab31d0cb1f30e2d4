"""What a season publishes at its end: every attempt with its receipt, rows and scores; and the check of it."""

from __future__ import annotations

import json
import math
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from generator import files
from generator.errors import UserError
from leaderboard.records.moments import moment_of
from leaderboard.seasons.attempt_scoring import ScoredSplit
from leaderboard.seasons.attempts_table import ATTEMPTS
from leaderboard.seasons.blob_store import BlobStore
from leaderboard.seasons.receipts import ChainLink, Closing, link_of
from leaderboard.seasons.rules import Rules, Season
from leaderboard.seasons.submissions import SeasonService
from leaderboard.tasks.parts import COUNTING, FEEDBACK

FILE, CLOSING_FILE, ENTRIES = "scores.json", "closing.json", "entries"
_LINK = tuple(f.name for f in fields(ChainLink))
_SCORES = {"score": FEEDBACK, "counting": COUNTING}
_KEYS = {*_LINK, *_SCORES, "digest", "failed"}
_HEADER = {"commitment", "decimals", "attempts", "scores"}
_A = ATTEMPTS.c


def count(service: SeasonService) -> None:
    """Score every judged attempt on the part that counts, where that is not done yet.

    Parameters
    ----------
    service : SeasonService
        Of a season or class whose waiting attempts are judged.
    """
    todo = sa.select(ATTEMPTS).where(_A.score.is_not(None), _A.counting.is_(None)).order_by(_A.sequence)
    with service.engine.connect() as connection:
        rows = connection.execute(todo).all()
    for row in rows:
        table = service.blobs.read(row.file)
        counting = service.world(row.team).score(row.task, table, COUNTING)
        with service.engine.begin() as connection:
            connection.execute(ATTEMPTS.update().where(_A.id == row.id).values(counting=counting))


def publish(service: SeasonService, folder: Path) -> int:
    """Write every attempt, with what was handed in, into a folder.

    Parameters
    ----------
    service : SeasonService
        Of a season that is closed and counted.
    folder : Path
        Of the season.

    Returns
    -------
    int
        How many attempts have scores.
    """
    store = BlobStore(folder / ENTRIES)
    with service.engine.connect() as connection:
        rows = connection.execute(sa.select(ATTEMPTS).order_by(_A.sequence)).all()
    attempts = []
    for row in rows:
        shutil.copyfile(service.blobs.path(row.file), store.path(row.file))
        scores = {k: None if (v := getattr(row, k)) is None else round(v, service.rules.decimals) for k in _SCORES}
        link = link_of(row)
        attempts.append(asdict(link) | {"digest": link.digest} | scores | {"failed": row.score is None})
    document = {"commitment": service.commitment, "decimals": service.rules.decimals, "attempts": len(attempts)}
    files.write_text(folder / FILE, json.dumps(document | {"scores": attempts}, indent=1) + "\n")
    return sum(not attempt["failed"] for attempt in attempts)


def check(
    file: Path,
    season: Season,
    end: Closing | None,
    world: ScoredSplit,
    held: Iterable[tuple[str, ChainLink | Closing, str]] = (),
) -> tuple[int, list[str]]:
    """Hold what was published against the commitment, the chain, the rules, the labels and the teams' receipts.

    Parameters
    ----------
    file : Path
        Scores, as `publish` writes them; what was handed in lies beside it.
    season : Season
        Whose commitment is what it should be.
    end : Closing or None
        How it was closed; None if no closing was published.
    world : ScoredSplit
        Made again, with its labels and with the parts that the closing's beacon gives.
    held : iterable
        See `receipts.read_folder`.

    Returns
    -------
    tuple
        How many scores there are, and one sentence per fault.

    Raises
    ------
    UserError
        If the file is none of that kind.
    """
    document = _read(file)
    attempts: list[dict[str, Any]] = document["scores"]
    links = [ChainLink(**{k: attempt[k] for k in _LINK}) for attempt in attempts]
    faults = [*_header_faults(document, season), *_chain_faults(attempts, links, season.commitment)]
    faults += _closing_faults(links, season, end)
    faults += _rule_faults(links, season.rules)
    faults += _receipt_faults(links, end, season.commitment, held)
    store, known = BlobStore(file.parent / ENTRIES), {link.file for link in links}
    faults += [f"{p.name}: is of no attempt" for p in sorted(store.folder.iterdir()) if p.stem not in known]
    faults += [f for attempt in attempts for f in _score_faults(attempt, store, world, season.rules.decimals)]
    return sum(not attempt["failed"] for attempt in attempts), [f"{file.name}: {fault}" for fault in faults]


def _header_faults(document: dict[str, Any], season: Season) -> Iterator[str]:
    wanted = {"commitment": season.commitment, "decimals": season.rules.decimals}
    for key, value in wanted.items():
        if document[key] != value:
            yield f"{key}: {str(document[key])[:80]} stands there, the season promised {value}"
    if document["attempts"] != len(document["scores"]):
        yield f"attempts: {document['attempts']} are promised, {len(document['scores'])} are there"


def _chain_faults(attempts: list[dict[str, Any]], links: list[ChainLink], commitment: str) -> Iterator[str]:
    previous = commitment
    for place, (attempt, link) in enumerate(zip(attempts, links, strict=True), 1):
        if link.number != place:
            yield f"{_name(link)}: stands at place {place}: an attempt was left out, added or moved"
        if link.previous != previous:
            yield f"{_name(link)}: does not follow from the attempt before it: the chain is broken"
        if attempt["digest"] != link.digest:
            yield f"{_name(link)}: its digest is not that of its fields: one of them was changed"
        previous = link.digest
    yield from (f"attempt {id_}: is listed {n} times" for id_, n in Counter(x.id for x in links).items() if n > 1)


def _closing_faults(links: list[ChainLink], season: Season, end: Closing | None) -> Iterator[str]:
    if end is None:
        yield f"{CLOSING_FILE} is missing: nothing says how many attempts there were"
        return
    head = links[-1].digest if links else season.commitment
    if (end.commitment, end.attempts, end.head) != (season.commitment, len(links), head):
        yield f"{CLOSING_FILE} promises {end.attempts} attempts up to {end.head[:16]}..., {len(links)} are there"
    if bool(end.beacon) != bool(season.rules.beacon):
        yield f"beacon: {end.beacon or 'none'} was mixed in, promised was {season.rules.beacon or 'none'}"
    for link in links:
        if link.made > end.closed:
            yield f"{_name(link)}: came after the season was closed"


def _rule_faults(links: list[ChainLink], rules: Rules) -> Iterator[str]:
    for link in links:
        if not rules.opens.timestamp() <= link.made < rules.closes.timestamp():
            yield f"{_name(link)}: came at {moment_of(link.made)}, outside of the season"
        if link.task not in rules.tasks:
            yield f"{_name(link)}: its task is not asked"
    days = Counter((link.team, link.task, link.made // 86400) for link in links)
    whole = Counter((link.team, link.task) for link in links)
    for (team, task, _), n in days.items():
        if n > rules.attempts:
            yield f"{team[:40]!r} at {task[:20]}: {n} attempts on one day, {rules.attempts} are allowed"
    for (team, task), n in whole.items():
        if n > rules.total:
            yield f"{team[:40]!r} at {task[:20]}: {n} attempts, {rules.total} are allowed"


def _receipt_faults(
    links: list[ChainLink],
    end: Closing | None,
    commitment: str,
    held: Iterable[tuple[str, ChainLink | Closing, str]],
) -> Iterator[str]:
    for name, receipt, theirs in held:
        if theirs != commitment:
            yield f"receipt {name}: its season promised {theirs[:16]}..., this one promises {commitment[:16]}..."
        elif isinstance(receipt, Closing):
            if receipt != end:
                yield f"receipt {name}: the season was closed in another way than it says now"
        elif not 1 <= receipt.number <= len(links) or links[receipt.number - 1] != receipt:
            yield f"receipt {name}: {_name(receipt)}: is not published as it was taken"


def _score_faults(attempt: dict[str, Any], store: BlobStore, world: ScoredSplit, decimals: int) -> Iterator[str]:
    who = f"attempt {attempt['number']}, {attempt['team'][:40]!r} at {attempt['task'][:20]}"
    for key, part in _SCORES.items():
        published = attempt[key]
        try:
            table = store.checked(attempt["file"])
            again = round(world.score(attempt["task"], table, part), decimals)
        except (UserError, OSError, ValueError, KeyError) as error:
            if not attempt["failed"] or "SHA-256" in str(error):
                yield f"{who}: can't be judged again ({str(error)[:160]})"
            return
        if published is None or attempt["failed"]:
            yield f"{who}: was published without a score, judged again its {key} is {again}"
        elif not math.isclose(again, published, abs_tol=1e-9):
            yield f"{who}: {key} {published} was published, judged again it gets {again}"


def _name(link: ChainLink) -> str:
    return f"attempt {link.number}, {link.team[:40]!r} at {link.task[:20]}"


def read_closing(folder: Path) -> Closing | None:
    """How the season of a folder was closed.

    Parameters
    ----------
    folder : Path
        Of the season.

    Returns
    -------
    Closing or None
        None if nothing is published about it.

    Raises
    ------
    UserError
        If the file is none.
    """
    file = folder / CLOSING_FILE
    try:
        return Closing(**json.loads(file.read_text("utf-8"))) if file.exists() else None
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise UserError(f"{file} is no closing ({error!r}): take the file as close wrote it") from error


def _read(file: Path) -> dict[str, Any]:
    try:
        document: dict[str, Any] = json.loads(file.read_text("utf-8"))
        sound = set(document) == _HEADER and all(map(_sound, document["scores"]))
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise UserError(f"{file} holds no scores ({error!r}): take the file as unseal wrote it") from error
    if not sound:
        raise UserError(
            f"{file}: it must hold {', '.join(sorted(_HEADER))}, and each score {', '.join(sorted(_KEYS))}: "
            "take it as unseal wrote it"
        )
    return document


def _sound(attempt: Any) -> bool:
    if not isinstance(attempt, dict) or set(attempt) != _KEYS:
        return False
    texts = all(isinstance(attempt[k], str) for k in ("id", "team", "task", "file", "previous", "digest"))
    numbers = all(isinstance(attempt[k], int | float) for k in ("number", "made"))
    return texts and numbers and all(attempt[k] is None or isinstance(attempt[k], int | float) for k in _SCORES)
