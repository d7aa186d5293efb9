"""Which values YAML has here: those of JSON. Text that PyYAML would turn into others stays text."""

from __future__ import annotations

import re
from typing import Any, Final

import yaml

from stepherd.services.number_text import DECIMAL, WHOLE, read_number, read_whole

__all__ = ["PlainValues"]

_TAG: Final = "tag:yaml.org,2002:"
_POINT: Final = re.compile(rf"(?=[^.]*\.)(?:{DECIMAL.pattern})")
"""With a point: ``1e3`` and ``12e4567`` are text, such as a commit's first digits."""
_FIRST: Final = {"int": "-+0123456789", "float": "-+.0123456789"}
_TRUTHS: Final = {"yes": True, "true": True, "on": True, "no": False, "false": False, "off": False}


class PlainValues:
    """Put before a loader of PyYAML. Values are None, booleans, finite numbers, text, lists and mappings."""

    yaml_implicit_resolvers: dict[str | None, list[tuple[str, re.Pattern[str]]]]
    yaml_constructors: dict[str | None, Any]


def _resolvers() -> dict[str | None, list[tuple[str, re.Pattern[str]]]]:
    """Patterns of plain text by its first character: PyYAML's for booleans and null, our own for numbers."""
    kept = {f"{_TAG}bool", f"{_TAG}null"}
    found: dict[str | None, list[tuple[str, re.Pattern[str]]]] = {
        first: [pair for pair in pairs if pair[0] in kept]
        for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    for kind, pattern in (("int", WHOLE), ("float", _POINT)):
        for first in _FIRST[kind]:
            # resolve() asks with match(): the pattern must say where the text ends.
            whole = re.compile(rf"(?:{pattern.pattern})\Z")
            found.setdefault(first, []).append((f"{_TAG}{kind}", whole))
    return found


def _nothing(loader: Any, node: yaml.Node) -> None:
    loader.construct_scalar(node)


def _truth(loader: Any, node: yaml.Node) -> bool:
    text = str(loader.construct_scalar(node)).lower()
    if text not in _TRUTHS:
        raise _wrong(node, "neither true nor false")
    return _TRUTHS[text]


def _whole(loader: Any, node: yaml.Node) -> int:
    try:
        return read_whole(loader.construct_scalar(node))
    except ValueError as error:
        raise _wrong(node, str(error)) from None


def _number(loader: Any, node: yaml.Node) -> float:
    try:
        return read_number(loader.construct_scalar(node))
    except ValueError as error:
        raise _wrong(node, str(error)) from None


def _text(loader: Any, node: yaml.Node) -> str:
    text: str = loader.construct_scalar(node)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise _wrong(node, "not valid Unicode") from None
    return text


def _list(loader: Any, node: yaml.Node) -> list[Any]:
    found: list[Any] = loader.construct_sequence(node, deep=True)
    return found


def _mapping(loader: Any, node: yaml.Node) -> dict[Any, Any]:
    if not isinstance(node, yaml.MappingNode):
        raise _wrong(node, "not a mapping")
    found: dict[Any, Any] = {}
    for key_node, value in node.value:
        key = loader.construct_object(key_node, deep=True)
        if not isinstance(key, str | int | float | bool | None):
            raise _wrong(key_node, "a key that is not plain")
        if key in found:
            raise _wrong(key_node, "a key that is there twice")
        found[key] = loader.construct_object(value, deep=True)
    return found


def _unknown(_loader: Any, node: yaml.Node) -> Any:
    raise _wrong(node, "a tag that is not known")


def _wrong(node: yaml.Node, words: str) -> yaml.constructor.ConstructorError:
    return yaml.constructor.ConstructorError(None, None, words, node.start_mark)


PlainValues.yaml_implicit_resolvers = _resolvers()
PlainValues.yaml_constructors = {
    f"{_TAG}null": _nothing, f"{_TAG}bool": _truth, f"{_TAG}int": _whole, f"{_TAG}float": _number,
    f"{_TAG}str": _text, f"{_TAG}seq": _list, f"{_TAG}map": _mapping, None: _unknown,
}  # fmt: skip
