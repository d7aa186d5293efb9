"""An identity provider on loopback, S3 as moto serves it, and the places a login can be at."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws
from tests.atomic_s3 import hold_conditions
from tests.identity_provider import IdentityProvider

from stepherd.logins.kinds import LoginKind, login_kind
from stepherd.logins.location import LoginLocation
from stepherd.logins.opening import open_location


@pytest.fixture
def kind() -> LoginKind:
    return login_kind("q")


@pytest.fixture
def aws_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No AWS account and no region of the machine's own: logins need neither."""
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "no-config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "no-credentials"))


@pytest.fixture
def provider(aws_settings: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[IdentityProvider]:
    with IdentityProvider() as provider:
        for name, value in provider.environment.items():
            monkeypatch.setenv(name, value)
        yield provider


@pytest.fixture(autouse=True)
def nobody_else_renews(monkeypatch: pytest.MonkeyPatch) -> None:
    """No other process is about to store what it renewed, so nothing is waited for."""
    monkeypatch.setattr("stepherd.logins.renewal._GRACE_SECONDS", 0)


@pytest.fixture(scope="module")
def s3() -> Iterator[Any]:
    """A client of S3 as moto serves it; one for all tests of a module, because making it takes long."""
    hold_conditions()
    with mock_aws():
        yield boto3.client("s3", region_name="us-east-1")


@pytest.fixture
def bucket(s3: Any, aws_settings: None, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    name = f"bucket-{os.urandom(6).hex()}"
    s3.create_bucket(Bucket=name)
    return name


@pytest.fixture(params=["file", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path, kind: LoginKind) -> LoginLocation:
    if request.param == "s3":
        return open_location(kind, f"s3://{request.getfixturevalue('bucket')}/logins/q/data.sqlite3")
    return open_location(kind, str(tmp_path / "logins/q/data.sqlite3"))
