"""Secrets that are written: compared and swapped, whoever else writes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import boto3
import pytest

from stepherd.errors import CredentialsError, DataError, UsageError
from stepherd.services.secrets.documents import SecretDocument
from stepherd.services.secrets.opening import open_document
from stepherd.services.store.contract import PreconditionFailed


@pytest.fixture(params=["file", "aws"])
def document(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SecretDocument]:
    if request.param == "file":
        yield open_document(f"file:{tmp_path / 'new' / 'secret.json'}")
    else:
        request.getfixturevalue("aws")
        boto3.client("secretsmanager").create_secret(Name="team/keys", SecretString="-")
        yield open_document("team/keys")


def test_what_was_written_is_read(document: SecretDocument) -> None:
    first = document.read()
    assert first.text in {"", "-"}
    document.write("ü 1", version=first.version)
    second = document.read()
    assert (second.text, open_document(document.reference).read()) == ("ü 1", second)
    document.write("2", version=second.version)
    assert document.read().text == "2"


def test_a_write_over_something_newer_is_refused_and_leaves_it(document: SecretDocument) -> None:
    before = document.read().version
    document.write("theirs", version=before)
    with pytest.raises(PreconditionFailed):
        document.write("mine", version=before)
    assert document.read().text == "theirs"


def test_of_writers_at_once_none_is_lost(document: SecretDocument) -> None:
    document.write("[]", version=document.read().version)

    def add(number: int) -> None:
        while True:
            found = document.read()
            try:
                document.write(json.dumps([*json.loads(found.text), number]), version=found.version)
            except PreconditionFailed:
                continue
            return

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(add, range(12)))
    assert sorted(json.loads(document.read().text)) == list(range(12))


def test_a_version_in_secrets_manager_keeps_no_label_of_ours(aws: None) -> None:
    client = boto3.client("secretsmanager")
    client.create_secret(Name="team/keys", SecretString="a")
    document = open_document("team/keys")
    document.write("b", version=document.read().version)
    labels = client.describe_secret(SecretId="team/keys")["VersionIdsToStages"].values()
    assert sorted(label for each in labels for label in each) == ["AWSCURRENT", "AWSPREVIOUS"]


def test_a_file_is_private_and_one_that_is_no_text_is_refused(tmp_path: Path) -> None:
    document = open_document(f"file:{tmp_path / 'secret'}")
    document.write("x", version="")
    assert (tmp_path / "secret").stat().st_mode & 0o777 == 0o600
    (tmp_path / "secret").write_bytes(b"\xff")
    with pytest.raises(DataError):
        document.read()


@pytest.mark.parametrize("reference", ["", "none", "env:NAME", "file:", "ghp_token", "a b"])
def test_what_names_no_secret_that_can_be_written_is_refused(aws: None, reference: str) -> None:
    with pytest.raises(UsageError):
        open_document(reference)


def test_a_secret_that_is_not_there_is_said(aws: None) -> None:
    with pytest.raises(CredentialsError, match="team/absent"):
        open_document("team/absent").read()
