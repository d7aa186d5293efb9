"""Secrets masked in whatever is shown or stored as text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

__all__ = ["MASK", "RedactedStream", "Redactor"]

MASK: Final = "***"


class Redactor:
    """Masks ``secrets``."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._secrets = tuple(secret.encode() for secret in secrets if len(secret) >= 6)
        self.longest = max(map(len, self._secrets), default=0)

    def mask(self, text: str) -> str:
        """``text`` without secrets."""
        data = text.encode("utf-8", "surrogatepass")
        return self.mask_bytes(data).decode("utf-8", "surrogatepass")

    def mask_bytes(self, data: bytes) -> bytes:
        """``data`` without secrets."""
        for secret in self._secrets:
            data = data.replace(secret, MASK.encode())
        return data

    def mask_all(self, value: Any) -> Any:
        """``value`` with every text in it masked; lists and mappings are gone through."""
        if isinstance(value, str):
            return self.mask(value)
        if isinstance(value, Mapping):
            return {name: self.mask_all(item) for name, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.mask_all(item) for item in value]
        return value

    def stream(self) -> RedactedStream:
        """For text that comes in pieces."""
        return RedactedStream(self)


class RedactedStream:
    """Text that comes in pieces."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor

    def feed(self, data: bytes) -> bytes:
        """What can be let out."""
        return self._redactor.mask_bytes(data)

    def flush(self) -> bytes:
        """The rest."""
        return b""
