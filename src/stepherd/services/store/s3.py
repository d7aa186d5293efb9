"""The store on S3, with conditional writes (If-Match, If-None-Match).

Every write carries an id of its own in the object's metadata. An answer that got lost makes a retry
meet its own write (412) or run out of time; the id tells whether the object is ours.
"""

from __future__ import annotations

import os
import random
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import Any, BinaryIO

from botocore.exceptions import BotoCoreError, ClientError

from stepherd.errors import (
    DataError,
    NotFoundError,
    StorageError,
    TemporaryError,
    UnavailableError,
    UsageError,
)
from stepherd.services.aws.clients import new_client
from stepherd.services.aws.errors import aws_error, error_code, translated
from stepherd.services.disk import CHUNK, disk_error, replacement, write_all
from stepherd.services.store.contract import (
    ObjectInfo,
    ObjectNotFound,
    PreconditionFailed,
    StoredObject,
    WriteConflict,
    not_there,
)
from stepherd.services.store.keys import check_key, check_prefix, key_fault

__all__ = ["S3Store"]

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]\Z")
_WRITE_ID = "stepherd-write"
_TRIES_AFTER_CONFLICT = 3
_MOST_BYTES = 5 * 1024**3  # of one PutObject


@dataclass(frozen=True, slots=True)
class S3Store:
    """The objects of a bucket under a prefix."""

    client: Any
    bucket: str
    prefix: str = ""
    """Empty, or with a slash at its end."""

    @classmethod
    def open(cls, reference: str) -> S3Store:
        """The store of ``s3://bucket/prefix``. Raises UsageError, ConfigurationError."""
        bucket, _, prefix = reference.removeprefix("s3://").partition("/")
        if not _BUCKET.match(bucket):
            raise UsageError(f"{reference!r} does not name a bucket.", remedy="Write s3://bucket/prefix.")
        inner = check_prefix(prefix).removesuffix("/")
        return cls(new_client("s3"), bucket, f"{inner}/" if inner else "")

    @property
    def reference(self) -> str:
        """``s3://bucket/prefix``, without a trailing slash."""
        return f"s3://{self.bucket}/{self.prefix}".rstrip("/")

    def get(self, key: str) -> StoredObject:
        """Read an object whole. Raises ObjectNotFound."""
        with self._reading(key) as place:
            found = self.client.get_object(**place)
            return StoredObject(found["Body"].read(), _etag(found))

    def get_from(self, key: str, offset: int) -> bytes:
        """Return an object's bytes from ``offset`` on; empty behind its end. Raises ObjectNotFound."""
        with self._reading(key) as place:
            try:
                body: bytes = self.client.get_object(**place, Range=f"bytes={offset}-")["Body"].read()
            except ClientError as error:
                if error_code(error) != "InvalidRange":  # There is nothing behind it.
                    raise
                return b""
            return body

    def put(self, key: str, body: bytes, *, if_match: str | None = None, if_none_match: bool = False) -> str:
        """Write an object and return its ETag. Raises PreconditionFailed, WriteConflict."""
        return self._put(key, body, if_match, if_none_match)

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """Every object whose key starts with ``prefix``, sorted by key."""
        start = self.prefix + check_prefix(prefix)
        with translated(f"s3://{self.bucket}/{start}"):
            for page in self.client.get_paginator("list_objects_v2").paginate(
                Bucket=self.bucket, Prefix=start
            ):
                for entry in page.get("Contents", ()):
                    if not entry["Key"].endswith("/"):  # what consoles write to show an empty folder
                        yield self._info(entry)

    def delete(self, key: str) -> None:
        """Remove an object; no error when there is none."""
        with translated(self._address(key)):
            self.client.delete_object(**self._place(key))

    def download(self, key: str, path: Path) -> str:
        """Stream an object to the file ``path``; return its ETag. Raises ObjectNotFound."""
        with self._reading(key) as place:
            found = self.client.get_object(**place)
            try:
                with replacement(path) as file:
                    for chunk in found["Body"].iter_chunks(CHUNK):
                        write_all(file, chunk)
            except OSError as error:
                raise disk_error(error, "Writing", path) from error
            return _etag(found)

    def upload(
        self, path: Path, key: str, *, if_match: str | None = None, if_none_match: bool = False
    ) -> str:
        """Stream the file ``path`` to an object. Raises as put does, NotFoundError, DataError above 5 GiB."""
        try:
            with path.open("rb") as body:
                if os.fstat(body.fileno()).st_size > _MOST_BYTES:
                    raise DataError(f"{os.fspath(path)!r} is larger than the 5 GiB that one S3 write allows.")
                return self._put(key, body, if_match, if_none_match)
        except FileNotFoundError as error:
            raise NotFoundError(f"There is no file {os.fspath(path)!r} to store.") from error
        except OSError as error:
            raise disk_error(error, "Reading", path) from error

    def child(self, prefix: str) -> S3Store:
        """The part of this store under ``prefix``."""
        inner = check_prefix(prefix).removesuffix("/")
        return S3Store(self.client, self.bucket, f"{self.prefix}{inner}/" if inner else self.prefix)

    def exists(self, key: str) -> bool:
        """Whether there is an object under ``key``."""
        try:
            with self._reading(key) as place:
                self.client.head_object(**place)
        except ObjectNotFound:
            return False
        return True

    def _put(self, key: str, body: bytes | BinaryIO, if_match: str | None, if_none_match: bool) -> str:
        write_id = os.urandom(8).hex()
        request: dict[str, object] = {**self._place(key), "Body": body, "Metadata": {_WRITE_ID: write_id}}
        if if_match is not None:
            request["IfMatch"] = f'"{if_match}"'
        if if_none_match:
            request["IfNoneMatch"] = "*"
        try:
            return self._put_through_conflicts(request)
        except (PreconditionFailed, TemporaryError, UnavailableError):
            if landed := self._landed(key, write_id):
                return landed
            raise

    def _put_through_conflicts(self, request: dict[str, object]) -> str:
        """Send the write, and the very same again when another one is under way (409)."""
        for attempt in range(1, _TRIES_AFTER_CONFLICT):
            try:
                return self._put_once(request)
            except WriteConflict:
                time.sleep(random.uniform(0.05, 0.2) * attempt)  # noqa: S311 - to fall out of step, not to hide
        return self._put_once(request)

    def _put_once(self, request: dict[str, object]) -> str:
        body, address = request["Body"], f"s3://{self.bucket}/{request['Key']}"
        if not isinstance(body, bytes):
            body.seek(0)  # type: ignore[attr-defined]
        try:
            return _etag(self.client.put_object(**request))
        except (BotoCoreError, ClientError) as error:
            if (
                "IfMatch" in request
                and isinstance(error, ClientError)
                and error_code(error) in {"NoSuchKey", "404"}
            ):
                raise PreconditionFailed(f"{address} no longer exists; another writer was first.") from error
            raise aws_error(error, address) from error

    def _landed(self, key: str, write_id: str) -> str | None:
        """The ETag of the object if it is what the write ``write_id`` made."""
        try:
            found = self.client.head_object(**self._place(key))
        except (BotoCoreError, ClientError):
            return None  # the write's own error says more
        return _etag(found) if found.get("Metadata", {}).get(_WRITE_ID) == write_id else None

    @contextmanager
    def _reading(self, key: str) -> Iterator[dict[str, str]]:
        """Where ``key`` is, for boto3; what boto3 raises inside becomes an error about it."""
        place = self._place(key)
        try:
            with translated(self._address(key)):
                yield place
        except NotFoundError as error:
            cause = error.__cause__
            if isinstance(cause, ClientError) and error_code(cause) in {"NoSuchKey", "404"}:
                raise not_there(key, self.reference) from cause
            raise

    def _place(self, key: str) -> dict[str, str]:
        return {"Bucket": self.bucket, "Key": check_key(self.prefix + check_key(key))}

    def _address(self, key: str) -> str:
        return f"s3://{self.bucket}/{self.prefix}{key}"

    def _info(self, entry: dict[str, Any]) -> ObjectInfo:
        if fault := key_fault(entry["Key"]):
            raise StorageError(
                f"The bucket contains {entry['Key']!r}, which {fault}.", remedy="Rename that object."
            )
        return ObjectInfo(
            entry["Key"].removeprefix(self.prefix),
            entry["Size"],
            _etag(entry),
            entry["LastModified"].astimezone(UTC),
        )


def _etag(answer: dict[str, Any]) -> str:
    return str(answer["ETag"]).strip('"')
