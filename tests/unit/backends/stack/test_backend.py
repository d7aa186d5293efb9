"""A stack as a place: what it is called, and why it cannot be used."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from stepherd.backends.client import LOGIN
from stepherd.backends.stack import backend as stack_place
from stepherd.backends.stack.backend import StackBackend
from stepherd.cloud.contexts import Context
from stepherd.cloud.stack import Stack
from stepherd.errors import (
    ConfigurationError,
    CredentialsError,
    NotFoundError,
    StepherdError,
    TemporaryError,
    UsageError,
)

ACCOUNT = "123456789012"
CONTEXT = Context("aws", "flock", "eu-west-1", ACCOUNT, "work")


def a_stack(status: str = "CREATE_COMPLETE", partition: str = "aws", **more: Any) -> Stack:
    states = f"arn:{partition}:states:eu-west-1:{ACCOUNT}:stateMachine"
    outputs = {"PipelineArn": f"{states}:flock-Pipeline", "LoginArn": f"{states}:flock-Login"}
    fields = {"name": "flock", "arn": "arn", "region": "eu-west-1", "account": ACCOUNT, "status": status,
              "outputs": outputs, "parameters": {}, "created": datetime.now(UTC), **more}  # fmt: skip
    return Stack(**fields)


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Sets what CloudFormation would say."""
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.setenv(name, "before")  # Put back afterwards, because a place sets them.

    def find(what: Stack | StepherdError) -> StackBackend:
        def find_stack(_name: str, _region: str) -> Stack:
            if isinstance(what, StepherdError):
                raise what
            return what

        monkeypatch.setattr(stack_place, "find_stack", find_stack)
        return StackBackend(Path("/home"), CONTEXT)

    return find


def test_arns_are_those_of_the_stacks_machines(found: Any) -> None:
    place = found(a_stack())
    arn = f"arn:aws:states:eu-west-1:{ACCOUNT}:execution:flock-Pipeline:run_1"
    assert place.execution_arn("run_1") == arn
    assert place.machine_arn(LOGIN).endswith(":flock-Login")
    assert place.knows(arn)
    assert not place.knows(arn.replace(ACCOUNT, "0" * 12))
    assert not place.knows(arn.replace("eu-west-1", "eu-west-2"))


@pytest.mark.parametrize(
    ("partition", "host"),
    [
        ("aws", "eu-west-1.console.aws.amazon.com"),
        ("aws-cn", "eu-west-1.console.amazonaws.cn"),
        ("aws-us-gov", "eu-west-1.console.amazonaws-us-gov.com"),
    ],
)
def test_the_console_of_the_partition_is_named(found: Any, partition: str, host: str) -> None:
    address = found(a_stack(partition=partition)).console("run_1")
    assert address.startswith(
        f"https://{host}/states/home?region=eu-west-1#/v2/executions/details/arn:{partition}:"
    )


@pytest.mark.parametrize(
    ("stack", "error", "said", "remedy"),
    [
        (a_stack("DELETE_IN_PROGRESS", outputs={}), TemporaryError, "is being deleted", "stepherd init"),
        (a_stack("CREATE_IN_PROGRESS", outputs={}), TemporaryError, "is being created", "Try again"),
        (a_stack("REVIEW_IN_PROGRESS", outputs={}), ConfigurationError, "REVIEW_IN_PROGRESS", "init"),
        (a_stack("ROLLBACK_COMPLETE", outputs={}), ConfigurationError, "ROLLBACK_COMPLETE", "init"),
        (a_stack("DELETE_FAILED", outputs={}), ConfigurationError, "DELETE_FAILED", "init"),
        (a_stack(outputs={}), ConfigurationError, "no output PipelineArn", "stepherd configure"),
        (a_stack(account="9" * 12), CredentialsError, "credentials in use are for the account 999", "sso"),
        (NotFoundError("No stack in the account 111111111111 and x."), NotFoundError, ACCOUNT, "sso"),
        (NotFoundError(f"No stack in the account {ACCOUNT} and x.", remedy="stepherd init"), NotFoundError,
         "No stack", "stepherd init"),
    ],
)  # fmt: skip
def test_a_stack_that_cannot_be_used_says_why_and_what_to_do(
    found: Any, stack: Any, error: type[StepherdError], said: str, remedy: str
) -> None:
    with pytest.raises(error) as raised:
        found(stack).machine_arn()
    assert said in raised.value.message
    assert remedy in raised.value.remedy


def test_a_stack_that_is_being_deleted_can_be_read_and_starts_nothing(found: Any) -> None:
    place = found(a_stack("DELETE_IN_PROGRESS"))
    assert place.machine_arn()
    with pytest.raises(TemporaryError, match="being deleted"):
        place.check_can_start()


@pytest.mark.parametrize(
    "parameters", [{"GitImage": "", "AgentImage": "a"}, {"GitImage": "g", "AgentImage": ""}]
)
def test_a_stack_without_images_is_named_with_the_command_that_builds_them(
    found: Any, parameters: dict[str, str]
) -> None:
    place = found(a_stack(parameters=parameters))
    with pytest.raises(ConfigurationError, match="The stack 'flock' has no images yet") as raised:
        place.check_can_start()
    assert "stepherd init --name aws" in raised.value.remedy


@pytest.mark.parametrize("status", ["UPDATE_IN_PROGRESS", "UPDATE_ROLLBACK_FAILED", "UPDATE_COMPLETE"])
def test_a_stack_that_is_being_changed_goes_on_working(found: Any, status: str) -> None:
    place = found(a_stack(status))
    place.check_can_start()
    assert place.machine_arn()


def test_what_is_of_this_machine_is_refused(found: Any) -> None:
    place = found(a_stack())
    for options in (("podman", None), (None, "image"), ("process", None)):
        with pytest.raises(UsageError, match="is only for runs on this machine"):
            place.runner(*options)
    with pytest.raises(UsageError, match="is on this machine"):
        place.login_database("q", "/tmp/data.sqlite3")
    assert place.login_database("q", "s3://b/k") == "s3://b/k"


def test_the_stacks_own_database_is_that_of_amazon_q_alone(found: Any) -> None:
    place = found(a_stack(parameters={"LoginDatabaseUri": "s3://b/q"}))
    assert (place.login_database("q", None), place.login_database("kiro", None)) == ("s3://b/q", "")
