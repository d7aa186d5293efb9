"""Buckets and repositories made empty, because AWS removes neither while something is in them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from stepherd.errors import CredentialsError, StorageError
from stepherd.services.aws.errors import error_code, translated

__all__ = ["Contents", "contents_of", "empty_repository", "images_in", "remove_bucket"]

_PAGE: Final = 1000
"""As many keys one DeleteObjects takes."""
_ROUNDS: Final = 5
"""So often what could not be deleted, or has come meanwhile, is tried again."""
_SHOWN: Final = 3
_MOST_IMAGES: Final = 100  # of one BatchDeleteImage
_MOST_COUNTED: Final = 100_000
_ABSENT: Final = frozenset({"404", "NoSuchBucket"})


@dataclass(frozen=True, slots=True)
class Contents:
    """The contents of a bucket: versions of its objects, delete markers among them."""

    versions: int = 0
    size: int = 0
    """The size of all versions in bytes."""
    counted: bool = True
    """False: there is more than was counted."""


@dataclass(slots=True)
class _Refused:
    """Keys that S3 did not delete in one round, with its code."""

    codes: dict[str, str] = field(default_factory=dict)


def contents_of(s3: Any, bucket: str, owner: str) -> Contents | None:
    """How much is in a bucket, counted up to a hundred thousand; None when there is no such bucket."""
    versions = size = 0
    with translated(f"the bucket {bucket}"):
        try:
            for page in _pages(s3, bucket, owner):
                versions += len(_keys(page))
                size += sum(item.get("Size", 0) for item in page.get("Versions", []))
                if versions >= _MOST_COUNTED:
                    return Contents(versions, size, counted=False)
        except Exception as error:
            if error_code(error) not in _ABSENT:
                raise
            return None
    return Contents(versions, size)


def remove_bucket(s3: Any, bucket: str, owner: str, tell: Callable[[int], None]) -> None:
    """Delete every version and delete marker of a bucket, and the bucket. Absent: no error.

    ``tell`` hears how many are gone. Raises StorageError or CredentialsError naming the first keys that S3
    would not delete.
    """
    with translated(f"the bucket {bucket}"):
        try:
            _empty(s3, bucket, owner, tell)
            s3.delete_bucket(Bucket=bucket, ExpectedBucketOwner=owner)
        except Exception as error:
            if error_code(error) not in _ABSENT:
                raise


def images_in(ecr: Any, repository: str) -> list[dict[str, str]]:
    """Every image of a repository, by its digest; none where there is no repository."""
    with translated(f"the repository {repository}"):
        try:
            pages = ecr.get_paginator("list_images").paginate(repositoryName=repository)
            digests = {str(image["imageDigest"]) for page in pages for image in page["imageIds"]}
        except Exception as error:
            if error_code(error) != "RepositoryNotFoundException":
                raise
            return []
    return [{"imageDigest": digest} for digest in sorted(digests)]


def empty_repository(ecr: Any, repository: str) -> int:
    """Delete every image of a repository; how many there were. Raises StorageError naming what stayed.

    An image that an index names can only be deleted after the index: hence the rounds.
    """
    gone = 0
    failures: list[dict[str, Any]] = []
    for _ in range(_ROUNDS):
        there = images_in(ecr, repository)
        if not there:
            return gone
        failures = []
        with translated(f"the repository {repository}"):
            for start in range(0, len(there), _MOST_IMAGES):
                some = there[start : start + _MOST_IMAGES]
                answer = ecr.batch_delete_image(repositoryName=repository, imageIds=some)
                failures += answer.get("failures", [])
        gone += len(there) - len(failures)
    if not failures:
        return gone
    first = failures[0]
    raise StorageError(
        f"{len(failures)} images of {repository} could not be deleted: {first.get('failureReason')}.",
        remedy=f"Try: aws ecr delete-repository --force --repository-name {repository}",
    )


def _empty(s3: Any, bucket: str, owner: str, tell: Callable[[int], None]) -> None:
    gone = 0
    refused = _Refused()
    for _ in range(_ROUNDS):
        refused = _Refused()
        found = False
        for page in _pages(s3, bucket, owner):
            keys = _keys(page)
            if keys:
                found = True
                gone += _delete(s3, bucket, owner, keys, refused)
                tell(gone)
        if not found:
            return
    if refused.codes:
        raise _refusal(bucket, refused)


def _delete(s3: Any, bucket: str, owner: str, keys: list[dict[str, str]], refused: _Refused) -> int:
    answer = s3.delete_objects(
        Bucket=bucket, Delete={"Objects": keys, "Quiet": True}, ExpectedBucketOwner=owner
    )
    errors = answer.get("Errors", [])
    refused.codes.update({str(error["Key"]): str(error.get("Code", "")) for error in errors})
    return len(keys) - len(errors)


def _refusal(bucket: str, refused: _Refused) -> StorageError | CredentialsError:
    some = ", ".join(f"{key} ({code})" for key, code in list(refused.codes.items())[:_SHOWN])
    words = f"S3 did not delete {len(refused.codes)} objects of {bucket}: {some}."
    if "AccessDenied" in refused.codes.values():
        return CredentialsError(words, remedy="Allow s3:DeleteObject and s3:DeleteObjectVersion on them.")
    return StorageError(words, remedy="Check them for locks and legal holds (S3 Object Lock).")


def _pages(s3: Any, bucket: str, owner: str) -> Iterator[dict[str, Any]]:
    yield from s3.get_paginator("list_object_versions").paginate(
        Bucket=bucket, ExpectedBucketOwner=owner, PaginationConfig={"PageSize": _PAGE}
    )


def _keys(page: dict[str, Any]) -> list[dict[str, str]]:
    items = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
    return [{"Key": item["Key"], "VersionId": item["VersionId"]} for item in items]
