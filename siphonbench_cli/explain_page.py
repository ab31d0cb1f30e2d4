"""The evidence about an account or a group in words: for a terminal, and as a page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from baselines.evidence import Case, Finding

_NOTE = "This is evidence, no verdict: no label of this split was read, and every tie has harmless reasons too."
_ALT = "Left: accounts in a circle, joined by lines of one colour per kind of tie. Right: when they were active."
_NAMED = 8
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<title>{{ title }}</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 70rem; padding: 1rem; }
body { color: #111; background: #fff; }
h1 { font-size: 1.4rem; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin-top: 2rem; }
.note { border-left: .25rem solid #d55e00; padding: .1rem .8rem; background: #f4f4f4; }
.wide { overflow-x: auto; }
img { width: 100%; height: auto; min-width: 40rem; }
table { border-collapse: collapse; font-size: .9rem; }
th, td { padding: .25rem .7rem; text-align: left; vertical-align: top; border-bottom: 1px solid #ccc; }
td.n { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
code { font-size: .85rem; overflow-wrap: anywhere; }
</style>
</head>
<body>
<main>
<h1>{{ title }}</h1>
<p>{{ where }}. Usual means: of {{ case.reference }}.</p>
<p class="note">{{ note }}</p>
<h2>Ties</h2>
<div class="wide" role="region" aria-label="Ties" tabindex="0"><table>
<thead><tr>
<th scope="col">What is so</th><th scope="col">Usual</th>
<th scope="col">May be harmless</th><th scope="col">With whom</th>
</tr></thead>
<tbody>
{% for f, text, usual in found %}<tr>
<td>{{ text }}</td><td class="n">{{ usual }}</td><td>{{ f.kind.harmless }}</td>
<td><code>{{ f.names[:named]|join(" ") }}</code>
{% if f.names|length > named %}and {{ f.names|length - named }} more{% endif %}</td>
</tr>
{% endfor %}</tbody></table></div>
<p>Not found: {{ absent|join(", ") or "nothing" }}.</p>
<h2>Picture</h2>
<div class="wide" role="region" aria-label="Picture" tabindex="0">
<img alt="{{ alt }}" src="data:image/svg+xml;base64,{{ picture }}"></div>
<h2>Habits</h2>
<div class="wide" role="region" aria-label="Habits" tabindex="0"><table>
<thead><tr>
<th scope="col">Habit</th><th scope="col">Value</th><th scope="col">Usual accounts below it</th>
</tr></thead>
<tbody>
{% for h in case.habits %}<tr><td>{{ h.description }}</td>
<td class="n">{{ "%.3g"|format(h.value) }}</td><td class="n">{{ "%.1f"|format(100 * h.below) }} %</td></tr>
{% endfor %}</tbody></table></div>
{% if case.who|length > 1 %}<h2>Members</h2>
<p><code>{{ case.who|join(" ") }}</code></p>{% endif %}
</main>
</body>
</html>
"""


def sentence(case: Case, found: Finding) -> str:
    """What is so, as a clause."""
    if (who := len(case.who)) > 1:
        return f"{found.linked} of {who} members: {found.kind.words} other members (median {found.partners})"
    return f"{found.kind.words} {found.partners} account{'s' * (found.partners != 1)}"


def usual(found: Finding) -> str:
    """How usual that is."""
    if np.isnan(found.usual):
        return "unknown"
    share = (f"{found.usual:.2%}" if found.usual < 0.1 else f"{found.usual:.0%}") if found.usual else "none"
    return f"{share} have {max(1, found.partners)} or more"


def text(case: Case, title: str) -> str:
    """The evidence for a terminal."""
    lines = [title, f"{_NOTE} Usual means: of {case.reference}."]
    for f in case.findings:
        if f.linked:
            some = " ".join(f.names[:4]) + f" and {len(f.names) - 4} more" * (len(f.names) > 4)
            lines.append(f"- {sentence(case, f)}; usual: {usual(f)}; may be: {f.kind.harmless}")
            lines.append(f"    {some}")
    lines.append("Not found: " + (", ".join(f.kind.name for f in case.findings if not f.linked) or "nothing"))
    lines += [f"- {h.description}: {h.value:.3g}, above {h.below:.1%} of usual ones" for h in case.habits[:4]]
    return "\n".join(lines)


def page(case: Case, title: str, where: str, picture: str) -> str:
    """The page; `picture` is an SVG image in base64."""
    from jinja2 import Environment

    return (
        Environment(autoescape=True)
        .from_string(_PAGE)
        .render(
            case=case,
            title=title,
            where=where,
            picture=picture,
            found=[(f, sentence(case, f), usual(f)) for f in case.findings if f.linked],
            absent=[f.kind.name for f in case.findings if not f.linked],
            note=_NOTE,
            alt=_ALT,
            named=_NAMED,
        )
    )
