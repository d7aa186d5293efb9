"""The one rule for object keys, the same on S3 and on disk, checked before anything is touched."""

from __future__ import annotations

from stepherd.errors import UsageError

__all__ = ["RESERVED", "check_key", "check_prefix", "key_fault"]

RESERVED = ".stepherd-"
"""Names that start so are the disk form's own unfinished files."""

_MOST_BYTES = 1024  # S3's limit on a key, in UTF-8


def check_key(key: str) -> str:
    """Return ``key`` when it names an object inside a store; UsageError with the reason otherwise."""
    if fault := key_fault(key):
        raise UsageError(
            f"The object key {key!r} {fault}.", remedy="Use a relative key such as clone/result.json."
        )
    return key


def check_prefix(prefix: str) -> str:
    """Return a listing's ``prefix``: empty, or the beginning of a key, possibly with a slash at its end."""
    if prefix:
        check_key(prefix.removesuffix("/"))
    return prefix


def key_fault(key: str) -> str:
    """Why ``key`` cannot name an object, as the end of a sentence; empty when it can."""
    parts = key.split("/")
    if not key or "" in parts:
        return "has an empty part" if key else "is empty"
    if "." in parts or ".." in parts:
        return "has a part that leads elsewhere"
    if any(character < " " or "\x7f" <= character <= "\x9f" for character in key):
        return "has a control character"
    if any(part.startswith(RESERVED) for part in parts):
        return f"has a part that starts with {RESERVED}, which is reserved"
    try:
        size = len(key.encode())
    except UnicodeEncodeError:
        return "is not valid Unicode"
    return f"has {size:,} bytes, but {_MOST_BYTES:,} are allowed" if size > _MOST_BYTES else ""
