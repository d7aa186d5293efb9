"""One call of the service, from the token to the last event, without any input or output of its own.

An exchange is a generator of steps. Whoever drives it carries out each step and sends the result in, or
throws the error in. The async and the sync client differ in nothing but that driver.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeVar
from urllib.parse import urlsplit

from ._bodies import failure_of, no_frames, raise_for_content, raise_for_status, read_document, unreadable
from ._decompression import pieces_of
from ._eventstream import EventStreamDecoder, Message
from ._failures import to_error
from ._messages import INITIAL_RESPONSE, EventReader, prepare, read_failure
from ._operations import EVENT_STREAM, Operation, build_request
from ._retry import Pace
from ._settings import ResponseHead, Settings
from ._steps import Close, Deliver, GetToken, Receive, Send, Steps, Wait
from ._tokens import AccessToken, StaticTokenProvider
from .errors import (
    EventStreamError,
    ExpiredTokenError,
    ProtocolError,
    QError,
    StreamBrokenError,
    TransportError,
)
from .models import AnyEvent, MessageMetadataEvent, Shape

__all__ = ["StreamFacts", "call_exchange", "stream_exchange"]

_LOGGER: Final = logging.getLogger(__package__)
_START: Final = 1024
"""How much of a stream that is no event stream is looked at."""


@dataclass(slots=True)
class StreamFacts:
    """What is known of a stream beside its events; filled in as it goes."""

    request_id: str | None = None
    conversation_id: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    delivered: int = 0


_T = TypeVar("_T")
_S = TypeVar("_S", bound=Shape)


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
            yield from raise_for_status(head, self.operation, request.url)
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
            yield from raise_for_content(head)
        decoder, reader, pieces = EventStreamDecoder(), EventReader(), pieces_of(head.content_encoding)
        start: bytearray | None = bytearray()
        try:
            while (chunk := (yield Receive())) is not None:
                for piece in pieces(chunk):
                    if start is not None and len(start) < _START:
                        start += piece[:_START]
                    for message in decoder.feed(piece):
                        start = None
                        event = self._event(message, reader)
                        if event is not None:
                            self._count()
                            yield Deliver(event)
        except EventStreamError as error:
            raise error if start is None else no_frames(head, bytes(start), error) from None
        yield Close()
        self._check_end(decoder)

    def _event(self, message: Message, reader: EventReader) -> AnyEvent | None:
        if reader.is_of_the_last_kind(message):
            return self._noted(reader.read(message))
        failure = read_failure(message, self.facts.request_id)
        if failure is not None:
            raise failure
        if message.headers.get(":event-type") == INITIAL_RESPONSE:
            first = Message({**message.headers, ":event-type": "messageMetadataEvent"}, message.payload)
            self._noted(reader.read(first))
            return None
        return self._noted(reader.read(message))

    def _noted(self, event: AnyEvent) -> AnyEvent:
        if isinstance(event, MessageMetadataEvent):
            self.facts.conversation_id = event.conversation_id or self.facts.conversation_id
        return event

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
        body = yield from read_document(head)
        failure = failure_of(head, body)
        if failure.code.endswith(("Exception", "Error")):
            raise to_error(failure)
        try:
            document = answer.from_wire(body)
        except ProtocolError as error:
            raise unreadable(head, body, error.message) from None
        pace.succeeded()
        return document

    call = _Call(operation, request, settings, pace, StreamFacts())
    return call.run(read)
