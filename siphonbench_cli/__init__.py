"""The command line of the door: composes what neither arm may know of the other, and alone prints."""

from siphonbench_cli import (
    authors,
    baselines_run,
    board,
    classes,
    data,
    detectors,
    duel,
    explain,
    fidelity,
    gates,
    inspect,
    release,
    reproduce,
    scenario,
    season,
    site,
    team,
)
from siphonbench_cli.root import app

__all__ = [
    "app",
    "authors",
    "baselines_run",
    "board",
    "classes",
    "data",
    "detectors",
    "duel",
    "explain",
    "fidelity",
    "gates",
    "inspect",
    "release",
    "reproduce",
    "scenario",
    "season",
    "site",
    "team",
]
