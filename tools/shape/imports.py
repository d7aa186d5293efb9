"""Which module imports which, when, and why inside a function."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass

from tools.shape.sources import Source

__all__ = ["NO_REASON", "Import", "imports_of"]

NO_REASON = "none given"
Statement = ast.Import | ast.ImportFrom
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_TYPING = {"TYPE_CHECKING", "typing.TYPE_CHECKING"}
_FOR_TOOLS = re.compile(
    r"noqa(: ?[A-Z]+[0-9]+(, ?[A-Z]+[0-9]+)*)?|type: ignore(\[[^]]*\])?|fmt: \w+|pragma: .*"
)


@dataclass(frozen=True)
class Import:
    """One statement that is executed: those below TYPE_CHECKING are not."""

    source: Source
    line: int
    ours: frozenset[str]
    """The modules of the same root package that it names."""
    deferred: bool
    """Whether it stands in a function."""
    reason: str = ""
    """The comment on the statement, or above it or the imports that it stands among; if deferred."""


def imports_of(sources: Sequence[Source]) -> list[Import]:
    """All imports of all modules."""
    known = {source.module for source in sources}
    return [found for source in sources for found in _of_source(source, known)]


def _of_source(source: Source, known: Set[str]) -> Iterator[Import]:
    statements = list(_statements(source.tree, deferred=False))
    taken = {line for node, _ in statements for line in _lines(node)}
    for node, deferred in statements:
        ours = frozenset(name for name in _modules(node, known) if name != source.module)
        yield Import(source, node.lineno, ours, deferred, _reason(source, node, taken) if deferred else "")


def _statements(node: ast.AST, deferred: bool) -> Iterator[tuple[Statement, bool]]:
    if isinstance(node, Statement):
        yield node, deferred
        return
    children: Iterator[ast.AST] = ast.iter_child_nodes(node)
    if isinstance(node, ast.If) and ast.unparse(node.test) in _TYPING:
        children = iter(node.orelse)
    for child in children:
        yield from _statements(child, deferred or isinstance(node, _FUNCTIONS))


def _modules(node: Statement, known: Set[str]) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names if alias.name in known)
        return
    module = node.module or ""
    for alias in node.names:
        whole = f"{module}.{alias.name}"
        if whole in known:
            yield whole
        elif module in known:
            yield module


def _lines(node: Statement) -> range:
    return range(node.lineno, (node.end_lineno or node.lineno) + 1)


def _reason(source: Source, node: Statement, taken: Set[int]) -> str:
    on_it = " ".join(source.comments[line] for line in _lines(node) if line in source.comments)
    return _said(on_it) or _said(_above(source, node.lineno, taken)) or NO_REASON


def _above(source: Source, line: int, taken: Set[int]) -> str:
    texts = source.text.splitlines()
    line -= 1
    while line in taken:
        line -= 1
    found: list[str] = []
    while line > 0 and texts[line - 1].lstrip().startswith("#"):
        found.insert(0, source.comments[line])
        line -= 1
    return " ".join(found)


def _said(comment: str) -> str:
    """A comment without what it tells tools."""
    return _FOR_TOOLS.sub("", comment).strip(" #-")
