"""Scenario files: write one, check it, and see what it will hold before it is made."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from generator.errors import UserError
from siphonbench.cli.common import options, output
from siphonbench.cli.common.app import STYLE, app

if TYPE_CHECKING:
    from generator.config.dataset_config import Config
    from generator.pipeline.forecast import Group

_scenario = typer.Typer(help="Write a scenario file, check it, or see what it will hold.", **STYLE)
app.add_typer(_scenario, name="scenario")

File = Annotated[Path, typer.Argument(help="TOML file; or a preset, or a scenario that comes along: headline.")]


@_scenario.command(
    "new", epilog="Example: siphonbench scenario new mine.toml --from small --campaign A2:evasive:40"
)
def _new(
    file: Annotated[Path, typer.Argument(help="TOML file to write; never overwritten.")],
    preset: Annotated[str, typer.Option("--from", help="Preset that it starts from.")] = "nano",
    campaign: Annotated[
        list[str] | None,
        typer.Option("--campaign", help="archetype:tier:accounts, in place of the preset's campaigns; repeat it."),
    ] = None,
) -> None:
    """Write a commented scenario file to start from."""
    from generator.config import scenario_template

    scenario_template.write(file, preset, tuple(campaign or ()))
    typer.echo(f"{file} written; edit it, then: siphonbench scenario describe {file}")


@_scenario.command("check", epilog="Example: siphonbench scenario check mine.toml")
def _check(file: File, seed: options.Seed = None) -> None:
    """Say every fault at once, or that it can be built."""
    config = _config(file, seed)
    extra = sum(c.accounts for c in config.cohorts)
    attack = config.extraction_accounts + sum(c.accounts for c in config.cohorts if c.tier)
    campaigns = config.campaigns + sum(bool(c.tier) for c in config.cohorts)
    typer.echo(
        f"{file} can be built: {config.name}, {len(config.splits)} world{'s' * (len(config.splits) > 1)} of "
        f"{config.days} days with {config.accounts + extra:,} accounts, {attack:,} of them in {campaigns} "
        "campaigns"
    )


@_scenario.command("describe", epilog="Example: siphonbench scenario describe headline --plot headline.svg")
def _describe(
    file: File,
    split: Annotated[str, typer.Option(help="World to describe.")] = "train",
    seed: options.Seed = None,
    plot: Annotated[Path | None, typer.Option(help="Draw it too, to this .svg or .png file.")] = None,
    sample: Annotated[int, typer.Option(min=1, help="Accounts to look at per group.")] = 20_000,
    as_json: options.Json = False,
) -> None:
    """Estimate requests, tokens and price per campaign from the plan; nothing is generated."""
    from generator.pipeline import forecast, forecast_plot

    config = _config(file, seed)
    if split not in config.splits:
        raise UserError(f"--split {split}: {file} makes {', '.join(config.splits)}")
    if plot:
        forecast_plot.check(plot)
    with output.progress("counting") as tick:
        groups = forecast.expected(config, split, sample, tick)
    if plot:  # first: who reads the table may leave before its end, as `head` does
        forecast_plot.write(
            plot, groups, f"{config.name}, {split}, seed {config.seed}: expected before it is made"
        )
    if as_json:
        typer.echo(json.dumps([g.as_dict() for g in groups], indent=1))
    else:
        _show(config, split, groups)
    if plot:
        typer.echo(f"Picture: {plot}", err=as_json)


def _config(file: Path, seed: int | None) -> Config:
    """Configuration of a file, a preset or a scenario that comes along."""
    from generator.config import dataset_config

    if str(file) in dataset_config.PRESETS and not file.exists():
        return dataset_config.from_preset(str(file), seed or 0)
    return dataset_config.from_file(file, seed)


def _show(config: Config, split: str, groups: list[Group]) -> None:
    from generator.config.archetypes import archetypes
    from generator.pipeline.forecast import ExpectedRows

    head = ("accounts", "days", "requests", "a day, median", "output tokens", "list price USD")
    attacks = [g for g in groups if g.tier]
    if attacks:
        rows = [(g.name, g.archetype, g.tier, *_figures(g)) for g in attacks]
        output.show(("campaign", "archetype", "tier", *head), rows)
    others = sorted((g for g in groups if not g.tier), key=lambda g: (len(g.name), g.name))
    rows = [(g.name, archetypes()[g.archetype].title, f"{g.accounts:,}", *_figures(g)[2:]) for g in others]
    output.show(("group", "what it is", head[0], *head[2:]), rows)
    parts = {"others": others, "campaigns": attacks, "together": groups}
    totals = {name: (sum(g.accounts for g in part), sum(g.requests for g in part)) for name, part in parts.items()}
    for name, (accounts, requests) in totals.items():
        typer.echo(f"{name:<10} {accounts:>11,} accounts {requests:>15,.0f} requests")
    both = ExpectedRows(totals["together"][1], sum(g.prompts for g in groups))
    texts = f"{both.prompts:,.0f} prompts as text, " * (both.prompts > 0)
    typer.echo(
        f"{config.name}, {split}: {config.days} days, {config.quiet_days} of them quiet; {texts}about "
        f"{both.disk / 1e9:,.1f} GB, {both.requests / config.buckets / 1e6:,.2f} M requests in each of "
        f"{config.buckets} shards"
    )
    if any(g.sampled < g.accounts for g in groups):
        most = max(g.sampled for g in groups)
        typer.echo(f"Estimated from up to {most:,} accounts a group; tokens and price as if all were answered.")


def _figures(g: Group) -> tuple[str, ...]:
    return (
        f"{g.accounts:,}",
        f"{g.first_day}-{g.last_day}",
        f"{g.requests:,.0f}",
        f"{g.median:.2f}",
        f"{g.output_tokens:,.0f}",
        f"{g.list_price:,.0f}",
    )
