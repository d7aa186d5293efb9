"""Typed client for the Amazon Q Developer streaming API, async and blocking.

async with QStreamingClient(token_provider=from_cli_database()) as client:
    answer = await collect(client.generate_assistant_response("What is S3?"))
"""

from __future__ import annotations

import logging

from . import models
from ._answer import Answer, AnswerAssembler, collect, collect_sync
from ._client import QStreamingClient
from ._client_sync import QStreamingClientSync
from ._conversation import Conversation
from ._endpoints import ENDPOINTS, Hosts
from ._environment import from_environment
from ._eventstream import EventStreamDecoder, Message, encode_message
from ._exceptions import (
    AccessDeniedError,
    ConfigurationError,
    ConflictError,
    ContextTooLongError,
    ConversationError,
    DryRunError,
    EndpointError,
    EventStreamError,
    ExpiredTokenError,
    InternalServiceError,
    InvalidArgumentError,
    InvalidRequestError,
    ModelUnavailableError,
    MonthlyLimitError,
    ProtocolError,
    QError,
    QuotaExceededError,
    RequestTimeoutError,
    ResourceNotFoundError,
    ServiceError,
    StepherdUnavailableError,
    StreamBrokenError,
    ThrottledError,
    TokenError,
    ToolLimitError,
    TransportError,
    TruncatedToolUseError,
)
from ._function_tools import FunctionTool, tool
from ._headers import HeaderValue, Int8, Int16, Int32, Timestamp
from ._history import check_state
from ._login import CliDatabaseTokenProvider, default_database, from_cli_database, from_stepherd
from ._requests import question
from ._retry import RetryPolicy
from ._settings import CallOptions, ClientOptions, ResponseHead, WireForm
from ._stream import EventStream
from ._stream_sync import EventStreamSync
from ._tokens import (
    AccessToken,
    AsyncTokenProvider,
    LoginService,
    StaticTokenProvider,
    TokenKind,
    TokenProvider,
)
from ._tool_runner import ToolRunner
from ._tool_runner_sync import ToolRunnerSync
from ._tooluse import ToolCall, ToolProblem, ToolUseAssembler
from ._version import __version__
from .models import EVENT_TYPES, AnyEvent, Event, UnknownEvent

logging.getLogger(__name__).addHandler(logging.NullHandler())

__all__ = [
    "AccessDeniedError",
    "AccessToken",
    "Answer",
    "AnswerAssembler",
    "AnyEvent",
    "AsyncTokenProvider",
    "CallOptions",
    "CliDatabaseTokenProvider",
    "ClientOptions",
    "ConfigurationError",
    "ConflictError",
    "ContextTooLongError",
    "Conversation",
    "ConversationError",
    "DryRunError",
    "ENDPOINTS",
    "EndpointError",
    "EVENT_TYPES",
    "Event",
    "EventStream",
    "EventStreamDecoder",
    "EventStreamError",
    "EventStreamSync",
    "ExpiredTokenError",
    "FunctionTool",
    "HeaderValue",
    "Hosts",
    "Int16",
    "Int32",
    "Int8",
    "InternalServiceError",
    "InvalidArgumentError",
    "InvalidRequestError",
    "LoginService",
    "Message",
    "ModelUnavailableError",
    "MonthlyLimitError",
    "ProtocolError",
    "QError",
    "QStreamingClient",
    "QStreamingClientSync",
    "QuotaExceededError",
    "RequestTimeoutError",
    "ResourceNotFoundError",
    "ResponseHead",
    "RetryPolicy",
    "ServiceError",
    "StaticTokenProvider",
    "StepherdUnavailableError",
    "StreamBrokenError",
    "ThrottledError",
    "Timestamp",
    "TokenError",
    "TokenKind",
    "TokenProvider",
    "ToolCall",
    "ToolLimitError",
    "ToolProblem",
    "ToolRunner",
    "ToolRunnerSync",
    "ToolUseAssembler",
    "TransportError",
    "TruncatedToolUseError",
    "UnknownEvent",
    "WireForm",
    "__version__",
    "check_state",
    "collect",
    "collect_sync",
    "default_database",
    "encode_message",
    "from_cli_database",
    "from_environment",
    "from_stepherd",
    "models",
    "question",
    "tool",
]
