"""A site and a class server, killed amid files, asked again and again, and served with idle connections."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import served_places, server_load
from benchmarks.server_load import SENDERS, Figures

SOUND = Figures(
    *(12, 2, 800, 500), lost=0, twice=0, errors=0, handles_before=30, handles_after=30 + SENDERS, held=500,
    read_seconds=0.1, take_seconds=1.0, left=0, peak_mib=200.0, peak_scorer_mib=150.0,
)  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("kind", served_places.PLACES)
def test_none_lost_none_twice_nothing_left_open(kind: str, nano: Path, tmp_path: Path) -> None:
    place = served_places.Site(tmp_path, nano) if kind == "site" else served_places.Class(tmp_path)
    figures = server_load.measure(place, 8, 2, 200, 500)  # the benchmark takes more
    assert figures.missed() == [], server_load.table({kind: figures})


@pytest.mark.parametrize(
    ("change", "bound"),
    [
        ({"lost": 1}, "no file lost"),
        ({"twice": 1}, "no file twice"),
        ({"errors": 1}, "no error of the server"),
        ({"handles_after": 31 + SENDERS}, "handles more"),
        ({"take_seconds": 31.0}, "answers within"),
        ({"held": 499}, "idle connections are held"),
        ({"left": 1}, "hung up on"),
    ],
)
def test_a_bound_that_is_missed_is_named(change: dict[str, float], bound: str) -> None:
    assert SOUND.missed() == []
    (missed,) = replace(SOUND, **change).missed()  # type: ignore[arg-type]
    assert bound in missed
