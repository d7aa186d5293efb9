"""Text that others wrote, made fit to be shown."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

__all__ = ["clean_line", "clean_text", "is_unsafe", "redact"]

_ESCAPES: Final = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")
# Controls, soft hyphen, zero width and bidirectional marks, line separators, tags, surrogates, the BOM.
_UNSAFE: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    "\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)
_SHORTEST_SECRET: Final = 4


def is_unsafe(text: str) -> bool:
    """Whether ``text`` holds control characters (also tab and newline), invisible or bidirectional marks."""
    return bool(_UNSAFE.search(text)) or "\n" in text or "\t" in text


def clean_text(text: str, *, limit: int = 4000) -> str:
    """``text`` without escape sequences and invisible characters, newlines kept, at most ``limit`` long."""
    plain = _ESCAPES.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    plain = _UNSAFE.sub("", plain)
    return plain if len(plain) <= limit else plain[: limit - 1] + "…"


def clean_line(text: str, *, limit: int = 400) -> str:
    """``text`` cleaned and on one line."""
    return clean_text(" ".join(clean_text(text, limit=limit * 4).split()), limit=limit)


def redact(text: str, secrets: Iterable[str]) -> str:
    """``text`` with every given secret, also percent-encoded or in base64, replaced by ``***``."""
    for form in sorted(_forms(secrets), key=len, reverse=True):
        text = text.replace(form, "***")
    return text


def _forms(secrets: Iterable[str]) -> set[str]:
    from base64 import b64encode
    from urllib.parse import quote

    forms: set[str] = set()
    for secret in secrets:
        if len(secret) < _SHORTEST_SECRET:
            continue
        raw = secret.encode("utf-8", "surrogateescape")
        forms |= {secret, quote(secret, safe=""), raw.hex()}
        # base64 at its three offsets; the edge characters mix with the neighbours and are left off.
        for shift in range(3):
            forms.add(b64encode(b"\0" * shift + raw).decode()[(0, 2, 3)[shift] :].rstrip("=")[:-1])
    return {form for form in forms if len(form) >= _SHORTEST_SECRET}
