"""An AWS account on loopback: moto, with CloudFormation and CodeBuild of our own in front, and bad manners.

moto's CloudFormation knows no SAM transform, takes an update in any state and is done at once; AWS is not so.
Every call goes through the front, which keeps it and can refuse it.
"""

from __future__ import annotations

import http.client
import json
import re
import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import boto3
from tests.integration.deploying.builds import CodeBuild
from tests.integration.deploying.cloudformation import CloudFormation, Rejected
from tests.integration.deploying.resources import ACCOUNT, REGION

_SERVICE = re.compile(r"Credential=[^/]+/\d+/[^/]+/([a-z0-9-]+)/aws4_request")
_HOP = {"transfer-encoding", "connection", "content-length", "server", "date"}


@dataclass
class Fault:
    """The next ``times`` calls of an operation are refused with a code. ``after``: so many pass first."""

    operation: str
    code: str
    message: str = ""
    status: int = 400
    times: int = 1
    after: int = 0
    body: bytes = b""
    """The whole answer, instead of an error's."""
    kill: bool = False
    """The command is killed: ``code`` says ``before`` or ``after`` AWS has done what was asked. For
    ``interrupt`` it gets what Ctrl-C sends."""


@dataclass(frozen=True)
class Call:
    service: str
    operation: str
    path: str
    headers: str
    body: bytes
    moment: float = field(default_factory=time.monotonic)


@dataclass
class Account:
    """An AWS account on loopback: where it listens, the calls made, and the faults to come."""

    port: int
    moto: int
    faults: list[Fault] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    own_faults: list[str] = field(default_factory=list)
    policies: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Of buckets."""
    victim: Callable[[signal.Signals], int] | None = None
    """Kills the command that runs; its process id."""
    killed: int = 0
    confirmed: bool = False
    """Whether whoever was subscribed by mail has confirmed it."""
    lock: Any = field(default_factory=threading.RLock)
    cloudformation: CloudFormation = field(init=False)
    codebuild: CodeBuild = field(init=False)

    @property
    def environment(self) -> dict[str, str]:
        """Variables by which an AWS client reaches it and no other server."""
        return {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.port}",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def client(self, service: str) -> Any:
        """Of moto itself: no fault, and no record."""
        return _client(service, self.moto)

    def operations(self) -> list[str]:
        """The operations called, in order."""
        return [call.operation for call in self.calls]

    def fault_for(self, call: Call) -> Fault | None:
        """The fault that a call meets, counted."""
        for fault in self.faults:
            if fault.operation == call.operation and fault.times:
                if fault.after:
                    fault.after -= 1
                    return None
                fault.times -= 1
                return fault
        return None


@cache
def _client(service: str, port: int) -> Any:
    return boto3.Session("test", "test", region_name=REGION).client(
        service, endpoint_url=f"http://127.0.0.1:{port}"
    )


@contextmanager
def serving(moto: int, sam_python: str, scratch: Path) -> Iterator[Account]:
    """An empty account behind a front of its own; ``moto`` is the port of its server."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Front)
    account = Account(server.server_address[1], moto)
    account.cloudformation = CloudFormation(account.client, sam_python, scratch)
    account.codebuild = CodeBuild(account.client, account.cloudformation.find)
    server.account = account  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield account
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Front(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _serve(self) -> None:
        try:
            self._answer()
        except ConnectionError:
            self.close_connection = True  # The process that asked was killed.
        except Exception:
            # A fault of the stand-in must not look like one of AWS: the test shows it.
            account: Account = self.server.account  # type: ignore[attr-defined]
            account.own_faults.append(traceback.format_exc())
            raise

    def _answer(self) -> None:
        account: Account = self.server.account  # type: ignore[attr-defined]
        body = self._body()
        call = self._call(body)
        with account.lock:
            account.calls.append(call)
            fault = account.fault_for(call)
            if fault and fault.kill:
                assert account.victim
                account.killed = account.victim(
                    signal.SIGINT if fault.code == "interrupt" else signal.SIGKILL
                )
                if fault.code == "before":
                    self.close_connection = True
                    return
                fault = None
            if fault and fault.body:
                self._send(fault.status, fault.body, "text/xml")
            elif fault:
                self._refuse(call, fault.status, fault.code, fault.message or fault.code)
            elif call.service == "cloudformation":
                self._cloudformation(account, call)
            elif call.operation == "PUT:policy":
                # moto would judge plain HTTP by it, and the whole account is on plain HTTP.
                account.policies[call.path.split("/")[1].partition("?")[0]] = json.loads(body)
                self._send(204, b"", None)
            elif call.service == "codebuild":
                answer = account.codebuild.answer(call.operation, json.loads(body))
                self._send(200, json.dumps(answer).encode(), "application/x-amz-json-1.1")
            else:
                self._forward(account, call)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _serve

    def log_message(self, *_: object) -> None:
        """Nothing on the terminal of the tests."""

    def _body(self) -> bytes:
        if self.headers.get("Expect", "").lower() == "100-continue":
            self.send_response_only(100)
            self.end_headers()
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            return self._chunks()
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _chunks(self) -> bytes:
        whole = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            whole += self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return whole

    def _call(self, body: bytes) -> Call:
        found = _SERVICE.search(self.headers.get("Authorization", ""))
        service = found[1] if found else ""
        target = self.headers.get("X-Amz-Target", "")
        if target:
            operation = target.rpartition(".")[2]
        elif service == "s3":
            operation = _s3_operation(self.command, self.path)
        else:
            operation = dict(parse_qsl(body.decode(errors="replace"))).get("Action", "")
        return Call(service, operation, f"{self.command} {self.path}", str(self.headers), body)

    def _cloudformation(self, account: Account, call: Call) -> None:
        given = dict(parse_qsl(call.body.decode(), keep_blank_values=True))
        try:
            text = account.cloudformation.answer(call.operation, given)
        except Rejected as rejected:
            self._refuse(call, 400, rejected.code, rejected.message)
            return
        self._send(200, text.encode(), "text/xml")

    def _forward(self, account: Account, call: Call) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", account.moto, timeout=30)
        headers = {
            name: value for name, value in self.headers.items()
            if name.lower() not in {"transfer-encoding", "expect", "content-length", "connection"}
        }  # fmt: skip
        try:
            connection.request(self.command, self.path, body=call.body, headers=headers)
            response = connection.getresponse()
            body = response.read()
        finally:
            connection.close()
        if call.operation == "ListSubscriptionsByTopic" and not account.confirmed:
            body = re.sub(
                rb"<SubscriptionArn>[^<]*</SubscriptionArn>",
                b"<SubscriptionArn>PendingConfirmation</SubscriptionArn>",
                body,
            )
        kept = [(name, value) for name, value in response.getheaders() if name.lower() not in _HOP]
        self._send(response.status, body, None, kept)

    def _refuse(self, call: Call, status: int, code: str, message: str) -> None:
        if call.service in {"s3", "cloudformation", "sts", "sns", "iam"}:
            inner = f"<Code>{code}</Code><Message>{message}</Message>"
            text = (
                f"<Error>{inner}</Error>"
                if call.service == "s3"
                else f"<ErrorResponse><Error>{inner}</Error></ErrorResponse>"
            )
            self._send(status, text.encode(), "text/xml")
        else:
            self._send(
                status,
                json.dumps({"__type": code, "message": message}).encode(),
                "application/x-amz-json-1.1",
            )

    def _send(
        self, status: int, body: bytes, kind: str | None, headers: list[tuple[str, str]] | None = None
    ) -> None:
        self.send_response_only(status)
        for name, value in headers or []:
            self.send_header(name, value)
        if kind:
            self.send_header("Content-Type", kind)
        if self.command == "HEAD" and headers is not None:
            length = {name.lower(): value for name, value in headers}.get("content-length", "0")
            self.send_header("Content-Length", length)
        else:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def _s3_operation(method: str, path: str) -> str:
    """Enough of S3's names for the faults of the tests."""
    place, _, query = path.partition("?")
    of_bucket = place.strip("/").count("/") == 0
    word = query.split("=")[0].split("&")[0]
    if word in {"publicAccessBlock", "encryption", "policy", "lifecycle", "tagging", "versions", "delete"}:
        return {"versions": "ListObjectVersions", "delete": "DeleteObjects"}.get(word, f"{method}:{word}")
    if of_bucket:
        return {"HEAD": "HeadBucket", "PUT": "CreateBucket", "DELETE": "DeleteBucket"}.get(
            method, "ListObjects"
        )
    return {"HEAD": "HeadObject", "PUT": "PutObject", "GET": "GetObject", "DELETE": "DeleteObject"}[method]


def account_number() -> str:
    """Of the account that moto plays."""
    return ACCOUNT
