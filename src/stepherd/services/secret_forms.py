"""The forms in which a secret turns up in text: as it is, and as encoders write it (fault 91)."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator
from typing import Final
from urllib.parse import quote_from_bytes

__all__ = ["SHORTEST_SECRET", "forms_of", "parts_of", "worth_masking"]

SHORTEST_SECRET: Final = 6
"""In characters. A shorter one would be found in half of all words."""
_SHORTEST_SIMPLE: Final = 8  # of one that has only lower-case letters, or only digits
_SHORTEST_MONOTONOUS: Final = 12  # of one that has only two or three different characters
_SHORTEST_LINE: Final = 16  # of a secret with lines
_LONGEST_PART: Final = 1024
_COMMON: Final = frozenset(
    {"anthropic", "changeme", "codewhisperer", "hunter2", "localhost", "password", "passw0rd", "production"}
    | {"stepherd", "undefined", "username", "12345678", "123456789", "1234567890"}
    | {"/bin/bash", "/bin/sh", "/dev/null", "/usr/bin", "/usr/bin/env", "/usr/bin/git", "/usr/local/bin"}
)
_REGION: Final = re.compile(
    r"(af|ap|ca|cn|eu|il|me|mx|sa|us)(-gov|-isob?)?-(north|south|central|north(east|west)|south(east|west)|east"
    r"|west)-\d"
)
_DATE: Final = re.compile(r"(19|20)\d\d-[01]\d-[0-3]\d")
_ARMOUR: Final = re.compile(r"-----(BEGIN|END) [A-Z0-9 ]+-----")
_ESCAPED_BYTE: Final = re.compile("%[0-9A-F]{2}")
_SAFE_SETS: Final = ("", "/", "!*'()", "!*'();,/?:@&=+$#")
_QUOTES: Final = (
    ("&quot;", "'"),
    ("&quot;", "&#x27;"),
    ("&quot;", "&#39;"),
    ("&quot;", "&apos;"),
    ("&#34;", "&#39;"),
)


def worth_masking(secret: str) -> bool:
    """Whether ``secret`` is masked. Everything is, whatever it looks like, but what is proven to protect
    nothing and stands in every log:

    - what is shorter than six characters, or than eight when all are digits or all lower-case letters;
    - one character repeated, or up to three different ones in fewer than twelve characters;
    - a word of a short list, a region of AWS, a date.
    """
    text = secret.strip()
    return not (
        len(text) < SHORTEST_SECRET
        or (len(text) < _SHORTEST_SIMPLE and _is_simple(text))
        or len(set(text)) == 1
        or (len(text) < _SHORTEST_MONOTONOUS and len(set(text)) <= 3)
        or text.lower() in _COMMON
        or _REGION.fullmatch(text)
        or _DATE.fullmatch(text)
    )


def _is_simple(text: str) -> bool:
    return text.isascii() and (text.isdigit() or (text.isalpha() and text.islower()))


def parts_of(secret: str) -> Iterator[str]:
    """The parts of a secret to look for: the whole, up to 1,024 characters; of a longer one pieces, which
    cover all of it; and of one with lines each long line, because tools number, quote or indent them."""
    text = secret.strip()
    last = max(0, len(text) - _LONGEST_PART)
    for start in (*range(0, last, _LONGEST_PART), last):
        yield text[start : start + _LONGEST_PART]
    if "\n" in text:
        for line in text.split("\n"):
            if len(line.strip()) >= _SHORTEST_LINE and not _ARMOUR.fullmatch(line.strip()):
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
    """The characters of the encoding that do not depend on the bytes around, at each of three offsets."""
    for offset in range(3):
        encoded = base64.b64encode(bytes(offset) + raw)
        core = encoded[-(-8 * offset // 6) : 8 * (offset + len(raw)) // 6]
        yield core
        yield core.replace(b"+", b"-").replace(b"/", b"_")


def _percent_forms(raw: bytes) -> Iterable[bytes]:
    for safe in _SAFE_SETS:
        form = quote_from_bytes(raw, safe)
        yield form.encode()
        if "%" in form:
            yield _ESCAPED_BYTE.sub(lambda found: found[0].lower(), form).encode()


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
