"""The shape of the code: which way imports point, how large things are, what is annotated."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted([*(ROOT / "src").rglob("*.py"), *(ROOT / "functions").rglob("*.py")])
MAY_IMPORT = {
    "errors": set(),
    "services": {"errors"},
    "processes": {"errors"},
    "engine": {"errors", "services", "processes"},
    "repositories": {"errors", "services", "processes"},
    "logins": {"errors", "services", "processes", "runs"},
    "agents": {"errors", "services", "processes", "repositories", "runs", "logins"},
    "runs": {"errors", "services", "processes", "repositories", "agents", "logins"},
    "api": {"errors", "services", "runs", "agents"},
    "cloud": {"errors", "services", "runs", "application"},
}
"""What each part of the package may know of the others; cli, steps and functions may know all."""
NAMING_PROC = {f"processes/sandbox/{name}.py" for name in ("arguments", "private_paths", "network/namespace")}
"""They mount it, leave it out, or enter the namespace of one process; they look for none."""
DOMAIN = {"runs", "agents", "repositories", "logins", "steps", "cli", "cloud", "functions"}
FORBIDDEN = {"utils", "util", "helpers", "helper", "manager", "managers", "common", "misc"}


def _imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _part(path: Path) -> str:
    relative = path.relative_to(ROOT / "src/stepherd") if path.is_relative_to(ROOT / "src/stepherd") else None
    return relative.parts[0].removesuffix(".py") if relative else "functions"


def _own_parts(path: Path) -> set[str]:
    names = (name.split(".") for name in _imports(ast.parse(path.read_text(encoding="utf-8"))))
    parts = {words[1] for words in names if words[0] == "stepherd" and len(words) > 1}
    return parts - {_part(path)}


def _where(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("part", MAY_IMPORT)
def test_arrows_point_one_way(part: str) -> None:
    wrong = {
        _where(path): sorted(_own_parts(path) - MAY_IMPORT[part])
        for path in SOURCES
        if _part(path) == part and _own_parts(path) - MAY_IMPORT[part]
    }
    assert wrong == {}


def test_the_engine_knows_nothing_of_what_it_runs() -> None:
    """Neither by import nor by name: agents, git and logins are the application's."""
    engine = [path for path in SOURCES if _part(path) == "engine"]
    assert engine
    assert {_where(p): _own_parts(p) & DOMAIN for p in engine if _own_parts(p) & DOMAIN} == {}


def test_the_engine_loads_boto3_only_where_a_real_service_is_called() -> None:
    for path in SOURCES:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        top = {
            n.split(".")[0]
            for node in tree.body
            for n in _imports(ast.Module([node], []))
            if isinstance(node, ast.Import | ast.ImportFrom)
        }
        if _part(path) in ("engine", "repositories", "runs", "agents", "processes", "errors"):
            assert not top & {"boto3", "botocore", "rich"}, _where(path)


def test_no_module_is_named_after_nothing() -> None:
    assert [_where(path) for path in SOURCES if path.stem in FORBIDDEN or path.parent.name in FORBIDDEN] == []


def _functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def _lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function without its docstring, which is for readers and may take its space."""
    docstring = ast.get_docstring(function, clean=False)
    written = (function.end_lineno or 0) - function.lineno + 1
    return written - (len(docstring.splitlines()) if docstring else 0)


def test_no_function_is_over_fifty_lines() -> None:
    long = [f"{_where(path)}:{f.name}" for path in SOURCES for f in _functions(path) if _lines(f) > 50]
    assert long == []


def test_no_file_is_over_five_hundred_lines() -> None:
    assert [
        _where(path) for path in SOURCES if len(path.read_text(encoding="utf-8").splitlines()) > 500
    ] == []


def test_every_function_says_what_it_returns() -> None:
    bare = [f"{_where(path)}:{f.name}" for path in SOURCES for f in _functions(path) if f.returns is None]
    assert bare == []


def test_one_module_reads_the_table_of_processes() -> None:
    """A process may look at itself; looking at others has one owner."""
    readers = {
        _where(path).removeprefix("src/stepherd/")
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and node.value in {"/proc", "/proc/", "ps"}
    }
    assert readers - NAMING_PROC == {"processes/table.py"}
