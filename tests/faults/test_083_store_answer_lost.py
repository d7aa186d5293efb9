"""Fault 83: S3 is slow, busy, or commits a write and loses the answer.

Expected: a write that was committed counts as made, once, also when its retry meets itself (412);
a write that was not committed is an error that says to try again. Another writer's object with the
very same content is never taken for ours.
"""

import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from stepherd.errors import TemporaryError, UnavailableError
from stepherd.services.store.contract import PreconditionFailed, Store
from stepherd.services.store.opening import open_store


class Bucket(ThreadingHTTPServer):
    """One S3 object over HTTP, with a script of faults for the coming PutObject calls."""

    daemon_threads = True
    body: bytes | None = None
    write_id = ""
    faults: list[str]
    puts = 0

    def handle_error(self, request: object, client_address: object) -> None:
        """A connection that a fault broke is no news."""


class Handler(BaseHTTPRequestHandler):
    server: Bucket
    protocol_version = "HTTP/1.1"

    def do_PUT(self) -> None:
        body = self._read_body()
        bucket = self.server
        bucket.puts += 1
        fault = bucket.faults.pop(0) if bucket.faults else ""
        if fault == "503":
            return self._answer(503, b"<Error><Code>SlowDown</Code></Error>")
        if fault == "broken":
            return self._break()
        if self.headers.get("If-None-Match") == "*" and bucket.body is not None:
            return self._answer(412, b"<Error><Code>PreconditionFailed</Code></Error>")
        bucket.body, bucket.write_id = body, self.headers["x-amz-meta-stepherd-write"]
        if fault == "other writer":
            bucket.write_id = "somebody"
        if fault:
            return self._break()
        return self._answer(200)

    def do_HEAD(self) -> None:
        self._answer(200 if self.server.body is not None else 404)

    def _read_body(self) -> bytes:
        raw = self.rfile.read(int(self.headers["Content-Length"]))
        if "aws-chunked" not in self.headers.get("Content-Encoding", ""):
            return raw
        return re.split(rb"\r\n", raw, maxsplit=1)[1].rsplit(b"\r\n0\r\n", 1)[0]

    def _break(self) -> None:
        self.close_connection = True
        self.connection.close()

    def _answer(self, status: int, content: bytes = b"") -> None:
        self.send_response(status)
        self.send_header("ETag", '"e1"')
        self.send_header("x-amz-meta-stepherd-write", self.server.write_id)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@pytest.fixture
def bucket() -> Iterator[Bucket]:
    with Bucket(("127.0.0.1", 0), Handler) as server:
        server.faults = []
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def store(bucket: Bucket, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Store:
    for name, value in {
        "AWS_ENDPOINT_URL_S3": f"http://127.0.0.1:{bucket.server_port}",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_CONFIG_FILE": str(tmp_path / "no-config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "no-credentials"),
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("botocore.retries.standard.time.sleep", lambda seconds: None, raising=False)
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda seconds: None)
    return open_store("s3://bucket")


@pytest.mark.parametrize("faults", [["503"], ["503", "503"], ["broken"], ["lost"], ["lost", "503"]])
@pytest.mark.parametrize("conditional", [True, False])
def test_a_write_is_made_once_whatever_happens_to_its_answer(
    bucket: Bucket, store: Store, faults: list[str], conditional: bool
) -> None:
    bucket.faults = faults.copy()
    assert store.put("lease", b"mine", if_none_match=conditional) == "e1"
    assert bucket.body == b"mine"
    assert bucket.puts == len(faults) + 1


@pytest.mark.parametrize("conditional", [True, False])
def test_a_write_whose_every_answer_is_lost_still_counts(
    bucket: Bucket, store: Store, conditional: bool
) -> None:
    bucket.faults = ["lost"] * 20
    assert store.put("lease", b"mine", if_none_match=conditional) == "e1"


def test_the_same_content_of_another_writer_is_not_ours(bucket: Bucket, store: Store) -> None:
    bucket.faults = ["other writer"]
    with pytest.raises(PreconditionFailed):
        store.put("lease", b"mine", if_none_match=True)


@pytest.mark.parametrize("fault", ["503", "broken"])
def test_a_write_that_never_arrives_can_be_tried_again(bucket: Bucket, store: Store, fault: str) -> None:
    bucket.faults = [fault] * 20
    with pytest.raises((TemporaryError, UnavailableError)) as caught:
        store.put("lease", b"mine", if_none_match=True)
    assert caught.value.retryable
    assert "s3://bucket/lease" in caught.value.message
    assert bucket.body is None
    assert 1 < bucket.puts <= 6
