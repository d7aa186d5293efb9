"""Ask a question from the terminal: python -m amazon_q_streaming_client "question"."""

from __future__ import annotations

import argparse
import io
import json
import os
import re
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
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

_CANNOT_WRITE: Final = 74
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    _repair_streams()
    options = _parser().parse_args(arguments)
    try:
        return _ask(options)
    except QError as error:
        _complain(error)
        return next(code for kind, code in EXIT_CODES.items() if isinstance(error, kind))
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except BrokenPipeError:
        _drop_output()
        return 128 + signal.SIGPIPE
    except _OutputError as error:
        _drop_output()
        _note(f"error: the answer cannot be written: {error}")
        return _CANNOT_WRITE


class _OutputError(Exception):
    """Standard output takes no more."""


def _repair_streams() -> None:
    """Make do with streams that were closed, and with output whose encoding does not have every character."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115  until the end
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _drop_output() -> None:
    """What is left in the buffer must not complain at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m amazon_q_streaming_client",
        description="Ask Amazon Q a question and print the answer as it comes.",
        epilog=(
            "The login is that of AMAZON_Q_ACCESS_TOKEN (with AMAZON_Q_PROFILE_ARN) or KIRO_API_KEY, else "
            "that of 'stepherd export-token', else that of 'q' or 'kiro-cli' on this machine."
        ),
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
    text = _question(options.question)
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


def _question(argument: str) -> str:
    try:
        text = sys.stdin.read() if argument == "-" else argument
        text.encode()
    except UnicodeError:
        raise InvalidArgumentError(
            "the question is not text in the encoding of this terminal",
            remedy="Give it in UTF-8; PYTHONUTF8=1 tells Python so.",
        ) from None
    if not text.strip():
        raise ConfigurationError("the question is empty")
    return text


def _print(stream: EventStreamSync, *, as_json: bool) -> None:
    """Print the events as they come; raise at the end what makes the answer incomplete."""
    answer = collect_sync(_shown(stream, _as_json if as_json else _as_text))
    if as_json:
        return
    _write("\n")
    for reference in answer.references:
        _note(f"Licensed code: {reference.license_name} {reference.repository} {reference.url}")
    for link in answer.web_links:
        _note(f"See: {link.title} {link.url}")


def _shown(stream: EventStreamSync, show: Callable[[Event], str]) -> Iterator[Event]:
    with stream:
        for event in stream:
            _write(show(event))
            yield event


def _write(text: str) -> None:
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise _OutputError(error.strerror) from None


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
    _note(f"error: {error}")
    if error.remedy:
        _note(error.remedy)


def _note(text: str) -> None:
    print(_CONTROLS.sub("", text), file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
