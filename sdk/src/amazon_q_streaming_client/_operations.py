"""The five operations and how each looks on the wire, in both forms."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlencode

from ._decompression import ACCEPTED
from ._settings import Settings, WireForm
from ._tokens import AccessToken, TokenKind
from .errors import InvalidArgumentError
from .models import Shape

__all__ = [
    "GENERATE_ASSISTANT_RESPONSE",
    "GET_USAGE_LIMITS",
    "LIST_AVAILABLE_MODELS",
    "LIST_AVAILABLE_PROFILES",
    "SEND_MESSAGE",
    "Operation",
    "WireRequest",
    "build_request",
]

EVENT_STREAM: Final = "application/vnd.amazon.eventstream"


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation: its target in the awsJson1.0 form, its method and path in the restJson1 form."""

    target: str
    path: str
    method: str = "POST"
    streaming: bool = False

    @property
    def name(self) -> str:
        """The name of the operation."""
        return self.target.partition(".")[2]


GENERATE_ASSISTANT_RESPONSE: Final = Operation(
    "AmazonCodeWhispererStreamingService.GenerateAssistantResponse",
    "/generateAssistantResponse",
    streaming=True,
)
SEND_MESSAGE: Final = Operation(
    "AmazonCodeWhispererStreamingService.SendMessage", "/SendMessageStreaming", streaming=True
)
LIST_AVAILABLE_MODELS: Final = Operation(
    "AmazonCodeWhispererService.ListAvailableModels", "/ListAvailableModels", method="GET"
)
LIST_AVAILABLE_PROFILES: Final = Operation(
    "AmazonCodeWhispererService.ListAvailableProfiles", "/ListAvailableProfiles"
)
GET_USAGE_LIMITS: Final = Operation(
    "AmazonCodeWhispererService.GetUsageLimits", "/getUsageLimits", method="GET"
)


@dataclass(frozen=True, slots=True)
class WireRequest:
    """An HTTP request, ready to send. The headers hold the token and are not in its repr."""

    method: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    timeout: float
    """Seconds without a byte before giving up."""
    connect_timeout: float


def _with_profile(request: Shape, settings: Settings, token: AccessToken) -> Shape:
    """Add the profile of the client, else of the login, to a request that can carry one and has none."""
    profile_arn = settings.hosts.profile_arn or token.profile_arn
    if profile_arn is None or getattr(request, "profile_arn", "") is not None:
        return request
    return request.model_copy(update={"profile_arn": profile_arn})


def build_request(
    operation: Operation,
    request: Shape,
    settings: Settings,
    token: AccessToken,
    *,
    invocation_id: str,
    attempt: int,
) -> WireRequest:
    """Lay ``request`` out in the wire form of the client, for the login that ``token`` is of."""
    request = _with_profile(request, settings, token)
    endpoint = settings.hosts.url(operation.name, token, answers=operation.streaming)
    agent_mode: str | None = getattr(request, "agent_mode", None)
    headers = {
        "accept": EVENT_STREAM if operation.streaming else "application/json",
        "user-agent": settings.user_agent,
        "x-amzn-codewhisperer-optout": "true" if settings.opt_out else "false",
        "amz-sdk-invocation-id": invocation_id,
        "amz-sdk-request": f"attempt={attempt}; max={settings.retry.attempts}",
    }
    # A compressed stream would hold events back in the compressor.
    headers["accept-encoding"] = "identity" if operation.streaming else ACCEPTED
    headers.update(settings.headers)
    if token.kind is not TokenKind.BEARER:
        headers["tokentype"] = token.kind.value
    if agent_mode is not None:
        check_header("agent_mode", agent_mode)
        headers["x-amzn-kiro-agent-mode"] = agent_mode
    layout = _aws_json if settings.wire_form is WireForm.AWS_JSON else _rest_json
    method, url, body = layout(operation, request, endpoint, headers)
    if settings.extra_body:
        url, body = _with_members(method, url, body, settings.extra_body)
    # The token comes last: where a line above raises, no variable holds it that a crash report could show.
    authorized = {"authorization": f"Bearer {token.value}", **headers}
    return WireRequest(method, url, authorized, body, settings.timeout, settings.connect_timeout)


def _with_members(method: str, url: str, body: bytes, members: Mapping[str, Any]) -> tuple[str, bytes]:
    """Add members that the shapes do not have: to the body, or to the query where there is none."""
    try:
        if method == "GET":
            query = urlencode({name: _query_value(value) for name, value in members.items()})
            return f"{url}{'&' if '?' in url else '?'}{query}", body
        document = {**json.loads(body), **members}
        return url, json.dumps(document, allow_nan=False, ensure_ascii=False).encode()
    except (ValueError, TypeError, RecursionError) as error:
        raise InvalidArgumentError(f"extra_body cannot be written as JSON: {error}") from None


def check_header(name: str, value: object) -> None:
    """Raise InvalidArgumentError for a value that cannot stand in a header."""
    if not isinstance(value, str) or not value.isascii() or not value.isprintable():
        raise InvalidArgumentError(f"{name} must be printable ASCII")


def _aws_json(
    operation: Operation, request: Shape, endpoint: str, headers: dict[str, str]
) -> tuple[str, str, bytes]:
    headers["content-type"] = "application/x-amz-json-1.0"
    headers["x-amz-target"] = operation.target
    return "POST", f"{endpoint}/", _body(request)


def _rest_json(
    operation: Operation, request: Shape, endpoint: str, headers: dict[str, str]
) -> tuple[str, str, bytes]:
    url = endpoint + operation.path
    if operation.method == "GET":
        query = urlencode({name: _query_value(value) for name, value in request.to_wire().items()})
        return "GET", f"{url}?{query}" if query else url, b""
    headers["content-type"] = "application/json"
    return "POST", url, _body(request, without={"agent_mode"})


def _body(request: Shape, *, without: set[str] | None = None) -> bytes:
    known = type(request).model_fields
    bare = request.model_copy(update={name: None for name in without or () if name in known})
    return bare.to_wire_text().encode()


def _query_value(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
