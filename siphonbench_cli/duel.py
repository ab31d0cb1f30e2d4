"""Arms race: an operator's scenario against a detector."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from generator.errors import UserError
from siphonbench_cli import root


@root.app.command("duel", epilog="Example: siphonbench duel mine.toml xgboost-relational --preset nano --seed 0")
def _duel(
    campaign: Annotated[Path, typer.Argument(help="The operator's file, as `scenario new --campaign` writes it.")],
    detector: Annotated[str, typer.Argument(help="Name, or module:Class.")],
    preset: Annotated[str | None, typer.Option(help="World; the file's preset if left out.")] = None,
    seed: root.Seed = None,
    account_usd: Annotated[float, typer.Option(min=0, max=1e6, help="What one account costs the operator.")] = 5.0,
    workers: root.Workers = 1,
    as_json: root.Json = False,
) -> None:
    """Play an operator's campaigns against a detector: tokens per dollar against share of tokens prevented."""
    from baselines import plugins
    from siphonbench_cli import duelling

    kind = plugins.find(detector)
    if kind.upper_bound:
        raise UserError(f"{kind.name} knows part of the truth and fights no duel: choose another detector")
    if not {"early", "accounts"} & set(kind.tasks):
        raise UserError(f"{kind.name} answers {', '.join(kind.tasks)}; a duel needs early or accounts")
    if not math.isfinite(account_usd):
        raise UserError(f"--account-usd {account_usd} is no amount: give dollars, e.g. 5")
    train, test = duelling.plans(campaign, preset, seed)
    with root.progress("duelling") as tick:
        found = duelling.fight(train, test, kind, account_usd, workers, tick)
    if as_json:
        typer.echo(json.dumps(asdict(found), indent=1))
        return
    parts = {
        "operator: tokens obtained per USD": f"{found.tokens_per_usd:,.1f}",
        "tokens obtained": f"{found.tokens_obtained:,.0f} of {found.tokens:,.0f}",
        "list price paid, USD": f"{found.price_usd:,.2f}",
        "accounts, USD": f"{found.accounts_usd:,.2f} for {found.accounts:,}",
        "detector: share of tokens prevented": (
            f"{found.prevented:.3f} ({found.prevented_low:.3f}-{found.prevented_high:.3f})"
        ),
        "campaigns noticed": f"{found.detected:.2f} of {found.campaigns}",
        "false positives allowed": f"{found.false_positives:.1%} of benign accounts",
    }
    root.show((f"{campaign} against {found.detector}", "value"), parts.items())
    if found.task == "accounts":
        typer.echo(f"{found.detector} answers only when the window has ended: it can prevent nothing before.")
