"""Secrets: a few named strings each, from the place that a reference names; never quoted in an error."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from stepherd.errors import CredentialsError, DataError, UsageError
from stepherd.services.json_text import read_json, read_json_as_written

__all__ = ["MOST_BYTES", "SecretNotFound", "check_secret_id", "has_parts", "parse_secret"]

MOST_BYTES = 65_536
"""The largest secret, as in Secrets Manager."""

_ID = re.compile(r"[A-Za-z0-9/_+=.@-]{1,512}\Z")
_ARN = re.compile(r"arn:aws[a-z-]*:secretsmanager:([a-z0-9-]+):\d{12}:secret:[A-Za-z0-9/_+=.@-]{1,519}\Z")
_TOKENS = ("ghp_", "gho_", "ghs_", "github_pat_", "glpat-", "xoxb-", "sk-", "AKIA", "ATATT", "eyJ")
_REMEDY = "Write a Secrets Manager id or ARN, env:NAME or file:/path/of/secret."
_JSON_REMEDY = 'Store a JSON object, such as {"token": "…"}, or the bare token.'


class SecretNotFound(CredentialsError):
    """There is no secret where the reference points."""


def parse_secret(text: str, reference: str) -> dict[str, str]:
    """The fields of a secret: those of a JSON object, or bare text as ``{"token": text}``.

    A number is the text that stands there, and true and false are these words. A list or an object is its
    JSON, and each value in it stands beside it under ``name.key``, so that it is masked by itself. A field
    with null counts as left out. Raises SecretNotFound when it is empty and DataError when it has another
    shape; neither shows any of it, ``reference`` says where it came from.
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
        written = read_json_as_written(text)
        parts = dict(part for name, value in written.items() for part in _parts(name, value))
        fields = written | {
            name: value for name, value in _nested(text, written).items() if _is_nested(value)
        }
    except (ValueError, RecursionError):
        # "from None": the decoder's error carries the text
        raise DataError(f"The secret {reference} begins like JSON but is not.", remedy=_JSON_REMEDY) from None
    # The fields themselves last: one that is called like a part of another counts.
    return parts | {name: _text(value) for name, value in fields.items() if value is not None}


def _nested(text: str, written: Mapping[str, Any]) -> Mapping[str, Any]:
    """All fields with their numbers as numbers, where there is a list or an object to write down."""
    fields: dict[str, Any] = read_json(text) if any(map(_is_nested, written.values())) else {}
    return fields


def _is_nested(value: Any) -> bool:
    return isinstance(value, dict | list)


def _parts(name: str, value: Any) -> Iterator[tuple[str, str]]:
    """The values within a list or an object, however deep."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inner:
        if each is not None and not _is_nested(each):
            yield f"{name}.{key}", _text(each)
        yield from _parts(f"{name}.{key}", each)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def has_parts(secret: Mapping[str, str], name: str) -> bool:
    """Whether the field ``name`` of a secret is a list or an object that has something in it."""
    return any(field.startswith(f"{name}.") for field in secret)


def check_secret_id(reference: str) -> str | None:
    """The region that an ARN names, None for a plain id. Raises UsageError when ``reference`` is neither."""
    arn = _ARN.match(reference)
    if reference.startswith(_TOKENS) or not (arn or _ID.match(reference)):
        raise UsageError(
            "The secret reference is not valid (it is not shown, in case it is the secret itself).",
            remedy=_REMEDY,
        )
    return arn[1] if arn else None
