"""Pages that are made of the code when the site is built: columns, tasks, limits, pictures of a world."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

import siphonbench
from generator import schema
from leaderboard.tasks import TASKS

ROOT = Path(__file__).parent.parent


def on_files(files: Files, config: Any) -> Files:
    """Put the generated pages and pictures among the written ones."""
    made: dict[str, str | bytes] = {
        "columns.md": columns(),
        "limits.md": (ROOT / "data_card.md").read_text("utf-8"),
    }
    made |= {f"pictures/{name}": data for name, data in pictures().items()}
    for path, content in made.items():
        files.append(File.generated(config, path, content=content))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Fill in the table of tasks where a page asks for it."""
    return markdown.replace("{{ tasks }}", tasks())


def columns() -> str:
    """Every column of every table, from the schema that the generator writes by."""
    parts = [
        "# Every column",
        "Made from the schema that the generator writes and the reading side checks by. Field groups: `M` "
        "metadata, `L` links, `C` content. A detector declares which of them it uses.",
    ]
    for name, table in schema.TABLES.items():
        rows = [f"| `{c.name}` | {c.dtype} | {c.unit} | {c.group} | {c.description} |" for c in table]
        head = ["| column | type | unit | group | what it is |", "|---|---|---|---|---|"]
        parts += [f"## {name}", "\n".join([*head, *rows])]
    return "\n\n".join(parts) + "\n"


def tasks() -> str:
    """Every task, what to hand in, and every metric with its chance level and tie rule."""
    parts = []
    for name, task in TASKS.items():
        keys = ", ".join(f"`{k}` ({kind})" for k, kind in task.keys.items())
        rows = [f"| {m.title} | {m.chance} | {m.ties} |" for m in task.metrics.values()]
        parts += [
            f"## {name}",
            f"{task.question} Rows: {keys}, `{task.value}` ({task.kind}). Ranked by {task.title}.",
            "\n".join(["| metric | chance | ties |", "|---|---|---|", *rows]),
        ]
    return "\n\n".join(parts)


@cache
def pictures() -> dict[str, bytes]:
    """Three pictures of `nano`, drawn from its open train split."""
    import matplotlib.figure
    import polars as pl

    with tempfile.TemporaryDirectory() as folder:
        split = siphonbench.generate("nano", 7, folder, 1).train
        text = [pl.col(c).cast(pl.String) for c in ("account_id", "label", "campaign")]
        labels = split.labels.polars().select(text)
        calls = split.requests.polars().select(pl.col("account_id").cast(pl.String), "ts", "output_tokens")
        rows = calls.join(labels, on="account_id").collect()
    hidden = rows.filter(pl.col("label") == "extraction")
    largest = hidden.group_by("campaign").agg(pl.col("account_id").n_unique()).sort("account_id")["campaign"][-1]
    swarm = hidden.filter(pl.col("campaign") == largest)
    others = rows.filter(pl.col("label") == "benign")
    some = others["account_id"].unique().sort().sample(swarm["account_id"].n_unique(), seed=1)
    sides = {
        "one campaign": swarm,
        "as many benign accounts": others.filter(pl.col("account_id").is_in(some.implode())),
    }

    def draw(paint: Any, size: tuple[float, float]) -> bytes:
        figure = matplotlib.figure.Figure(figsize=size, layout="constrained")
        for axes, (title, part) in zip(figure.subplots(1, 2, sharey=True), sides.items(), strict=True):
            paint(axes, part)
            axes.set_title(title)
        with tempfile.TemporaryFile() as file:
            figure.savefig(file, format="svg", metadata={"Date": None})
            file.seek(0)
            return file.read()

    def raster(axes: Any, part: pl.DataFrame) -> None:
        axes.plot(part["ts"], part["account_id"].rank("dense"), "|", markersize=5, alpha=0.5)
        axes.tick_params(axis="x", rotation=30)
        axes.set(ylabel="account")

    def sizes(axes: Any, part: pl.DataFrame) -> None:
        axes.hist(part["output_tokens"].to_numpy() + 1, bins=[2**i for i in range(16)], density=True)
        axes.set(xscale="log", xlabel="tokens of output", yticks=[])

    return {"activity.svg": draw(raster, (9, 3)), "sizes.svg": draw(sizes, (9, 2.5))}
