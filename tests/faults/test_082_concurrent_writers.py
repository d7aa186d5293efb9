"""Fault 82 (store): writers meet. 412 means another was first; 409 means send the same again.

Expected: the two are never swapped, on S3 and on disk; a conflict is sent again unchanged a few
times, a lost race never.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.stub import ANY, Stubber

from stepherd.errors import TemporaryError
from stepherd.services.store.contract import PreconditionFailed, WriteConflict
from stepherd.services.store.opening import open_store
from stepherd.services.store.s3 import S3Store

EXPECTED = {"Bucket": "bucket", "Key": "lease", "Body": b"mine", "Metadata": {"stepherd-write": ANY}}


@pytest.fixture
def client() -> Any:
    return boto3.client(
        "s3",
        region_name="eu-west-1",
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
        config=Config(retries={"max_attempts": 1, "mode": "standard"}),
    )


@pytest.fixture
def stub(client: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stubber]:
    monkeypatch.setattr("stepherd.services.store.s3.time.sleep", lambda seconds: None)
    with Stubber(client) as stub:
        yield stub
        stub.assert_no_pending_responses()


def refuse(stub: Stubber, code: str, status: int, **condition: str) -> None:
    stub.add_client_error(
        "put_object", code, http_status_code=status, expected_params={**EXPECTED, **condition}
    )


def test_a_conflict_is_sent_again_unchanged(stub: Stubber, client: Any) -> None:
    refuse(stub, "ConditionalRequestConflict", 409, IfNoneMatch="*")
    refuse(stub, "ConditionalRequestConflict", 409, IfNoneMatch="*")
    stub.add_response("put_object", {"ETag": '"e1"'}, {**EXPECTED, "IfNoneMatch": "*"})
    assert S3Store(client, "bucket").put("lease", b"mine", if_none_match=True) == "e1"


def test_a_conflict_without_end_is_temporary_and_not_a_lost_race(stub: Stubber, client: Any) -> None:
    for _ in range(3):
        refuse(stub, "ConditionalRequestConflict", 409, IfMatch='"e1"')
    stub.add_client_error("head_object", "404", http_status_code=404)
    with pytest.raises(WriteConflict) as caught:
        S3Store(client, "bucket").put("lease", b"mine", if_match="e1")
    assert isinstance(caught.value, TemporaryError)
    assert caught.value.retryable


def test_a_lost_race_is_never_sent_again(stub: Stubber, client: Any) -> None:
    refuse(stub, "PreconditionFailed", 412, IfMatch='"e1"')
    stub.add_response("head_object", {"ETag": '"e2"', "Metadata": {"stepherd-write": "somebody"}})
    with pytest.raises(PreconditionFailed) as caught:
        S3Store(client, "bucket").put("lease", b"mine", if_match="e1")
    assert not caught.value.retryable


def test_a_write_over_what_is_gone_is_a_lost_race_too(stub: Stubber, client: Any) -> None:
    refuse(stub, "NoSuchKey", 404, IfMatch='"e1"')
    stub.add_client_error("head_object", "404", http_status_code=404)
    with pytest.raises(PreconditionFailed, match="no longer exists"):
        S3Store(client, "bucket").put("lease", b"mine", if_match="e1")


def test_an_upload_sends_its_file_from_the_beginning_each_time(
    client: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stepherd.services.store.s3.time.sleep", lambda seconds: None)
    sent: list[bytes] = []

    class Conflicting:
        def put_object(self, **request: Any) -> dict[str, str]:
            sent.append(request["Body"].read())
            if len(sent) < 3:
                raise client.exceptions.ClientError(
                    {"Error": {"Code": "ConditionalRequestConflict"}}, "PutObject"
                )
            return {"ETag": '"e1"'}

    (tmp_path / "file").write_bytes(b"whole")
    S3Store(Conflicting(), "bucket").upload(tmp_path / "file", "database")
    assert sent == [b"whole"] * 3


def test_on_disk_the_loser_of_a_race_is_told_so_and_the_winner_stays(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    seen = store.put("database", b"one")
    store.put("database", b"theirs", if_match=seen)
    with pytest.raises(PreconditionFailed) as caught:
        store.put("database", b"mine", if_match=seen)
    assert not isinstance(caught.value, TemporaryError)
    assert store.get("database").body == b"theirs"
