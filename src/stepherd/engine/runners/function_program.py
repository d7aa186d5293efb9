"""The program of a function's worker: AWS's runtime interface client, on a pair of sockets instead of a port.

Lambda gives a function its events by an HTTP server, which on a laptop every local user could ask and answer
(decision 0012). Here nothing listens: standard input is one end of a pair of connected sockets, whose other
end only the engine has. AWS's own code loads the handler, calls it and words its errors.

``function_channel`` says what is sent over the pair. The first message tells the program who it is, so that
its environment stands nowhere that the system shows.
"""

from __future__ import annotations

import importlib
import os
import socket
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

from stepherd.engine.runners.fork_program import let_others_look
from stepherd.engine.runners.function_channel import receive, send

__all__ = ["main"]

_MAX_RESPONSE = 6_291_556
"""Bytes that a function may answer (Lambda developer guide, "Lambda quotas")."""
_TOO_LARGE = {
    "errorMessage": f"Response payload size exceeded maximum allowed payload size ({_MAX_RESPONSE} bytes).",
    "errorType": "Function.ResponseSizeTooLarge",
}


def main() -> None:
    """Take the order, then serve invocations until the engine's end of the pair is closed."""
    let_others_look(False)
    channel = _take_standard_input()
    order = receive(channel)
    if order is None:  # The engine is gone.
        return
    _become(order["environment"])
    bootstrap, client = _runtime(channel)
    with suppress(BrokenPipeError, ConnectionResetError):  # The engine is gone; no one waits for the answer.
        bootstrap.run(order["handler"], client)


def _take_standard_input() -> socket.socket:
    """The engine's end of the pair as a file that no child inherits; standard input becomes empty."""
    channel = socket.socket(fileno=os.dup(0))
    empty = os.open(os.devnull, os.O_RDONLY)
    os.dup2(empty, 0)
    os.close(empty)
    return channel


def _become(environment: Mapping[str, str]) -> None:
    # Python sets LC_CTYPE as it starts, where no locale is named (PEP 538).
    coerced = {name: os.environ[name] for name in ("LC_CTYPE",) if name in os.environ}
    os.environ.clear()
    os.environ.update(coerced | dict(environment))
    time.tzset()
    paths = filter(None, environment.get("PYTHONPATH", "").split(os.pathsep))
    sys.path[:0] = [path for path in paths if path not in sys.path]


def _runtime(channel: socket.socket) -> tuple[Any, Any]:
    """AWS's module ``bootstrap``, and a client for it that talks over the pair."""
    # Its compiled part, which connects to a port, is not used: None is "cannot be imported".
    sys.modules["runtime_client"] = None  # type: ignore[assignment]
    bootstrap = importlib.import_module("awslambdaric.bootstrap")

    class Client(bootstrap.LambdaRuntimeClient):  # type: ignore[misc,name-defined]
        """The client that ``bootstrap`` calls, over the channel instead of HTTP."""

        def __init__(self) -> None:
            super().__init__("")

        def wait_next_invocation(self) -> SimpleNamespace:
            send(channel, {"kind": "next"})
            event = receive(channel)
            if event is None:
                sys.exit(0)
            return _invocation(event)

        def post_invocation_result(
            self, invoke_id: str, result_data: str | bytes, *_: object, **__: object
        ) -> None:
            body = result_data if isinstance(result_data, str) else result_data.decode("utf-8", "replace")
            if len(body.encode()) > _MAX_RESPONSE:
                self.post_invocation_error(invoke_id, self._words(_TOO_LARGE))
            else:
                send(channel, {"kind": "response", "id": invoke_id, "body": body})

        def post_invocation_error(self, invoke_id: str, error_response_data: str, *_: object) -> None:
            send(channel, {"kind": "error", "id": invoke_id, "body": error_response_data})

        def post_init_error(self, error_response_data: object, *_: object) -> None:
            send(channel, {"kind": "init", "body": self._words(error_response_data)})

        def _words(self, report: object) -> str:
            return str(bootstrap.to_json(report))

    return bootstrap, Client()


def _invocation(event: Mapping[str, Any]) -> SimpleNamespace:
    """As the headers of the Runtime API have it; what Lambda sends only to some functions is None."""
    return SimpleNamespace(
        invoke_id=event["id"],
        x_amzn_trace_id=None,
        invoked_function_arn=event["arn"],
        deadline_time_in_ms=event["deadline"],
        client_context=None,
        cognito_identity=None,
        tenant_id=None,
        content_type="application/json",
        event_body=event["body"],
        invocation_id=None,
    )


if __name__ == "__main__":
    main()
