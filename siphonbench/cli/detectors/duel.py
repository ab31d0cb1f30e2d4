"""Arms race: an operator's scenario against a detector."""

from __future__ import annotations

import dataclasses
import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from siphonbench import api
from siphonbench.cli.common import options, output
from siphonbench.cli.common.app import app
from siphonbench.workflows.duel.outcome import BUDGET, Prices

if TYPE_CHECKING:
    from generator.dataset import Dataset
    from siphonbench.workflows.duel.outcome import DuelOutcome


@app.command("duel", epilog="Example: siphonbench duel mine.toml xgboost-relational --preset nano --seed 0")
def _duel(
    campaign: Annotated[Path, typer.Argument(help="The operator's file, as `scenario new --campaign` writes it.")],
    detector: Annotated[str, typer.Argument(help="Name, or module:Class.")],
    preset: Annotated[str | None, typer.Option(help="World; the file's preset if left out.")] = None,
    seed: options.Seed = None,
    train: Annotated[
        Path | None, typer.Option(help="Dataset folder to train on; left out, the preset's train world.")
    ] = None,
    false_positives: Annotated[
        float, typer.Option(help="Share of benign accounts that the detector may ever alert about.")
    ] = BUDGET,
    account_usd: Annotated[float, typer.Option(help="What one account costs the operator.")] = Prices.account,
    card_usd: Annotated[float, typer.Option(help="One payment instrument.")] = Prices.card,
    address_usd: Annotated[float, typer.Option(help="One address prefix, such as a proxy's.")] = Prices.address,
    device_usd: Annotated[float, typer.Option(help="One device fingerprint.")] = Prices.device,
    workers: options.Workers = 1,
    as_json: options.Json = False,
) -> None:
    """Play an operator's campaigns against a detector: tokens per dollar against share of tokens prevented."""
    from siphonbench.workflows.duel import arena, rules

    prices = Prices(account_usd, card_usd, address_usd, device_usd)
    document = rules.read(campaign)
    plan = rules.plan(document, str(campaign), preset, seed)
    world = preset or str(document.get("preset", "nano"))
    arena.fighter(detector)
    with output.progress("duelling") as tick, _learnt(train, world, plan.seed, workers) as known:
        tick(0, 3)
        ready = arena.arena(
            detector, train=known, preset=world, seed=plan.seed, prices=prices, false_positives=false_positives
        )
        tick(1, 3)
        (outcome,) = ready.fight(campaign, workers, lambda done, _: tick(done + 1, 3))
    if as_json:
        typer.echo(json.dumps(dataclasses.asdict(outcome), indent=1))
        return
    output.show((f"{campaign} against {outcome.detector}", "value"), _rows(outcome).items())
    if outcome.task == "accounts":
        typer.echo(f"{outcome.detector} answers only when the window has ended: it can prevent nothing before.")


@contextmanager
def _learnt(train: Path | None, world: str, seed: int, workers: int) -> Iterator[Dataset]:
    """What detectors learn from: a dataset, or the train world of a preset, made for this duel."""
    from generator.config import dataset_config
    from generator.pipeline import generate

    if train:
        yield api.load_verified(train)
        return
    plan = dataclasses.replace(dataset_config.from_preset(world, seed), splits=("train",))
    with tempfile.TemporaryDirectory() as folder:
        yield api.load(generate.generate(plan, Path(folder, "train"), workers))


def _rows(outcome: DuelOutcome) -> dict[str, str]:
    gear = f"{outcome.cards:,} cards, {outcome.addresses:,} address prefixes, {outcome.devices:,} devices"
    return {
        "operator: tokens obtained per USD": f"{outcome.tokens_per_usd:,.1f}",
        "tokens obtained": f"{outcome.tokens_obtained:,.0f} of {outcome.tokens:,.0f}",
        "list price paid, USD": f"{outcome.price_usd:,.2f}",
        "accounts, USD": f"{outcome.accounts_usd:,.2f} for {outcome.accounts:,}",
        "gear, USD": f"{outcome.gear_usd:,.2f} for {gear}",
        "all of it without alerts, USD": f"{outcome.planned_usd:,.2f}",
        "detector: share of tokens prevented": (
            f"{outcome.prevented:.3f} ({outcome.prevented_low:.3f}-{outcome.prevented_high:.3f})"
        ),
        "campaigns noticed": f"{outcome.detected:.2f} of {outcome.campaigns}",
        "false positives allowed": f"{outcome.false_positives:.1%} of benign accounts",
    }
