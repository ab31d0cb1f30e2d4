"""The command line of the door: composes what neither arm may know of the other, and alone prints."""

from siphonbench_cli import (
    authors,
    baselines_run,
    baselines_tune,
    board,
    classes,
    data,
    detectors,
    explain,
    fidelity,
    gates,
    inspect,
    release,
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
    "baselines_tune",
    "board",
    "classes",
    "data",
    "detectors",
    "explain",
    "fidelity",
    "gates",
    "inspect",
    "release",
    "scenario",
    "season",
    "site",
    "team",
]
