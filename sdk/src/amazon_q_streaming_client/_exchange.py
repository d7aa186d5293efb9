"""One call of the service, from the token to the last event, without any input or output of its own.

An exchange is a generator of steps. Whoever drives it carries out each step and sends the result in, or
throws the error in. The async and the sync client differ in nothing but that driver.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias, TypeVar
from urllib.parse import urlsplit

from ._eventstream import EventStreamDecoder, Message
from ._failures import Failure, failure_from_body, printable, to_error, wait_of
from ._messages import INITIAL_RESPONSE, EventReader, prepare, read_failure
from ._operations import EVENT_STREAM, Operation, WireRequest, build_request
from ._retry import Pace
from ._settings import ResponseHead, Settings
from ._tokens import AccessToken, StaticTokenProvider
from .errors import (
    EndpointError,
    EventStreamError,
    ExpiredTokenError,
    ProtocolError,
    QError,
    StreamBrokenError,
    TransportError,
)
from .models import AnyEvent, MessageMetadataEvent, Shape

__all__ = [
    "Close",
    "Deliver",
    "GetToken",
    "Receive",
    "ResponseHead",
    "Send",
    "Step",
    "StreamFacts",
    "Wait",
    "call_exchange",
    "stream_exchange",
]

_MAX_ERROR_BODY: Final = 64 * 1024
_LOGGER: Final = logging.getLogger(__package__)
_NO_SUCH_OPERATION: Final = ("UnknownOperationException", "UnknownOperation")
_NO_SUCH_ADDRESS: Final = (404, 405, 410, 421, 501)
_MAX_JSON_BODY: Final = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class GetToken:
    """Get a token. ``refused`` is the one that the service did not accept. Result: AccessToken."""

    refused: AccessToken | None


@dataclass(frozen=True, slots=True)
class Send:
    """Send a request and read the head of the response. Result: ResponseHead."""

    request: WireRequest


@dataclass(frozen=True, slots=True)
class Receive:
    """Read what has come of the body, decompressed. Result: bytes, or None at its end."""


@dataclass(frozen=True, slots=True)
class Close:
    """Close the response, read or not."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Wait for some seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Deliver:
    """Hand an event to the caller."""

    event: AnyEvent


Step: TypeAlias = GetToken | Send | Receive | Close | Wait | Deliver


@dataclass(slots=True)
class StreamFacts:
    """What is known of a stream beside its events; filled in as it goes."""

    request_id: str | None = None
    conversation_id: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    delivered: int = 0


_T = TypeVar("_T")
_S = TypeVar("_S", bound=Shape)
Steps: TypeAlias = Generator[Step, Any, _T]


@dataclass(frozen=True, slots=True)
class _Call:
    """One call with all of its tries."""

    operation: Operation
    request: Shape
    settings: Settings
    pace: Pace
    facts: StreamFacts
    invocation_id: str = field(default_factory=lambda: str(uuid.uuid4()))

    def run(self, read: Callable[[ResponseHead], Steps[_T]]) -> Steps[_T]:
        """Send and ``read`` until it succeeds, an event was delivered, or trying again cannot help."""
        if entry_delay := self.pace.entry_delay():
            yield Wait(entry_delay)
        token: AccessToken = yield GetToken(None)
        refreshed = False
        attempt = 1
        while True:
            try:
                head = yield from self._send(token, attempt)
                return (yield from read(head))
            except QError as error:
                yield Close()
                self._note_response(error)
                if self.facts.delivered:
                    raise self._broken(error) from error
                if isinstance(error, ExpiredTokenError) and not refreshed:
                    _LOGGER.info("%s: the token is refused, another one is asked for", self.operation.name)
                    token, refreshed = (yield from self._another_token(token, error)), True
                    continue
                delay = self.pace.retry_delay(attempt, error)
                if delay is None:
                    raise
                attempt += 1
                _LOGGER.info("%s: again in %.2f s, after: %s", self.operation.name, delay, error)
                yield Wait(delay)

    def _send(self, token: AccessToken, attempt: int) -> Steps[ResponseHead]:
        request = build_request(
            self.operation,
            self.request,
            self.settings,
            token,
            invocation_id=self.invocation_id,
            attempt=attempt,
        )
        self.facts.request_id, self.facts.headers = None, {}
        where = urlsplit(request.url)
        _LOGGER.debug("%s: try %d, to %s%s", self.operation.name, attempt, where.netloc, where.path)
        head: ResponseHead = yield Send(request)
        self.facts.request_id, self.facts.headers = head.request_id, head.headers
        _LOGGER.debug("%s: HTTP %d, request id %s", self.operation.name, head.status, head.request_id)
        if self.settings.on_response is not None:
            self.settings.on_response(head)
        if head.status != 200:
            yield from _raise_for_status(head, self.operation, request.url)
        return head

    def _note_response(self, error: QError) -> None:
        """An error that had a response says which, wherever in the answer it arose."""
        error.request_id = error.request_id or self.facts.request_id
        error.response_headers = self.facts.headers

    def _another_token(self, refused: AccessToken, error: ExpiredTokenError) -> Steps[AccessToken]:
        if isinstance(self.settings.provider, StaticTokenProvider):
            raise error
        token: AccessToken = yield GetToken(refused)
        if token.value == refused.value:
            raise error
        return token

    def _broken(self, error: QError) -> QError:
        """An error after the first event: a lost connection means that the answer is not complete."""
        if not isinstance(error, TransportError):
            return error
        broken = StreamBrokenError(f"the stream broke after {self.facts.delivered} events: {error.message}")
        self._note_response(broken)
        return broken

    def read_events(self, head: ResponseHead) -> Steps[None]:
        """Deliver the events of an open response."""
        self.facts.conversation_id = head.headers.get("x-amzn-codewhisperer-conversation-id")
        if head.content_type != EVENT_STREAM:
            yield from _raise_for_content(head)
        decoder, reader = EventStreamDecoder(), EventReader()
        while (chunk := (yield Receive())) is not None:
            for message in decoder.feed(chunk):
                event = self._event(message, reader)
                if event is not None:
                    self._count()
                    yield Deliver(event)
        yield Close()
        self._check_end(decoder)

    def _event(self, message: Message, reader: EventReader) -> AnyEvent | None:
        failure = read_failure(message, self.facts.request_id)
        if failure is not None:
            raise failure
        if message.headers.get(":event-type") == INITIAL_RESPONSE:
            first = Message({**message.headers, ":event-type": "messageMetadataEvent"}, message.payload)
            event = reader.read(first)
            if isinstance(event, MessageMetadataEvent):
                self._note_conversation(event)
            return None
        event = reader.read(message)
        if isinstance(event, MessageMetadataEvent):
            self._note_conversation(event)
        return event

    def _note_conversation(self, event: MessageMetadataEvent) -> None:
        self.facts.conversation_id = event.conversation_id or self.facts.conversation_id

    def _count(self) -> None:
        self.facts.delivered += 1
        if self.facts.delivered == 1:
            self.pace.succeeded()

    def _check_end(self, decoder: EventStreamDecoder) -> None:
        try:
            decoder.finish()
        except EventStreamError as error:
            raise TransportError(error.message) from None
        if not self.facts.delivered:
            raise TransportError("the stream ended without an event")


def stream_exchange(
    operation: Operation, request: Shape, settings: Settings, pace: Pace, facts: StreamFacts
) -> Steps[None]:
    """Ask ``operation`` and deliver the events of the answer."""
    prepare()
    call = _Call(operation, request, settings, pace, facts)
    return call.run(call.read_events)


def call_exchange(
    operation: Operation, request: Shape, answer: type[_S], settings: Settings, pace: Pace
) -> Steps[_S]:
    """Ask ``operation`` and return its answer, read as ``answer``."""

    def read(head: ResponseHead) -> Steps[_S]:
        body = yield from _read_body(head, _MAX_JSON_BODY, cut=False)
        failure = _failure(head, body)
        if failure.code.endswith(("Exception", "Error")):
            raise to_error(failure)
        try:
            document = answer.from_wire(body)
        except ProtocolError as error:
            raise _unreadable(head, body, error.message) from None
        pace.succeeded()
        return document

    call = _Call(operation, request, settings, pace, StreamFacts())
    return call.run(read)


def _read_body(head: ResponseHead, limit: int, *, cut: bool) -> Steps[bytes]:
    """Read the whole body and close; past ``limit`` cut it or raise ProtocolError."""
    body = bytearray()
    while (chunk := (yield Receive())) is not None:
        body += chunk
        if len(body) > limit:
            if not cut:
                raise ProtocolError(f"the answer is longer than {limit} bytes", request_id=head.request_id)
            break
    yield Close()
    return bytes(body[:limit])


def _raise_for_status(head: ResponseHead, operation: Operation, url: str) -> Steps[None]:
    body = yield from _read_body(head, _MAX_ERROR_BODY, cut=True)
    host = urlsplit(url).netloc
    if 200 < head.status < 400:
        place = printable(head.headers.get("location", "").encode())
        raise EndpointError(
            f"{host} answered HTTP {head.status}{f' to {place}' if place else ''}, which is not followed"
        )
    failure = _failure(head, body, head.status)
    if failure.code in _NO_SUCH_OPERATION or (head.status in _NO_SUCH_ADDRESS and not failure.code):
        said = failure.code or f"HTTP {head.status}"
        raise EndpointError(f"{host} does not serve {operation.name} (it answered {said})")
    raise to_error(failure)


def _failure(head: ResponseHead, body: bytes, status: int | None = None) -> Failure:
    return failure_from_body(
        body,
        code=head.headers.get("x-amzn-errortype", ""),
        status=status,
        request_id=head.request_id,
        retry_after=wait_of(head.headers),
    )


def _raise_for_content(head: ResponseHead) -> Steps[None]:
    """A 200 that is no event stream: an error of the service in JSON, or something else that answered."""
    body = yield from _read_body(head, _MAX_ERROR_BODY, cut=True)
    failure = _failure(head, body)
    if failure.code:
        raise to_error(failure)
    raise _unreadable(head, body, "not an event stream")


def _unreadable(head: ResponseHead, body: bytes, why: str) -> ProtocolError:
    kind = printable(head.content_type.encode()) or "no content type"
    return ProtocolError(
        f"the answer cannot be read ({kind}: {why}): {printable(body)}",
        remedy="Check the endpoint, and whether a proxy answered in its place.",
        request_id=head.request_id,
    )
