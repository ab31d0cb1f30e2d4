"""The evidence about an account or a group in words: for a terminal, and as a page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from baselines.explanations import Case, Finding, Habit

_NOTE = "This is evidence, no verdict: no label of this split was read, and every tie has harmless reasons too."
_ALT = "Left: accounts in a circle, joined by lines of one colour per kind of tie. Right: when they were active."
_NAMED = 8
_LOG = ", log(1 + n)"
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
<th scope="col">Out of the ordinary</th><th scope="col">Value</th><th scope="col">Place</th>
</tr></thead>
<tbody>
{% for words, value, place in unusual %}<tr><td>{{ words }}</td>
<td class="n">{{ value }}</td><td class="n">{{ place }}</td></tr>
{% else %}<tr><td>nothing</td><td></td><td></td></tr>
{% endfor %}</tbody></table></div>
<p>Ordinary, as the middle 90 % of usual accounts: {{ ordinary|join("; ") or "nothing" }}.</p>
{% if case.accounts|length > 1 %}<h2>Members</h2>
<p><code>{{ case.accounts|join(" ") }}</code></p>{% endif %}
</main>
</body>
</html>
"""


def sentence(case: Case, found: Finding) -> str:
    """What is so, as a clause."""
    if (who := len(case.accounts)) > 1:
        return f"{found.linked} of {who} members: {found.kind.words} other members (median {found.partners})"
    return f"{found.kind.words} {found.partners} account{'s' * (found.partners != 1)}"


def usual(found: Finding) -> str:
    """How usual that is."""
    if np.isnan(found.usual):
        return "unknown"
    share = (f"{found.usual:.2%}" if found.usual < 0.1 else f"{found.usual:.0%}") if found.usual else "none"
    return f"{share} have {max(1, found.partners)} or more"


def counted(habit: Habit) -> tuple[str, str]:
    """What is measured and its value, as people count: no logarithms, shares in per cent."""
    words, value = habit.description.removesuffix(_LOG), habit.value
    if habit.name == "age":
        return f"created {'before' if value > 0 else 'after'} the window began:", f"{_exp(value):,.1f} days"
    if words != habit.description:
        return f"{words}:", f"{_exp(value):,.0f}"
    return f"{words}:", f"{value:.1%}" if words.startswith("share") else f"{value:.3g}"


def place(habit: Habit) -> str:
    """On which side of the usual accounts it lies, and of how many."""
    side, share = ("above", habit.below) if habit.below >= 0.5 else ("below", 1 - habit.below)
    return f"{side} {'all' if share == 1 else f'{share:.1%} of'} usual accounts"


def _ordinary(case: Case) -> list[str]:
    return [" ".join(counted(h)) for h in case.habits if not h.unusual]


def _exp(value: float) -> float:
    """What log(1 + n) was taken of, whatever its sign."""
    return float(np.expm1(abs(value)))


def text(case: Case, title: str) -> str:
    """The evidence for a terminal."""
    lines = [title, f"{_NOTE} Usual means: of {case.reference}."]
    for f in case.findings:
        if f.linked:
            some = " ".join(f.names[:4]) + f" and {len(f.names) - 4} more" * (len(f.names) > 4)
            lines.append(f"- {sentence(case, f)}; usual: {usual(f)}; may be: {f.kind.harmless}")
            lines.append(f"    {some}")
    lines.append("Not found: " + (", ".join(f.kind.name for f in case.findings if not f.linked) or "nothing"))
    lines += [f"- {' '.join(counted(h))}, {place(h)}" for h in case.habits if h.unusual]
    lines.append("Ordinary, as the middle 90 % of usual accounts: " + ("; ".join(_ordinary(case)) or "nothing"))
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
            unusual=[(*counted(h), place(h)) for h in case.habits if h.unusual],
            ordinary=_ordinary(case),
            absent=[f.kind.name for f in case.findings if not f.linked],
            note=_NOTE,
            alt=_ALT,
            named=_NAMED,
        )
    )
