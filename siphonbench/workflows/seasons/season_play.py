"""Walks detectors through daily seasons, and serves seasons: for the commands alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from generator.errors import UserError
from siphonbench.workflows.seasons import sealing

if TYPE_CHECKING:
    import polars as pl

    from generator.dataset import Split
    from leaderboard.seasons.client import Transport
    from leaderboard.seasons.rules import Season
    from leaderboard.seasons.submissions import SeasonService


def transport(
    server: str, token_file: Path | None, folder: Path | None, secret: Path | None, team: str
) -> Transport:
    """Choose where the days of a season come from.

    Parameters
    ----------
    server : str
        Address of the season's server; "" for a folder.
    token_file : Path, optional
        With a server: file that holds the team's token.
    folder, secret : Path, optional
        Without one: folder of the season, and its secret file.
    team : str
        Without a server: name of the team.

    Raises
    ------
    UserError
        Unless it is either a server or a folder, with what each needs.
    """
    from leaderboard.intake import http_client
    from leaderboard.seasons import client
    from leaderboard.seasons.daily_replay import DailyReplay

    if bool(server) == bool(folder):
        raise UserError("give either --server with --token-file, or --season with --secret")
    if server:
        return client.Http(server, http_client.token(token_file))
    if folder is None or secret is None:
        raise UserError("--season needs --secret too: only its owner has both; teams use --server")
    season, sealed = sealing.opened(folder, secret)
    return client.Local(season, DailyReplay(sealing.service(season, sealed, secret), team))


def play(name: str, train: Path, days: Transport, seed: int, tick: Callable[[int, int], None]) -> int:
    """Fit a detector on a dataset, and let it score the days of a season as they are handed out.

    Parameters
    ----------
    name : str
        Detector, or module:Class.
    train : Path
        Dataset whose train split is learnt from.
    days : Transport
        Where the days come from.
    seed : int
        Of the detector.
    tick : callable
        Told (done, total) after each day.

    Returns
    -------
    int
        Days that were scored now; 0 if every one had been before.

    Raises
    ------
    UserError
        If the detector can't play, or breaks the contract.
    """
    from baselines import plugins
    from baselines.base import evaluation
    from baselines.base.detector import shown
    from generator import dataset
    from leaderboard.seasons import client

    kind = plugins.find(name)
    if kind.upper_bound:
        raise UserError(f"{kind.name} knows part of the truth and walks no season: choose another detector")
    detector = kind(seed=seed)
    if "early" not in detector.tasks:
        raise UserError(f"detector {detector.name} does not answer the task 'early': {', '.join(detector.tasks)}")
    first = days.day()
    if first is None:
        return 0
    fitted = evaluation.fit(detector, [dataset.load(train).reveal("train")])

    def score(split: Split) -> pl.DataFrame:
        answer = fitted.score(shown(fitted, split).without_labels())
        return evaluation.check(fitted.name, answer, split, evaluation.TASKS["early"])

    with TemporaryDirectory(prefix="siphonbench-") as folder:
        client.play(days, score, Path(folder), tick)
    return days.season().days - first


def serve(
    season: Season,
    service: SeasonService,
    host: str,
    port: int,
    find: Callable[[str], str | None] | None = None,
    board: bool = True,
    refresh: Callable[[], None] = lambda: None,
) -> None:
    """Serve a season until it is stopped.

    Parameters
    ----------
    season : Season
        What is told of it.
    service : SeasonService
        Where submissions go.
    host, port
        Where to listen.
    find : callable, optional
        From a token to the name of its team; looked up in the season's own teams if left out.
    board : bool
        Whether everybody may see the standings.
    refresh : callable
        Called before each request: reads what may have changed.

    Raises
    ------
    UserError
        If a package is missing.
    """
    try:
        from leaderboard.intake import server
        from leaderboard.seasons import routes
    except ModuleNotFoundError as error:
        raise UserError(f"{error.name} is missing: install siphonbench[serve]") from error
    app = routes.application(season, service, find or find_team(service), board, refresh=refresh)
    server.serve(app, host, port)


def find_team(service: SeasonService) -> Callable[[str], str | None]:
    """What finds the name of a token's team among the teams of a season.

    Parameters
    ----------
    service : SeasonService
        Of the season.
    """
    from leaderboard.intake import teams

    def find(token: str) -> str | None:
        team = teams.find(service.engine, token)
        return team.name if team else None

    return find
