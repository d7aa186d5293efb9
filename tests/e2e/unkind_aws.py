"""A proxy in front of a service on loopback that behaves as AWS does on a bad day."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

_THROTTLED: Final = (400, "ThrottlingException", "Rate exceeded")
_EXPIRED: Final = (403, "ExpiredTokenException", "The security token included in the request is expired")


@dataclass
class Fault:
    """A fault instead of the answer to so many calls of an operation; ``*`` is any operation."""

    operation: str
    times: int
    status: int = 0
    """0: the connection is cut."""
    code: str = ""
    message: str = ""


@dataclass
class Unkind:
    """Passes calls on to ``upstream`` unless a fault is due; counts them by operation."""

    upstream: str
    faults: list[Fault] = field(default_factory=list)
    rewrites: dict[bytes, bytes] = field(default_factory=dict)
    """Of answers."""
    calls: list[tuple[str, Any]] = field(default_factory=list)
    stale: dict[str, int] = field(default_factory=dict)
    """How many calls of an operation are answered with its last answer once more."""
    answers: dict[str, tuple[int, str, bytes]] = field(default_factory=dict)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def throttles(self, operation: str, times: int) -> None:
        self.faults.append(Fault(operation, times, *_THROTTLED))

    def expires(self) -> None:
        self.faults.append(Fault("*", 1_000, *_EXPIRED))

    def refuses(self, action: str) -> None:
        words = (
            f"User: arn:aws:iam::123456789012:user/dev is not authorized to perform: {action} on resource: "
            f"arn:aws:states:x because no identity-based policy allows the {action} action"
        )
        operation = action.partition(":")[2]
        self.faults.append(Fault(operation, 1_000, 400, "AccessDeniedException", words))

    def is_behind(self, operation: str, times: int) -> None:
        """Eventual consistency: an execution that was started is not known yet."""
        words = "Execution Does Not Exist: 'arn'"
        self.faults.append(Fault(operation, times, 400, "ExecutionDoesNotExist", words))

    def cuts(self, operation: str, times: int) -> None:
        self.faults.append(Fault(operation, times))

    def due(self, operation: str) -> Fault | None:
        for fault in self.faults:
            if fault.times > 0 and fault.operation in ("*", operation):
                fault.times -= 1
                return fault
        return None

    def count(self, operation: str) -> int:
        return sum(called == operation for called, _ in self.calls)

    @contextmanager
    def serving(self) -> Iterator[Unkind]:
        server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        server.daemon_threads = True
        self.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()


def _handler(unkind: Unkind) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            operation, request = _called(dict(self.headers), body)
            unkind.calls.append((operation, request))
            fault = unkind.due(operation)
            if fault is not None and fault.status == 0:
                self.close_connection = True
                self.connection.close()
                return
            if fault is not None:
                self._answer(fault.status, *_error(fault, json_wanted=bool(self.headers.get("X-Amz-Target"))))
                return
            if unkind.stale.get(operation, 0) > 0 and operation in unkind.answers:
                unkind.stale[operation] -= 1
                self._answer(*unkind.answers[operation])
                return
            self._pass_on(operation, body)

        def _pass_on(self, operation: str, body: bytes) -> None:
            place = urlsplit(unkind.upstream)
            connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=30)
            headers = {k: v for k, v in self.headers.items() if k.lower() not in ("connection", "expect")}
            headers["Host"] = place.netloc
            connection.request("POST", place.path or self.path, body, headers)
            answer = connection.getresponse()
            content = answer.read()
            for old, new in unkind.rewrites.items():
                content = content.replace(old, new)
            unkind.answers[operation] = (answer.status, answer.headers.get("Content-Type", ""), content)
            self._answer(*unkind.answers[operation])
            connection.close()

        def _answer(self, status: int, kind: str, content: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            return

    return Handler


def _called(headers: dict[str, str], body: bytes) -> tuple[str, Any]:
    target = next((value for name, value in headers.items() if name.lower() == "x-amz-target"), "")
    if target:
        return target.rpartition(".")[2], json.loads(body or b"{}")
    form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
    return form.get("Action", ""), form


def _error(fault: Fault, *, json_wanted: bool) -> tuple[str, bytes]:
    if json_wanted:
        content = json.dumps({"__type": fault.code, "message": fault.message}).encode()
        return "application/x-amz-json-1.0", content
    code = fault.code.removesuffix("Exception") if fault.code.startswith("Expired") else fault.code
    words = f"<Type>Sender</Type><Code>{code}</Code><Message>{fault.message}</Message>"
    return (
        "text/xml",
        f"<ErrorResponse><Error>{words}</Error><RequestId>r</RequestId></ErrorResponse>".encode(),
    )
