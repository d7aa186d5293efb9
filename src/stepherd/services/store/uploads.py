"""Objects on S3 as somebody uploaded them: version and metadata, which a store does not show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from typing import Any

from botocore.exceptions import ClientError

from stepherd.services.aws.clients import new_client
from stepherd.services.aws.errors import error_code, translated

__all__ = ["Upload", "Uploads", "open_uploads"]


@dataclass(frozen=True, slots=True)
class Upload:
    """The newest version of an object."""

    etag: str
    """The ETag without its quotes."""
    version: str = ""
    """Empty where the bucket keeps no versions."""
    metadata: Mapping[str, str] = field(default_factory=dict)
    """User metadata (``x-amz-meta-``), names in lower case."""


@dataclass(frozen=True, slots=True)
class Uploads:
    """Looks at objects of any bucket that the role may read."""

    client: Any

    def find(self, bucket: str, key: str) -> Upload | None:
        """The object; None when it is not there, or deleted. Raises as a store does."""
        with translated(f"s3://{bucket}/{key}"):
            try:
                found = self.client.head_object(Bucket=bucket, Key=key)
            except ClientError as error:
                if error_code(error) in {"404", "NoSuchKey"}:
                    return None
                raise
        metadata = {name.lower(): _decoded(value) for name, value in found.get("Metadata", {}).items()}
        return Upload(found["ETag"].strip('"'), found.get("VersionId") or "", metadata)


def open_uploads() -> Uploads:
    """S3, as boto3 finds it. Raises ConfigurationError."""
    return Uploads(new_client("s3"))


def _decoded(value: str) -> str:
    """S3 gives metadata beyond ASCII as RFC 2047 words ("Working with object metadata")."""
    try:
        return str(make_header(decode_header(value))) if value.startswith("=?") else value
    except (HeaderParseError, LookupError, UnicodeError, ValueError):
        return value
