"""Every model agrees with the shape files of the service, walked from both sides."""

from __future__ import annotations

import re
import types
import typing
from datetime import datetime
from enum import StrEnum
from typing import Any

import pytest
from pydantic import JsonValue

from amazon_q_streaming_client import EVENT_TYPES, models
from amazon_q_streaming_client.models import Event, OneOf, Shape, UnknownEvent
from amazon_q_streaming_client.models._base import wire_names
from shapes import FILES

ROOTS = {
    "streaming": [
        "GenerateAssistantResponseRequest",
        "SendMessageRequest",
        "ChatResponseStream",
        "AccessDeniedExceptionReason",
        "ConflictExceptionReason",
        "ServiceQuotaExceededExceptionReason",
        "ThrottlingExceptionReason",
        "ValidationExceptionReason",
    ],
    "runtime": [
        f"{operation}{end}"
        for operation in ("ListAvailableModels", "ListAvailableProfiles", "GetUsageLimits")
        for end in ("Request", "Response")
    ],
}
WORDS = {"string", "number", "boolean", "Record", "Partial", "Uint8Array", "Date", "__DocumentType"}

TYPE_DEVIATIONS = {("ToolUseEvent", "input"): "some endpoints send objects in place of text"}
EXTRA_MEMBERS = {("InternalServerException", "message"): "all exceptions have one; the files leave it out"}


def members(file: str, name: str) -> dict[str, Any] | None:
    """The members of a structure, union or exception; None for an enum."""
    shapes = FILES[file]
    if name in shapes["exceptions"]:
        found: dict[str, Any] = shapes["exceptions"][name]["members"]
        return found
    structure: dict[str, Any] | None = shapes["structures"].get(name, shapes["unions"].get(name))
    return structure


def reachable(file: str) -> set[str]:
    seen: set[str] = set()
    todo = list(ROOTS[file])
    while todo:
        name = todo.pop()
        if name in seen:
            continue
        seen.add(name)
        for member in (members(file, name) or {}).values():
            kind = member["type"] if isinstance(member, dict) else member
            todo += [word for word in re.findall(r"\w+", kind) if word not in WORDS]
    return seen


REACHED = sorted((file, name) for file in FILES for name in reachable(file))
STRUCTURES = [(file, name) for file, name in REACHED if name not in FILES[file]["enums"]]
ENUMS = [(file, name) for file, name in REACHED if name in FILES[file]["enums"]]


def describe(annotation: Any) -> str:
    """Write a Python annotation the way the shape files write types."""
    if annotation is JsonValue:
        return "__DocumentType"
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return describe(arguments[0])
    if origin in (typing.Union, types.UnionType):
        return describe_union([argument for argument in arguments if argument is not types.NoneType])
    if origin is list:
        return f"({describe(arguments[0])})[]"
    if origin is dict:
        record = f"Record<{describe(arguments[0])}, {describe(arguments[1])}>"
        return record if arguments[0] is str else f"Partial<{record}>"
    simple = {str: "string", bool: "boolean", int: "number", bytes: "Uint8Array", datetime: "Date"}
    return simple.get(annotation) or annotation.__name__


def describe_union(arguments: list[Any]) -> str:
    if set(arguments) == {int, float}:
        return "number"
    enums = [kind for kind in arguments if isinstance(kind, type) and issubclass(kind, StrEnum)]
    if enums:
        assert arguments == [enums[0], str], "an enum must take unknown values"
        return enums[0].__name__
    (only,) = arguments
    return describe(only)


@pytest.mark.parametrize(("file", "name"), STRUCTURES)
def test_a_structure_has_the_members_of_the_service(file: str, name: str) -> None:
    shape: type[Shape] = getattr(models, name)
    wanted = members(file, name)
    assert wanted is not None
    extra = {member for structure, member in EXTRA_MEMBERS if structure == name}
    assert set(wire_names(shape)) - extra == set(wanted)
    assert issubclass(shape, OneOf) == (name in FILES[file]["unions"])
    for wire_name, field_name in wire_names(shape).items():
        if wire_name in extra:
            continue
        field, member = shape.model_fields[field_name], wanted[wire_name]
        kind = member["type"] if isinstance(member, dict) else member
        required = isinstance(member, dict) and member.get("required", False)
        assert field.is_required() == required, (name, wire_name)
        if (name, wire_name) not in TYPE_DEVIATIONS:
            assert describe(field.annotation) == kind, (name, wire_name)
        assert re.fullmatch(r"[a-z][a-z0-9_]*", field_name), field_name


@pytest.mark.parametrize(("file", "name"), ENUMS)
def test_an_enum_has_the_values_of_the_service(file: str, name: str) -> None:
    enum: type[StrEnum] = getattr(models, name)
    assert sorted(value.value for value in enum) == sorted(FILES[file]["enums"][name])


def test_every_model_is_one_of_the_service() -> None:
    ours = {
        name
        for name in models.__all__
        if isinstance(kind := getattr(models, name), type) and issubclass(kind, Shape | StrEnum)
    }
    assert ours - {"Shape", "OneOf", "Event", "UnknownEvent"} == {name for _, name in REACHED}


def test_the_events_are_those_of_the_stream() -> None:
    stream = FILES["streaming"]["unions"]["ChatResponseStream"]
    assert {name: kind.__name__ for name, kind in EVENT_TYPES.items()} | {
        "error": "InternalServerException"
    } == {name: member["type"] if isinstance(member, dict) else member for name, member in stream.items()}
    assert len(EVENT_TYPES) == 17
    subclasses = {kind for kind in Event.__subclasses__() if kind is not UnknownEvent}
    assert set(EVENT_TYPES.values()) == subclasses


@pytest.mark.parametrize(
    ("name", "shape_name"),
    [("AccessDenied", "AccessDenied"), ("Validation", "Validation"), ("Throttling", "Throttling")],
)
def test_the_reasons_are_those_of_the_exceptions(name: str, shape_name: str) -> None:
    for file in FILES.values():
        kind = file["exceptions"][f"{shape_name}Exception"]["members"]["reason"]["type"]
        assert kind == f"{name}ExceptionReason"
        assert kind in models.__all__
