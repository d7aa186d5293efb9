"""Bodies that are no event streams: JSON answers, and what a failure has to say."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Final
from urllib.parse import urlsplit

from ._decompression import pieces_of
from ._failures import Failure, failure_from_body, to_error, wait_of
from ._operations import Operation
from ._settings import ResponseHead
from ._steps import Close, Receive, Steps
from ._texts import one_line, printable
from .errors import EndpointError, EventStreamError, ProtocolError, QError

__all__ = [
    "failure_of",
    "no_frames",
    "raise_for_content",
    "raise_for_status",
    "read_document",
    "unreadable",
]

_MAX_ERROR_BODY: Final = 64 * 1024
_MAX_JSON_BODY: Final = 16 * 1024 * 1024
_NO_SUCH_OPERATION: Final = ("UnknownOperationException", "UnknownOperation")
_NO_SUCH_ADDRESS: Final = (404, 405, 410, 421, 501)


def read_document(head: ResponseHead) -> Steps[bytes]:
    """Read a whole body and close; raise ProtocolError where it is too long."""
    body, pieces = bytearray(), pieces_of(head.content_encoding)
    while (chunk := (yield Receive())) is not None:
        for piece in pieces(chunk):
            body += piece
            if len(body) > _MAX_JSON_BODY:
                raise ProtocolError(
                    f"the answer is longer than {_MAX_JSON_BODY} bytes", request_id=head.request_id
                )
    yield Close()
    return bytes(body)


def _read_failure(head: ResponseHead) -> Steps[bytes]:
    """Read the start of a body that says what failed, and close.

    What ends it early, or garbles it, must not hide that the service refused: what came until then counts.
    A whole JSON object is enough, as some servers leave the body of an error open.
    """
    body = bytearray()
    with suppress(QError):
        pieces = pieces_of(head.content_encoding)
        while len(body) <= _MAX_ERROR_BODY and not _is_whole(body):
            chunk = yield Receive()
            if chunk is None:
                break
            for piece in pieces(chunk):
                body += piece
                if len(body) > _MAX_ERROR_BODY:
                    break
    yield Close()
    return bytes(body[:_MAX_ERROR_BODY])


def _is_whole(body: bytearray) -> bool:
    if not body.startswith(b"{") or not body.endswith(b"}"):
        return False
    with suppress(ValueError, RecursionError):
        return isinstance(json.loads(body), dict)
    return False


def raise_for_status(head: ResponseHead, operation: Operation, url: str) -> Steps[None]:
    """Raise the error of a response whose status is not 200."""
    body = yield from _read_failure(head)
    host = urlsplit(url).netloc
    if 200 < head.status < 300:
        raise ProtocolError(f"{host} answered HTTP {head.status} in place of 200: {printable(body)}")
    if 300 <= head.status < 400:
        place = one_line(head.headers.get("location", ""), 200)
        raise EndpointError(
            f"{host} answered HTTP {head.status}{f' to {place}' if place else ''}, which is not followed"
        )
    failure = failure_of(head, body, head.status)
    if failure.code in _NO_SUCH_OPERATION or (head.status in _NO_SUCH_ADDRESS and not failure.code):
        said = failure.code or f"HTTP {head.status}"
        raise EndpointError(f"{host} does not serve {operation.name} (it answered {said})")
    raise to_error(failure)


def raise_for_content(head: ResponseHead) -> Steps[None]:
    """A 200 that is no event stream: an error of the service in JSON, or something else that answered."""
    body = yield from _read_failure(head)
    failure = failure_of(head, body)
    if failure.code:
        raise to_error(failure)
    raise unreadable(head, body, "not an event stream")


def no_frames(head: ResponseHead, start: bytes, error: EventStreamError) -> QError:
    """The error for an event stream whose first bytes are no frame: it may be a failure in plain text."""
    failure = failure_of(head, start)
    if failure.code:
        return to_error(failure)
    with suppress(UnicodeDecodeError):
        if start.decode().isprintable():
            return EventStreamError(
                f"{error.message}; the body is text: {printable(start)}", request_id=head.request_id
            )
    return error


def failure_of(head: ResponseHead, body: bytes, status: int | None = None) -> Failure:
    """What a response says went wrong."""
    return failure_from_body(
        body,
        code=head.headers.get("x-amzn-errortype", ""),
        status=status,
        request_id=head.request_id,
        retry_after=wait_of(head.headers),
    )


def unreadable(head: ResponseHead, body: bytes, why: str) -> ProtocolError:
    """The error for an answer that is not what the operation answers with."""
    kind = one_line(head.content_type, 200) or "no content type"
    return ProtocolError(
        f"the answer cannot be read ({kind}: {why}): {printable(body)}",
        remedy="Check the endpoint, and whether a proxy answered in its place.",
        request_id=head.request_id,
    )
