"""Secrets by references whose form says what serves them: to be read, and to be written, too."""

from __future__ import annotations

from stepherd.errors import UsageError
from stepherd.services.secrets.aws import read_aws_secret
from stepherd.services.secrets.documents import SecretDocument
from stepherd.services.secrets.documents_aws import AwsDocument
from stepherd.services.secrets.documents_file import FileDocument
from stepherd.services.secrets.local import read_local_secret

__all__ = ["open_document", "read_secret"]


def read_secret(reference: str) -> dict[str, str] | None:
    """Read the secret that ``reference`` names; None when it is empty or ``none``.

    ``env:NAME`` and ``file:PATH`` hold a JSON object of strings, or bare text which becomes
    ``{"token": text}``; anything else is a Secrets Manager id or ARN. Raises SecretNotFound,
    CredentialsError when reading is refused, and DataError when the value has another shape. No
    error ever quotes the value.
    """
    if reference in {"", "none"}:
        return None
    if reference.startswith(("env:", "file:")):
        return read_local_secret(reference)
    return read_aws_secret(reference)


def open_document(reference: str) -> SecretDocument:
    """Open a secret that is written, too: a Secrets Manager id or ARN, or ``file:PATH``.

    Raises UsageError for any other form, ``env:NAME`` among them.
    """
    if reference.startswith("file:"):
        return FileDocument.open(reference)
    if reference in {"", "none"} or reference.startswith("env:"):
        raise UsageError(
            f"{reference!r} names no secret that can be written.",
            remedy="Write a Secrets Manager id or ARN, or file:/path/of/secret.",
        )
    return AwsDocument.open(reference)
