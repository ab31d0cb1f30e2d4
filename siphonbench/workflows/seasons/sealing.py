"""Seasons and their worlds, composed of generator and leaderboard: seal one, and open it for its owner."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from generator import files
from generator.errors import UserError

if TYPE_CHECKING:
    from generator.config.dataset_config import Config
    from generator.pipeline.sealed_worlds import Seal
    from leaderboard.seasons.attempt_scoring import ScoredSplit
    from leaderboard.seasons.rules import Rules, Season
    from leaderboard.seasons.submissions import SeasonService

Tick = Callable[[int, int], None]
SECRET_FILE = "secret.json"  # noqa: S105  (a file's name: the secret once it is out)


def read_config(preset: str | None, scenario: Path | None) -> Config:
    """Configuration of a preset or a scenario file; the seed does not matter.

    Parameters
    ----------
    preset : str or None
        Name of a preset; nano if neither is given.
    scenario : Path or None
        TOML file.

    Raises
    ------
    UserError
        If both are given, or what is given can't be read.
    """
    from generator.config import dataset_config

    if preset and scenario:
        raise UserError(f"--preset {preset} and --scenario {scenario} exclude each other: give one of them")
    return dataset_config.from_file(scenario) if scenario else dataset_config.from_preset(preset or "nano")


def private(secret: Path) -> Path:
    """Folder beside a secret file that holds the world with its labels, and what teams handed in.

    Parameters
    ----------
    secret : Path
        Secret file.
    """
    return secret.with_name(secret.name + ".private")


def check_all(*checks: Callable[[], object]) -> None:
    """Run all checks and tell all faults together.

    Parameters
    ----------
    *checks : callable
        Each raises `UserError` for a fault.

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
def removed_on_failure(*paths: Path) -> Iterator[None]:
    """Nothing half-done: what is made inside is taken away again if it fails.

    Parameters
    ----------
    *paths : Path
        Files and folders that did not exist before.
    """
    try:
        yield
    except BaseException:
        for path in paths:
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink(missing_ok=True)
        raise


def seal(rules: Rules, config: Config, out: Path, secret: Path, workers: int, tick: Tick) -> Season:
    """Make a sealed world, and publish its season in a new folder; the secret stays in its file.

    Parameters
    ----------
    rules : Rules
        What teams may do.
    config : Config
        Of the world.
    out, secret : Path
        New or empty folder, and new file.
    workers : int
        Processes.
    tick : callable
        Told (done, total).

    Raises
    ------
    UserError
        If the secret can't be kept there, or nothing in the world could be scored.
    """
    from generator import dataset
    from generator.pipeline import sealed_publication, sealed_worlds
    from leaderboard.seasons import rules as season_rules

    sealed, hidden = sealed_worlds.new(config, evaluator()), private(secret)
    with removed_on_failure(hidden, secret):
        sealed_worlds.write(sealed, secret, out)
        hidden.mkdir(mode=files.PRIVATE)
        files.leave_out_of_git(hidden)
        world = sealed_worlds.world(sealed, hidden / "world", workers, tick)
        counts = dataset.read_manifest(world)["splits"][sealed_worlds.SPLIT]["counts"]
        if not counts["served"] or counts["extraction"] == counts["accounts"]:
            raise UserError(
                "the world has no extraction account that served, or no other account: nothing could be scored; "
                "give it campaigns that send, and benign accounts"
            )
        with files.atomic_folder(out) as partial:
            manifest = sealed_publication.publish(
                world, partial, rules.name, sealed.commitment, tables=not rules.daily
            )
            split = manifest["splits"][sealed_worlds.SPLIT]
            season = season_rules.Season(
                rules=rules,
                seal=sealed.commitment,
                world=manifest["digest"],
                evaluator=sealed.evaluator,
                accounts=split["counts"]["accounts"],
                days=split["days"],
                start=split["start"],
                versions=manifest["versions"],
            ).committed()
            season_rules.write(season, partial)
    return season


def opened(folder: Path, secret: Path) -> tuple[Season, Seal]:
    """A season and its secret, which must be the one it was sealed with.

    Parameters
    ----------
    folder, secret : Path
        As `seal` wrote them.

    Raises
    ------
    UserError
        If they do not belong together, or what was promised has been changed.
    """
    from generator.pipeline import sealed_worlds
    from leaderboard.seasons import rules

    season, sealed = rules.read(folder), sealed_worlds.read(secret)
    if faults := commitment_faults(season, sealed):
        raise UserError("; ".join(faults))
    return season, sealed


def commitment_faults(season: Season, sealed: Seal) -> list[str]:
    """What differs between a season, its commitment and a secret; one sentence per fault.

    Parameters
    ----------
    season : Season
        As season.json has it now.
    sealed : Seal
        What its secret file holds.
    """
    faults = []
    if (sealed.commitment, sealed.evaluator) != (season.seal, season.evaluator):
        faults.append(
            f"commitment: secret, config and evaluator version give {sealed.commitment[:16]}..., the season "
            f"promised {season.seal[:16]}...: one of them was changed"
        )
    if season.promised != season.commitment:
        faults.append(
            f"commitment: rules, world, size and versions in season.json give {season.promised[:16]}..., it "
            f"promised {season.commitment[:16]}...: one of them was changed"
        )
    return faults


def scored_split(world: Path, sealed: Seal, beacon: str = "") -> ScoredSplit:
    """A world as it is scored: with its labels, and with the parts that its secret gives.

    Parameters
    ----------
    world : Path
        Dataset with labels.
    sealed : Seal
        What it was made from.
    beacon : str
        Public random value that was mixed in at the close.
    """
    from generator.pipeline.sealed_worlds import SPLIT
    from generator.rng import keyed_streams
    from leaderboard.seasons.attempt_scoring import ScoredSplit
    from leaderboard.tasks.parts import Parts

    key = keyed_streams.derive(sealed.config.secret, "feedback and counting")
    return ScoredSplit(world, SPLIT, Parts(key, beacon))


def service(season: Season, sealed: Seal, secret: Path, tick: Tick | None = None) -> SeasonService:
    """Where teams hand in, for its owner: the world with labels is made again if it is gone.

    Parameters
    ----------
    season : Season
        What is promised.
    sealed : Seal
        Its secret.
    secret : Path
        File of the secret; attempts are kept beside it.
    tick : callable, optional
        Told (done, total) while the world is made.

    Raises
    ------
    UserError
        If the world beside the secret is another one.
    """
    from generator import dataset
    from generator.pipeline import sealed_worlds
    from leaderboard.seasons import attempts_table, receipts, submissions
    from leaderboard.seasons.blob_store import BlobStore

    hidden = private(secret)
    files.private_folder(hidden)
    if not (hidden / "world" / dataset.MANIFEST).exists():
        sealed_worlds.world(sealed, hidden / "world", 1, tick)
    engine = attempts_table.engine(f"sqlite:///{(hidden / 'season.db').resolve()}")
    with engine.connect() as connection:
        end = receipts.closing(connection)
    world = scored_split(hidden / "world", sealed, end.beacon if end else "")
    if world.digest != season.world:
        raise UserError(f"{hidden / 'world'} is another world than the season's: delete it, it will be made again")
    store = BlobStore(hidden / "entries")
    return submissions.SeasonService(season.rules, lambda team: world, engine, store, season.commitment)


def evaluator() -> str:
    """Version of the evaluator here."""
    from leaderboard.records.scorecard import EVALUATOR_VERSION

    return EVALUATOR_VERSION
