"""JSON that somebody else wrote, read so that every number in it is one that can be compared and added.

Python's own reader takes NaN and Infinity, makes infinity of 1e400, and fails in three ways. Where the text
comes from outside, these are used instead; ``tests/unit/test_architecture.py`` keeps it so.
"""

from __future__ import annotations

import json
import math
import sys
from typing import Any, Final

__all__ = ["read_json", "read_json_as_written", "read_printed_json"]

_MOST_DIGITS: Final = 30
_MOST: Final = 10**_MOST_DIGITS


def read_json(text: str | bytes) -> Any:
    """The value in ``text``, which is UTF-8 when it is bytes.

    Raises ValueError for whatever is not JSON, for a number that is infinite or has more than 30 digits, and
    for text that is nested too deeply. The error may quote the text: of secrets, raise ``from None``.
    """
    return _decoded(_STRICT, text)


def read_json_as_written(text: str) -> Any:
    """The same with every number as the text that stands there, such as ``"3.10"``: for what is no sum.

    Raises ValueError as ``read_json`` does, but for numbers, which may have any size.
    """
    return _decoded(_AS_WRITTEN, text)


def read_printed_json(text: str) -> Any:
    """The value in a line that a program printed, as far as it can be used.

    NaN is None, and a number that is too large is as large as can be: a reported cost of 1e400 is over every
    limit. Either way the rest of the line counts. Raises ValueError for what is not JSON.
    """
    return _decoded(_LENIENT, text)


def _decoded(decoder: json.JSONDecoder, text: str | bytes) -> Any:
    try:
        return decoder.decode(text if isinstance(text, str) else text.decode("utf-8-sig"))
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError("a number is out of range")
    return value


def _whole(text: str) -> int:
    if len(text) > _MOST_DIGITS:
        raise ValueError(f"a number has more than {_MOST_DIGITS} digits")
    return int(text)


def _refused(text: str) -> Any:
    raise ValueError(f"{text} is not JSON")


def _nearest(text: str) -> float:
    return max(-sys.float_info.max, min(float(text), sys.float_info.max))


def _nearest_whole(text: str) -> int:
    if len(text) <= _MOST_DIGITS:
        return int(text)
    return -_MOST if text.startswith("-") else _MOST


def _nothing(text: str) -> float | None:
    return None if text == "NaN" else _nearest(text)


_STRICT: Final = json.JSONDecoder(parse_float=_finite, parse_int=_whole, parse_constant=_refused)
_LENIENT: Final = json.JSONDecoder(
    parse_float=_nearest,
    parse_int=_nearest_whole,
    parse_constant=_nothing,
)
_AS_WRITTEN: Final = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=_refused)
