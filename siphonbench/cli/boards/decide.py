"""What an entry is worth to who must act on it: the best working point for given costs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from generator.errors import UserError
from leaderboard.metrics import decision_costs
from siphonbench import api
from siphonbench.api import BOARD, DATA
from siphonbench.cli.common import options, output
from siphonbench.cli.common.app import app

if TYPE_CHECKING:
    from leaderboard.tasks.decisions import Decision


@app.command(
    "decide",
    epilog="Example: siphonbench decide siphonbench-board/entries/volume --data siphonbench-data/nano "
    "--review-cost 35 --reviews 10",
)
def _decide(
    entry: options.Entry,
    data: options.On = DATA,
    split: options.Split = "test",
    review_cost: Annotated[float, typer.Option(help="Of one account, USD (a).")] = decision_costs.REVIEW_USD,
    false_ban_cost: Annotated[float, typer.Option(help="Of an innocent, USD (a).")] = decision_costs.FALSE_BAN_USD,
    token_price: Annotated[
        float, typer.Option(help="Of a million tokens of output that a campaign gets, USD (a).")
    ] = decision_costs.TOKEN_USD,
    wrong_bans: Annotated[
        float, typer.Option(help="Share of innocents whom a review bans (a).")
    ] = decision_costs.WRONG_BANS,
    reviews: Annotated[int, typer.Option(help="Accounts reviewed in a day (a).")] = decision_costs.REVIEWS_A_DAY,
    calibrate: Annotated[
        str | None, typer.Option(help="isotonic or platt: makes scores probabilities; needs --validation.")
    ] = None,
    validation: Annotated[
        Path | None, typer.Option(help="The same detector's submission for validation, to calibrate on.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Gets the plots, a folder per entry.")] = BOARD / "decisions",
    as_json: options.Json = False,
) -> None:
    """Name the threshold that costs least, and plot costs, innocents, precision of the queue and reliability.

    (a): an assumption, yours to replace.
    """
    from siphonbench.workflows import decision_report

    costs = decision_costs.Costs(review_cost, false_ban_cost, token_price, wrong_bans)
    decision_costs.check_reviews(reviews)
    if (calibrate is None) != (validation is None):
        raise UserError("--calibrate and --validation belong together: give both, or neither")
    dataset = api.load_verified(data)
    learnt = (calibrate, validation) if calibrate and validation else None
    decision = decision_report.decide(dataset, entry, split, costs, reviews, learnt)
    options.private_board(out)
    drawn = decision_report.draw(decision, out / entry.stem)
    if as_json:
        typer.echo(json.dumps(decision.document(), indent=1))
        return
    output.show(("working point", ""), _rows(decision).items())
    typer.echo(f"Plots: {', '.join(map(str, drawn))}")


def _rows(d: Decision) -> dict[str, str]:
    c = d.costs
    whom = f"at least {d.threshold:.6g}" if d.flagged else "nobody: inaction is cheapest"
    ratio = "-" if d.innocents_per_campaign is None else f"{d.innocents_per_campaign:.2f}"
    parts = ", ".join(f"{name} {usd:,.0f}" for name, usd in d.cost.items() if name != "all")
    worst = f"{d.worst_archetype}, {d.worst_share:.1%} of it" if d.worst_archetype else "-"
    return {
        "flag who scores": whom,
        "accounts flagged": f"{d.flagged:,}; reviewed in {d.days} days at {d.reviews} a day: {d.reviewed:,}",
        "extraction accounts caught": f"{d.caught:,}",
        "innocents reviewed": f"{d.innocents:,}, about {d.innocents * c.wrong_bans:,.1f} of them banned",
        "campaigns stopped": f"{d.campaigns} of {d.all_campaigns}",
        "innocents per campaign stopped": ratio,
        "worst benign archetype": worst,
        "tokens kept from campaigns": f"{d.kept:.1%}",
        "cost, USD": f"{d.cost['all']:,.0f} ({parts})",
        "cost of inaction, USD": f"{d.inaction_usd:,.0f}",
        "precision of the whole queue": f"{d.queue_precision:.3f}",
        "Brier score": "- (scores are no probabilities: --calibrate)" if d.brier is None else f"{d.brier:.4f}",
        "assumed, USD": f"review {c.review:g}, false ban {c.false_ban:g}, million tokens {c.tokens:g}",
    }
