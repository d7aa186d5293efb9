"""The limits of AWS that the engine keeps, and its differences: each stands once, at the test that shows it.

``python -m tests.differences`` writes both lists into docs/how-to-use-the-engine.md;
``tests/unit/engine/test_differences.py`` holds that the page has them.
"""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/how-to-use-the-engine.md"
_Test = TypeVar("_Test", bound=Callable[..., Any])

NOT_KEPT = {
    "duration of an execution and of a task": (
        "1 year",
        "none: an execution may wait for a person as long as its home is there, and costs nothing meanwhile",
    ),
    "retention of closed executions": (
        "90 days",
        "until `stepherd prune`; a name stays taken as long as it is there",
    ),
    "a Task without TimeoutSeconds": ("99,999,999 seconds", "it has no end"),
    "size of a request": ("1 MB", "4 MiB, so that no member's own limit is cut short by its escapes"),
    "number of state machines": ("100,000", "as many as the disk holds"),
    "open executions": ("1,000,000", "as many as the memory holds"),
    "API calls and state transitions per second": ("by account and region", "a laptop needs no fair share"),
    "activities, versions, aliases, Map Runs": ("by kind", "the engine has none of them"),
    "HTTP Task, Express, distributed Map": ("by kind", "the engine runs none of them"),
}
"""Quotas that the engine does not keep: AWS's limit, and what holds instead, or why not."""


def quota(what: str, limit: str) -> Callable[[_Test], _Test]:
    """The test shows that a limit of AWS is kept."""
    return _as_it_is(what, limit)


def differs(words: str) -> Callable[[_Test], _Test]:
    """The test shows a difference from AWS, told to users in these words."""
    return _as_it_is(words)


def _as_it_is(*_: str) -> Callable[[_Test], _Test]:
    return lambda test: test


def quotas() -> list[tuple[str, str]]:
    """The limits that tests show to be kept, in the order of the files and their lines."""
    return [(words[0], words[1]) for words in _said("quota")]


def differences() -> list[str]:
    """The differences that tests show."""
    return [words[0] for words in _said("differs")]


def _said(name: str) -> Iterator[list[str]]:
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        text = path.read_text(encoding="utf-8")
        if f"@{name}(" not in text:
            continue
        for node in ast.walk(ast.parse(text)):
            for made in getattr(node, "decorator_list", []):
                if isinstance(made, ast.Call) and getattr(made.func, "id", "") == name:
                    yield [str(ast.literal_eval(argument)) for argument in made.args]


def sections() -> dict[str, str]:
    """The generated parts of the page, by name."""
    table = ["| limit | AWS | here |", "|---|---|---|"]
    table += [f"| {what} | {limit} | kept |" for what, limit in quotas()]
    table += [f"| {what} | {limit} | {instead} |" for what, (limit, instead) in NOT_KEPT.items()]
    lines = [textwrap.fill(f"- {words}", 118, subsequent_indent="  ") for words in differences()]
    return {"differences": "\n".join(lines), "limits": "\n".join(table)}


def filled(page: str) -> str:
    """The page with its generated parts as they should be. Raises ValueError when a mark is missing."""
    for name, text in sections().items():
        begin, end = f"<!-- {name}: begin -->\n", f"<!-- {name}: end -->"
        before, _, rest = page.partition(begin)
        _, found, after = rest.partition(end)
        if not found:
            raise ValueError(f"{PAGE} has no part {name}")
        page = f"{before}{begin}{text}\n{end}{after}"
    return page


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
