"""The members that each operation of the API takes, and those that are refused by name instead of ignored.

Source: AWS's API model (facts/histories.md 6.6). ``tests/unit/engine/api/test_members.py`` holds these tables
against boto3's copy of it, so that a member that AWS adds is noticed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from stepherd.engine.api.errors import ApiError, invalid_member

__all__ = ["MEMBERS", "NOT_DONE", "NOT_SERVED", "Member", "checked_members"]

_MEBIBYTE: Final = 1_048_576


@dataclass(frozen=True, slots=True)
class Member:
    """A member's JSON type, the length or number that it must keep to, and the words that it is one of."""

    kind: str
    least: int = 0
    most: int | None = None
    words: tuple[str, ...] = ()


def _text(least: int, most: int) -> Member:
    return Member("string", least, most)


_ARN = _text(1, 256)
_DEFINITION = _text(1, _MEBIBYTE)
_RESULTS = Member("integer", 0, 1000)
_FLAG, _OBJECT, _ARRAY = Member("boolean"), Member("object"), Member("array")
_NEXT, _ERROR, _CAUSE = _text(1, 1024), _text(0, 256), _text(0, 32_768)
_DATA = Member("string", words=("ALL_DATA", "METADATA_ONLY"))
_STATUS = ("PENDING_REDRIVE", "TIMED_OUT", "SUCCEEDED", "FAILED", "ABORTED", "RUNNING")
# Their limits are in bytes, and have errors of their own; so have names and task tokens.
_DOCUMENT, _NAME, _TOKEN = Member("string"), Member("string"), Member("string")
_MACHINE: Final = {
    "definition": _DEFINITION, "roleArn": _ARN, "loggingConfiguration": _OBJECT,
    "tracingConfiguration": _OBJECT, "encryptionConfiguration": _OBJECT, "publish": _FLAG,
    "versionDescription": _text(0, 256),
}  # fmt: skip

MEMBERS: Final[Mapping[str, Mapping[str, Member]]] = {
    "CreateStateMachine": {**_MACHINE, "name": _NAME, "type": Member("string"), "tags": _ARRAY},
    "DeleteStateMachine": {"stateMachineArn": _ARN},
    "DescribeExecution": {"executionArn": _ARN, "includedData": _DATA},
    "DescribeStateMachine": {"stateMachineArn": _ARN, "includedData": _DATA},
    "DescribeStateMachineForExecution": {"executionArn": _ARN, "includedData": _DATA},
    "GetExecutionHistory": {
        "executionArn": _ARN, "maxResults": _RESULTS, "reverseOrder": _FLAG, "nextToken": _NEXT,
        "includeExecutionData": _FLAG,
    },
    "ListExecutions": {
        "stateMachineArn": _ARN, "statusFilter": Member("string", words=_STATUS), "maxResults": _RESULTS,
        "nextToken": _text(1, 3096), "mapRunArn": _text(1, 2000),
        "redriveFilter": Member("string", words=("REDRIVEN", "NOT_REDRIVEN")),
    },
    "ListStateMachines": {"maxResults": _RESULTS, "nextToken": _NEXT},
    "ListTagsForResource": {"resourceArn": _ARN},
    "RedriveExecution": {"executionArn": _ARN, "clientToken": _text(1, 64)},
    "SendTaskFailure": {"taskToken": _TOKEN, "error": _ERROR, "cause": _CAUSE},
    "SendTaskHeartbeat": {"taskToken": _TOKEN},
    "SendTaskSuccess": {"taskToken": _TOKEN, "output": _DOCUMENT},
    "StartExecution": {
        "stateMachineArn": _ARN, "name": _NAME, "input": _DOCUMENT, "traceHeader": _text(0, 256),
    },
    "StopExecution": {"executionArn": _ARN, "error": _ERROR, "cause": _CAUSE},
    "TagResource": {"resourceArn": _ARN, "tags": _ARRAY},
    "UntagResource": {"resourceArn": _ARN, "tagKeys": _ARRAY},
    "UpdateStateMachine": {**_MACHINE, "stateMachineArn": _ARN},
    "ValidateStateMachineDefinition": {
        "definition": _DEFINITION, "type": Member("string", words=("STANDARD", "EXPRESS")),
        "severity": Member("string", words=("ERROR", "WARNING")), "maxResults": Member("integer", 0, 100),
    },
}  # fmt: skip
"""The operations that the engine serves."""

_VERSIONS = "The engine has no versions or aliases: an execution keeps the definition that it started with"
_ACTIVITIES = "The engine has no activities: let a Task wait for its token (.waitForTaskToken)"
_MAP_RUNS = "There are no Map runs: only an inline Map is supported"

NOT_SERVED: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        (
            "CreateStateMachineAlias", "DeleteStateMachineAlias", "DeleteStateMachineVersion",
            "DescribeStateMachineAlias", "ListStateMachineAliases", "ListStateMachineVersions",
            "PublishStateMachineVersion", "UpdateStateMachineAlias",
        ),
        _VERSIONS,
    ),
    **dict.fromkeys(
        ("CreateActivity", "DeleteActivity", "DescribeActivity", "GetActivityTask", "ListActivities"),
        _ACTIVITIES,
    ),
    **dict.fromkeys(("DescribeMapRun", "ListMapRuns", "UpdateMapRun"), _MAP_RUNS),
    "StartSyncExecution": "Only STANDARD state machines are supported: start one, and ask until it has ended",
    "TestState": "The engine tests no single state: create a state machine of it alone, and start it",
}  # fmt: skip
"""The operations of AWS that the engine does not serve, and why."""

NOT_DONE: Final[Mapping[str, tuple[Callable[[Any], bool], str]]] = {
    "publish": (lambda value: value is False, _VERSIONS),
    "versionDescription": (lambda _: False, _VERSIONS),
    "encryptionConfiguration": (
        lambda value: value == {"type": "AWS_OWNED_KEY"},
        "The engine encrypts nothing: a customer's key is not used",
    ),
    "mapRunArn": (lambda _: False, _MAP_RUNS),
    "redriveFilter": (lambda _: False, _MAP_RUNS),
}
"""Members that are refused, unless they ask for what happens anyway."""

_KINDS: Final[Mapping[str, type]] = {
    "string": str,
    "integer": int,
    "boolean": bool,
    "object": dict,
    "array": list,
}


def checked_members(operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
    """The members that are given, each of its type and within its limits.

    A null is a member that is not given. Raises ApiError for what does not fit, is unknown, or is not done.
    """
    known = MEMBERS[operation]
    given = {name: value for name, value in request.items() if value is not None}
    for name, value in given.items():
        member = known.get(name)
        if member is None:
            raise ApiError("ValidationException", f"{operation} has no member '{name[:64]}'")
        _check(name, value, member)
        fits, words = NOT_DONE.get(name, (None, ""))
        if fits is not None and not fits(value):
            raise ApiError("ValidationException", f"'{name}' is not supported. {words}")
    return given


def _check(name: str, value: Any, member: Member) -> None:
    if not isinstance(value, _KINDS[member.kind]) or (member.kind == "integer" and isinstance(value, bool)):
        words = f"'{name}' must be {'an' if member.kind[0] in 'aio' else 'a'} {member.kind}"
        raise ApiError("SerializationException", words)
    if isinstance(value, str):
        _check_text(name, value, member)
    elif isinstance(value, int) and member.most is not None and not member.least <= value <= member.most:
        side, limit = ("less", member.most) if value > member.most else ("greater", member.least)
        raise invalid_member(name, value, f"have value {side} than or equal to {limit}")


def _check_text(name: str, value: str, member: Member) -> None:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise invalid_member(name, repr(value)[:64], "be a string of Unicode characters") from None
    if member.words and value not in member.words:
        raise invalid_member(name, value[:64], f"satisfy enum value set: [{', '.join(member.words)}]")
    if len(value) < member.least:
        raise invalid_member(name, value, f"have length greater than or equal to {member.least}")
    if member.most is not None and len(value) > member.most:
        raise invalid_member(name, f"{value[:64]}…", f"have length less than or equal to {member.most}")
