"""The MLflow logbook and the board that is read back from it."""

from __future__ import annotations

import io
import multiprocessing
from pathlib import Path

import numpy as np
import pytest
from lb_world import DIGEST, entry, scored

from generator.errors import UserError
from leaderboard.records.estimate import Estimate
from leaderboard.records.scorecard import Scorecard
from leaderboard.tracking import board_table, mlflow_runs, plots, rankings
from leaderboard.tracking.mlflow_runs import Store

PERFECT = [3.0, 2.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0]
REVERSED = [-1.0, -2.0, -3.0, 0.0, 0.1, 0.2, 0.3, 0.4]


def put(store: Store, scores: list[float], name: str = "mine", seconds: float | None = None) -> str:
    return mlflow_runs.record(store, scored(scores), entry(scores, name), "nano-0", seconds)


def runs(store: Store) -> list[tuple[str, str]]:
    client = store.client()
    ids = [e.experiment_id for e in client.search_experiments()]
    return sorted((r.info.run_id, r.info.status) for r in client.search_runs(ids))


def test_a_board_of_three(store: Store, capfd: pytest.CaptureFixture[str]) -> None:
    put(store, REVERSED, "last")
    run_id = put(store, PERFECT, "first", seconds=2.5)
    put(store, PERFECT, "also first")
    got = rankings.read(store, DIGEST)
    assert [(e.rank, e.primary) for e in got.entries[:2]] == [(1, 1.0), (1, 1.0)]
    assert (got.entries[2].rank, got.entries[2].name) == (3, "last")
    assert (got.dataset, got.digest, got.task) == ("nano-0", DIGEST, "accounts")
    first = next(e for e in got.entries if e.run_id == run_id)
    assert (first.name, first.team, first.field_groups, first.seconds) == ("first", "us", "M+L", 2.5)
    assert first.chance == pytest.approx((2 / 6 + 1 / 5) / 2, abs=1e-12)
    names = ("overt/ap", "evasive/ap", "overall/recall_fpr_1e-2", "overall/recall_fpr_1e-3", "overall/roc_auc")
    assert [first.numbers[n] for n in names] == [1.0] * 5
    output = capfd.readouterr()
    assert "INFO" not in output.out + output.err  # neither mlflow nor alembic chatters


def test_artifacts_and_dataset(store: Store, tmp_path: Path) -> None:
    run_id = put(store, PERFECT)
    client = store.client()
    names = sorted(f.path for f in client.list_artifacts(run_id))
    (tmp_path / "down").mkdir()
    folder = Path(client.download_artifacts(run_id, "", str(tmp_path / "down")))
    assert names == ["card.toml", "false_positives.svg", "precision_recall.svg", "recall.svg", "scorecard.json"]
    assert sorted(p.name for p in folder.iterdir()) == names
    assert Scorecard.from_json((folder / "scorecard.json").read_text()) == scored(PERFECT)
    assert "<svg" in (folder / "precision_recall.svg").read_text()
    run = client.get_run(run_id)
    assert run.inputs is not None
    assert run.inputs.dataset_inputs[0].dataset.digest == DIGEST[:32]
    assert run.data.params["name"] == "mine"


def test_the_same_submission_is_one_run(store: Store) -> None:
    once = put(store, PERFECT)
    assert put(store, PERFECT) == once
    assert runs(store) == [(once, "FINISHED")]
    assert put(store, PERFECT, "another name") != once
    assert len(runs(store)) == 2


def test_an_interrupted_run_never_shows_and_is_replaced(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(card: Scorecard, path: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(plots, "false_positives", stop)
        with pytest.raises(KeyboardInterrupt):
            put(store, PERFECT)
    assert [status for _, status in runs(store)] == ["RUNNING"]
    with pytest.raises(UserError, match="no entries for accounts"):
        rankings.read(store, DIGEST)
    run_id = put(store, PERFECT)
    assert runs(store) == [(run_id, "FINISHED")]


def test_a_stale_run_is_swept(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    put(store, PERFECT)
    client = store.client()
    experiment = client.get_experiment_by_name(mlflow_runs.experiment_name(DIGEST, "accounts"))
    assert experiment is not None
    stale = client.create_run(experiment.experiment_id, start_time=1).info.run_id
    put(store, REVERSED)
    assert client.get_run(stale).info.status == "KILLED"
    assert len(rankings.read(store, DIGEST).entries) == 2


def test_unlike_keys_share_no_table(store: Store) -> None:
    put(store, PERFECT)
    other = "cd" * 32
    mlflow_runs.record(store, scored(PERFECT, other), entry(PERFECT), "nano-1")
    assert [len(rankings.read(store, d).entries) for d in (DIGEST, other)] == [1, 1]
    names = {
        mlflow_runs.experiment_name(d, t, e) for d in (DIGEST, other) for t in ("accounts", "early") for e in "12"
    }
    assert len(names) == 8


def test_an_empty_board_is_told_and_not_made(store: Store) -> None:
    with pytest.raises(UserError, match="no entries for accounts on dataset abababababab; submit one first"):
        rankings.read(store, DIGEST)
    assert store.tracking or not store.folder.exists()


def test_replicates_survive_a_tag() -> None:
    values = tuple(np.random.default_rng(0).random(1000).astype(np.float32).tolist())
    text = mlflow_runs.pack(values)
    assert len(text) == 5000  # MLflow cuts tags at 8,000 silently
    assert tuple(mlflow_runs.unpack(text)) == values


def test_ranks_follow_the_leader_of_the_group() -> None:
    def at(value: float, swing: float = 0) -> Estimate:
        return Estimate(value, value + swing * np.array([-1, 1] * 20), (40,))

    a, d = at(0.9), at(0.1)
    assert rankings.ranks([a, at(0.8, 0.02), at(0.7, 0.03), d]) == [1, 1, 1, 4]
    assert rankings.ranks([a, at(0.8), at(0.8), d]) == [1, 2, 2, 4]


def test_terminal_table_shows_markup_as_text(store: Store) -> None:
    from rich.console import Console

    put(store, PERFECT, "[red]x[/red]")
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(board_table.table(rankings.read(store, DIGEST)))
    text = console.export_text()
    assert "[red]x[/red]" in text
    assert "1.000-1.000" in text
    assert "…" not in text  # nothing is cut at 80 columns
    assert "R@1%: Recall at 1 % false positives, all tiers together." in " ".join(text.split())


def _submit(store: Store, name: str) -> None:
    put(store, PERFECT, name)


@pytest.mark.slow
def test_two_processes_may_open_an_empty_store(store: Store) -> None:
    context = multiprocessing.get_context("spawn")
    # The same entry twice, too: of stores without a file `test_hosts_without_a_common_folder` shows that.
    names = ("x", "y") if store.tracking else ("x", "y", "x")
    workers = [context.Process(target=_submit, args=(store, name)) for name in names]
    for w in workers:
        w.start()
    for w in workers:
        w.join()
    assert {w.exitcode for w in workers} == {0}
    assert sorted(e.name for e in rankings.read(store, DIGEST).entries) == ["x", "y"]
