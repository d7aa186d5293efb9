"""Ask a question from the terminal: python -m amazon_q_streaming_client "question"."""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from ._answer import collect_sync
from ._client_sync import QStreamingClientSync
from ._export_token import command_line_provider
from ._requests import question
from ._settings import ClientOptions
from ._stream_sync import EventStreamSync
from ._version import __version__
from .errors import (
    AccessDeniedError,
    ConfigurationError,
    InvalidArgumentError,
    InvalidRequestError,
    ProtocolError,
    QError,
    ServiceError,
    StreamBrokenError,
    TokenError,
    TransportError,
)
from .models import AssistantResponseEvent, CodeEvent, Event, UnknownEvent

__all__ = ["main"]

EXIT_CODES: Final[Mapping[type[QError], int]] = MappingProxyType(
    {
        InvalidArgumentError: 65,
        ConfigurationError: 78,
        TokenError: 77,
        AccessDeniedError: 77,
        InvalidRequestError: 65,
        TransportError: 69,
        ProtocolError: 76,
        StreamBrokenError: 75,
        ServiceError: 75,
        QError: 70,
    }
)
"""The exit code of each error, after sysexits(3); the first class that fits counts."""

_CONTROLS: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    options = _parser().parse_args(arguments)
    try:
        return _ask(options)
    except QError as error:
        _complain(error)
        return next(code for kind, code in EXIT_CODES.items() if isinstance(error, kind))
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except BrokenPipeError:
        # The reader has gone; what is left in the buffer must not complain at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m amazon_q_streaming_client",
        description="Ask Amazon Q a question and print the answer as it comes.",
        epilog="The token is taken from AMAZON_Q_ACCESS_TOKEN, else from 'stepherd export-token'.",
    )
    parser.add_argument("question", help="the question, or - to read it from standard input")
    parser.add_argument("--model", metavar="ID", help="the model to ask (default: that of the service)")
    parser.add_argument("--json", action="store_true", help="print each event as a line of JSON")
    parser.add_argument("--profile-arn", metavar="ARN", help="the profile of an IAM Identity Center user")
    parser.add_argument("--region", help="us-east-1 or eu-central-1 (default: that of the profile)")
    parser.add_argument("--endpoint", metavar="URL", help="another endpoint")
    parser.add_argument("--version", action="version", version=__version__)
    return parser


def _ask(options: argparse.Namespace) -> int:
    text = sys.stdin.read() if options.question == "-" else options.question
    if not text.strip():
        raise ConfigurationError("the question is empty")
    settings = ClientOptions(
        token_provider=command_line_provider(),
        profile_arn=options.profile_arn,
        region=options.region,
        endpoint=options.endpoint,
    )
    with QStreamingClientSync(**settings) as client:
        _print(
            client.generate_assistant_response(question(text, model_id=options.model)), as_json=options.json
        )
    return 0


def _print(stream: EventStreamSync, *, as_json: bool) -> None:
    """Print the events as they come; raise at the end what makes the answer incomplete."""
    answer = collect_sync(_shown(stream, _as_json if as_json else _as_text))
    if as_json:
        return
    sys.stdout.write("\n")
    sys.stdout.flush()
    for reference in answer.references:
        _note(f"Licensed code: {reference.license_name} {reference.repository} {reference.url}")
    for link in answer.web_links:
        _note(f"See: {link.title} {link.url}")


def _shown(stream: EventStreamSync, show: Callable[[Event], str]) -> Iterator[Event]:
    with stream:
        for event in stream:
            sys.stdout.write(show(event))
            sys.stdout.flush()
            yield event


def _as_json(event: Event) -> str:
    data = event.to_wire()
    if isinstance(event, UnknownEvent):
        document = event.document()
        data = data if document is None else document
    return json.dumps({"event": event.wire_name, "data": data}) + "\n"


def _as_text(event: Event) -> str:
    if not isinstance(event, AssistantResponseEvent | CodeEvent):
        return ""
    # A terminal must not obey control sequences that an answer holds; a pipe gets the text as it is.
    return _CONTROLS.sub("", event.content) if sys.stdout.isatty() else event.content


def _complain(error: QError) -> None:
    sys.stdout.flush()
    _note(f"error: {error}")
    if error.remedy:
        _note(error.remedy)


def _note(text: str) -> None:
    print(_CONTROLS.sub("", text), file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
