"""Secrets that are written, not only read: one text behind a reference, changed by comparing and swapping."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

__all__ = ["Document", "SecretDocument"]


@dataclass(frozen=True, slots=True)
class Document:
    """A secret's text as it was read."""

    text: str = ""
    """Empty when there is nothing yet."""
    version: str = ""
    """Changes whenever the text does; opaque. Empty when there is nothing yet."""


class SecretDocument(Protocol):
    """One secret text. No error ever quotes it."""

    @property
    def reference(self) -> str:
        """Where it is, as open_document takes it."""
        ...

    def read(self) -> Document:
        """Read it. Raises SecretNotFound, CredentialsError when reading is refused, and DataError."""
        ...

    def write(self, text: str, *, version: str) -> None:
        """Replace the text that has ``version``; PreconditionFailed when another writer was first."""
        ...
