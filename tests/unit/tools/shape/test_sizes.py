"""Lines of files and functions."""

from __future__ import annotations

from tests.unit.tools.shape.conftest import Write
from tools.shape.sizes import size_sections
from tools.shape.table import percentiles

_DOCUMENTED = '''def f() -> int:
    """One.

    Two.
    """
    return 1
'''


def test_percentiles_are_values_that_occur() -> None:
    assert percentiles(list(range(1, 101))) == (50, 90, 99, 100)
    assert percentiles([7, 3]) == (3, 7, 7, 7)
    assert percentiles([]) == (None, None, None, None)


def test_files_are_counted_in_all_and_per_package(write: Write) -> None:
    files, _ = size_sections(write({"__init__.py": "", "top.py": "a = 1\n", "cli/one.py": "a = 1\nb = 2\n"}))
    assert files.columns == ("files", "lines", "50 %", "90 %", "99 %", "max")
    assert files.rows == {
        "all": (3, 3, 1, 2, 2, 2),
        "(top)": (2, 1, 0, 1, 1, 1),
        "cli": (1, 2, 2, 2, 2, 2),
    }


def test_a_docstring_is_no_part_of_the_lines_of_a_function(write: Write) -> None:
    _, functions = size_sections(write({"cli/one.py": _DOCUMENTED}))
    assert functions.rows["cli"] == (1, 2, 2, 2, 2, 0)


def test_a_function_above_fifty_lines_is_named(write: Write) -> None:
    fifty = "def fifty() -> None:\n" + "    pass\n" * 49
    longer = "async def longer() -> None:\n" + "    pass\n" * 50
    _, functions = size_sections(write({"one.py": fifty + longer}))
    assert functions.rows["all"] == (2, 50, 51, 51, 51, 1)
    assert functions.named == ("src/tiny/one.py:51 longer",)
