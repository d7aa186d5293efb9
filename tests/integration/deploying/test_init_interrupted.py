"""``stepherd init`` when AWS refuses, fails or is slow, or when it is killed: words, and it goes on."""

from __future__ import annotations

import pytest
from tests.integration.deploying.account import Fault
from tests.integration.deploying.conftest import CANARY, Person

_SMALL = ("--no-image", "--no-api-key", "--no-git")
_DENIED = (
    'Resource handler returned message: "User: arn:aws:iam::123456789012:user/ada is not authorized to '
    "perform: iam:CreateRole on resource: arn:aws:iam::123456789012:role/x because no identity-based policy "
    'allows the action (Service: Iam, Status Code: 403, Request ID: 1-2-3)" (RequestToken: 4, '
    "HandlerErrorCode: AccessDenied)"
)


def _last_line(text: str) -> str:
    return text.strip().splitlines()[-1]


@pytest.mark.exhaustive
def test_a_role_that_may_not_be_made_is_named_and_the_next_attempt_starts_anew(person: Person) -> None:
    person.account.cloudformation.trouble.create["GitTaskRole"] = _DENIED
    done = person.init(*_SMALL, code=77)
    line = _last_line(done.stderr)
    assert line.startswith(
        "stepherd: The stack stepherd could not be created: GitTaskRole (AWS::IAM::Role): "
    )
    assert "iam:CreateRole" in line
    assert line.endswith(
        f"Allow iam:CreateRole for the deploying user, then run: stepherd init --yes {' '.join(_SMALL)}"
    )
    assert "HandlerErrorCode" not in line
    failed = person.account.cloudformation.find("stepherd")
    assert failed.status == "ROLLBACK_COMPLETE"

    done = person.init(*_SMALL)
    assert "ROLLBACK_COMPLETE: it can only be deleted, and is created again" in done.stderr
    assert person.account.cloudformation.find("stepherd").status == "CREATE_COMPLETE"
    # The empty bucket that the first attempt had to leave is gone.
    names = {bucket["Name"] for bucket in person.account.client("s3").list_buckets()["Buckets"]}
    assert failed.made["Bucket"]["id"] not in names


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("operation", "code", "status", "exit_code", "said"),
    [
        ("CreateChangeSet", "AccessDenied", 403, 77, "AWS refuses"),
        ("GetCallerIdentity", "ExpiredToken", 403, 77, "aws sso login"),
        ("CreateBucket", "BucketAlreadyExists", 409, 73, "Another account has the name"),
        ("HeadBucket", "403", 403, 77, "belongs to another account"),
    ],
)
def test_a_call_that_is_refused_ends_in_one_line_and_can_be_made_again(
    person: Person, operation: str, code: str, status: int, exit_code: int, said: str
) -> None:
    message = "User is not authorized to perform: cloudformation:CreateChangeSet" if status == 403 else code
    person.account.faults.append(Fault(operation, code, message, status))
    done = person.init(*_SMALL, code=exit_code)
    assert said in _last_line(done.stderr)
    assert _last_line(done.stderr).endswith(f", then run: stepherd init --yes {' '.join(_SMALL)}")
    assert "Traceback" not in done.stderr


@pytest.mark.exhaustive
def test_throttling_is_sat_out(person: Person) -> None:
    for operation in ("CreateChangeSet", "DescribeStackEvents", "ExecuteChangeSet"):
        person.account.faults.append(Fault(operation, "Throttling", "Rate exceeded", times=2))
    person.account.faults.append(Fault("PutObject", "SlowDown", "Reduce your request rate.", 503))
    person.init(*_SMALL)
    assert person.account.cloudformation.find("stepherd").status == "CREATE_COMPLETE"


@pytest.mark.exhaustive
def test_credentials_that_expire_meanwhile_leave_it_to_go_on(person: Person) -> None:
    person.account.faults.append(Fault("DescribeStackEvents", "ExpiredToken", "expired", 403, after=1))
    person.account.cloudformation.trouble.pace = 60
    done = person.init(*_SMALL, code=77)
    assert "aws sso login" in _last_line(done.stderr)
    stack = person.account.cloudformation.find("stepherd")
    assert stack.status == "CREATE_IN_PROGRESS"
    assert stack.work is not None
    done = person.init(*_SMALL)
    assert "waits until it is over" in done.stderr
    assert (stack.status, person.account.operations().count("ExecuteChangeSet")) == ("CREATE_COMPLETE", 1)


@pytest.mark.exhaustive
def test_an_update_that_fails_is_told_and_a_stuck_rollback_is_taken_up(person: Person) -> None:
    stack = person.deployed()
    trouble = person.account.cloudformation.trouble
    trouble.update["PrepareRunFunction"] = "Rate exceeded (Service: Lambda, Status Code: 429, Request ID: 1)"
    trouble.rollback["PrepareRunFunction"] = "it is stuck"
    done = person.init(*_SMALL, code=75)
    assert "could not be updated: PrepareRunFunction (AWS::Lambda::Function): Rate exceeded" in done.stderr
    assert stack.status == "UPDATE_ROLLBACK_FAILED"
    person.init(*_SMALL)
    assert "ContinueUpdateRollback" in person.account.operations()
    assert stack.status == "UPDATE_COMPLETE"


@pytest.mark.exhaustive
def test_a_half_deleted_stack_is_deleted_and_made_again(person: Person) -> None:
    stack = person.deployed()
    person.account.cloudformation.trouble.delete["Vpc"] = "The vpc has dependencies and cannot be deleted."
    stack.delete()
    stack.finish()
    assert stack.status == "DELETE_FAILED"
    person.init(*_SMALL)
    assert stack.status == "DELETE_COMPLETE"
    assert person.account.cloudformation.find("stepherd").status == "CREATE_COMPLETE"


@pytest.mark.exhaustive
@pytest.mark.timeout(240)
def test_a_build_that_fails_is_told_and_the_next_takes_a_tag_that_is_free(person: Person) -> None:
    person.deployed()
    person.account.codebuild.fails = ("npm error 404 Not Found: claude", ["git"])
    done = person.init("--no-api-key", "--no-git", code=78)
    line = _last_line(done.stderr)
    assert "in its phase BUILD" in line
    assert "npm error 404 Not Found: claude" in line
    assert "aws logs tail /stepherd/stepherd/images" in line
    person.init("--no-api-key", "--no-git")
    first, second = (build.variables["IMAGE_TAG"] for build in person.account.codebuild.builds)
    assert second == f"{first}-2"
    stack = person.account.cloudformation.find("stepherd")
    assert stack.parameters["AgentImage"].endswith(f":agent-{second}")


def test_who_interrupts_it_is_told_how_to_go_on(person: Person) -> None:
    person.account.faults.append(Fault("ExecuteChangeSet", "interrupt", kill=True))
    done = person.init(*_SMALL, code=130)
    assert (
        f"AWS completes the steps that it has begun. To continue here: stepherd init --yes {_SMALL[0]}"
        in done.stderr
    )
    assert "Traceback" not in done.stderr


_STEPS = [
    "CreateBucket", "PUT:policy", "PutObject", "CreateChangeSet", "DescribeChangeSet", "ExecuteChangeSet",
    "DescribeStackEvents", "CreateSecret", "StartBuild", "BatchGetBuilds", "PutSecretValue",
    "UpdateSecretVersionStage",
]  # fmt: skip
_MOMENTS = [
    pytest.param(step, when, marks=() if (step, when) in {
        ("StartBuild", "after"),
    } else pytest.mark.exhaustive)
    for step in _STEPS for when in ("before", "after")
]  # fmt: skip


@pytest.mark.exhaustive
@pytest.mark.timeout(240)
@pytest.mark.parametrize(("operation", "when"), _MOMENTS)
def test_killed_at_any_step_it_goes_on_when_it_is_run_again(
    person: Person, operation: str, when: str
) -> None:
    words = ("--git-token-file", str(person.token_file))
    person.account.faults.append(Fault(operation, when, kill=True))
    person.init(*words, code=-9)
    assert person.account.killed
    done = person.init(*words)
    stack = person.account.cloudformation.find("stepherd")
    assert stack.status in {"CREATE_COMPLETE", "UPDATE_COMPLETE"}
    assert len([each for each in person.account.cloudformation.stacks if each.made]) == 1
    assert len(person.account.codebuild.builds) == 1
    assert ":agent-" in stack.parameters["AgentImage"]
    assert CANARY not in person.seen
    held = person.account.client("secretsmanager").get_secret_value(
        SecretId="amazon-q-headless/git-credentials"
    )
    assert CANARY in held["SecretString"]
    shown = done.stdout.startswith("sk_live_")
    assert shown or operation == "UpdateSecretVersionStage"
