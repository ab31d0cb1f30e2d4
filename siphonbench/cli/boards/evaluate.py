"""Scores of a submission, or of one on each seed of a series; nothing is recorded."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from generator.errors import UserError
from leaderboard.records import power
from siphonbench import api
from siphonbench.api import DATA
from siphonbench.cli.common import options, output
from siphonbench.cli.common.app import app
from siphonbench.workflows import comparison, series

if TYPE_CHECKING:
    from leaderboard.records.scorecard import Scorecard
    from siphonbench.workflows.comparison import EntryComparison
    from siphonbench.workflows.series import SeriesResult


@app.command(
    "evaluate",
    epilog="Example: siphonbench evaluate my-entry --data siphonbench-data/nano. "
    "A series: siphonbench evaluate entry-11 entry-12 --data small-11 --data small-12. "
    "Two entries: siphonbench evaluate my-entry --against its-rival --data siphonbench-data/nano",
)
def _evaluate(
    entry: options.Entries,
    data: options.Series = [DATA],  # noqa: B006  # typer copies it
    split: options.Split = "test",
    task: options.Task = "accounts",
    against: Annotated[
        list[Path] | None,
        typer.Option(help="Another submission that it is compared with; of a series, one for each --data."),
    ] = None,
    difference: Annotated[
        float, typer.Option(help="Of the metric that ranks: how many worlds would tell so much apart.")
    ] = power.DIFFERENCE,
    as_json: options.Json = False,
) -> None:
    """Score a submission with 95 % intervals, or one for each seed of a series; nothing is recorded."""
    opened = [api.load_verified(d) for d in data]
    if len(data) > 1 or len(entry) > 1:
        result = series.evaluate_series(opened, entry, split, task)
        rivals = series.evaluate_series(opened, against, split, task).cards if against else ()
        compared = comparison.compare(result.cards, rivals, difference) if rivals else None
        _show_series(result, compared, as_json)
        return
    card = api.evaluate(opened[0], entry[0], split, task)
    if against and len(against) > 1:
        raise UserError(f"--against names {len(against)} submissions for one dataset: give one")
    others = [api.evaluate(opened[0], other, split, task) for other in against or ()]
    compared = comparison.compare([card], others, difference) if others else None
    if as_json:
        extra = {"comparison": compared.as_dict()} if compared else {}
        typer.echo(json.dumps(json.loads(card.to_json()) | extra, indent=1) if extra else card.to_json())
        return
    _show_card(card)
    if compared:
        typer.echo(compared.words())


def _show_card(card: Scorecard) -> None:
    named = [("all", "primary", card.primary)]
    named += [(name, metric, v) for name, table in card.tables.items() for metric, v in table.items()]
    rows = [(t, m, f"{v.value:.4f}", f"{v.low:.4f} to {v.high:.4f}", f"{v.chance:.4f}") for t, m, v in named]
    output.show(("slice", "metric", "value", "95 % interval", "chance"), rows)
    if card.headroom is not None:
        typer.echo(
            f"Ceiling {card.ceiling:.4f}; this entry leaves {card.headroom:.1%} of the way from chance to it."
        )
    if card.worst_archetype_flagged is not None:
        budget = card.false_positives[card.worst_archetype].chance
        typer.echo(
            f"Worst benign archetype: {card.worst_archetype}, {card.worst_archetype_flagged:.1%} of it flagged "
            f"where {budget:.1%} of all benign accounts are."
        )
    for archetype, ap in card.against_grey.items():
        typer.echo(
            f"Extraction against grey {archetype} alone, which is not scored: AP {ap.value:.4f} "
            f"({ap.low:.4f} to {ap.high:.4f}; chance {ap.chance:.4f})."
        )
    if card.sleepers_flagged is not None:
        typer.echo(
            f"Not scored: {card.counts['sleepers']:,} accounts of campaigns that did not serve in this window, "
            f"{card.sleepers_flagged:.1%} of them flagged."
        )


def _show_series(result: SeriesResult, compared: EntryComparison | None, as_json: bool) -> None:
    primary, each = result.primary, zip(result.datasets, result.cards, strict=True)
    if as_json:
        cards = [asdict(card) for card in result.cards]
        document = {"primary": asdict(primary), "tables": result.tables, "datasets": result.datasets}
        extra = {"comparison": compared.as_dict()} if compared else {}
        typer.echo(json.dumps(document | {"cards": cards} | extra, indent=1))
        return
    rows = [("mean", "primary", f"{primary.value:.4f}", f"{primary.low:.4f} to {primary.high:.4f}")]
    rows += [
        (n, "primary", f"{c.primary.value:.4f}", f"{c.primary.low:.4f} to {c.primary.high:.4f}") for n, c in each
    ]
    rows += [(f"mean, {t}", m, f"{v:.4f}", "") for t, table in result.tables.items() for m, v in table.items()]
    output.show(("dataset", "metric", "value", "95 % interval"), rows)
    if compared:
        typer.echo(compared.words())
