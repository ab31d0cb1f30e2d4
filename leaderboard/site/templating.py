"""The one environment that renders templates: strangers' text is escaped, an undefined name is an error."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from leaderboard.records.scorecard import EVALUATOR_VERSION
from leaderboard.site import svg
from leaderboard.tracking.board import warning

_HERE = Path(__file__).parent


def environment(*folders: Path, **values: Any) -> Environment:
    """Templates of the site, with what they all need.

    Parameters
    ----------
    *folders : Path
        Looked into first: templates of pages outside the site, which extend `alone.html.j2`.
    **values
        Further names that every template knows.

    Examples
    --------
    >>> environment().from_string("{{ percent(0.5) }} {{ '<b>' }}").render()
    '50.0 &lt;b&gt;'
    """
    templates = Environment(
        loader=FileSystemLoader([*folders, _HERE / "templates"]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    drawing = {"percent": svg.percent, "curve": svg.curve, "x": svg.x, "y": svg.y}
    templates.globals |= (
        drawing | {"evaluator": EVALUATOR_VERSION, "archetypes": {}, "warning": warning, "style": style} | values
    )
    return templates


def style() -> str:
    """The style sheet, for a page that stands alone."""
    return (_HERE / "static" / "style.css").read_text("utf-8")
