"""JSON values that keep the text they came in.

Step Functions keeps the text of an execution's input, spaces included, in every event that only passes it
on, and prints evaluated values as compact JSON (facts/histories.md 1.1). A ``Document`` is both: a Python
value and its text, each made from the other when first asked for.
"""

from __future__ import annotations

import json
import math
import re
from itertools import accumulate
from json.encoder import JSONEncoder
from typing import Any

__all__ = [
    "MAX_BYTES",
    "MAX_DEPTH",
    "Document",
    "byte_length",
    "compact",
    "is_unicode",
    "parse",
    "parse_strictly",
    "too_deep",
    "unicode_text",
]

MAX_BYTES = 262_144
"""Largest input, output or result, in bytes of UTF-8."""

_LONG = 2**63
MAX_DEPTH = 500
"""Arrays and objects inside of each other. How many Python reads and writes depends on its version and on how
deep its own calls are: an engine that takes over must read whatever this one has."""
_NO_BRACKETS = re.compile(r'[^"\[\]{}]+|"[^"\\]*(?:\\.[^"\\]*)*"?', re.DOTALL)
_UNSET: Any = object()
_encode = JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode
_encode_ascii = JSONEncoder(separators=(",", ":"), allow_nan=False).encode


def compact(value: Any) -> str:
    """A value as compact JSON text. Lone surrogates, which no file can hold, stay escaped."""
    text = _encode(value)
    return text if text.isascii() or is_unicode(text) else _encode_ascii(value)


def byte_length(text: str) -> int:
    """The length of a text in bytes of UTF-8; it holds no lone surrogate."""
    return len(text) if text.isascii() else len(text.encode())


def is_unicode(text: str) -> bool:
    """Whether a text can be written as UTF-8: it holds no lone surrogate."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def unicode_text(text: str) -> str:
    """A text that can be written as UTF-8: each lone surrogate is a replacement character instead."""
    return text if is_unicode(text) else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _number(text: str) -> float | int:
    value = float(text)
    if value.is_integer() and abs(value) < 2**53:
        return int(value)
    if value in (float("inf"), float("-inf")):
        raise ValueError(f"number out of range: {text}")
    return value


def _integer(text: str) -> float | int:
    """A whole number as it is while it fits into a Java long; beyond that AWS has a double."""
    if len(text) < 19:
        return int(text)
    value = float(text)
    if math.isinf(value):
        raise ValueError(f"number out of range: {text[:30]}…")
    if abs(value) > _LONG:
        return value
    exact = int(text)
    return exact if -_LONG <= exact < _LONG else value


def _refuse_constant(text: str) -> Any:
    raise ValueError(f"{text} is not JSON")


def _refuse_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("a member of an object is there twice")
    return members


_decoder = json.JSONDecoder(parse_float=_number, parse_int=_integer, parse_constant=_refuse_constant)
_strict = json.JSONDecoder(
    parse_float=_number,
    parse_int=_integer,
    parse_constant=_refuse_constant,
    object_pairs_hook=_refuse_twice,
)


def parse(text: str) -> Any:
    """Read JSON text; whole numbers written with a fraction become integers, as JSONata prints them.

    Raises ValueError for anything that is not one JSON value, NaN and Infinity included, and for one that is
    ``too_deep``.
    """
    return _decoded(_decoder, text)


def parse_strictly(text: str) -> Any:
    """The same as ``$parse`` reads it: no object may have a member twice."""
    return _decoded(_strict, text)


def _decoded(decoder: json.JSONDecoder, text: str) -> Any:
    if too_deep(text):
        raise ValueError("nested too deeply")
    try:
        return decoder.decode(text)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def too_deep(text: str, most: int = MAX_DEPTH) -> bool:
    """Whether JSON text has more arrays and objects inside of each other than the engine takes."""
    if text.count("[") + text.count("{") <= most:
        return False
    brackets = _NO_BRACKETS.sub("", text)
    return max(accumulate(1 if bracket in "[{" else -1 for bracket in brackets), default=0) > most


class Document:
    """A JSON value, its text, or both; never changed once made."""

    __slots__ = ("_text", "_value")

    def __init__(self, value: Any = _UNSET, text: str | None = None) -> None:
        self._value = value
        self._text = text

    @property
    def value(self) -> Any:
        """The Python value. Callers must not change it: documents are shared."""
        if self._value is _UNSET:
            self._value = parse(self._text or "")
        return self._value

    @property
    def text(self) -> str:
        """The JSON text: as it came in, or compact."""
        if self._text is None:
            self._text = compact(self._value)
        return self._text

    @property
    def too_large(self) -> bool:
        """Whether the text is longer than the service's limit of 262,144 bytes of UTF-8, or nested deeper
        than an engine reads."""
        text = self.text
        return (len(text) * 4 > MAX_BYTES and len(text.encode()) > MAX_BYTES) or too_deep(text)
