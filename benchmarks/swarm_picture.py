"""The README's picture: an account of a campaign is like any other, all of them collect, and links tell.

    python -m benchmarks.swarm_picture docs/swarm.svg

The world is `docs/swarm.toml`; the same file comes out of every run.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import siphonbench
from generator.campaign_report import links, selection, svg
from generator.campaign_report.selection import Portrait
from generator.dataset import Dataset

WORLD = Path(__file__).resolve().parent.parent / "docs" / "swarm.toml"
CAMPAIGN = "extra/swarm"
_ANSWERED = 200  # HTTP status
_THINGS = 40  # shared things of each kind in a graph: enough to see its shape (a)
_STYLE: dict[Any, Any] = {"svg.fonttype": "none", "svg.hashsalt": "swarm", "font.size": 8.5, "axes.titlesize": 9}


def draw(data: Dataset) -> Figure:
    """Requests of one account, answers of all, links of campaign and of benign accounts.

    Parameters
    ----------
    data : Dataset
        Made of `WORLD`.
    """
    portrait = selection.gather(selection.survey(data, "train"), CAMPAIGN)
    figure = Figure(figsize=(10, 2.9), layout="constrained", facecolor="white")
    panels = figure.subplots(1, 4, width_ratios=(1.1, 1.1, 1, 1))
    _one(panels[0], portrait)
    _all(panels[1], portrait)
    crowds = {"swarm": portrait.members, "benign, as busy": portrait.benign}
    for panel, (who, crowd), tied in zip(
        panels[2:], crowds.items(), links.links(portrait.split, tuple(crowds.values())), strict=True
    ):
        shown = tied.top(_THINGS)
        svg.graph(panel, shown, links.layout(shown))
        panel.set_title(f"{len(crowd.accounts)} of them ({who}):\n{tied.largest} hang together by links")
    for panel in panels[:2]:
        panel.spines[["top", "right"]].set_visible(False)
        panel.legend(frameon=False, fontsize=7.5)
    return figure


def _one(panel: Axes, p: Portrait) -> None:
    """Requests per account: the campaign's lie among everybody's."""
    people = p.split.people.filter(pl.col("n") > 0)
    edges = np.geomspace(1, float(people["n"].max()) + 1, 25)  # type: ignore[arg-type]
    mine = pl.col("campaign") == CAMPAIGN
    for who, chosen, colour in (
        ("benign", pl.col("label") == "benign", svg.ORDINARY),
        ("swarm", mine, svg.EXTRACTION),
    ):
        n = people.filter(chosen)["n"].to_numpy()
        panel.stairs(np.histogram(n, edges)[0] / len(n), edges, color=colour, label=who, linewidth=1.5)
    panel.set(xscale="log", xlabel="requests in the week", ylabel="share of accounts", ylim=(0, None))
    panel.set_title("Each account alone:\nlike anybody's")


def _all(panel: Axes, p: Portrait) -> None:
    """Answers collected: by one account, and by all."""
    train = p.split.source
    members = p.split.people.filter(pl.col("campaign") == CAMPAIGN).sort("n", "account_id")
    answers = (
        train.requests.polars()
        .select("request_id", "account_id", "ts", "output_tokens", "status")
        .join(
            train.request_labels.polars().filter("is_extraction").select("request_id"), on="request_id", how="semi"
        )
        .filter(pl.col("status") == _ANSWERED)
        .with_columns(pl.col("account_id").cast(pl.String), day=(pl.col("ts") - train.start) / pl.duration(days=1))
        .filter(pl.col("account_id").is_in(members["account_id"].implode()))
        .sort("ts")
        .collect()
    )
    each = answers.group_by("account_id").agg(n=pl.len()).sort("n", "account_id")
    one = answers.filter(account_id=each["account_id"][len(each) // 2])
    for who, rows, style in ((f"all {len(members)}", answers, "-"), ("one of them", one, "--")):
        total = rows["output_tokens"].cum_sum()
        panel.step(rows["day"], total, style, where="post", color=svg.EXTRACTION, label=who)
    panel.set(yscale="log", xlabel="day", ylabel="tokens of answers collected", xlim=(0, train.days))
    panel.set_title(f"All together:\n{float(answers['output_tokens'].sum()) / 1e6:.1f} million tokens")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="SVG or PNG file")
    out = parser.parse_args().out
    with tempfile.TemporaryDirectory() as folder, mpl.rc_context(_STYLE):
        figure = draw(siphonbench.generate(config=WORLD, out=Path(folder) / "swarm"))
        figure.savefig(out, metadata={"Date": None} if out.suffix == ".svg" else None, dpi=110)
    print(f"{out}: {out.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
