"""Secrets of Secrets Manager."""

import boto3
import pytest

from stepherd.errors import CredentialsError, DataError
from stepherd.services.secrets.opening import read_secret


def create(name: str, **value: object) -> str:
    return str(boto3.client("secretsmanager").create_secret(Name=name, **value)["ARN"])


def test_a_secret_is_read_by_id_and_by_arn(aws: None) -> None:
    arn = create("amazon-q-headless/git-credentials", SecretString='{"token": "t", "username": "u"}')
    assert read_secret("amazon-q-headless/git-credentials") == {"token": "t", "username": "u"}
    assert read_secret(arn) == {"token": "t", "username": "u"}


def test_an_arn_says_which_region_to_ask(aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
    arn = create("team/git", SecretString="t")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    assert read_secret(arn) == {"token": "t"}


def test_binary_secrets_hold_the_same_text(aws: None) -> None:
    create("team/git", SecretBinary=b'{"token": "t"}')
    assert read_secret("team/git") == {"token": "t"}


def test_a_secret_that_is_not_there_says_how_to_create_it(aws: None) -> None:
    with pytest.raises(CredentialsError, match="create-secret --name team/absent"):
        read_secret("team/absent")


def test_a_value_of_another_shape_is_refused_unseen(aws: None) -> None:
    create("team/git", SecretString='{"token": "canary')
    with pytest.raises(DataError) as caught:
        read_secret("team/git")
    assert "canary" not in str(caught.value)
