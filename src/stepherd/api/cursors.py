"""Cursors: where a list continues. Opaque to callers, and nothing in them is trusted."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any, Final

from stepherd.api.problems import InvalidCall
from stepherd.services.json_text import read_json

__all__ = ["bad_cursor", "number_of", "read_cursor", "write_cursor"]

_MOST_CHARACTERS: Final = 8192


def write_cursor(position: Mapping[str, Any]) -> str:
    """A cursor for a position."""
    text = json.dumps(position, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode("ascii").rstrip("=")


def read_cursor(text: str) -> dict[str, Any]:
    """The position in a cursor, whose fields are still to be checked. Raises InvalidCall."""
    try:
        if len(text) > _MOST_CHARACTERS:
            raise ValueError("too long")
        padded = text.encode("ascii") + b"=" * (-len(text) % 4)
        position = read_json(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (ValueError, binascii.Error, RecursionError):
        raise bad_cursor() from None
    if not isinstance(position, dict):
        raise bad_cursor()
    return position


def bad_cursor() -> InvalidCall:
    """The error for a cursor that this list did not give."""
    return InvalidCall(
        "The cursor is not from this list.", remedy="Start again without a cursor.", field="cursor"
    )


def number_of(parameters: Mapping[str, str], name: str, default: int, most: int) -> int:
    """A parameter that is a number from 1 to ``most``. Raises InvalidCall."""
    text = parameters.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 10 and 1 <= int(text) <= most):
        raise InvalidCall(
            f"The parameter '{name}' must be a number from 1 to {most}.", remedy="Send another.", field=name
        )
    return int(text)
