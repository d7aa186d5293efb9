"""The members of the API's operations, held against AWS's own model: done, or refused in words."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from tests.differences import differs, quota
from tests.engine_bench import ROLE, Bench, machine_of

from stepherd.engine.api.errors import ApiError
from stepherd.engine.api.members import MEMBERS, NOT_DONE, NOT_SERVED

MODEL = botocore.session.get_session().get_service_model("stepfunctions")
KINDS = {
    "string": "string",
    "integer": "integer",
    "boolean": "boolean",
    "structure": "object",
    "list": "array",
}
LIMITS_OF_THEIR_OWN = {"name", "input", "output", "taskToken", "type"}
"""Members with an error of their own for what does not fit, tested with their operations."""
PASS = {"A": {"Type": "Pass"}}


def test_every_operation_of_aws_is_served_or_refused_in_words() -> None:
    assert set(MEMBERS) | set(NOT_SERVED) == set(MODEL.operation_names)
    assert not set(MEMBERS) & set(NOT_SERVED)


@pytest.mark.parametrize("operation", sorted(MEMBERS))
def test_the_members_are_those_of_awss_model(operation: str) -> None:
    shapes = MODEL.operation_model(operation).input_shape.members

    assert set(MEMBERS[operation]) == set(shapes)
    for name, shape in shapes.items():
        member = MEMBERS[operation][name]
        assert member.kind == KINDS[shape.type_name], name
        if name in LIMITS_OF_THEIR_OWN:
            continue
        assert member.words == () or set(member.words) == set(shape.enum), name
        if shape.type_name in ("string", "integer") and not member.words:
            assert (member.least, member.most) == (shape.metadata.get("min", 0), shape.metadata.get("max")), (
                name
            )


def _called(home: Path, operation: str, **request: Any) -> dict[str, Any]:
    async def run() -> dict[str, Any]:
        async with Bench(home) as bench:
            bench.machine(PASS)
            return bench.call(operation, **request)

    return asyncio.run(run())


@differs(
    "Versions, aliases, activities, Map Runs, StartSyncExecution and TestState are not served; the "
    "answer is an UnknownOperationException that says why."
)
@pytest.mark.parametrize("operation", sorted(NOT_SERVED))
def test_what_is_not_served_is_refused_in_words(tmp_path: Path, operation: str) -> None:
    with pytest.raises(ApiError) as caught:
        _called(tmp_path, operation)

    assert caught.value.code == "UnknownOperationException"
    assert caught.value.message == f"The engine does not serve {operation}. {NOT_SERVED[operation]}."


GOOD = {"name": "m", "definition": json.dumps(machine_of(PASS)), "roleArn": ROLE}
ARN = "arn:aws:states:us-east-1:000000000000:stateMachine:M"
ASKED = [
    ("CreateStateMachine", GOOD, "publish", True),
    ("CreateStateMachine", GOOD, "versionDescription", "first"),
    ("CreateStateMachine", GOOD, "encryptionConfiguration", {"type": "CUSTOMER_MANAGED_KMS_KEY"}),
    ("UpdateStateMachine", {"stateMachineArn": ARN, "roleArn": ROLE}, "publish", True),
    ("UpdateStateMachine", {"stateMachineArn": ARN, "roleArn": ROLE}, "versionDescription", "first"),
    ("ListExecutions", {"stateMachineArn": ARN}, "mapRunArn", "arn:aws:states:x"),
    ("ListExecutions", {"stateMachineArn": ARN}, "redriveFilter", "REDRIVEN"),
]  # fmt: skip


@differs(
    "`publish`, `versionDescription`, an `encryptionConfiguration` with a customer's key, "
    "`mapRunArn` and `redriveFilter` are refused with a ValidationException."
)
@pytest.mark.parametrize(("operation", "good", "member", "value"), ASKED)
def test_a_member_that_is_not_done_is_refused_with_its_name(
    tmp_path: Path, operation: str, good: dict[str, Any], member: str, value: Any
) -> None:
    _called(tmp_path / "good", operation, **good)
    with pytest.raises(ApiError, match=f"'{member}' is not supported") as caught:
        _called(tmp_path / "bad", operation, **{**good, member: value})
    assert caught.value.code == "ValidationException"


def test_every_member_that_is_not_done_is_tried() -> None:
    assert {member for _, _, member, _ in ASKED} == set(NOT_DONE)


@differs("A member that an operation does not have is refused; AWS ignores it.")
def test_a_member_that_aws_does_not_have_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ApiError, match="ListStateMachines has no member 'maxResult'"):
        _called(tmp_path, "ListStateMachines", maxResult=1)


@quota("tags of a state machine", "50, keys of 128 characters, values of 256")
@pytest.mark.parametrize(
    ("member", "value", "code"),
    [
        ("loggingConfiguration", {"level": "LOUD"}, "InvalidLoggingConfiguration"),
        ("loggingConfiguration", {"level": ["ALL"]}, "InvalidLoggingConfiguration"),
        ("loggingConfiguration", {"destinations": 5}, "InvalidLoggingConfiguration"),
        ("loggingConfiguration", {"more": 5}, "InvalidLoggingConfiguration"),
        ("tracingConfiguration", {"enabled": "yes"}, "InvalidTracingConfiguration"),
        ("tracingConfiguration", {"enable": True}, "InvalidTracingConfiguration"),
        ("tags", [5], "ValidationException"),
        ("tags", [{"key": "", "value": ""}], "ValidationException"),
        ("tags", [{"key": "k" * 129, "value": ""}], "ValidationException"),
        ("tags", [{"key": "k", "value": "v" * 257}], "ValidationException"),
        ("tags", [{"key": "aws:k", "value": ""}], "ValidationException"),
        ("tags", [{"key": "k;", "value": ""}], "ValidationException"),
        ("tags", [{"key": "k", "worth": ""}], "ValidationException"),
        ("tags", [{"key": f"k{n}", "value": ""} for n in range(51)], "TooManyTags"),
        ("tags", {"k": "v"}, "SerializationException"),
        ("definition", "x" * 1_048_577, "ValidationException"),
    ],
)
def test_configurations_and_tags_that_do_not_fit_are_refused(
    tmp_path: Path, member: str, value: Any, code: str
) -> None:
    with pytest.raises(ApiError) as caught:
        _called(tmp_path, "CreateStateMachine", **{**GOOD, member: value})
    assert caught.value.code == code


def test_tags_are_set_changed_removed_and_kept_by_a_new_engine(tmp_path: Path) -> None:
    def tags(bench: Bench) -> dict[str, str]:
        answer = bench.call("ListTagsForResource", resourceArn=ARN)
        return {tag["key"]: tag["value"] for tag in answer["tags"]}

    async def run() -> None:
        async with Bench(tmp_path) as bench:
            bench.call("CreateStateMachine", **{**GOOD, "name": "M"}, tags=[{"key": "a", "value": "1"}])
            described = bench.call("DescribeStateMachine", stateMachineArn=ARN)
            more = [{"key": "a", "value": "2"}, {"key": "Kosten Stelle", "value": "é+1"}]
            assert bench.call("TagResource", resourceArn=ARN, tags=more) == {}
            assert tags(bench) == {"a": "2", "Kosten Stelle": "é+1"}
            assert bench.call("DescribeStateMachine", stateMachineArn=ARN) == described
        async with Bench(tmp_path) as bench:
            assert bench.call("UntagResource", resourceArn=ARN, tagKeys=["a", "b"]) == {}
            assert tags(bench) == {"Kosten Stelle": "é+1"}
            many = [{"key": f"k{n}", "value": ""} for n in range(50)]
            for call, code in (
                (("TagResource", {"resourceArn": ARN, "tags": many}), "TooManyTags"),
                (("TagResource", {"resourceArn": ARN}), "ValidationException"),
                (("UntagResource", {"resourceArn": ARN}), "ValidationException"),
                (("UntagResource", {"resourceArn": ARN, "tagKeys": [1]}), "ValidationException"),
                (("ListTagsForResource", {"resourceArn": f"{ARN}x"}), "ResourceNotFound"),
                (("ListTagsForResource", {"resourceArn": "x"}), "InvalidArn"),
            ):
                with pytest.raises(ApiError) as caught:
                    bench.call(call[0], **call[1])
                assert caught.value.code == code
            assert tags(bench) == {"Kosten Stelle": "é+1"}

    asyncio.run(run())
