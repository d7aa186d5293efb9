"""Circles, pairs and fan-out of a package that is small enough to see them."""

from __future__ import annotations

from tests.unit.tools.shape.conftest import Write
from tools.shape.graph import circles, import_sections

_LATE = "def f():\n    from tiny.{0} import {1}\n"
_FILES = {
    "a/one.py": "from tiny.a import two\nfrom tiny.b import three\n",
    "a/two.py": _LATE.format("a", "one"),
    "b/three.py": "from tiny.b import four\n",
    "b/four.py": _LATE.format("a", "two"),
    "alone.py": "if TYPE_CHECKING:\n    from tiny import other\n",
    "other.py": "from tiny import alone\n",
}


def test_a_circle_is_a_group_that_reach_each_other() -> None:
    graph = {"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}, "e": {"f"}, "f": {"e"}, "g": set[str]()}
    assert circles(graph) == [["a", "b", "c"], ["e", "f"]]
    assert circles({"a": {"b"}, "b": set()}) == []


def test_a_package_has_its_figures(write: Write) -> None:
    modules, packages, pairs, fan_out, deferred = import_sections(write(_FILES))
    assert modules.rows == {"when modules load": (0, 0, 0), "with imports in functions": (1, 4, 4)}
    assert modules.named == (
        "with imports in functions, 4: tiny.a.one, tiny.a.two, tiny.b.four, tiny.b.three",
        "in a function, src/tiny/a/two.py:2 imports tiny.a.one",
        "in a function, src/tiny/b/four.py:2 imports tiny.a.two",
    )
    assert packages.rows == {"when modules load": (0, 0, 0), "with imports in functions": (1, 2, 2)}
    assert pairs.rows == {"a, b": (1, 1)}
    assert fan_out.rows == {"when modules load": (0, 2, 2, 2), "with imports in functions": (1, 2, 2, 2)}
    assert fan_out.named[0] == "2 tiny.a.one"
    assert deferred.rows == {"all": (2, 2), "of our modules": (2, 2)}


def test_reasons_are_counted_and_so_are_files_without(write: Write) -> None:
    text = "def f():\n    import json  # slow\n\n    import yaml  # slow\n\n    import ssl\n"
    deferred = list(import_sections(write({"one.py": text})))[-1]
    assert deferred.rows == {"all": (3, 1), "of our modules": (0, 0)}
    assert deferred.named == ("2 slow", "1 none given: src/tiny/one.py")
