"""Which imports there are, when they happen, and why they stand in a function."""

from __future__ import annotations

from tests.unit.tools.shape.conftest import Write
from tools.shape.imports import NO_REASON, imports_of


def test_a_name_that_is_a_module_is_the_module_that_is_imported(write: Write) -> None:
    text = "import os\nimport tiny.a.one\nfrom tiny.a import one, VALUE\nfrom tiny.a.one import f\n"
    found = imports_of(write({"a/__init__.py": "", "a/one.py": "", "b.py": text}))
    assert [sorted(one.ours) for one in found] == [
        [],
        ["tiny.a.one"],
        ["tiny.a", "tiny.a.one"],
        ["tiny.a.one"],
    ]


def test_what_is_for_types_alone_is_not_imported(write: Write) -> None:
    text = "if TYPE_CHECKING:\n    from tiny import a\nelse:\n    from tiny import c\n"
    found = imports_of(write({"a.py": "", "b.py": text, "c.py": ""}))
    assert [(sorted(one.ours), one.deferred) for one in found] == [(["tiny.c"], False)]


def test_only_a_function_defers_an_import(write: Write) -> None:
    at_load = "try:\n    import a\nexcept ImportError:\n    pass\nclass C:\n    import b\n"
    text = f"{at_load}    def f(self):\n        import c\n"
    assert [one.deferred for one in imports_of(write({"b.py": text}))] == [False, False, True]


def test_a_reason_is_a_comment_on_or_above_the_import_or_its_neighbours(write: Write) -> None:
    text = """def f():
    # Slow
    # to load.
    import a
    import b
    import c  # of its own

    import d  # noqa: PLC0415
    x = 1  # not about it
    import e
    import f  # noqa: PLC0415 - a circle
"""
    reasons = [one.reason for one in imports_of(write({"b.py": text}))]
    assert reasons == ["Slow to load.", "Slow to load.", "of its own", NO_REASON, NO_REASON, "a circle"]


def test_an_import_at_the_top_needs_no_reason(write: Write) -> None:
    assert [one.reason for one in imports_of(write({"b.py": "# why\nimport a\n"}))] == [""]
