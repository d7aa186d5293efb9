"""The imports of the functions: modules of this project, and those from elsewhere."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[3]
_SOURCE = ROOT / "src"
FUNCTIONS = tuple(sorted(path.parent.name for path in (ROOT / "functions").glob("*/app.py")))


@dataclass(slots=True)
class Closure:
    """Whatever a function could load, at its start or later."""

    modules: set[str] = field(default_factory=set)
    """Of this project, by their dotted names."""
    foreign: set[str] = field(default_factory=set)
    """Top-level names that are neither this project's nor the standard library's."""

    @classmethod
    def of_functions(cls) -> Closure:
        """Every import statement counts, those within functions too; those for type checkers alone do not."""
        closure = cls()
        for name in FUNCTIONS:
            closure._read(ROOT / "functions" / name / "app.py")
        return closure

    def _read(self, path: Path) -> None:
        for name in _imported(ast.parse(path.read_text())):
            top = name.partition(".")[0]
            if top == "stepherd":
                self._follow(name)
            elif top not in sys.stdlib_module_names:
                self.foreign.add(top)

    def _follow(self, name: str) -> None:
        parts = name.split(".")
        for length in range(1, len(parts) + 1):
            module = ".".join(parts[:length])
            path = _file_of(module)
            if path and module not in self.modules:
                self.modules.add(module)
                self._read(path)


def _file_of(module: str) -> Path | None:
    """None: the last part is a name in a module."""
    place = _SOURCE.joinpath(*module.split("."))
    candidates = (place / "__init__.py", place.with_suffix(".py"))
    return next((path for path in candidates if path.exists()), None)


def _imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.module
            assert node.level == 0, "a relative import is not followed here"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        else:
            yield from _imported(node)
