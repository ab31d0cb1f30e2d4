"""Measure the house: rooms, import floors, circles, lengths, docstrings.

python -m benchmarks.house                       # the table
python -m benchmarks.house --missing baselines   # public functions below a folder without a Parameters section
"""

from __future__ import annotations

import argparse
import ast
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("generator", "baselines", "leaderboard", "siphonbench")
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class House:
    """All modules of a checkout, parsed.

    Attributes
    ----------
    trees : dict of str to ast.Module
        Syntax tree of each module, by its full name; a package stands for its ``__init__`` file.
    files : dict of str to Path
        File of each module, relative to the root.
    lengths : dict of str to int
        Lines of each module.
    """

    trees: dict[str, ast.Module]
    files: dict[str, Path]
    lengths: dict[str, int]

    @classmethod
    def at(cls, root: Path = ROOT) -> House:
        """Read a checkout."""
        files = {}
        for package in PACKAGES:
            for file in sorted((root / package).rglob("*.py")):
                relative = file.relative_to(root)
                files[".".join(relative.with_suffix("").parts).removesuffix(".__init__")] = relative
        texts = {name: (root / file).read_text("utf-8") for name, file in files.items()}
        trees = {name: ast.parse(text) for name, text in texts.items()}
        return cls(trees, files, {name: len(text.splitlines()) for name, text in texts.items()})

    def imports(self, module: str) -> set[str]:
        """Modules of ours that one imports, also inside functions and for types alone."""
        found = set()
        for node in ast.walk(self.trees[module]):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                full = [f"{node.module}.{alias.name}" for alias in node.names]
                found |= {name if name in self.trees else str(node.module) for name in full}
        return (found & set(self.trees)) - {module}

    def floors(self, package: str) -> int:
        """Import floors between the rooms of a package: its folders, and the files directly in it."""
        graph: dict[str, set[str]] = {}
        for module in self.trees:
            if module.startswith(package + "."):
                inside = {room(name) for name in self.imports(module) if name.startswith(package + ".")}
                graph.setdefault(room(module), set()).update(inside - {room(module)})
        floor: dict[str, int] = {}
        for name in TopologicalSorter(graph).static_order():
            floor[name] = 1 + max((floor[below] for below in graph.get(name, ())), default=0)
        return max(floor.values(), default=0)

    def circles(self) -> list[str]:
        """Modules from which imports lead back to themselves."""
        edges = {module: self.imports(module) for module in self.trees}

        def reached(start: str) -> set[str]:
            seen: set[str] = set()
            todo = [start]
            while todo:
                new = edges[todo.pop()] - seen
                seen |= new
                todo += new
            return seen

        return sorted(module for module in edges if module in reached(module))

    def functions(self) -> Iterator[tuple[str, str, Function, bool]]:
        """(module, qualified name, node, public) of every function; one inside a function is not public."""

        def walk(body: list[ast.stmt], prefix: str, public: bool) -> Iterator[tuple[str, Function, bool]]:
            for node in body:
                if isinstance(node, ast.ClassDef):
                    yield from walk(node.body, f"{prefix}{node.name}.", public and not node.name.startswith("_"))
                elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    yield prefix + node.name, node, public and not node.name.startswith("_")
                    yield from walk(node.body, f"{prefix}{node.name}.", False)
                elif isinstance(node, ast.If | ast.Try | ast.With):
                    yield from walk(node.body, prefix, public)

        for module, tree in self.trees.items():
            yield from ((module, *rest) for rest in walk(tree.body, "", True))

    def undocumented(self) -> list[str]:
        """Public functions that take something and have no Parameters section."""
        documented = {
            (node.name, argument_names(node))
            for _, name, node, _ in self.functions()
            if "." in name and "Parameters\n" in (ast.get_docstring(node) or "")
        }
        return [
            f"{self.files[module]}:{node.lineno} {name}"
            for module, name, node, public in self.functions()
            if public and argument_names(node) and not is_property(node)
            if "Parameters\n" not in (ast.get_docstring(node) or "")
            # A method that fulfils a documented protocol is documented there.
            if not ("." in name and (node.name, argument_names(node)) in documented)
        ]


def room(module: str) -> str:
    """Room of a module: the folder below its package, or the file directly in it."""
    return ".".join(module.split(".")[:2])


def argument_names(node: Function) -> tuple[str, ...]:
    """Names of what a function takes, without self and cls."""
    every = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    rest = [a for a in (node.args.vararg, node.args.kwarg) if a]
    return tuple(a.arg for a in [*every, *rest] if a.arg not in ("self", "cls"))


def is_property(node: Function) -> bool:
    """Whether a method is read like an attribute."""
    return any(ast.unparse(d) in ("property", "cached_property") for d in node.decorator_list)


def table(house: House) -> dict[str, object]:
    """The figures of the house.

    Parameters
    ----------
    house : House
        A parsed checkout.

    Returns
    -------
    dict
        Figure by name.
    """
    per_folder = Counter(str(file.parent) for file in house.files.values() if file.name != "__init__.py")
    lengths = sorted((node.end_lineno or node.lineno) - node.lineno + 1 for _, _, node, _ in house.functions())
    typed = [node.returns is not None for _, _, node, _ in house.functions()]
    public = [node for _, _, node, public in house.functions() if public and argument_names(node)]
    return {
        "files": len(house.files),
        "file lines, median": median(house.lengths.values()),
        "file lines, longest": max(house.lengths.values()),
        "function lines, median": median(lengths),
        "function lines, 95 %": lengths[int(0.95 * len(lengths))],
        "function lines, longest": lengths[-1],
        "typed returns, share": round(sum(typed) / len(typed), 3),
        "modules per folder, largest": max(per_folder.values()),
        "modules per folder, median": median(per_folder.values()),
        **{f"import floors, {package}": house.floors(package) for package in PACKAGES},
        "modules in an import circle": len(house.circles()),
        "public functions that take something": len(public),
        "of these without a Parameters section": len(house.undocumented()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--missing", metavar="FOLDER", help="name the public functions without a Parameters section"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    args = parser.parse_args()
    house = House.at()
    if args.missing:
        print("\n".join(line for line in house.undocumented() if line.startswith(args.missing)))
    elif args.json:
        print(json.dumps(table(house), indent=1))
    else:
        print("\n".join(f"{name:<45}{value}" for name, value in table(house).items()))


if __name__ == "__main__":
    main()
