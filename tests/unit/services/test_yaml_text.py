"""YAML of others: plain data within bounds, or one error with a line; never anything else."""

from __future__ import annotations

import math
from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from stepherd.services.yaml_text import UnreadableYaml, read_entries, read_yaml

BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [*{before}, *{before}, *{before}, *{before}, *{before}, *{before}, *{before}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
# Line ends of other kinds (U+0085, U+2028) PyYAML itself does not read as it wrote them.
TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Zl", "Zp")), max_size=8)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**14), 10**14) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


def _values(data: Any) -> list[Any]:
    if isinstance(data, dict):
        return [one for key, value in data.items() for one in (*_values(key), *_values(value))]
    return [one for item in data for one in _values(item)] if isinstance(data, list) else [data]


@given(st.text(max_size=60) | st.text(alphabet="ab:&*!-?[]{}%~.0123456789e\\\"'\n ", max_size=60))
@example("a: !!bool maybe")
@example("a: !!int ''")
@example("a: !!float ''")
@example('a: "\\UFFFFFFFF"')
@example('a: "\\uD800"')
@example("%YAML " + "9" * 5000 + ".1\n---\na: 1")
@example("a: " + "1:" * 5000 + "1")
@example("a: 2024-99-99")
@example("a: !!timestamp 2024-99-99")
@example("a: !!binary ====")
@example("? {a: b}\n: c")
@example("<<: 5")
def test_any_text_is_plain_data_or_refused(text: str) -> None:
    try:
        data = read_yaml(text)
    except UnreadableYaml as error:
        assert error.reason
        return
    for value in _values(data):
        assert value is None or type(value) in (bool, int, float, str)
        assert not isinstance(value, float) or math.isfinite(value)
        assert not isinstance(value, str) or value.encode() is not None


@given(PLAIN)
def test_what_pyyaml_writes_is_read_as_it_was(data: Any) -> None:
    """The contexts of a home are written by PyYAML's own rules of what needs quotes."""
    assert read_yaml(yaml.safe_dump(data, allow_unicode=True)) == data


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (BOMB, "an alias"),
        ("a: &x [*x]", "an alias"),
        ("[" * 200_000, "nested deeper than 20 levels"),
        ("{a: " * 50_000, "nested deeper than 20 levels"),
        ("- " * 100_000, "nested deeper than 20 levels"),
        ("- a\n" * 30_000, "more than 20,000 values"),
        ("a: 1\nb: {a: 1, a: 2}", "a key that is there twice"),
        ("# " + "x" * 300_000, "longer than 262,144 characters"),
    ],
)
def test_more_than_is_read_is_refused(text: str, reason: str) -> None:
    with pytest.raises(UnreadableYaml, match=reason):
        read_yaml(text)
    with pytest.raises(UnreadableYaml, match=reason):
        read_entries(text)


@pytest.mark.parametrize(
    "text", ["010", "0x10", "1:30", "1_000", ".nan", ".inf", "2024-01-01", "1e3", "9" * 40]
)
def test_what_is_not_plainly_a_number_is_text(text: str) -> None:
    assert read_yaml(f"a: {text}") == {"a": text}


def test_entries_keep_their_order_their_lines_and_what_is_there_twice() -> None:
    entries = read_entries("a: 1\n# x\nb: [2]\na: ~\n")
    assert entries is not None
    assert [(one.key, one.value, one.line) for one in entries] == [("a", 1, 1), ("b", [2], 3), ("a", None, 4)]
    assert read_entries("- a") is None
    assert read_entries("# nothing") == []
