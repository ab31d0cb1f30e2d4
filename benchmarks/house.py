"""Measure the house: rooms, import floors, circles, lengths, docstrings.

python -m benchmarks.house                       # the table
python -m benchmarks.house --root ../old         # of another checkout, also one with the layout of version 0.1
python -m benchmarks.house --missing baselines   # public functions below a folder without a Parameters section
python -m benchmarks.house --retired             # public names with a word that the glossary has retired
python -m benchmarks.house --svg map.svg         # the map of the rooms, as in the documentation
"""

from __future__ import annotations

import argparse
import ast
import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("generator", "baselines", "leaderboard", "siphonbench")
_OLD_DOOR = ("siphonbench.py", "siphonbench_cli")  # of version 0.1
RETIRED = (
    *("who", "found", "said", "told", "made", "seen", "begun", "rota", "parcel", "desk", "shelf", "walk", "judge"),
    *("judging", "mates", "handover", "echo"),
)
KEPT = {
    *("echo_graph", "EchoGraph"),  # a detector, by its name on the boards
    "walk_shares",  # of random walks
    "connection_made",  # of asyncio
    "campaigns_found",  # a metric, by its name on the boards
}
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
        for place in (*PACKAGES, *_OLD_DOOR):
            for file in sorted((root / place).rglob("*.py")) or [root / place]:
                if file.is_file():
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
                found |= {str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)}
        return (found & set(self.trees)) - {module}

    def rooms(self, package: str) -> dict[str, set[str]]:
        """Rooms of a package, and which of the same package each imports."""
        graph: dict[str, set[str]] = {}
        for module in self.trees:
            if module.startswith(package + "."):
                inside = {room(name) for name in self.imports(module) if name.startswith(package + ".")}
                graph.setdefault(room(module), set()).update(inside - {room(module)})
        return graph

    def floors(self, package: str) -> dict[str, int]:
        """Import floor of each room of a package, from 1; a room stands above all that it imports."""
        graph, floor = self.rooms(package), dict[str, int]()
        for name in TopologicalSorter(graph).static_order():
            floor[name] = 1 + max((floor[below] for below in graph.get(name, ())), default=0)
        return floor

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

    def retired(self) -> list[str]:
        """Public modules, classes, functions and parameters whose name holds a retired word."""
        names = [(module, module.rpartition(".")[2]) for module in self.trees]
        for module, name, node, public in self.functions():
            if public:
                own = [name.rpartition(".")[2], *argument_names(node)]
                names += [(f"{module}.{name}", n) for n in own if not n.startswith("_")]
        for module, tree in self.trees.items():
            classes = [node.name for node in tree.body if isinstance(node, ast.ClassDef)]
            names += [(f"{module}.{name}", name) for name in classes if not name.startswith("_")]
        return sorted(
            {f"{place}: {name}" for place, name in names if name not in KEPT and words(name) & set(RETIRED)}
        )


def words(name: str) -> set[str]:
    """Words of a name in snake_case or CamelCase, in lower case."""
    return {word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)}


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
        **{f"import floors, {package}": floor_count(house, package) for package in PACKAGES},
        "modules in an import circle": len(house.circles()),
        "public functions that take something": len(public),
        "of these without a Parameters section": len(house.undocumented()),
    }


def floor_count(house: House, package: str) -> int | str:
    """Import floors of a package; "a circle" if there is one."""
    try:
        return max(house.floors(package).values(), default=0)
    except CycleError:
        return "a circle"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--missing", metavar="FOLDER", help="name the public functions without a Parameters section"
    )
    parser.add_argument("--retired", action="store_true", help="name what holds a retired word")
    parser.add_argument("--svg", type=Path, metavar="FILE", help="draw the map of the rooms")
    parser.add_argument("--root", type=Path, default=ROOT, metavar="DIR", help="checkout to look at")
    parser.add_argument("--json", action="store_true", help="print JSON")
    args = parser.parse_args()
    house = House.at(args.root)
    if args.svg:
        from benchmarks.house_map import draw

        args.svg.write_text(draw(house), "utf-8")
    elif args.retired:
        print("\n".join(house.retired()))
    elif args.missing:
        print("\n".join(line for line in house.undocumented() if line.startswith(args.missing)))
    elif args.json:
        print(json.dumps(table(house), indent=1))
    else:
        print("\n".join(f"{name:<45}{value}" for name, value in table(house).items()))


if __name__ == "__main__":
    main()
