"""The five operations and how each looks on the wire, in both forms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlencode

from ._settings import Settings, WireForm
from ._tokens import AccessToken, TokenKind
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
        "authorization": f"Bearer {token.value}",
        "accept": EVENT_STREAM if operation.streaming else "application/json",
        "user-agent": settings.user_agent,
        "x-amzn-codewhisperer-optout": "true" if settings.opt_out else "false",
        "amz-sdk-invocation-id": invocation_id,
        "amz-sdk-request": f"attempt={attempt}; max={settings.retry.attempts}",
    }
    if operation.streaming:
        # A compressed stream would hold events back in the compressor.
        headers["accept-encoding"] = "identity"
    if token.kind is not TokenKind.BEARER:
        headers["tokentype"] = token.kind.value
    if agent_mode is not None:
        headers["x-amzn-kiro-agent-mode"] = agent_mode
    if settings.wire_form is WireForm.AWS_JSON:
        return _aws_json(operation, request, endpoint, headers)
    return _rest_json(operation, request, endpoint, headers)


def _aws_json(operation: Operation, request: Shape, endpoint: str, headers: dict[str, str]) -> WireRequest:
    headers["content-type"] = "application/x-amz-json-1.0"
    headers["x-amz-target"] = operation.target
    return WireRequest("POST", f"{endpoint}/", headers, _body(request))


def _rest_json(operation: Operation, request: Shape, endpoint: str, headers: dict[str, str]) -> WireRequest:
    url = endpoint + operation.path
    if operation.method == "GET":
        query = urlencode({name: _query_value(value) for name, value in request.to_wire().items()})
        return WireRequest("GET", f"{url}?{query}" if query else url, headers, b"")
    headers["content-type"] = "application/json"
    return WireRequest("POST", url, headers, _body(request, without={"agent_mode"}))


def _body(request: Shape, *, without: set[str] | None = None) -> bytes:
    return request.model_dump_json(by_alias=True, exclude=without).encode()


def _query_value(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
