"""AWS as moto serves it, with nothing of the machine's own AWS settings."""

from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from moto import mock_aws
from tests.atomic_s3 import hold_conditions

from stepherd.services.store.contract import Store
from stepherd.services.store.listed import ListedStore
from stepherd.services.store.opening import open_store

REGION = "eu-west-1"


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    for name, value in {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_CONFIG_FILE": str(tmp_path / "no-config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "no-credentials"),
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)
    hold_conditions()
    with mock_aws():
        yield


@pytest.fixture
def bucket(aws: None) -> str:
    location = {"LocationConstraint": REGION}
    boto3.client("s3").create_bucket(Bucket="bucket", CreateBucketConfiguration=location)
    return "bucket"


@pytest.fixture(params=["folder", "s3", "listed"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if request.param == "s3":
        return open_store(f"s3://{request.getfixturevalue('bucket')}/home/")
    plain = open_store(str(tmp_path / "home"))
    return ListedStore(plain) if request.param == "listed" else plain
