"""A process that opens strangers' files sees no labels and reaches no network, where the kernel can see to it."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from leaderboard.intake import confinement

pytestmark = pytest.mark.skipif(not confinement.version(), reason="this kernel has no Landlock")


def run(code: str, *arguments: Path | str) -> str:
    """What a program prints; it must end well."""
    command = [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_only_what_was_named_can_be_opened(tmp_path: Path) -> None:
    for name in ("seen", "hidden"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)
    (tmp_path / "out").mkdir()
    code = """
        import socket, sys
        from pathlib import Path
        from leaderboard.intake import confinement

        root, listening = Path(sys.argv[1]), socket.create_server(("127.0.0.1", 0))
        assert confinement.confine([root / "seen", root / "absent"], [root / "out"])
        (root / "out" / "new").write_text((root / "seen" / "file").read_text())

        def refused(act):
            try:
                act()
            except PermissionError:
                return True
            return False

        print(
            refused((root / "hidden" / "file").read_text),
            refused(lambda: (root / "seen" / "new").write_text("")),
            refused(lambda: socket.create_connection(listening.getsockname())),
        )
    """
    reaches_no_network = confinement.version() >= 4
    assert run(code, tmp_path).split() == ["True", "True", str(reaches_no_network)]
    assert (tmp_path / "out" / "new").read_text() == "seen"


def test_who_reads_a_submission_sees_the_public_side_of_one_world(nano: Path, tmp_path: Path) -> None:
    other = tmp_path / "other" / "manifest.json"
    other.parent.mkdir()
    other.write_text("{}")
    (tmp_path / "out").mkdir()
    code = """
        import io, json, sys
        from pathlib import Path
        from leaderboard.intake import scoring_process

        order, paths = json.loads(sys.argv[1]), sys.argv[2:]

        def opened(order, progress):
            found = {}
            for path in paths:
                try:
                    found[path] = str(len(Path(path).read_bytes()) > 0)
                except PermissionError:
                    found[path] = "refused"
            return found

        scoring_process._ORDERS["read"] = opened
        scoring_process._apart(order, sys.stdout, 1 << 30)
    """
    order = {"order": "read", "world": str(nano), "split": "test", "file": str(tmp_path / "f.csv")}
    order["out"] = str(tmp_path / "out" / "rows.parquet")
    files = [nano / "test" / f"{table}.parquet" for table in ("accounts", "account_labels", "campaigns")]
    answer = json.loads(run(code, json.dumps(order), *files, other))
    assert list(answer.values()) == ["True", "refused", "refused", "refused"]


def test_a_kernel_without_it_takes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(confinement, "version", lambda: 0)
    assert not confinement.confine([], [])
    assert Path(__file__).read_text("utf-8")
