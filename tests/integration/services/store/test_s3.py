"""Promises of the store on S3 alone."""

from pathlib import Path

import boto3
import pytest

from stepherd.errors import CredentialsError, NotFoundError, StorageError
from stepherd.services.store.opening import open_store
from stepherd.services.store.s3 import S3Store


def test_a_bucket_that_is_not_there_is_an_error_about_the_bucket(aws: None) -> None:
    store = open_store("s3://no-such-bucket/home")
    for call in (lambda: store.get("a"), lambda: store.put("a", b""), lambda: list(store.list())):
        with pytest.raises(NotFoundError, match="bucket does not exist"):
            call()


def test_a_listing_goes_through_every_page(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "5")
    store = open_store(f"s3://{bucket}")
    keys = [f"many/{number:02}" for number in range(12)]
    for key in keys:
        store.put(key, b"")
    assert [info.key for info in store.list("many/")] == keys


def test_what_a_console_writes_for_an_empty_folder_is_no_object(bucket: str) -> None:
    boto3.client("s3").put_object(Bucket=bucket, Key="home/empty/", Body=b"")
    assert list(open_store(f"s3://{bucket}/home").list()) == []


def test_a_key_of_somebody_else_that_leads_elsewhere_is_reported_not_passed_on(bucket: str) -> None:
    boto3.client("s3").put_object(Bucket=bucket, Key="home/../../etc/passwd", Body=b"x")
    with pytest.raises(StorageError, match="leads elsewhere"):
        list(open_store(f"s3://{bucket}/home").list())


def test_a_download_is_refused_by_a_full_disk_not_by_aws(bucket: str, tmp_path: Path) -> None:
    store = open_store(f"s3://{bucket}")
    store.put("a", b"x")
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="file/out"):
        store.download("a", tmp_path / "file" / "out")


def test_without_credentials_the_error_says_how_to_log_in(aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
    from moto.core.models import patch_client

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    store = open_store("s3://bucket")
    assert isinstance(store, S3Store)
    patch_client(store.client)
    with pytest.raises(CredentialsError, match="aws sso login"):
        store.get("a")
