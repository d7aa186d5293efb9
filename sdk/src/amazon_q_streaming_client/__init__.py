"""Typed client for the Amazon Q Developer streaming API, async and blocking.

async with QStreamingClient(token_provider=from_cli_database()) as client:
    answer = await collect(client.generate_assistant_response("What is S3?"))
"""

from __future__ import annotations

import logging

from . import errors, models
from ._answer import Answer, AnswerAssembler, collect, collect_sync
from ._client import QStreamingClient
from ._client_sync import QStreamingClientSync
from ._conversation import Conversation
from ._endpoints import ENDPOINTS, Hosts
from ._environment import from_environment
from ._eventstream import EventStreamDecoder, Message, encode_message
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
from .errors import *  # noqa: F403  its __all__ is the one list of errors
from .models import EVENT_TYPES, AnyEvent, Event, UnknownEvent

logging.getLogger(__name__).addHandler(logging.NullHandler())

__all__ = [
    "AccessToken",
    "Answer",
    "AnswerAssembler",
    "AnyEvent",
    "AsyncTokenProvider",
    "CallOptions",
    "CliDatabaseTokenProvider",
    "ClientOptions",
    "Conversation",
    "ENDPOINTS",
    "EVENT_TYPES",
    "Event",
    "EventStream",
    "EventStreamDecoder",
    "EventStreamSync",
    "FunctionTool",
    "HeaderValue",
    "Hosts",
    "Int16",
    "Int32",
    "Int8",
    "LoginService",
    "Message",
    "QStreamingClient",
    "QStreamingClientSync",
    "ResponseHead",
    "RetryPolicy",
    "StaticTokenProvider",
    "Timestamp",
    "TokenKind",
    "TokenProvider",
    "ToolCall",
    "ToolProblem",
    "ToolRunner",
    "ToolRunnerSync",
    "ToolUseAssembler",
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
__all__ += errors.__all__
