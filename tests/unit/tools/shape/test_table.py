"""How figures are shown."""

from __future__ import annotations

import json

from tools.shape.table import Section, section_lines, to_json

_BEFORE = Section("lines", ("files", "max"), {"all": (10, 8), "cli": (4, 8), "gone": (1, 1)})
_AFTER = Section("lines", ("files", "max"), {"all": (9, 8), "cli": (2, None), "api": (1, 12)}, ("where",))


def test_a_table_is_aligned_and_ends_with_its_places() -> None:
    assert list(section_lines(_AFTER)) == [
        "lines  files  max",
        "all        9    8",
        "cli        2    -",
        "api        1   12",
        "  where",
    ]


def test_beside_earlier_figures_what_differs_is_shown_twice() -> None:
    earlier = json.loads(json.dumps(to_json([_BEFORE])))
    assert [line.split() for line in section_lines(_AFTER, earlier)] == [
        ["lines", "files", "max"],
        ["all", "10", "→", "9", "8"],
        ["cli", "4", "→", "2", "8", "→", "-"],
        ["api", "-", "→", "1", "-", "→", "12"],
        ["gone", "1", "→", "-", "1", "→", "-"],
        ["where"],
    ]


def test_figures_beside_themselves_show_no_difference() -> None:
    assert list(section_lines(_AFTER, to_json([_AFTER]))) == list(section_lines(_AFTER))
