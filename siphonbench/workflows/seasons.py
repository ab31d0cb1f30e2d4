"""Seasons and their worlds, composed of generator and leaderboard: for the commands alone."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from generator.errors import UserError

if TYPE_CHECKING:
    from generator.config.dataset_config import Config
    from generator.pipeline.sealed_worlds import Seal
    from leaderboard.seasons.rules import Rules, Season
    from leaderboard.seasons.submissions import ScoredSplit, SeasonService

Tick = Callable[[int, int], None]


def read_config(preset: str | None, scenario: Path | None) -> Config:
    """Configuration of a preset or a scenario file; the seed does not matter."""
    from generator.config import dataset_config

    if preset and scenario:
        raise UserError(f"--preset {preset} and --scenario {scenario} exclude each other: give one of them")
    return dataset_config.from_file(scenario) if scenario else dataset_config.from_preset(preset or "nano")


def private(secret: Path) -> Path:
    """Folder beside a secret file that holds the world with its labels, and what teams handed in."""
    return secret.with_name(secret.name + ".private")


def check_all(*checks: Callable[[], object]) -> None:
    """Run all checks and tell all faults together.

    Raises
    ------
    UserError
        If one of them does.
    """
    faults = []
    for check in checks:
        try:
            check()
        except UserError as error:
            faults.append(str(error))
    if faults:
        raise UserError("; ".join(faults))


@contextmanager
def removed_on_failure(*made: Path) -> Iterator[None]:
    """Nothing half-done: what is made inside is taken away again if it fails."""
    try:
        yield
    except BaseException:
        for path in made:
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink(missing_ok=True)
        raise


def seal(rules: Rules, config: Config, out: Path, secret: Path, workers: int, tick: Tick) -> Season:
    """Make a sealed world, and publish its season in a new folder; the secret stays in its file."""
    from generator import dataset
    from generator.pipeline import sealed_worlds as seals
    from leaderboard.seasons import rules as seasons

    sealed, hidden, partial = seals.new(config, evaluator()), private(secret), out.with_name(out.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    with removed_on_failure(hidden, partial, secret):
        seals.write(sealed, secret, out)
        hidden.mkdir(mode=0o700)
        world = seals.world(sealed, hidden / "world", workers, tick)
        counts = dataset.read_manifest(world)["splits"][seals.SPLIT]["counts"]
        if not counts["extraction"] or counts["extraction"] == counts["accounts"]:
            raise UserError("the world has no extraction accounts: nothing could be scored; give it campaigns")
        partial.mkdir(parents=True)
        manifest = seals.publish(world, partial, rules.name, sealed.commitment, tables=not rules.daily)
        split = manifest["splits"][seals.SPLIT]
        season = seasons.Season(
            rules=rules,
            commitment=sealed.commitment,
            world=manifest["digest"],
            evaluator=sealed.evaluator,
            accounts=split["counts"]["accounts"],
            days=split["days"],
            start=split["start"],
            versions=manifest["versions"],
        )
        seasons.write(season, partial)
        if out.exists():
            out.rmdir()
        partial.rename(out)
    return season


def opened(folder: Path, secret: Path, revealed: bool = False) -> tuple[Season, Seal]:
    """A season and its secret, which must be the one it was sealed with.

    Raises
    ------
    UserError
        If they do not belong together.
    """
    from generator.pipeline import sealed_worlds as seals
    from leaderboard.seasons import rules

    season, sealed = rules.read(folder), seals.read(secret, revealed)
    if fault := commitment_fault(season, sealed):
        raise UserError(fault)
    return season, sealed


def commitment_fault(season: Season, sealed: Seal) -> str:
    """What is wrong if a secret is not the one that was promised; "" if it is."""
    if sealed.commitment == season.commitment and sealed.evaluator == season.evaluator:
        return ""
    return (
        f"commitment: secret, config and evaluator version give {sealed.commitment[:16]}..., the season promised "
        f"{season.commitment[:16]}...: one of them was changed"
    )


def service(season: Season, sealed: Seal, secret: Path, tick: Tick | None = None) -> SeasonService:
    """Desk of a season, for its owner: the world with labels is made again if it is gone."""
    from generator import dataset
    from generator.pipeline import sealed_worlds as seals
    from leaderboard.seasons import attempts_table
    from leaderboard.seasons import submissions as desks
    from leaderboard.seasons.blob_store import BlobStore

    hidden = private(secret)
    hidden.mkdir(mode=0o700, exist_ok=True)
    if not (hidden / "world" / dataset.MANIFEST).exists():
        seals.world(sealed, hidden / "world", 1, tick)
    data = dataset.load(hidden / "world")
    if data.digest != season.world:
        raise UserError(f"{hidden / 'world'} is another world than the season's: delete it, it will be made again")
    world: ScoredSplit = desks.ScoredSplit(data.reveal(seals.SPLIT), data.digest)
    engine = attempts_table.engine(f"sqlite:///{(hidden / 'season.db').resolve()}")
    return desks.SeasonService(season.rules, lambda team: world, engine, BlobStore(hidden / "entries"))


def evaluator() -> str:
    """Version of the evaluator here."""
    from leaderboard.records.scorecard import EVALUATOR_VERSION

    return EVALUATOR_VERSION
