"""API keys as text: what they look like, how they are made, and how they are compared.

A key is ``sk_live_`` and 64 hexadecimal digits, 72 bytes: all that bcrypt reads, so nothing is cut off. The
first eight digits are the key's public id. The other 224 bits are random, which is what makes a key strong;
bcrypt only makes a stolen list of hashes less useful. Hence a low cost: eight takes about 20 ms of a whole
processor, and a function with 512 MB has 0.29 of one: 65 ms.
"""

from __future__ import annotations

import re
import secrets
from functools import cache
from typing import Final

import bcrypt

__all__ = ["COST", "hash_key", "id_of", "matches", "new_key"]

COST: Final = 8
"""Two to this power is how many rounds of bcrypt a check takes."""
_PREFIX: Final = "sk_live_"
_KEY: Final = re.compile(r"sk_live_([0-9a-f]{8})[0-9a-f]{56}")


def new_key() -> str:
    """Create a new random key."""
    return f"{_PREFIX}{secrets.token_hex(32)}"


def id_of(key: str) -> str | None:
    """The public id in ``key``; None for text that cannot be a key at all."""
    found = _KEY.fullmatch(key)
    return found[1] if found else None


def hash_key(key: str) -> str:
    """The hash that is stored for a key."""
    return bcrypt.hashpw(key.encode("ascii"), bcrypt.gensalt(COST)).decode("ascii")


def matches(key: str, kept: str | None) -> bool:
    """Whether ``kept`` is the hash of ``key``; None, for an id that no one has, takes the same work."""
    known = kept is not None and kept.startswith("$2")
    hashed = kept if known and kept is not None else _nobodys_hash()
    try:
        return bcrypt.checkpw(key.encode("ascii"), hashed.encode("utf-8")) and known
    except ValueError:  # a hash that was damaged
        return False


@cache
def _nobodys_hash() -> str:
    return hash_key(new_key())
