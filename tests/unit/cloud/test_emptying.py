"""Buckets with more than one page of versions, and repositories."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from stepherd.cloud.emptying import contents_of, images_in, remove_bucket

_OWNER = "123456789012"


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket="full")
        client.put_bucket_versioning(Bucket="full", VersioningConfiguration={"Status": "Enabled"})
        yield client


def test_every_page_of_versions_and_markers_goes_with_the_bucket(
    s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stepherd.cloud.emptying._PAGE", 10)
    for number in range(25):
        s3.put_object(Bucket="full", Key=f"k{number % 7}", Body=b"12")
    s3.delete_object(Bucket="full", Key="k1")
    contents = contents_of(s3, "full", _OWNER)
    assert contents is not None
    assert (contents.versions, contents.size, contents.counted) == (26, 50, True)
    told: list[int] = []
    remove_bucket(s3, "full", _OWNER, told.append)
    assert (told[-1], len(told)) == (26, 3)
    assert contents_of(s3, "full", _OWNER) is None
    remove_bucket(s3, "full", _OWNER, told.append)  # Again: no error.


def test_a_repository_that_is_not_there_has_no_images(s3: Any) -> None:
    assert images_in(boto3.client("ecr", region_name="us-east-1"), "absent") == []
