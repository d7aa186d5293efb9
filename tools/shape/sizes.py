"""How large files and functions are."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from tools.shape.sources import Source
from tools.shape.table import Section, percentiles

__all__ = ["LONGEST", "size_sections"]

LONGEST = 50
"""Lines that a function may have without its docstring, as tests/unit/test_architecture.py counts them."""
_OF = ("50 %", "90 %", "99 %", "max")
Function = ast.FunctionDef | ast.AsyncFunctionDef


def size_sections(sources: Sequence[Source]) -> Iterator[Section]:
    """Lines of files, and of functions, of all packages together and of each."""
    packages = {"all": list(sources)}
    for source in sources:
        packages.setdefault(source.package, []).append(source)
    files = {name: [len(source.text.splitlines()) for source in of] for name, of in packages.items()}
    yield Section(
        "lines per file",
        ("files", "lines", *_OF),
        {name: (len(lines), sum(lines), *percentiles(lines)) for name, lines in files.items()},
    )
    functions = {
        name: [lines for source in of for _, lines in _functions(source)] for name, of in packages.items()
    }
    yield Section(
        "lines per function",
        ("functions", *_OF, f"over {LONGEST}"),
        {
            name: (len(lines), *percentiles(lines), sum(line > LONGEST for line in lines))
            for name, lines in functions.items()
        },
        tuple(where for source in sources for where, lines in _functions(source) if lines > LONGEST),
    )


def _functions(source: Source) -> Iterator[tuple[str, int]]:
    for node in ast.walk(source.tree):
        if isinstance(node, Function):
            yield f"{source.path}:{node.lineno} {node.name}", _lines(node)


def _lines(function: Function) -> int:
    docstring = ast.get_docstring(function, clean=False)
    written = (function.end_lineno or 0) - function.lineno + 1
    return written - (len(docstring.splitlines()) if docstring else 0)
