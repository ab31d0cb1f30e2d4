"""The end of a season: close it, publish its secret and every attempt, and check what anybody has published."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from generator import files
from generator.errors import UserError
from siphonbench.workflows.seasons import sealing

if TYPE_CHECKING:
    from leaderboard.seasons.receipts import Closing


def close(folder: Path, secret: Path, beacon: str = "", early: bool = False) -> Closing:
    """End a season for good and publish the end of its chain; nothing is taken from then on.

    Parameters
    ----------
    folder, secret : Path
        Of the season.
    beacon : str
        Value of the public source that the season's rules name; "" if they name none.
    early : bool
        Whether it may end before its time.

    Raises
    ------
    UserError
        If it is not over, or a beacon value is missing or not promised.
    """
    import json

    from leaderboard.records.moments import moment
    from leaderboard.seasons import receipts, results
    from leaderboard.tracking import database

    season, sealed = sealing.opened(folder, secret)
    now = database.now()
    engine = sealing.service(season, sealed, secret).engine
    with database.writing(engine) as connection:
        end = receipts.closing(connection)
        if end is None:
            if now < season.rules.closes.timestamp() and not early:
                raise UserError(
                    f"{season.rules.name} closes at {moment(season.rules.closes)}: wait, or say --before-close"
                )
            _check_beacon(season.rules.beacon, beacon)
        end = receipts.close(connection, season.commitment, now, beacon)
    files.write_text(folder / results.CLOSING_FILE, json.dumps(asdict(end), indent=1) + "\n")
    return end


def _check_beacon(promised: str, beacon: str) -> None:
    if promised and not beacon:
        raise UserError(f"the season promised to mix in a value of {promised!r}: give it as --beacon VALUE")
    if beacon and not promised:
        raise UserError("--beacon: the season promised no beacon, so its owner could choose one: leave it out")
    if len(beacon) > 200 or not beacon.isprintable():
        raise UserError("--beacon: its value must be at most 200 printable characters")


def unseal(folder: Path, secret: Path, beacon: str = "", early: bool = False) -> int:
    """End a season, once: publish its secret, every attempt and what each was given for.

    Parameters
    ----------
    folder, secret, beacon, early
        See `close`.

    Returns
    -------
    int
        How many scores are out.

    Raises
    ------
    UserError
        If it is not over, or was unsealed before.
    """
    from generator.pipeline import sealed_publication, sealed_worlds
    from leaderboard.seasons import results, rules

    season, sealed = sealing.opened(folder, secret)
    if season.unsealed:
        raise UserError(f"{season.rules.name} was unsealed before, and a season ends once: nothing was changed")
    close(folder, secret, beacon, early)
    service = sealing.service(season, sealed, secret)
    service.score_waiting()
    results.count(service)
    scores = results.publish(service, folder)
    if season.rules.daily:
        sealed_publication.publish(sealing.private(secret) / "world", folder, season.rules.name, season.seal)
    files.write_text(folder / sealing.SECRET_FILE, sealed_worlds.text(sealed))
    rules.write(season.opened(), folder)
    return scores


def check(
    folder: Path,
    secret: Path | None,
    scores: Path | None,
    receipts_folder: Path | None,
    workers: int,
    tick: Callable[[int, int], None],
) -> tuple[int, list[str]]:
    """Make a world again from its revealed secret, and hold everything that was published against it.

    Parameters
    ----------
    folder : Path
        Of the season.
    secret, scores : Path or None
        Secret file and scores; those of the folder if left out.
    receipts_folder : Path or None
        Receipts that teams hold.
    workers : int
        Processes.
    tick : callable
        Told (done, total) while the world is made.

    Returns
    -------
    tuple
        How many scores there are, and one sentence per fault.

    Raises
    ------
    UserError
        If the season is still sealed, or a file can't be read.
    """
    from generator import dataset
    from generator.pipeline import sealed_publication, sealed_worlds
    from leaderboard.seasons import receipts, results, rules
    from siphonbench import api

    season = rules.read(folder)
    revealed = folder / sealing.SECRET_FILE
    if secret is None and not revealed.exists():
        raise UserError(f"{folder} is still sealed: its secret comes out when it is unsealed, or give --secret")
    sealed = sealed_worlds.read(secret or revealed, revealed=True)
    held = list(receipts.read_folder(receipts_folder)) if receipts_folder else []
    faults = sealing.commitment_faults(season, sealed)
    if sealed.evaluator != sealing.evaluator():
        faults.append(
            f"evaluator: version {sealed.evaluator} judged, here is {sealing.evaluator()}: install that one"
        )
    if season.unsealed != revealed.exists():
        faults.append(f"unsealed: season.json says {season.unsealed}, though {revealed.name} tells otherwise")
    tables, count = (folder / dataset.MANIFEST).exists(), 0
    faults += api.verify(folder) if tables else []
    file, end = scores or folder / results.FILE, results.read_closing(folder)
    with sealed_worlds.scratch() as scratch:
        world = sealed_worlds.world(sealed, Path(scratch) / "world", workers, tick)
        faults += sealed_publication.compare(folder, world) if tables else []
        split = sealing.scored_split(world, sealed, end.beacon if end else "")
        if split.digest != season.world:
            faults.append(f"world: {split.digest[:16]}... was made again, the season's is {season.world[:16]}...")
        if file.exists() or scores:
            count, wrong = results.check(file, season, end, split, held)
            faults += wrong
        elif season.unsealed or revealed.exists():
            faults.append(f"{file.name}: is missing: an unsealed season publishes every attempt")
    return count, faults
