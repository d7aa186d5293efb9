"""YAML that somebody else wrote, as plain data: the one place where it is read.

Values are what JSON has. PyYAML alone makes 90 of ``1:30``, 8 of ``010``, a date of ``2024-01-01`` and not a
number of ``.nan``; here whatever is not plainly a number is text, and a field that needs a number refuses it.
Size, depth and the count of values are bounded. Aliases, by which ten lines become a gigabyte, are refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import yaml

from stepherd.services.yaml_values import PlainValues

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Entry", "UnreadableYaml", "read_entries", "read_yaml"]

_MOST_CHARACTERS: Final = 262_144
_MOST_DEPTH: Final = 20
_MOST_VALUES: Final = 20_000


class UnreadableYaml(ValueError):
    """The text is not YAML, or more than is read."""

    def __init__(self, reason: str, line: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.line = line
        """From 1; None where it is not known."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A key of a mapping with its value; keys may be there twice."""

    key: str
    value: Any
    line: int
    """Where the value begins, from 1."""


def read_yaml(text: str) -> Any:
    """The one document in ``text``; None when there is nothing. Raises UnreadableYaml."""
    loader = _Loader(text)
    node = _composed(loader)
    return None if node is None else _constructed(loader, node)


def read_entries(text: str) -> list[Entry] | None:
    """The entries of the mapping that ``text`` is, in order; None when it is something else.

    Raises UnreadableYaml.
    """
    loader = _Loader(text)
    node = _composed(loader)
    if node is None:
        return []
    return list(_entries(loader, node)) if isinstance(node, yaml.MappingNode) else None


class _Loader(PlainValues, yaml.SafeLoader):
    """Counts what it composes. libyaml's loader cannot be counted, so this is PyYAML's own."""

    def __init__(self, text: str) -> None:
        if len(text) > _MOST_CHARACTERS:
            raise UnreadableYaml(f"longer than {_MOST_CHARACTERS:,} characters")
        self._depth = 0
        self._values = 0
        try:
            super().__init__(text)
        except yaml.YAMLError as error:
            raise _refusal(error) from None

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """A node, within the bounds."""
        line = self.peek_event().start_mark.line + 1  # type: ignore[no-untyped-call]
        if self.check_event(yaml.AliasEvent):
            raise UnreadableYaml("an alias (*name)", line)
        self._depth += 1
        self._values += 1
        if self._depth > _MOST_DEPTH:
            raise UnreadableYaml(f"nested deeper than {_MOST_DEPTH} levels", line)
        if self._values > _MOST_VALUES:
            raise UnreadableYaml(f"more than {_MOST_VALUES:,} values", line)
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node


def _entries(loader: _Loader, node: yaml.MappingNode) -> Iterator[Entry]:
    for key, value in node.value:
        yield Entry(str(key.value), _constructed(loader, value), value.start_mark.line + 1)


def _composed(loader: _Loader) -> yaml.Node | None:
    try:
        return loader.get_single_node()
    except (yaml.YAMLError, ArithmeticError, ValueError) as error:
        # A number in a directive or an escape may be one that Python cannot use: "\UFFFFFFFF".
        raise _refusal(error) from None


def _constructed(loader: _Loader, node: yaml.Node) -> Any:
    try:
        return loader.construct_document(node)
    except yaml.YAMLError as error:
        raise _refusal(error) from None


def _refusal(error: Exception) -> UnreadableYaml:
    if isinstance(error, UnreadableYaml):
        return error
    mark = getattr(error, "problem_mark", None)
    reason = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
    return UnreadableYaml(str(reason), None if mark is None else mark.line + 1)
