"""Evidence about an account or a group, for the person who decides."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from generator import files
from generator.errors import UserError
from siphonbench import api
from siphonbench.api import DATA
from siphonbench.cli.common import options, output
from siphonbench.cli.common.app import app

if TYPE_CHECKING:
    import polars as pl

    from generator.dataset import Dataset


@app.command("explain", epilog="Example: siphonbench explain ACCOUNT --data siphonbench-data/nano")
def _explain(
    subject: Annotated[str, typer.Argument(metavar="WHO", help="Account; with --groups, a label of a group.")],
    data: options.On = DATA,
    split: Annotated[str, typer.Option(help="train, validation or test; its labels are not read.")] = "validation",
    groups: Annotated[
        Path | None,
        typer.Option(help="Answer to the task campaigns: folder or file with account_id and campaign."),
    ] = None,
    out: Annotated[Path, typer.Option(help="HTML page, or picture if it ends in .png.")] = Path("explain.html"),
) -> None:
    """Show what ties an account or a group to others, beside how often benign accounts of train are tied so."""
    from polars.exceptions import ComputeError

    from baselines import explanations
    from siphonbench.workflows import evidence_figure, evidence_page

    if out.suffix not in (".html", ".png") or out.is_dir():
        raise UserError(f"--out {out}: name a file that ends in .html or .png")
    files.check_writable(out)
    dataset = api.load(data)
    try:
        members = _members(dataset, split, subject, groups)
        world = dataset.reveal(split).without_labels()
        with output.progress("gathering evidence") as tick:
            usual = dataset.reveal("train") if "train" in dataset.splits else world
            case = explanations.case(world, members, usual, tick)
        out.parent.mkdir(parents=True, exist_ok=True)
        title = f"Group {subject}: {len(members)} accounts" if groups else f"Account {subject}"
        page = evidence_figure.write(case, world, title, f"{dataset.name}, {split}", out)
    except ComputeError as error:
        raise UserError(f"{data} can't be read; see what is damaged with: siphonbench verify {data}") from error
    typer.echo(evidence_page.text(case, title))
    typer.echo(f"{page}  {page.stat().st_size / 1e6:.2f} MB")


def _members(data: Dataset, split: str, subject: str, groups: Path | None) -> list[str]:
    from baselines.base import detector

    ids = detector.accounts(data.reveal(split).without_labels())
    if groups is None:
        if subject not in ids:
            raise UserError(f"{split} has no account {subject[:40]!r}: choose one of {len(ids):,}, e.g. {ids[0]}")
        return [subject]
    answer = _answer(groups)
    labels = answer["campaign"].drop_nulls()
    members = answer.filter(answer["campaign"] == subject)["account_id"].unique().sort()
    if not len(members):
        some = ", ".join(labels.value_counts().sort("count", "campaign", descending=[True, False])["campaign"][:5])
        raise UserError(
            f"{groups} has no group {subject[:40]!r}: the largest of {labels.n_unique():,} are {some or '-'}"
        )
    if strangers := sorted(set(members) - set(ids)):
        raise UserError(
            f"{groups}: {len(strangers)} of {len(members)} members are no accounts of {split}, e.g. "
            f"{strangers[0][:40]}; name the split that was answered about"
        )
    return members.to_list()


def _answer(path: Path) -> pl.DataFrame:
    """account_id and campaign as text."""
    import polars as pl

    names = (path / "predictions.parquet", path / "predictions.csv") if path.is_dir() else (path,)
    file = next((f for f in names if f.is_file()), None)
    if file is None:
        raise UserError(f"--groups {path} does not exist, or holds no predictions.parquet or .csv")
    try:
        if file.suffix == ".csv":
            frame = pl.read_csv(file, infer_schema=False, glob=False)
        else:
            frame = pl.read_parquet(file, glob=False)
        return frame.select(pl.col("account_id", "campaign").cast(pl.String)).with_columns(
            pl.col("campaign").replace("", None)
        )
    except (pl.exceptions.PolarsError, OSError) as error:
        reason = str(error).partition("\n")[0][:120]
        raise UserError(f"--groups {file} can't be read ({reason}); it needs account_id and campaign") from error
