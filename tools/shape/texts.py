"""All that a person reads: help, messages, documentation, docstrings, and the names in the code."""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
from tools.shape.sources import Source

__all__ = ["KINDS", "Text", "data_texts", "doc_texts", "help_texts", "source_texts"]

KINDS = ("help", "messages", "docs", "docstrings", "names")
_PAGES = ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md")
_DATA = ("statemachines/*.json", "src/**/*.json", "template.yaml")
_HELP_KEYWORDS = {"help", "short_help", "epilog", "examples", "metavar"}
_TWO_WORDS = re.compile(r"[A-Za-z…]['A-Za-z]*[,.:;]? [A-Za-z…]")
_YAML_COMMENT = re.compile(r"(?m)(?:^|(?<=\s))#.*$")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Text:
    """One text. ``line`` is where it begins in ``where``: a file or a command."""

    kind: str
    where: str
    line: int
    words: str


def help_texts(command: click.Command, name: str, parent: click.Context | None = None) -> Iterator[Text]:
    """The help of a command and of all below it."""
    context = click.Context(
        command, info_name=name, parent=parent, terminal_width=10_000, max_content_width=10_000
    )
    yield Text("help", f"{context.command_path} --help", 1, command.get_help(context))
    if isinstance(command, click.Group):
        for below in command.list_commands(context):
            found = command.get_command(context, below)
            if found is not None:
                yield from help_texts(found, below, context)


def doc_texts(root: Path) -> Iterator[Text]:
    """The pages at the top of the repository, and those of docs."""
    pages = [root / name for name in _PAGES] + sorted((root / "docs").rglob("*.md"))
    for path in pages:
        if path.exists():
            yield Text("docs", str(path.relative_to(root)), 1, path.read_text(encoding="utf-8"))


def data_texts(root: Path) -> Iterator[Text]:
    """State machines, schemas and the template, whole: each holds messages. Comments of YAML are left out."""
    found = (root.glob(pattern) for pattern in _DATA)
    for path in sorted(itertools.chain.from_iterable(found)):
        text = path.read_text(encoding="utf-8")
        words = _YAML_COMMENT.sub("", text) if path.suffix == ".yaml" else text
        yield Text("messages", str(path.relative_to(root)), 1, words)


def source_texts(sources: Sequence[Source]) -> Iterator[Text]:
    """Messages, docstrings and names; a name is in lower case, with underscores.

    A message is a string of two words or more that is no docstring and no help. A string that stands alone
    is a docstring; that of a command is help.
    """
    for source in sources:
        yield Text("names", source.path, 1, Path(source.path).stem)
        for kind, node, words in _found(source.tree):
            yield Text(kind, source.path, node.lineno, words)


def _found(node: ast.AST) -> Iterator[tuple[str, ast.stmt | ast.expr | ast.arg, str]]:
    if isinstance(node, ast.Constant | ast.JoinedStr):
        words = _string(node)
        if _TWO_WORDS.search(words):
            yield "messages", node, words
        return
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        if isinstance(node.value.value, str):
            yield "docstrings", node, node.value.value
        return
    name = _defined(node)
    if name is not None:
        yield "names", name[0], _HUMP.sub("_", name[1]).lower()
    for child in _children(node):
        yield from _found(child)


def _string(node: ast.Constant | ast.JoinedStr) -> str:
    """The text of a string, with an ellipsis for each value that is filled in."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    parts = (part.value if isinstance(part, ast.Constant) else "…" for part in node.values)
    return "".join(str(part) for part in parts)


def _defined(node: ast.AST) -> tuple[ast.stmt | ast.expr | ast.arg, str] | None:
    """The name that a node gives to something of ours."""
    if isinstance(node, ast.ClassDef | Function):
        return node, node.name
    if isinstance(node, ast.arg):
        return node, node.arg
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        return node, node.id
    if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
        return node, node.attr
    return None


def _children(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        helping = isinstance(child, ast.keyword) and child.arg in _HELP_KEYWORDS
        shown_as_help = isinstance(node, Function) and _is_command(node) and child is node.body[0]
        if not helping and not shown_as_help:
            yield child


def _is_command(function: Function) -> bool:
    decorated = any("click." in ast.unparse(decorator) for decorator in function.decorator_list)
    return decorated or (function.name == "command" and bool(function.decorator_list))
