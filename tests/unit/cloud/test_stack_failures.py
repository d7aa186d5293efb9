"""Why a resource failed, and the first of those that did."""

from __future__ import annotations

import pytest

from stepherd.cloud.stack_events import Change, first_failure
from stepherd.cloud.stack_failures import stack_failure


def _change(status: str, reason: str = "", resource: str = "Vpc", *, of_stack: bool = False) -> Change:
    return Change("1", resource, "AWS::EC2::VPC", status, reason, of_stack)


@pytest.mark.parametrize(
    ("reason", "category", "said"),
    [
        (
            "The maximum number of VPCs has been reached. (Service: Ec2, Status Code: 400)",
            "configuration",
            "quota",
        ),
        ("stepherd-login already exists in stack arn:aws:x", "exists", "--stack-name"),
        (
            "User: x is not authorized to perform: ec2:CreateVpc on resource: y",
            "credentials",
            "ec2:CreateVpc",
        ),
        ("API: ec2:CreateVpc You are not authorized to perform this operation.", "credentials", "Allow it"),
        (
            "The state machine IAM Role is not authorized to access the Log Destination (Service: Sfn)",
            "temporary",
            "there is nothing to fix",
        ),
        ("Unable to assume the service linked role.", "temporary", "there is nothing to fix"),
        (
            "'arn:aws:iam::1:role/x-PipelineRole' is not authorized to create managed-rule. (Service: Sfn)",
            "temporary",
            "there is nothing to fix",
        ),
        (
            "The function execution role does not have permissions to call ReceiveMessage on SQS",
            "temporary",
            "there is nothing to fix",
        ),
        (
            "Neither the global service principal states.amazonaws.com, nor the regional one is "
            "authorized to assume the provided role.",
            "temporary",
            "there is nothing to fix",
        ),
        (
            "CodeBuild is not authorized to perform: sts:AssumeRole on arn:aws:iam::1:role/x",
            "temporary",
            "there is nothing to fix",
        ),
        ("Rate exceeded", "temporary", "few minutes"),
        ("The security token included in the request is expired", "credentials", "aws sso login"),
        ("The repository cannot be deleted because it still contains images", "storage", "in the meantime"),
        ("Properties validation failed: colour", "configuration", "colour"),
        ("", "configuration", "no reason is given"),
    ],
)
def test_a_reason_has_a_category_and_a_remedy(reason: str, category: str, said: str) -> None:
    error = stack_failure(
        "The stack x could not be created", _change("CREATE_FAILED", reason), "stepherd init"
    )
    assert error.category == category
    assert said in str(error)
    assert str(error).endswith(("run: stepherd init", "Run: stepherd init", "again: stepherd init"))
    assert "Service:" not in str(error)


def test_the_first_failure_is_not_what_it_cancelled_or_the_rollback() -> None:
    changes = [
        _change("CREATE_IN_PROGRESS", of_stack=True),
        _change("CREATE_FAILED", "Resource creation cancelled", "Other"),
        _change("CREATE_FAILED", "no more VPCs", "Vpc"),
        _change("CREATE_FAILED", "Resource creation cancelled", "Third"),
        _change("ROLLBACK_IN_PROGRESS", "The following resource(s) failed", of_stack=True),
    ]
    found = first_failure(changes)
    assert found is not None
    assert (found.resource, found.reason) == ("Vpc", "no more VPCs")


def test_without_a_reason_the_console_is_named() -> None:
    error = stack_failure("The stack x could not be created", first_failure([]), "stepherd init")
    assert "CloudFormation console" in error.remedy
