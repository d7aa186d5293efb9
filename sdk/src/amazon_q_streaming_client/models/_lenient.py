"""Reading what the service sends the way its own clients do: what is missing or odd never ends an answer.

Smithy calls it client error correction: a required member that is missing or null gets the neutral value of
its type (an empty text, 0, false, an empty list, a structure of neutral values). What cannot be read as its
type counts as missing, one value stands for a list of one and the other way round. All else is kept.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Any, Final, cast

from pydantic import BaseModel, JsonValue

__all__ = ["corrected", "load_document", "scrubbed"]

_ABSENT: Final = object()
_MAX_DEPTH: Final = 100
_SURROGATES: Final = re.compile("[\ud800-\udfff]")
_MAX_SECONDS: Final = 253_402_300_799  # the last second of Python's calendar

_Read = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class _Type:
    """How a value is read (``_ABSENT``: it is not of this type), and the neutral value."""

    read: _Read
    neutral: Callable[[], Any]

    def one(self, value: Any) -> Any:
        """Read ``value``, or the first value of a list that stands where one value is expected."""
        found = self.read(value)
        if found is _ABSENT and isinstance(value, list):
            readable = (self.read(item) for item in value)
            return next((item for item in readable if item is not _ABSENT), _ABSENT)
        return found


def load_document(data: bytes | str) -> Any:
    """Read JSON as leniently as a browser decodes text; raise ValueError or RecursionError for no JSON."""
    text = data.decode("utf-8", "replace") if isinstance(data, bytes) else data
    return json.loads(
        text.removeprefix("\ufeff"), strict=False, parse_constant=lambda _: None, parse_float=_finite
    )


def corrected(shape: type[BaseModel], document: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``document`` so that it fits ``shape``; raise RecursionError where it is too deep."""
    found: dict[str, Any] = _structure(shape).read(document)
    return found


def scrubbed(text: str) -> str:
    """Join halves of characters that came as two, and replace those that stand alone."""
    if not _SURROGATES.search(text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _finite(text: str) -> float | None:
    value = float(text)
    return value if math.isfinite(value) else None


@cache
def _structure(shape: type[BaseModel]) -> _Type:
    from ._base import OneOf

    is_union = issubclass(shape, OneOf)
    members = {
        field.serialization_alias or name: (field.is_required(), _type_of(cast("Any", field.annotation)))
        for name, field in shape.model_fields.items()
    }
    hidden = {*shape.model_fields, *members}

    def read(value: Any) -> Any:
        if not isinstance(value, dict):
            return _ABSENT
        found = {}
        for name, (required, kind) in members.items():
            member = value.get(name)
            item = _ABSENT if member is None else kind.one(member)
            if item is not _ABSENT:
                found[name] = item
            elif required:
                found[name] = kind.neutral()
        others = {scrubbed(name): _document(item) for name, item in value.items() if name not in hidden}
        return _only_one(found, others) if is_union else {**others, **found}

    return _Type(read, lambda: read({}))


def _only_one(found: dict[str, Any], others: dict[str, Any]) -> dict[str, Any]:
    """One member of a union: the first that is known, else the first that is not; ``__type`` is no member."""
    for name, value in (*found.items(), *others.items()):
        if name != "__type" and value is not None:
            return {name: value}
    return {}


def _document(value: Any, depth: int = 0) -> Any:
    if depth > _MAX_DEPTH:
        raise RecursionError("the document is too deep")
    if isinstance(value, str):
        return scrubbed(value)
    if isinstance(value, list):
        return [_document(item, depth + 1) for item in value]
    if isinstance(value, dict):
        return {scrubbed(name): _document(item, depth + 1) for name, item in value.items()}
    return value


@cache
def _type_of(annotation: Any) -> _Type:
    if annotation is JsonValue:
        return _Type(_document, lambda: None)
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is not None:
        return _generic(origin, arguments)
    if issubclass(annotation, BaseModel):
        # Looked up when it is used: shapes may hold themselves.
        return _Type(
            lambda value: _structure(annotation).read(value), lambda: _structure(annotation).neutral()
        )
    return _SCALARS[annotation]


def _generic(origin: Any, arguments: tuple[Any, ...]) -> _Type:
    if origin is list:
        return _Type(_list_reader(_type_of(arguments[0])), list)
    if origin is dict:
        return _Type(_map_reader(_type_of(arguments[1])), dict)
    if origin is typing.Annotated:
        return _type_of(arguments[0])
    return _union_of(tuple(kind for kind in arguments if kind is not types.NoneType))


def _union_of(kinds: tuple[Any, ...]) -> _Type:
    if len(kinds) == 1:
        return _type_of(kinds[0])
    if set(kinds) == {int, float}:
        return _SCALARS[float]
    if any(isinstance(kind, type) and issubclass(kind, StrEnum) for kind in kinds):
        return _SCALARS[str]
    readers = [_type_of(kind) for kind in kinds if kind is not str]

    def read(value: Any) -> Any:
        if isinstance(value, str):
            return scrubbed(value)
        found = (item for kind in readers if (item := kind.read(value)) is not _ABSENT)
        return next(found, None) or json.dumps(value)

    return _Type(read, str)


def _list_reader(item: _Type) -> _Read:
    def read(value: Any) -> Any:
        items = (item.one(one) for one in (value if isinstance(value, list) else [value]) if one is not None)
        return [one for one in items if one is not _ABSENT]

    return read


def _map_reader(item: _Type) -> _Read:
    def read(value: Any) -> Any:
        if not isinstance(value, dict):
            return _ABSENT
        items = {scrubbed(name): item.one(one) for name, one in value.items()}
        return {name: one for name, one in items.items() if one is not _ABSENT}

    return read


def _text(value: Any) -> Any:
    if isinstance(value, str):
        return scrubbed(value)
    return json.dumps(value) if isinstance(value, bool | int | float) else _ABSENT


def _boolean(value: Any) -> Any:
    known = {"true": True, "false": False}
    if isinstance(value, bool):
        return value
    return known.get(value.lower(), _ABSENT) if isinstance(value, str) else _ABSENT


def _number(value: Any) -> Any:
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return _ABSENT
    if isinstance(value, bool) or not isinstance(value, int | float):
        return _ABSENT
    return value if not isinstance(value, float) or math.isfinite(value) else _ABSENT


def _whole(value: Any) -> Any:
    number = _number(value)
    return number if number is _ABSENT else int(number)


def _blob(value: Any) -> Any:
    """Base64 with or without its padding."""
    if not isinstance(value, str):
        return _ABSENT
    digits = value.rstrip("=")
    whole = digits + "=" * (-len(digits) % 4)
    try:
        return base64.b64encode(base64.b64decode(whole, validate=True)).decode()
    except (binascii.Error, ValueError):
        return _ABSENT


def _moment(value: Any) -> Any:
    if isinstance(value, str):
        try:
            datetime.fromisoformat(value)
        except ValueError:
            return _ABSENT
        return value
    number = _number(value)
    return number if number is not _ABSENT and 0 <= number <= _MAX_SECONDS else _ABSENT


_SCALARS: Final[Mapping[Any, _Type]] = types.MappingProxyType(
    {
        str: _Type(_text, str),
        bool: _Type(_boolean, bool),
        int: _Type(_whole, int),
        float: _Type(_number, int),
        bytes: _Type(_blob, str),
        datetime: _Type(_moment, int),
    }
)
