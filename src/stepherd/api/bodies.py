"""Bodies read strictly: JSON without what readers disagree about, of bounded size and depth."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator
from typing import Any, Final

from stepherd.api.problems import InvalidCall
from stepherd.text.plain import one_paragraph

__all__ = ["MOST_BYTES", "MOST_DEPTH", "read_body", "read_object"]

MOST_BYTES: Final = 2 * 1024 * 1024
"""Twice what instructions.md may have, for their escapes."""
MOST_DEPTH: Final = 16
_MOST_NUMBER: Final = 10.0**30
_REMEDY: Final = (
    'Send a JSON object such as {"run": {"instructions": "s3://bucket/key", "repo": "https://…"}}.'
)


def read_body(body: object, *, is_base64: bool) -> bytes:
    """The bytes of an event's body. Raises InvalidCall when there are too many, or no base64."""
    if not isinstance(body, str):
        return b""
    if len(body) > MOST_BYTES * 4 // 3 + 4:
        raise _too_large()
    try:
        content = base64.b64decode(body, validate=True) if is_base64 else body.encode()
    except (binascii.Error, UnicodeEncodeError):
        raise _refusal("it is not text") from None
    if len(content) > MOST_BYTES:
        raise _too_large()
    return content


def read_object(content: bytes) -> dict[str, Any]:
    """The JSON object in ``content``.

    Raises InvalidCall naming the field, for text that is not JSON, depth, repeated names, values that are not
    numbers in JSON (NaN, Infinity, 1e999) and halves of surrogate pairs.
    """
    if not content.strip():
        raise _refusal("it is empty")
    try:
        value = json.loads(content.decode(), object_pairs_hook=_unique, parse_constant=float)
    except RecursionError:
        raise _too_deep("") from None
    except UnicodeDecodeError:
        raise _refusal("it is not UTF-8") from None
    except ValueError as error:
        place = f" (line {error.lineno})" if isinstance(error, json.JSONDecodeError) else ""
        raise _refusal(f"it is not JSON{place}") from None
    for path, part in _parts(value):
        _check(path, part)
    if not isinstance(value, dict):
        raise _refusal("it is not an object")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for name, value in pairs:
        if name in fields:
            words = f"The field '{one_paragraph(name, 60)}' appears twice."
            raise InvalidCall(words, remedy="Keep one.", field=name)
        fields[name] = value
    return fields


def _parts(value: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every value inside, with its path; without recursion, and no deeper than is allowed."""
    rest: list[tuple[tuple[str, ...], Any]] = [((), value)]
    while rest:
        path, part = rest.pop()
        if len(path) > MOST_DEPTH:
            raise _too_deep(path[0])
        yield path, part
        if isinstance(part, dict):
            rest += [((*path, name), item) for name, item in part.items()]
        elif isinstance(part, list):
            rest += [((*path, str(index)), item) for index, item in enumerate(part)]


def _check(path: tuple[str, ...], part: Any) -> None:
    if isinstance(part, int | float) and not (-_MOST_NUMBER < part < _MOST_NUMBER):
        raise _bad_value(path, "it is not a number, or is too large")
    for text in (part, *path[-1:]):
        if isinstance(text, str) and not text.isascii() and not _is_unicode(text):
            raise _bad_value(path, "it is not valid Unicode")


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _bad_value(path: tuple[str, ...], reason: str) -> InvalidCall:
    name = one_paragraph(".".join(path).encode(errors="replace").decode(), 60)
    return InvalidCall(
        f"The field '{name}' is not acceptable: {reason}.", remedy="Send another value.", field=name
    )


def _refusal(reason: str) -> InvalidCall:
    return InvalidCall(f"The body cannot be read: {reason}.", remedy=_REMEDY, field="body")


def _too_large() -> InvalidCall:
    return _refusal(f"it is larger than {MOST_BYTES:,} bytes")


def _too_deep(field: str) -> InvalidCall:
    return InvalidCall(
        f"The body is nested deeper than {MOST_DEPTH} levels.", remedy=_REMEDY, field=field or "body"
    )
