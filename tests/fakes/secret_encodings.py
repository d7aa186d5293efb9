"""A secret in the encodings that it turns up in (fault 91), for fakes that print it and tests that look."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote

__all__ = ["encodings", "traces"]


def encodings(secret: str) -> dict[str, str]:
    """By the encoding's name, the secret as it is printed."""
    encoded = [base64.b64encode(f"{'x' * offset}{secret}".encode()).decode() for offset in range(3)]
    return {
        "raw": secret,
        "base64 0": encoded[0],
        "base64 1": encoded[1],
        "base64 2": encoded[2],
        "base64 in lines": "\n".join(encoded[0][at : at + 11] for at in range(0, len(encoded[0]), 11)),
        "url": quote(secret, safe=""),
        "json": json.dumps(secret),
        "xml": secret.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;"),
        "hex": secret.encode().hex(),
        "ansi": "".join(f"\x1b[3{number % 8}m{letter}" for number, letter in enumerate(secret)),
        "zero width": "\u200b".join(secret),
    }


def traces(secret: str) -> dict[str, tuple[bytes, ...]]:
    """By the encoding's name, what of it must stand nowhere, in a text or in JSON. The ends are left out: in
    base64 they tell of the neighbours."""
    found = {}
    for name, form in encodings(secret).items():
        piece = form[4:-4][:16]
        found[name] = (piece.encode(), json.dumps(piece)[1:-1].encode())
    return found
