"""Logs of one's own as a dataset."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from generator.errors import UserError, printable
from siphonbench.cli.common import output
from siphonbench.cli.common.app import app

_EXAMPLES = """Example: siphonbench ingest spend-logs.json --format litellm --out siphonbench-data/mine

See what is read from where, and write nothing: siphonbench ingest spans.jsonl --format otel --explain

Names of your own: siphonbench ingest calls.csv --format jsonl --mapping mine.toml --out siphonbench-data/mine"""


@app.command("ingest", epilog=_EXAMPLES)
def _ingest(
    source: Annotated[Path, typer.Argument(help="File of an export, gzip or not, or a folder of them.")],
    format_name: Annotated[str, typer.Option("--format", help="otel, litellm, langfuse or jsonl.")],
    out: Annotated[Path | None, typer.Option(help="New or empty folder for the dataset.")] = None,
    mapping: Annotated[
        Path | None, typer.Option(help="TOML file that says which field is what, where the format's own does not.")
    ] = None,
    key_file: Annotated[
        Path | None, typer.Option(help="Key of the pseudonyms, made if it is not there; OUT.key if left out.")
    ] = None,
    keep_text: Annotated[bool, typer.Option("--keep-text", help="Keep prompts as they can be read.")] = False,
    explain: Annotated[
        bool, typer.Option("--explain", help="Show what is read from where; write nothing.")
    ] = False,
) -> None:
    """Read usage logs of your own, and write them as a dataset of keyed hashes and sketches."""
    from siphonbench.ingest import ingestion

    if explain:
        uses, faults = ingestion.explain(source, format_name, mapping)
        rows = [(u.name, u.column, printable(u.found or "-"), f"{u.share:.0%}", printable(u.paths)) for u in uses]
        output.show(("field", "becomes", "found at", "of entries", "looked for at"), rows)
    elif out is None:
        raise UserError("--out is missing: name a new folder for the dataset, or ask for --explain")
    else:
        with output.progress("reading") as on_read, output.progress("writing") as on_write:
            done = ingestion.ingest(source, format_name, out, mapping, key_file, keep_text, on_read, on_write)
        faults = done.faults
        split = done.manifest["splits"]["test"]
        counts, missing = split["counts"], split["missing"]
        typer.echo(
            f"{out}: {counts['requests']:,} calls of {counts['accounts']:,} accounts in {split['days']} days from "
            f"{split['start'][:10]}, all as the world test, without labels"
        )
        typer.echo(f"key of the pseudonyms: {done.key_file}; keep it apart from the data")
        typer.echo(f"{len(missing)} columns are not told by the source: {', '.join(missing)}")
    for what, count, first in faults.lines():
        typer.echo(printable(f"{count:,} times: {what}; first: {first}"), err=True)
    if not explain:
        if counts["accounts"] == 1:
            typer.echo(
                "all calls are of one account: there is nobody to compare it with; map account_id", err=True
            )
        typer.echo(f"next: siphonbench triage {out} --detector FILE")
