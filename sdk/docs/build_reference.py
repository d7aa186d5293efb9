"""Builds reference.md from the docstrings; with --check it only says whether that is up to date."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any

import amazon_q_streaming_client as package
from amazon_q_streaming_client import models
from amazon_q_streaming_client._stream_view import StreamView
from amazon_q_streaming_client.models import OneOf, Shape

TARGET = Path(__file__).parent / "reference.md"
HEAD = """# Reference

Built from the docstrings by `make docs`; a test keeps it up to date.
"""
CONSTANTS = {
    "ENDPOINTS": "The hosts of each service (Hosts), by service and region: "
    + ", ".join(
        url
        for regions in package.ENDPOINTS.values()
        for hosts in regions.values()
        for url in dict.fromkeys((hosts.answers, hosts.account))
    )
    + ".",
    "AnyEvent": "Every event that a stream can deliver: a closed union, so that type checkers see what a "
    "`match` lacks.",
    "EVENT_TYPES": "The class of each known event, by its name on the wire.",
    "HeaderValue": "The types of header values: bool, int, bytes, str, UUID, and the four below.",
}
GROUPS = {
    "Clients": (
        "QStreamingClient",
        "QStreamingClientSync",
        "ClientOptions",
        "CallOptions",
        "ResponseHead",
        "WireForm",
        "RetryPolicy",
        "ENDPOINTS",
        "Hosts",
    ),
    "Streams and answers": (
        "EventStream",
        "EventStreamSync",
        "collect",
        "collect_sync",
        "Answer",
        "AnswerAssembler",
        "Event",
        "UnknownEvent",
        "AnyEvent",
        "EVENT_TYPES",
    ),
    "Conversations": ("question", "Conversation", "check_state"),
    "Tools": (
        "tool",
        "FunctionTool",
        "ToolRunner",
        "ToolRunnerSync",
        "ToolUseAssembler",
        "ToolCall",
        "ToolProblem",
    ),
    "Tokens": (
        "AccessToken",
        "TokenKind",
        "LoginService",
        "TokenProvider",
        "AsyncTokenProvider",
        "StaticTokenProvider",
        "from_cli_database",
        "from_environment",
        "from_stepherd",
        "CliDatabaseTokenProvider",
        "default_database",
    ),
    "Framing": (
        "EventStreamDecoder",
        "Message",
        "encode_message",
        "HeaderValue",
        "Int8",
        "Int16",
        "Int32",
        "Timestamp",
    ),
}


def build() -> str:
    """Return the whole page."""
    parts = [HEAD]
    for title, names in GROUPS.items():
        parts.append(f"\n## {title}\n")
        parts += [part for name in names for part in _entry(name, getattr(package, name))]
    parts += [
        "\n## Errors\n",
        *_errors(),
        "\n## Shapes\n",
        "In `amazon_q_streaming_client.models`.\n",
        *_shapes(),
    ]
    return "\n".join(parts)


def _entry(name: str, member: Any) -> Iterator[str]:
    if inspect.isclass(member):
        yield f"### class {name}\n"
        if _signature(member):
            yield f"```python\n{name}{_signature(member)}\n```\n"
        yield f"{_doc(member)}\n"
        yield from _methods(member)
    elif inspect.isfunction(member):
        start = "async " * inspect.iscoroutinefunction(member)
        yield f"### {name}\n\n```python\n{start}{name}{_signature(member)}\n```\n\n{_doc(member)}\n"
    else:
        yield f"### {name}\n\n{CONSTANTS[name]}\n"


def _signature(member: Any) -> str:
    if inspect.isclass(member) and (
        issubclass(member, StrEnum | int | Shape) or hasattr(member, "__total__")
    ):
        return ""
    signature = inspect.signature(member)
    shown, named_only = [], False
    for parameter in signature.parameters.values():
        if parameter.name == "self":
            continue
        if parameter.kind is parameter.KEYWORD_ONLY and not named_only:
            shown.append("*")
            named_only = True
        shown.append(_parameter(parameter))
    returns = "" if inspect.isclass(member) else f" -> {_annotation(signature.return_annotation)}"
    return f"({', '.join(shown)}){returns}"


def _parameter(parameter: inspect.Parameter) -> str:
    stars = (
        "**"
        if parameter.kind is parameter.VAR_KEYWORD
        else "*" * (parameter.kind is parameter.VAR_POSITIONAL)
    )
    text = f"{stars}{parameter.name}: {_annotation(parameter.annotation)}"
    if parameter.default is parameter.empty:
        return text
    default = parameter.default
    written = f"{type(default).__name__}.{default.name}" if isinstance(default, StrEnum) else repr(default)
    return f"{text} = {written}"


def _annotation(annotation: object) -> str:
    return annotation if isinstance(annotation, str) else getattr(annotation, "__name__", str(annotation))


def _methods(kind: type) -> Iterator[str]:
    if issubclass(kind, Shape):
        return
    shared = {} if StreamView not in kind.__mro__ else vars(StreamView)
    for name, member in {**shared, **vars(kind)}.items():
        doc = inspect.getdoc(member)
        if name.startswith("_") or not doc:
            continue
        if isinstance(member, property):
            yield f"- `{name}`: {_line(doc)}\n"
        elif inspect.isfunction(member):
            start = "async " * inspect.iscoroutinefunction(member)
            yield f"- `{start}{name}{_signature(member)}`: {_line(doc)}\n"


def _errors() -> Iterator[str]:
    tree = (inspect.getdoc(sys.modules["amazon_q_streaming_client.errors"]) or "").partition("\n\n")[2]
    yield f"```text\n{inspect.cleandoc(tree.rpartition(chr(10) * 2)[0])}\n```\n"
    for name in package.__all__:
        member = getattr(package, name)
        if inspect.isclass(member) and issubclass(member, package.QError):
            yield f"- **{name}**: {_line(_doc(member))}"
    yield ""


def _shapes() -> Iterator[str]:
    for name in models.__all__:
        kind = getattr(models, name)
        if not inspect.isclass(kind) or kind in (Shape, OneOf, models.Event, models.UnknownEvent):
            continue
        if issubclass(kind, StrEnum):
            values = ", ".join(f"`{value.value}`" for value in kind)
            yield f"### enum {name}\n\n{_doc(kind)} {values}\n"
        elif issubclass(kind, Shape):
            yield f"### {'union' if issubclass(kind, OneOf) else 'structure'} {name}\n\n{_doc(kind)}\n"
            yield from _fields(kind)


def _fields(kind: type[Shape]) -> Iterator[str]:
    if not kind.model_fields:
        return
    yield "| field | on the wire | type | required |\n| --- | --- | --- | --- |"
    for name, field in kind.model_fields.items():
        written = str(inspect.get_annotations(kind)[name]).replace("|", "\\|")
        yield f"| {name} | {field.serialization_alias} | {written} | {'yes' if field.is_required() else ''} |"
    yield ""


def _doc(member: Any) -> str:
    return inspect.getdoc(member) or ""


def _line(doc: str) -> str:
    return " ".join(doc.split())


def main() -> int:
    """Write the page, or check it."""
    page = build()
    if "--check" in sys.argv[1:]:
        return 0 if TARGET.read_text() == page else 1
    TARGET.write_text(page)
    return 0


if __name__ == "__main__":
    sys.exit(main())
