"""A triage for a person, as a page or a table, and for programs, as JSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from generator import files
from generator.errors import UserError
from siphonbench.workflows import evidence_page

if TYPE_CHECKING:
    from siphonbench.workflows.triage import RankedGroup, Triage

WARNING = (
    "A score learnt on synthetic logs is a reason to look, never to ban: no figure here says how often it is "
    "wrong on logs like these, and every tie has harmless reasons too."
)
_TEMPLATES = Path(__file__).parent / "templates"


def write(triage: Triage, out: Path) -> Path:
    """Write a triage; the file appears when it is complete.

    Parameters
    ----------
    triage : Triage
        What to write.
    out : Path
        File that ends in .html, .csv or .json; its folder is made.

    Returns
    -------
    Path
        The same path.
    """
    content = _WRITERS[check_name(out)](triage)
    out.parent.mkdir(parents=True, exist_ok=True)
    return files.write_text(out, content)


def check_name(out: Path) -> str:
    """How a file's name ends, if it says which form is wanted.

    Parameters
    ----------
    out : Path
        File.

    Raises
    ------
    UserError
        If it ends otherwise.
    """
    if out.suffix not in _WRITERS:
        raise UserError(f"--out {out}: name a file that ends in {', '.join(_WRITERS)}")
    return out.suffix


def as_dict(triage: Triage) -> dict[str, Any]:
    """A triage as plain values.

    Parameters
    ----------
    triage : Triage
        What to describe.
    """
    return {
        "warning": WARNING,
        "dataset": triage.dataset,
        "detector": triage.detector,
        "learnt_on": triage.learnt,
        "accounts": triage.accounts,
        "groups": triage.groups_in_all,
        "threshold": triage.threshold,
        "learnt_from_columns_missing_here": list(triage.unprepared),
        "missing_columns": list(triage.missing),
        "ranked": [_group(triage, rank, group) for rank, group in enumerate(triage.groups, 1)],
    }


def _group(triage: Triage, rank: int, group: RankedGroup) -> dict[str, Any]:
    case = group.case
    return {
        "rank": rank,
        "score": group.score,
        "above_threshold": None if triage.threshold is None else group.score > triage.threshold,
        "accounts": dict(zip(group.accounts, group.scores, strict=True)),
        "evidence": [
            {
                "tie": f.kind.name,
                "what": evidence_page.sentence(case, f),
                "usual": evidence_page.usual(f),
                "may_be": f.kind.harmless,
                "with": list(f.names),
            }
            for f in case.findings
            if f.linked
        ],
        "not_found": [f.kind.name for f in case.findings if not f.linked],
        "cannot_be_told": list(case.untold),
        "unusual_habits": [
            " ".join((*evidence_page.counted(h), evidence_page.place(h))) for h in case.habits if h.unusual
        ],
    }


def _html(triage: Triage) -> str:
    from leaderboard.site import templating

    return templating.environment(_TEMPLATES).get_template("triage.html.j2").render(**as_dict(triage))


def _csv(triage: Triage) -> str:
    """One row per account of each ranked group."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["rank", "group_score", "account_id", "account_score", "evidence", "may_be", "warning"])
    for group in as_dict(triage)["ranked"]:
        evidence = "; ".join(e["what"] for e in group["evidence"])
        harmless = "; ".join(e["may_be"] for e in group["evidence"])
        for account, score in group["accounts"].items():
            writer.writerow([group["rank"], group["score"], account, score, evidence, harmless, WARNING])
    return out.getvalue()


def _json(triage: Triage) -> str:
    return json.dumps(as_dict(triage), indent=1) + "\n"


_WRITERS: Mapping[str, Callable[[Triage], str]] = {".html": _html, ".csv": _csv, ".json": _json}
