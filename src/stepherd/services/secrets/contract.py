"""Secrets: a few named strings each, from the place that a reference names; never quoted in an error."""

from __future__ import annotations

import re

from stepherd.errors import CredentialsError, DataError, UsageError
from stepherd.services.json_text import read_json

__all__ = ["MOST_BYTES", "SecretNotFound", "check_secret_id", "parse_secret"]

MOST_BYTES = 65_536
"""The largest secret, as in Secrets Manager."""

_ID = re.compile(r"[A-Za-z0-9/_+=.@-]{1,512}\Z")
_ARN = re.compile(r"arn:aws[a-z-]*:secretsmanager:([a-z0-9-]+):\d{12}:secret:[A-Za-z0-9/_+=.@-]{1,519}\Z")
_TOKENS = ("ghp_", "gho_", "ghs_", "github_pat_", "glpat-", "xoxb-", "sk-", "AKIA", "ATATT", "eyJ")
_REMEDY = "Write a Secrets Manager id or ARN, env:NAME or file:/path/of/secret."
_JSON_REMEDY = 'Store a JSON object of strings, such as {"token": "…"}, or the bare token.'


class SecretNotFound(CredentialsError):
    """There is no secret where the reference points."""


def parse_secret(text: str, reference: str) -> dict[str, str]:
    """The fields of a secret: a JSON object of strings, or bare text as ``{"token": text}``.

    Raises SecretNotFound when it is empty and DataError when it has another shape; neither shows
    any of it, ``reference`` says where it came from.
    """
    bare = text.strip()
    if not bare:
        raise SecretNotFound(f"The secret {reference} is empty.", remedy=_JSON_REMEDY)
    if "\0" in bare or len(bare.encode(errors="replace")) > MOST_BYTES:
        raise DataError(
            f"The secret {reference} is not text of at most {MOST_BYTES:,} bytes.", remedy=_JSON_REMEDY
        )
    return _parse_object(bare, reference) if bare.startswith("{") else {"token": bare}


def _parse_object(text: str, reference: str) -> dict[str, str]:
    try:
        fields = read_json(text)
    except (ValueError, RecursionError):
        # "from None": the decoder's error carries the text
        raise DataError(f"The secret {reference} begins like JSON but is not.", remedy=_JSON_REMEDY) from None
    wrong = [name for name, value in fields.items() if not isinstance(value, str)]
    if wrong:
        raise DataError(
            f"In the secret {reference}, the value of {wrong[0]!r} is not a string.", remedy=_JSON_REMEDY
        )
    return dict(fields)


def check_secret_id(reference: str) -> str | None:
    """The region that an ARN names, None for a plain id. Raises UsageError when ``reference`` is neither."""
    arn = _ARN.match(reference)
    if reference.startswith(_TOKENS) or not (arn or _ID.match(reference)):
        raise UsageError(
            "The secret reference is not valid (it is not shown, in case it is the secret itself).",
            remedy=_REMEDY,
        )
    return arn[1] if arn else None
