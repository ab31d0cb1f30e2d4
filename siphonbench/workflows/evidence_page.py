"""The evidence about an account or a group in words: for a terminal, and as a page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from baselines.explanations import Case, Finding, Habit

_NOTE = "This is evidence, no verdict: no label of this split was read, and every tie has harmless reasons too."
_ALT = "Left: accounts in a circle, joined by lines of one colour per kind of tie. Right: when they were active."
_NAMED = 8  # accounts of a tie that the page names
_SMALL_SHARE = 0.1  # below it a share is written with two decimals
_LOG = ", log(1 + n)"  # how the description of a logarithmic feature ends
_TEMPLATES = Path(__file__).parent / "templates"


def sentence(case: Case, finding: Finding) -> str:
    """Say a finding as a clause.

    Parameters
    ----------
    case : Case
        Whose finding it is.
    finding : Finding
        A tie of the account, or of the group's members.

    Returns
    -------
    str
        E.g. "pays with the same instrument as 3 accounts".
    """
    if (members := len(case.accounts)) > 1:
        linked = f"{finding.linked} of {members} members: {finding.kind.words} other members"
        return f"{linked} (median {finding.partners})"
    return f"{finding.kind.words} {finding.partners} account{'s' * (finding.partners != 1)}"


def usual(finding: Finding) -> str:
    """Say how usual a finding is among the reference accounts.

    Parameters
    ----------
    finding : Finding
        Its `usual` is a share from 0 to 1, or NaN.

    Returns
    -------
    str
        E.g. "1.23% have 3 or more".
    """
    if np.isnan(finding.usual):
        return "unknown"
    share = f"{finding.usual:.2%}" if finding.usual < _SMALL_SHARE else f"{finding.usual:.0%}"
    return f"{share if finding.usual else 'none'} have {max(1, finding.partners)} or more"


def counted(habit: Habit) -> tuple[str, str]:
    """Say what a habit measures and its value as people count: no logarithms, shares in per cent.

    Parameters
    ----------
    habit : Habit
        A feature of the account, or a group's median.

    Returns
    -------
    tuple of str
        What is measured, with a colon, and the value with its unit.
    """
    words, value = habit.description.removesuffix(_LOG), habit.value
    if habit.name == "age":
        return f"created {'before' if value > 0 else 'after'} the window began:", f"{_exp(value):,.1f} days"
    if words != habit.description:
        return f"{words}:", f"{_exp(value):,.0f}"
    return f"{words}:", f"{value:.1%}" if words.startswith("share") else f"{value:.3g}"


def place(habit: Habit) -> str:
    """Say on which side of the usual accounts a habit lies, and of how many.

    Parameters
    ----------
    habit : Habit
        Its `below` is the share of usual accounts below it.

    Returns
    -------
    str
        E.g. "above 97.2% of usual accounts".
    """
    side, share = ("above", habit.below) if habit.below >= 0.5 else ("below", 1 - habit.below)
    return f"{side} {'all' if share == 1 else f'{share:.1%} of'} usual accounts"


def text(case: Case, title: str) -> str:
    """Write the evidence for a terminal.

    Parameters
    ----------
    case : Case
        The evidence.
    title : str
        First line.

    Returns
    -------
    str
        Lines without a last line break.
    """
    lines = [title, f"{_NOTE} Usual means: of {case.reference}."]
    for finding in case.findings:
        if finding.linked:
            some = " ".join(finding.names[:4]) + f" and {len(finding.names) - 4} more" * (len(finding.names) > 4)
            clause = f"{sentence(case, finding)}; usual: {usual(finding)}"
            lines += [f"- {clause}; may be: {finding.kind.harmless}", f"    {some}"]
    lines.append("Not found: " + (", ".join(_absent(case)) or "nothing"))
    lines += [f"Can't be told, for lack of columns: {', '.join(case.untold)}"] * bool(case.untold)
    lines += [f"- {' '.join(counted(h))}, {place(h)}" for h in case.habits if h.unusual]
    lines.append("Ordinary, as the middle 90 % of usual accounts: " + ("; ".join(_ordinary(case)) or "nothing"))
    lines += ["Some prompts:"] * bool(case.prompts)
    lines += [f"- {p.account}: {p.prompt}" for p in case.prompts]
    return "\n".join(lines)


def page(case: Case, title: str, where: str, picture: str) -> str:
    """Write the evidence as an HTML page without outside resources.

    Parameters
    ----------
    case : Case
        The evidence.
    title : str
        Heading.
    where : str
        Dataset and split.
    picture : str
        SVG image in base64.

    Returns
    -------
    str
        The whole document.
    """
    from leaderboard.site import templating

    return (
        templating.environment(_TEMPLATES)
        .get_template("evidence.html.j2")
        .render(
            case=case,
            title=title,
            where=where,
            picture=picture,
            ties=[(f, sentence(case, f), usual(f)) for f in case.findings if f.linked],
            unusual=[(*counted(h), place(h)) for h in case.habits if h.unusual],
            ordinary=_ordinary(case),
            absent=_absent(case),
            note=_NOTE,
            alt=_ALT,
            named=_NAMED,
        )
    )


def _ordinary(case: Case) -> list[str]:
    return [" ".join(counted(h)) for h in case.habits if not h.unusual]


def _absent(case: Case) -> list[str]:
    """Kinds of ties that the case does not have."""
    return [f.kind.name for f in case.findings if not f.linked]


def _exp(value: float) -> float:
    """What log(1 + n) was taken of, whatever its sign."""
    return float(np.expm1(abs(value)))
