"""The import law and other habits of the house, held by reading the source."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("generator", "baselines", "leaderboard")
READING_SIDE = {"generator.schema", "generator.dataset", "generator.errors"}
MAY_IMPORT = {
    "generator": ("generator",),
    "baselines": ("baselines", *READING_SIDE),
    "leaderboard": ("leaderboard", *READING_SIDE),
}
TABLES = {"generator/schema.py", "baselines/feature_table.py"}  # data, one row a line: may be long

FILES = sorted(f.relative_to(ROOT) for package in PACKAGES for f in (ROOT / package).rglob("*.py"))
DOOR = (Path("siphonbench.py"), *sorted(f.relative_to(ROOT) for f in (ROOT / "siphonbench_cli").glob("*.py")))
MODULES = {".".join(f.with_suffix("").parts).removesuffix(".__init__"): f for f in FILES}


def imports(tree: ast.AST) -> Iterator[str]:
    """Our modules that a tree imports, also inside functions; `from a import b` is a.b if that is one."""
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "write the full name: from generator import dataset"
            full = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [name if name in MODULES else str(node.module) for name in full]
        yield from (
            name for name in names if name.partition(".")[0] in (*PACKAGES, "siphonbench", "siphonbench_cli")
        )


def parse(file: Path) -> ast.Module:
    return ast.parse((ROOT / file).read_text("utf-8"), str(file))


def offenders(file: Path, source: str) -> set[str]:
    allowed = MAY_IMPORT[file.parts[0]]
    return {
        name
        for name in imports(ast.parse(source))
        if not any(name == root or name.startswith(root + ".") for root in allowed)
    }


@pytest.mark.parametrize("file", FILES, ids=str)
def test_imports_keep_the_law(file: Path) -> None:
    assert offenders(file, (ROOT / file).read_text("utf-8")) == set()


@pytest.mark.parametrize(
    ("file", "source", "offence"),
    [
        ("generator/x.py", "import baselines.run", "baselines.run"),
        ("generator/x.py", "import siphonbench", "siphonbench"),
        ("baselines/x.py", "from leaderboard import anything", "leaderboard"),
        ("baselines/x.py", "def f():\n    from generator.config import Config", "generator.config"),
        ("leaderboard/x.py", "from generator import config", "generator.config"),
        ("leaderboard/x.py", "import baselines", "baselines"),
    ],
)
def test_the_law_can_be_broken(file: str, source: str, offence: str) -> None:
    assert offenders(Path(file), source) == {offence}


def test_no_import_circles() -> None:
    graph = {name: set(imports(parse(file))) - {name} for name, file in MODULES.items()}
    assert set(TopologicalSorter(graph).static_order()) >= set(MODULES)  # a circle raises CycleError


@pytest.mark.parametrize("file", [f for f in FILES if f.name == "__init__.py"], ids=str)
def test_init_holds_names_only(file: Path) -> None:
    docstring, *rest = parse(file).body
    assert isinstance(docstring, ast.Expr)
    names_only = (ast.Import, ast.ImportFrom, ast.Assign, ast.AnnAssign)
    assert [type(node).__name__ for node in rest if not isinstance(node, names_only)] == []


@pytest.mark.parametrize("file", FILES, ids=str)
def test_only_the_door_prints(file: Path) -> None:
    calls = [node.func for node in ast.walk(parse(file)) if isinstance(node, ast.Call)]
    assert not [c.lineno for c in calls if isinstance(c, ast.Name) and c.id == "print"]


@pytest.mark.parametrize("file", [f for f in [*DOOR, *FILES] if f.as_posix() not in TABLES], ids=str)
def test_modules_stay_short(file: Path) -> None:
    assert len([line for line in (ROOT / file).read_text("utf-8").splitlines() if line.strip()]) <= 300
