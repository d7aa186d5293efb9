"""Opening a store by a reference whose form says what serves it."""

from __future__ import annotations

from stepherd.errors import UsageError
from stepherd.services.aws.installed import needs_boto3
from stepherd.services.store.contract import Store
from stepherd.services.store.folder import FolderStore

__all__ = ["open_store"]


def open_store(reference: str) -> Store:
    """Open the store that ``reference`` names; it need not hold anything yet.

    ``s3://bucket/prefix`` is served by S3; ``file:///path`` (percent-encoded) and a plain path by a
    folder. Raises UsageError for any other scheme.
    """
    scheme, separator, _ = reference.partition("://")
    if separator and scheme == "s3":
        with needs_boto3("Amazon S3"):
            # Only now: it loads botocore.
            from stepherd.services.store.s3 import S3Store
        return S3Store.open(reference)
    if separator and scheme != "file" and "/" not in scheme:
        raise UsageError(
            f"No store is served under {scheme}://.",
            remedy="Name an S3 address (s3://bucket/prefix) or a folder (a path or file:///path).",
        )
    return FolderStore.open(reference)
