"""The documentation builds without a warning or a dead link, and every block of code on it runs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = sorted((ROOT / "docs").glob("*.md"))
README = ROOT / "README.md"
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page: Path) -> list[tuple[str, str]]:
    return BLOCK.findall(page.read_text("utf-8"))


def test_there_is_something_to_run() -> None:
    assert len(PAGES) >= 9
    assert sum(len(blocks(page)) for page in PAGES) >= 15


@pytest.mark.slow
@pytest.mark.parametrize("page", [p for p in [README, *PAGES] if blocks(p)], ids=lambda p: p.stem)
def test_every_block_runs(page: Path, tmp_path: Path) -> None:
    # The commands of this environment come first, and they find this checkout, installed or not.
    env = os.environ | {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "HOME": str(tmp_path),
    }
    run = {"bash": ["bash", "-euo", "pipefail", "-c"], "python": [sys.executable, "-c"]}
    for language, code in blocks(page):
        assert language in run, f"{page.name}: a block in {language or 'no language'}"
        done = subprocess.run([*run[language], code], cwd=tmp_path, env=env, capture_output=True, text=True)
        assert done.returncode == 0, f"{page.name}: {code}\n{done.stdout[-800:]}\n{done.stderr[-2000:]}"


@pytest.mark.slow
def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    env = os.environ | {"PYTHONPATH": str(ROOT), "NO_MKDOCS_2_WARNING": "1", "DISABLE_MKDOCS_2_WARNING": "true"}
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--config-file", str(ROOT / "mkdocs.yml")]
    done = subprocess.run(
        [*command, "--site-dir", str(tmp_path / "site")], env=env, cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "WARNING" not in done.stderr
    for page in PAGES:
        folder = tmp_path / "site" / ("" if page.stem == "index" else page.stem)
        assert (folder / "index.html").is_file()
    text = (tmp_path / "site" / "columns" / "index.html").read_text("utf-8")
    assert "output_tokens" in text
    assert not re.search(r'(src|href)="https?://(fonts|cdn|unpkg)', text)
