"""The report as one HTML page without outside resources; or a page for each campaign, and an index."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from generator import files
from generator.campaign_report import behaviour, content, selection
from generator.campaign_report.selection import Crowd, Portrait, ReportedSplit
from generator.config.archetypes import archetypes
from generator.config.parameters import DIALS
from generator.errors import UserError
from generator.example_prompts import ExamplePrompt, examples

INDEX = "index.html"
FIGURES = (behaviour.activity, behaviour.links, behaviour.habits, content.content, content.coverage)
# Column of the campaigns table: what it is called on the page, and how it is written.
FACTS = (
    ("tier", "Evasion tier", "{}"),
    ("target", "Target capability", "{}"),
    ("accounts", "Accounts, replacements included", "{:,}"),
    ("requests_planned", "Requests sent", "{:,}"),
    ("requests_rejected", "of these answered with an error", "{:,}"),
    ("extraction_requests", "Answered requests that serve the extraction", "{:,}"),
    ("extraction_input_tokens", "their input tokens", "{:,}"),
    ("extraction_output_tokens", "their output tokens", "{:,}"),
    ("list_price_usd", "their list price", "{:,.2f} USD"),
    ("student_value", "Student value, 0 to 1 (an assumption)", "{:.4f}"),
)


def write(split: ReportedSplit, path: Path, campaign: str | None = None, seed: int = 0, style: str = "") -> Path:
    """Write the page of a campaign: of the one with most accounts if none is named.

    Parameters
    ----------
    split : ReportedSplit
        From `selection.survey`.
    path : Path
        HTML file; replaced if it exists.
    campaign : str, optional
        Its name.
    seed : int
        Decides which accounts stand for a crowd that is too large to draw.
    style : str
        Style sheet of the page; the report's own rules come after it.

    Raises
    ------
    UserError
        If there is no such campaign, or the path is a folder.
    """
    files.check_writable(path)
    return _write(path, render(selection.gather(split, campaign, seed), seed, style=style))


def write_all(
    split: ReportedSplit,
    folder: Path,
    seed: int = 0,
    on_page: Callable[[int, int], None] = lambda done, total: None,
    style: str = "",
) -> Path:
    """Write a page for each campaign into a folder, and an index.html that links them.

    Parameters
    ----------
    split : ReportedSplit
        From `selection.survey`.
    folder : Path
        Made if it is not there.
    seed : int
        Decides which accounts stand for a crowd that is too large to draw.
    on_page : callable, optional
        Called with (done, total) before each page, and at the end.
    style : str
        Style sheet of the page; the report's own rules come after it.

    Returns
    -------
    Path
        The index.

    Raises
    ------
    UserError
        If the path is a file.
    """
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder} is a file: --all writes into a folder, name another --out")
    rows = _roster(split)
    for done, row in enumerate(rows):
        on_page(done, len(rows))
        portrait = selection.gather(split, row["campaign"], seed)
        _write(folder / row["file"], render(portrait, seed, siblings=True, style=style))
    on_page(len(rows), len(rows))
    return _write(folder / INDEX, _template("index.html.j2").render(**_facts(split), rows=rows, style=style))


def render(portrait: Portrait, seed: int = 0, siblings: bool = False, style: str = "") -> str:
    """HTML of a page; every text that comes from the dataset is escaped.

    Parameters
    ----------
    portrait : Portrait
        What it is drawn from.
    seed : int
        The one that drew it, to be shown.
    siblings : bool
        Whether the other campaigns' pages stand in the same folder, to be linked.
    style : str
        Style sheet of the page; the report's own rules come after it.
    """
    row, known = portrait.campaign, archetypes()
    archetype = row["archetype"]
    return _template("page.html.j2").render(
        **_facts(portrait.split),
        campaign=row,
        kind=known[archetype].title if archetype in known else "no archetype of this version",
        facts=[(title, text.format(row[column])) for column, title, text in FACTS],
        dials=[_dial(name, value) for name, value in portrait.dials.items()],
        figures=[figure(portrait) for figure in FIGURES],
        prompts=_prompts(portrait),
        others=[other for other in _roster(portrait.split) if other["campaign"] != row["campaign"]],
        siblings=siblings,
        seed=seed,
        style=style,
    )


def _template(name: str) -> Template:
    return Environment(
        loader=FileSystemLoader(Path(__file__).with_name("templates")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
    ).get_template(name)


def _facts(split: ReportedSplit) -> dict[str, Any]:
    dataset, source = split.dataset, split.source
    return {
        "dataset": dataset.name,
        "digest": dataset.digest,
        "split": source.name,
        "start": source.start,
        "days": source.days,
    }


def _roster(split: ReportedSplit) -> list[dict[str, Any]]:
    """All campaigns, each with the file that --all writes and the command that shows it."""
    rows = split.roster.to_dicts()
    for number, row in enumerate(rows, 1):
        slug = re.sub(r"[^a-z0-9]+", "-", row["campaign"].lower()).strip("-")[:40]
        row["file"] = f"{number:03}-{slug or 'campaign'}.html"
        options = ("--split", split.source.name, "--campaign", row["campaign"])
        row["command"] = shlex.join(("siphonbench", "inspect", str(split.dataset.path), *options))
    return rows


def _prompts(portrait: Portrait) -> list[tuple[str, tuple[ExamplePrompt, ...]]]:
    """Some prompts of each crowd that has any; of the members those first that serve the extraction."""
    some = [
        (crowd.title, examples(portrait.split.source, crowd.accounts["account_id"], _extracting(crowd)))
        for crowd in portrait.crowds
    ]
    return [(title, prompts) for title, prompts in some if prompts]


def _extracting(crowd: Crowd) -> list[int]:
    return crowd.requests.filter("is_extraction")["request_id"].to_list()


def _dial(name: str, value: float) -> tuple[str, str, str, str]:
    known = DIALS.get(name)
    return (
        name,
        f"{value:,.3g}" if value < 1000 else f"{value:,.0f}",
        *((known.unit, known.description) if known else ("-", "-")),
    )


def _write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return files.write_text(path, text)
