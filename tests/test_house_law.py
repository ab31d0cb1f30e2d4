"""The laws of the house, held by reading the source: who may import whom, how large a room may grow."""

from __future__ import annotations

import ast
import functools
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from benchmarks.house import PACKAGES, House

ROOT = Path(__file__).resolve().parent.parent
PUBLIC = {
    f"generator.{f.stem}" for f in (ROOT / "generator").glob("*.py") if f.stem != "__init__"
}  # a file directly in the folder is public, a folder is private
MAY_IMPORT = {
    "generator": ("generator",),
    "baselines": ("baselines", *PUBLIC),
    "leaderboard": ("leaderboard", *PUBLIC),
    "siphonbench": PACKAGES,
    "siphonbench.api": ("generator", "baselines", "leaderboard", "siphonbench.api"),
    "siphonbench.ingest": ("generator", "siphonbench.ingest"),
    "siphonbench.workflows": ("generator", "baselines", "leaderboard", "siphonbench.api", "siphonbench.workflows"),
}
MOST_MODULES, LEAST_MODULES, LONGEST = 14, 4, 300

FILES = sorted(f.relative_to(ROOT) for package in PACKAGES for f in (ROOT / package).rglob("*.py"))
MODULES = {".".join(f.with_suffix("").parts).removesuffix(".__init__"): f for f in FILES}


def imports(tree: ast.AST) -> Iterator[str]:
    """Our modules that a tree imports, also inside functions; `from a import b` is a and, if that is one, a.b."""
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "write the full name: from generator import dataset"
            full = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [name if name in MODULES else str(node.module) for name in full]
        yield from (name for name in names if name.partition(".")[0] in PACKAGES)


@functools.cache
def parse(file: Path) -> ast.Module:
    return ast.parse((ROOT / file).read_text("utf-8"), str(file))


@functools.cache
def imported(file: Path) -> frozenset[str]:
    return frozenset(imports(parse(file)))


@pytest.fixture(scope="module")
def house() -> House:
    return House.at(ROOT)


def offenders(file: Path, names: Iterable[str]) -> set[str]:
    module = ".".join(file.with_suffix("").parts).removesuffix(".__init__")
    law = max((k for k in MAY_IMPORT if module == k or module.startswith(k + ".")), key=len)
    return {
        name
        for name in names
        if not any(
            name == root or (name.startswith(root + ".") and root not in PUBLIC) for root in MAY_IMPORT[law]
        )
    }


def test_imports_keep_the_law() -> None:
    assert {file: found for file in FILES if (found := offenders(file, imported(file)))} == {}


@pytest.mark.parametrize(
    ("file", "source", "offence"),
    [
        ("generator/x.py", "import baselines.run", "baselines.run"),
        ("generator/x.py", "import siphonbench", "siphonbench"),
        ("baselines/x.py", "from leaderboard import anything", "leaderboard"),
        (
            "baselines/x.py",
            "def f():\n    from generator.config import dataset_config",
            "generator.config.dataset_config",
        ),
        ("leaderboard/x.py", "from generator import config", "generator.config"),
        ("leaderboard/x.py", "import baselines", "baselines"),
        ("siphonbench/api.py", "from siphonbench.cli import main", "siphonbench.cli.main"),
        (
            "siphonbench/workflows/x.py",
            "from siphonbench.cli.common import output",
            "siphonbench.cli.common.output",
        ),
        ("siphonbench/workflows/x.py", "import siphonbench", "siphonbench"),
    ],
)
def test_the_law_can_be_broken(file: str, source: str, offence: str) -> None:
    assert offenders(Path(file), imports(ast.parse(source))) == {offence}


def test_no_import_circles() -> None:
    graph = {name: imported(file) - {name} for name, file in MODULES.items()}
    assert set(TopologicalSorter(graph).static_order()) >= set(MODULES)  # a circle raises CycleError


@pytest.mark.parametrize("package", PACKAGES)
def test_no_circles_between_rooms(package: str) -> None:
    def room(module: str) -> str:
        return ".".join(module.split(".")[:2])

    graph: dict[str, set[str]] = {}
    for name, file in MODULES.items():
        if name.startswith(package + "."):
            inside = {room(n) for n in imported(file) if n.startswith(package + ".")}
            graph.setdefault(room(name), set()).update(inside - {room(name)})
    assert list(TopologicalSorter(graph).static_order())


def test_rooms_hold_a_handful_of_modules() -> None:
    count = Counter(f.parent.as_posix() for f in FILES)
    leaves = {folder: n for folder, n in count.items() if not any(g.startswith(folder + "/") for g in count)}
    assert {folder: n for folder, n in leaves.items() if n < LEAST_MODULES} == {}
    assert {folder: n for folder, n in count.items() if n - 1 > MOST_MODULES} == {}


@pytest.mark.parametrize(
    ("module", "most"), [("baselines.base.detector", 8), ("leaderboard.metrics.ranking", 8), ("siphonbench", 11)]
)
def test_importing_one_module_loads_only_what_it_names(module: str, most: int) -> None:
    code = f"import sys, {module}; print(*sorted(m for m in sys.modules if m.split('.')[0] in {PACKAGES}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert len(done.stdout.split()) <= most, done.stdout


@pytest.mark.parametrize("file", [f for f in FILES if f.name == "__init__.py"], ids=str)
def test_init_holds_names_only_and_says_what_the_room_is(file: Path) -> None:
    docstring, *rest = parse(file).body
    assert isinstance(docstring, ast.Expr)
    assert isinstance(docstring.value, ast.Constant)
    assert "TODO" not in str(docstring.value.value)
    names_only = (ast.Import, ast.ImportFrom, ast.Assign, ast.AnnAssign)
    assert [type(node).__name__ for node in rest if not isinstance(node, names_only)] == []


def test_only_the_command_line_prints() -> None:
    silent = [f for f in FILES if f.parts[:2] != ("siphonbench", "cli")]
    calls = [(f, node) for f in silent for node in ast.walk(parse(f)) if isinstance(node, ast.Call)]
    assert [(f, c.lineno) for f, c in calls if isinstance(c.func, ast.Name) and c.func.id == "print"] == []


def test_modules_stay_short() -> None:
    lines = {file: len((ROOT / file).read_text("utf-8").splitlines()) for file in FILES}
    assert {file: n for file, n in lines.items() if n > LONGEST} == {}


def test_one_class_name_is_one_class() -> None:
    names = Counter(n.name for file in FILES for n in ast.walk(parse(file)) if isinstance(n, ast.ClassDef))
    assert {name for name, n in names.items() if n > 1} == set()


def test_the_house_is_low(house: House) -> None:
    assert house.circles() == []
    assert max(house.floors("generator").values()) <= 8


def test_every_public_function_says_what_it_takes(house: House) -> None:
    assert house.undocumented() == []


def test_no_public_name_holds_a_retired_word(house: House) -> None:
    assert house.retired() == []
