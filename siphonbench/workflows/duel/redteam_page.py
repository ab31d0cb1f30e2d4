"""What came of an adapting operator as files: Markdown, JSON, a plot, and its best campaigns."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import tomli_w

from generator import files
from leaderboard.tracking import text_tables
from siphonbench.workflows.duel import adapted_worlds, moves, redteam
from siphonbench.workflows.duel.redteam import OperatorResponse, Terms
from siphonbench.workflows.duel.search import best

HEAD = (
    "seed",
    "round",
    "first try, tokens per USD",
    "best response",
    "of it prevented",
    "exploitability",
    "in another world",
    "groups of dials moved",
)


def write(terms: Terms, responses: Sequence[OperatorResponse], folder: Path) -> list[Path]:
    """Write all files.

    Parameters
    ----------
    terms : Terms
        On which they met.
    responses : sequence of OperatorResponse
        What came of it.
    folder : Path
        Which exists.
    """
    page, document, plot = (folder / name for name in ("redteam.md", "redteam.json", "redteam.svg"))
    files.write_text(page, text(terms, responses))
    files.write_text(document, json.dumps(redteam.as_dict(terms, responses), indent=1) + "\n")
    _draw(terms, responses, plot)
    return [page, document, plot, *_campaigns(terms, responses, folder)]


def text(terms: Terms, responses: Sequence[OperatorResponse]) -> str:
    """The page.

    Parameters
    ----------
    terms, responses
        As for `write`.
    """
    known = moves.moves()
    titles = "\n".join(f"* `{name}`: {known[name].title}" for name in terms.free)
    return "\n".join(
        [
            f"# An operator against {terms.detector['name']}",
            "",
            words(terms, responses),
            "",
            text_tables.as_markdown(HEAD, rows(responses)),
            "Exploitability is what a dollar buys at the best response over what it bought at first; *in another "
            "world* both are judged with another seed, against the detector as it was given. The detector looks "
            f"every {terms.every} days; between rounds it learns from whom it caught.",
            "",
            "What the operator may move, each group between the ends that its archetype allows:",
            "",
            titles,
            "",
        ]
    )


def words(terms: Terms, responses: Sequence[OperatorResponse]) -> str:
    """What it says, in a sentence or two.

    Parameters
    ----------
    terms, responses
        As for `write`.
    """
    found = [r.exploitability for r in responses]
    away = [r.exploitability_elsewhere for r in responses]
    counted = Counter(name for r in responses for name in best(r.rounds[0]).places)
    moved = ", ".join(f"{name} ({n} of {len(responses)})" for name, n in counted.most_common(5)) or "nothing"
    return (
        f"Against {terms.detector['name']} an adapting operator gets {_span(found)} times the useful tokens per "
        f"dollar of its first try, in {terms.trials} tries; {_span(away)} times in another world. "
        f"What it moved most often: {moved}."
    )


def rows(responses: Sequence[OperatorResponse]) -> Iterator[tuple[str, ...]]:
    """Rows of the table, one a seed and round.

    Parameters
    ----------
    responses : sequence of OperatorResponse
        What came of it.
    """
    for r in responses:
        first = r.rounds[0][0]
        for number, tries in enumerate(r.rounds, 1):
            found = best(tries)
            prevented = f"{found.outcome.prevented:.3f}" if found.outcome else "-"
            yield (
                str(r.seed),
                str(number),
                f"{tries[0].worth:,.0f}",
                f"{found.worth:,.0f}",
                prevented,
                f"{found.worth / first.worth:.2f}",
                f"{r.exploitability_elsewhere:.2f}" if number == 1 else "-",
                ", ".join(f"{name} {place:.2f}" for name, place in found.places.items()) or "none",
            )


def _campaigns(terms: Terms, responses: Sequence[OperatorResponse], folder: Path) -> Iterator[Path]:
    """Best responses for `siphonbench duel`, and for `generate` worlds that took those of the first round."""
    for r in responses:
        name = f"adapted-{terms.detector['name']}-{r.seed}"
        world = adapted_worlds.config(terms.preset, best(r.rounds[0]).places, name)
        yield files.write_text(folder / f"{name}.toml", tomli_w.dumps(world))
        for number, tries in enumerate(r.rounds, 1):
            document = {"preset": terms.preset, "seed": r.seed} | moves.moved(terms.start, best(tries).places)
            yield files.write_text(folder / f"best-{r.seed}-round{number}.toml", tomli_w.dumps(document))


def _draw(terms: Terms, responses: Sequence[OperatorResponse], file: Path) -> None:
    """Worth of the best try so far over tries, a line a seed; rounds one after the other."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 3.6), layout="constrained")
    axes = figure.subplots()
    for r in responses:
        worths = [
            max(t.worth for t in tries[: k + 1]) / r.rounds[0][0].worth
            for tries in r.rounds
            for k in range(len(tries))
        ]
        axes.plot(range(1, len(worths) + 1), worths, drawstyle="steps-post", label=f"seed {r.seed}")
    for number in range(1, terms.rounds):
        axes.axvline(number * terms.trials + 0.5, color="#888888", linewidth=0.8, linestyle=":")
    axes.axhline(1, color="#444444", linewidth=0.8)
    axes.set_xlabel("tries; a dotted line: the detector has learnt from whom it caught")
    axes.set_ylabel("tokens per USD, first try = 1")
    axes.set_title(f"best so far against {terms.detector['name']}", fontsize=10, parse_math=False)
    axes.legend(fontsize=8)
    with mpl.rc_context({"svg.hashsalt": "siphonbench"}), files.atomic_file(file) as partial:
        figure.savefig(partial, format="svg", metadata={"Date": None})


def _span(values: Sequence[float]) -> str:
    low, high = min(values), max(values)
    return f"{low:.2f}" if f"{low:.2f}" == f"{high:.2f}" else f"{low:.2f} to {high:.2f}"
