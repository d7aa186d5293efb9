"""The forms in which a secret turns up in text: as it is, and as encoders write it (faults 91)."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator
from typing import Final

__all__ = ["SHORTEST_SECRET", "forms_of", "parts_of", "worth_masking"]

SHORTEST_SECRET: Final = 6
"""In characters. What is shorter would be found in half of all words."""
_SHORTEST_LINE: Final = 16  # of a secret with lines
_LONGEST_PART: Final = 1024
_FEWEST_CHARACTERS: Final = 4
_COMMON: Final = frozenset(
    {"anthropic", "changeme", "codewhisperer", "hunter2", "localhost", "password", "passw0rd", "production"}
    | {"stepherd", "undefined", "username", "12345678", "123456789", "1234567890"}
)
_ORDINARY: Final = re.compile(r"[a-z]{2}(-[a-z]+)+-\d|\d{1,7}|\d{4}-\d\d-\d\d|[a-z]{1,7}|/[\w./-]{1,40}")
_UNRESERVED: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-~")
_SAFE_SETS: Final = (b"", b"/", b"!*'()", b"!*'();,/?:@&=+$#")
_QUOTES: Final = (
    ("&quot;", "'"),
    ("&quot;", "&#x27;"),
    ("&quot;", "&#39;"),
    ("&quot;", "&apos;"),
    ("&#34;", "&#39;"),
)


def worth_masking(secret: str) -> bool:
    """Whether ``secret`` can be masked without masking what is none.

    Not when it is shorter than six characters, has fewer than four different ones, or is something that is
    in every log: a common word or any lower-case word of up to seven letters, a region, a date, a number of
    up to seven digits, a short path. Such a "secret" protects nothing; masking it would make logs unreadable.
    """
    text = secret.strip()
    return (
        len(text) >= SHORTEST_SECRET
        and len(set(text)) >= _FEWEST_CHARACTERS
        and text.lower() not in _COMMON
        and not _ORDINARY.fullmatch(text)
    )


def parts_of(secret: str) -> Iterator[str]:
    """What is looked for of a secret: the whole, up to 1,024 characters; a longer one in such pieces; and of
    one with lines each long line, because tools number, quote or indent them."""
    text = secret.strip()
    for start in range(0, len(text), _LONGEST_PART):
        part = text[start : start + _LONGEST_PART]
        if start == 0 or len(part) >= _SHORTEST_LINE:
            yield part
    if "\n" in text:
        for line in text.split("\n"):
            if len(line.strip()) >= _SHORTEST_LINE and not line.startswith("-----"):
                yield from parts_of(line)


def forms_of(secret: str) -> set[bytes]:
    """Every form of ``secret``, without white space where white space may stand."""
    raw = secret.encode("utf-8", "surrogateescape")
    forms = {raw, raw.hex().encode(), raw.hex().upper().encode()}
    forms.update(_base64_forms(raw))
    forms.update(_percent_forms(raw))
    for text in {*_json_forms(secret), *_xml_forms(secret)}:
        forms.add(text.encode("utf-8", "surrogateescape"))
    return forms


def _base64_forms(raw: bytes) -> Iterable[bytes]:
    """What of the encoding does not depend on the bytes around, at each of three offsets."""
    for offset in range(3):
        encoded = base64.b64encode(bytes(offset) + raw)
        core = encoded[-(-8 * offset // 6) : 8 * (offset + len(raw)) // 6]
        yield core
        yield core.replace(b"+", b"-").replace(b"/", b"_")


def _percent_forms(raw: bytes) -> Iterable[bytes]:
    for safe in _SAFE_SETS:
        for form in ("%%%02X", "%%%02x"):
            yield b"".join(
                bytes((byte,)) if byte in _UNRESERVED or byte in safe else (form % byte).encode()
                for byte in raw
            )


def _json_forms(text: str) -> Iterable[str]:
    for ascii_only in (True, False):
        written = json.dumps(text, ensure_ascii=ascii_only)[1:-1]
        yield written
        yield written.replace("/", "\\/")
        html_safe = written
        for character in "<>&'":
            html_safe = html_safe.replace(character, f"\\u{ord(character):04x}")
        yield html_safe
        yield json.dumps(written, ensure_ascii=ascii_only)[1:-1]


def _xml_forms(text: str) -> Iterable[str]:
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    yield escaped
    for double, single in _QUOTES:
        yield escaped.replace('"', double).replace("'", single)
