"""Random keys and tokens in the shapes that AWS, agents' services, forges and gateways give."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from random import Random
from string import ascii_letters, digits

__all__ = ["HIDDEN", "KINDS", "written"]

_ALPHANUMERIC = ascii_letters + digits
_BASE64 = _ALPHANUMERIC + "+/"
_URL_SAFE = _ALPHANUMERIC + "-_"


def _of(alphabet: str, random: Random, length: int) -> str:
    return "".join(random.choices(alphabet, k=length))


def _jwt(random: Random) -> str:
    claims = {
        "sub": _of(digits, random, 12),
        "exp": random.randrange(2**31),
        "jti": _of("abcdef0123", random, 32),
    }
    parts = [json.dumps(part).encode() for part in ({"alg": "RS256", "typ": "JWT"}, claims)]
    parts.append(random.randbytes(64))
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)


def _session_token(random: Random) -> str:
    return base64.b64encode(b"\x21\x0a\x09origin_ec" + random.randbytes(random.randrange(150, 260))).decode()


KINDS: dict[str, Callable[[Random], str]] = {
    "AWS secret access key": lambda r: _of(_BASE64, r, 40),
    "AWS session token": _session_token,
    "Anthropic key": lambda r: f"sk-ant-api03-{_of(_URL_SAFE, r, 93)}AA",
    "Anthropic OAuth token": lambda r: f"sk-ant-oat01-{_of(_URL_SAFE, r, 93)}AA",
    "OpenAI project key": lambda r: f"sk-proj-{_of(_URL_SAFE, r, 124)}",
    "OpenAI key": lambda r: f"sk-{_of(_ALPHANUMERIC, r, 48)}",
    "GitHub token": lambda r: f"gh{r.choice('pousr')}_{_of(_ALPHANUMERIC, r, 36)}",
    "GitHub fine-grained token": lambda r: (
        f"github_pat_{_of(_ALPHANUMERIC, r, 22)}_{_of(_ALPHANUMERIC, r, 59)}"
    ),
    "GitLab token": lambda r: f"glpat-{_of(_URL_SAFE, r, 20)}",
    "JWT": _jwt,
    "bearer token": lambda r: _of(_URL_SAFE + "._~+/", r, r.randrange(16, 65)) + "=" * r.randrange(3),
    "Q and Kiro token": lambda r: f"aoa{_of(_URL_SAFE, r, 120)}:{_of(_BASE64, r, 100)}==",
    "hexadecimal key": lambda r: r.randbytes(r.choice((8, 16, 32))).hex(),
    "gateway key": lambda r: _of(_ALPHANUMERIC, r, r.randrange(12, 33)),
}


def written(secret: str) -> dict[str, str]:
    """By the form's name, how programs write ``secret``, among other text."""
    raw = secret.encode()
    return {
        "as it is": f"KEY={secret}\n",
        **{f"base64 at {n}": base64.b64encode(b"user:x"[:n] + raw + b"\n").decode() for n in (0, 1, 2)},
        "url-safe base64": base64.urlsafe_b64encode(b"u:" + raw).decode(),
        "hex": f"<{raw.hex()}>",
        "upper hex": f"<{raw.hex().upper()}>",
        "URL": f"?key={_quoted(secret, _ALPHANUMERIC + '_.-~')}&",
        "URL path": f"/{_quoted(secret, _ALPHANUMERIC + '_.-~/')}/",
        "JSON": json.dumps({"key": secret}),
        "JSON with escaped slashes": json.dumps({"key": secret}).replace("/", "\\/"),
        "JSON in JSON": json.dumps(json.dumps({"key": secret})),
        "UTF-16": secret.encode("utf-16-le").decode("latin-1"),
    }


def _in_pieces(text: str, length: int, before: str = "", between: str = "") -> str:
    return between.join(before + text[at : at + length] for at in range(0, len(text), length))


HIDDEN: dict[str, Callable[[str], str]] = {
    "whole": lambda text: text,
    "wrapped": lambda text: _in_pieces(text, 11, between="\n"),
    "wrapped and indented": lambda text: _in_pieces(text, 20, between="\r\n   "),
    "coloured": lambda text: _in_pieces(text, 3, before="\x1b[1;31m", between="\x1b[0m"),
    "coloured in caret notation": lambda text: _in_pieces(text, 3, before="^[[31m"),
    "zero width": lambda text: _in_pieces(text, 1, between="\u200b"),
}
"""By the way's name, how terminals, servers and mailers break a text up."""


def _quoted(text: str, safe: str) -> str:
    return "".join(letter if letter in safe else f"%{ord(letter):02X}" for letter in text)
