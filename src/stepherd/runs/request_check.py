"""Whether a request follows its schema, by the few words of JSON Schema that it uses.

jsonschema takes a tenth of a second to load, which is most of what a short function does. It is asked for its
reasons where this finds something wrong, so it alone says what. A word that is not known here counts as
something wrong: then jsonschema judges.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

__all__ = ["follows"]

_ANNOTATIONS: Final = frozenset(
    {"$schema", "$id", "title", "description", "default", "examples", "deprecated", "$comment"}
)


def follows(given: object, schema: Mapping[str, Any]) -> bool:
    """Whether ``given`` certainly follows ``schema``; False also where only jsonschema can tell."""
    return all(
        word in _ANNOTATIONS or (word in _CHECKS and _CHECKS[word](given, schema[word], schema))
        for word in schema
    )


def _has_type(given: object, kind: Any, _schema: Mapping[str, Any]) -> bool:
    return kind in _TYPES and _TYPES[kind](given)


def _is_number(given: object) -> bool:
    # NaN and the infinite are no numbers in JSON.
    if isinstance(given, float):
        return math.isfinite(given)
    return isinstance(given, int) and not isinstance(given, bool)


def _is_integer(given: object) -> bool:
    return _is_number(given) and (isinstance(given, int) or (isinstance(given, float) and given.is_integer()))


def _has_known_names(given: object, allowed: Any, schema: Mapping[str, Any]) -> bool:
    if not isinstance(given, dict):
        return False
    others = given.keys() - schema.get("properties", {}).keys()
    if not isinstance(allowed, Mapping):
        return allowed is False and not others
    return all(follows(given[name], allowed) for name in others)


def _has_good_names(given: object, names: Any, _schema: Mapping[str, Any]) -> bool:
    return isinstance(given, dict) and all(follows(name, names) for name in given)


def _is_of_size(given: object, limit: Any, _schema: Mapping[str, Any]) -> bool:
    return isinstance(given, dict) and len(given) <= limit


def _follow_each(given: object, properties: Any, _schema: Mapping[str, Any]) -> bool:
    return isinstance(given, dict) and all(
        follows(value, properties[name]) for name, value in given.items() if name in properties
    )


def _has_required(given: object, names: Any, _schema: Mapping[str, Any]) -> bool:
    return isinstance(given, dict) and all(name in given for name in names)


def _is_one_of(given: object, values: Any, _schema: Mapping[str, Any]) -> bool:
    # True is 1 to Python: texts alone are compared here.
    return isinstance(given, str) and given in values


def _matches(given: object, pattern: Any, _schema: Mapping[str, Any]) -> bool:
    return isinstance(given, str) and re.search(pattern, given) is not None


def _length(is_right: Callable[[int, int], bool]) -> Callable[[object, Any, Mapping[str, Any]], bool]:
    return lambda given, limit, _schema: isinstance(given, str) and is_right(len(given), limit)


def _value(is_right: Callable[[Any, Any], bool]) -> Callable[[object, Any, Mapping[str, Any]], bool]:
    return lambda given, limit, _schema: _is_number(given) and is_right(given, limit)


_TYPES: Final[Mapping[str, Callable[[object], bool]]] = {
    "object": lambda given: isinstance(given, dict),
    "string": lambda given: isinstance(given, str),
    "boolean": lambda given: isinstance(given, bool),
    "number": _is_number,
    "integer": _is_integer,
}
_CHECKS: Final[Mapping[str, Callable[[object, Any, Mapping[str, Any]], bool]]] = {
    "type": _has_type,
    "additionalProperties": _has_known_names,
    "propertyNames": _has_good_names,
    "maxProperties": _is_of_size,
    "properties": _follow_each,
    "required": _has_required,
    "enum": _is_one_of,
    "pattern": _matches,
    "minLength": _length(lambda length, limit: length >= limit),
    "maxLength": _length(lambda length, limit: length <= limit),
    "minimum": _value(lambda given, limit: given >= limit),
    "exclusiveMinimum": _value(lambda given, limit: given > limit),
    "maximum": _value(lambda given, limit: given <= limit),
}
