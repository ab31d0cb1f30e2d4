"""An operator who adapts to a fitted detector."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from generator.errors import UserError
from siphonbench import api
from siphonbench.cli.common import options, output
from siphonbench.cli.common.app import app


@app.command(
    "redteam",
    epilog="""Example: siphonbench redteam siphonbench-board/fitted/xgboost-relational --preset nano --trials 10

Rounds in which the detector learns: siphonbench redteam FOLDER --rounds 3 --data siphonbench-data/small""",
)
def _redteam(
    detector: Annotated[Path, typer.Argument(help="Fitted detector, as `siphonbench fit` writes it.")],
    out: Annotated[
        Path | None, typer.Option(help="Folder of tries and tables; a second run goes on in it.")
    ] = None,
    campaign: Annotated[
        Path | None, typer.Option(help="The operator's first try, as `scenario new --campaign` writes it.")
    ] = None,
    preset: Annotated[str, typer.Option(help="World that it works in: nano, small, medium or full.")] = "nano",
    seeds: Annotated[
        list[int] | None, typer.Option("--seed", min=0, help="Of that world, 11 if left out; repeat it.")
    ] = None,
    trials: Annotated[int, typer.Option(min=1, help="Campaigns that the operator tries in a round.")] = 20,
    rounds: Annotated[int, typer.Option(min=1, help="The detector learns between them from whom it caught.")] = 1,
    data: Annotated[
        Path | None, typer.Option(help="What the detector learns from again; needed for more than one round.")
    ] = None,
    every: Annotated[int, typer.Option(min=1, help="Days between two looks of the detector.")] = 3,
    tier: Annotated[str, typer.Option(help="Of the first try, without --campaign.")] = "evasive",
    size: Annotated[
        int | None, typer.Option(min=2, help="Accounts of the first try, without --campaign; the preset's.")
    ] = None,
    accounts: Annotated[
        int | None, typer.Option(min=1, help="Budget: accounts with their replacements; unlimited if left out.")
    ] = None,
    cards: Annotated[int | None, typer.Option(min=1, help="Budget: payment instruments.")] = None,
    usd: Annotated[float | None, typer.Option(help="Budget: for requests, accounts and gear.")] = None,
    move: Annotated[
        list[str] | None, typer.Option(help="Group of dials that it may move; repeat it. All if left out.")
    ] = None,
    workers: options.Workers = 1,
    as_json: options.Json = False,
) -> None:
    """Let an operator look for the campaign that is worth most against a detector.

    It sees what it got and what it paid, and with that whom the provider turned away; no score. Writes redteam.md,
    .json and .svg, and each best campaign as a file for `siphonbench duel`.
    """
    from baselines.fitted import folder as fitted_folder
    from generator.integrity import file_digest
    from siphonbench.workflows import fitted_detectors
    from siphonbench.workflows.duel import moves, redteam, redteam_page, rules
    from siphonbench.workflows.duel.search import Means

    if rounds > 1 and data is None:
        raise UserError(f"--rounds {rounds}: name with --data what the detector learns from again")
    fitted = fitted_detectors.load_detector(detector)
    terms = redteam.Terms(
        detector={
            "name": fitted.detector.name,
            "sha256": file_digest(detector / fitted_folder.MANIFEST),
        },
        preset=preset,
        seeds=tuple(dict.fromkeys(seeds or [11])),
        rounds=rounds,
        trials=trials,
        every=every,
        start=rules.read(campaign) if campaign else moves.first_try(preset, tier, size),
        means=Means(accounts, cards, usd),
        free=tuple(moves.moves(move or [])),
    )
    train = api.load_verified(data) if data else None
    place = out or options.ENTRIES.parent / "redteam" / fitted.detector.name
    with output.progress("adapting") as tick:
        responses = redteam.play(terms, fitted.detector, train, place, workers, tick)
    written = redteam_page.write(terms, responses, place)
    if as_json:
        typer.echo(json.dumps(redteam.as_dict(terms, responses), indent=1))
        return
    output.show(redteam_page.HEAD, redteam_page.rows(responses))
    typer.echo(redteam_page.words(terms, responses))
    typer.echo(f"{place}: {', '.join(file.name for file in written)}")
