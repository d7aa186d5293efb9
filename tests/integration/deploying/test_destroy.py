"""``stepherd destroy``: what is gone, what is left and said, and that it can be run again at any moment."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.integration.deploying.account import Fault
from tests.integration.deploying.builds import Build
from tests.integration.deploying.conftest import Person
from tests.integration.deploying.stacks import Stack

from stepherd.cloud.contexts import Context, keep_context, read_contexts

pytestmark = pytest.mark.exhaustive

_GIT_SECRET = "amazon-q-headless/git-credentials"


def _used(person: Person) -> Stack:
    """A stack that has been worked with."""
    stack = person.deployed()
    s3 = person.account.client("s3")
    bucket = stack.made["Bucket"]["id"]
    for number in range(3):
        s3.put_object(Bucket=bucket, Key="runs/one/events.jsonl", Body=str(number).encode())
    s3.put_object(Bucket=bucket, Key="logins/q/data.sqlite3", Body=b"x" * 1000)
    s3.delete_object(Bucket=bucket, Key="runs/one/events.jsonl")
    for target in ("git", "agent"):
        person.account.codebuild.push(Build("b", "stepherd-images", {"IMAGE_TAG": "one"}), target)
    person.account.client("secretsmanager").create_secret(
        Name=_GIT_SECRET, SecretString="{}", Tags=[{"Key": "stepherd:stack", "Value": "stepherd"}]
    )
    person.account.client("stepfunctions").start_execution(
        stateMachineArn=stack.outputs["PipelineArn"], name="run_1", input="{}"
    )
    context = Context("aws", "stepherd", "eu-west-1", "123456789012")
    keep_context(person.home, context, default=True)
    return stack


def _buckets(person: Person) -> set[str]:
    return {bucket["Name"] for bucket in person.account.client("s3").list_buckets()["Buckets"]}


@pytest.mark.timeout(240)
def test_nothing_is_left_but_what_is_said(person: Person) -> None:
    stack = _used(person)
    s3, logs = person.account.client("s3"), person.account.client("logs")
    s3.create_bucket(
        Bucket="stepherd-staging-123456789012-eu-west-1",
        CreateBucketConfiguration={"LocationConstraint": "eu-west-1"},
    )
    logs.create_log_group(logGroupName="/aws/lambda/stepherd-dev-ApiFunction")
    done = person.stepherd("destroy", "--yes", "stepherd")
    shown, _, after = done.stderr.partition("Stopped ")
    # THEN what will go was said before anything went
    assert "1 runs of the last 90 days, 1 of them still running" in shown
    assert "5 versions of objects" in shown
    assert "1 stored logins" in shown
    assert "2 images" in shown
    # AND it is gone
    assert stack.status == "DELETE_COMPLETE"
    assert _buckets(person) == set()
    groups = [group["logGroupName"] for group in logs.describe_log_groups()["logGroups"]]
    assert groups == ["/aws/lambda/stepherd-dev-ApiFunction"]
    secret = person.account.client("secretsmanager").describe_secret(SecretId=_GIT_SECRET)
    assert secret["DeletedDate"]
    assert (read_contexts(person.home).default, dict(read_contexts(person.home).known)) == ("local", {})
    # AND no bucket was touched that could have been another account's
    sent = [call for call in person.account.calls if call.service == "s3"]
    assert [
        call.path for call in sent if "x-amz-expected-bucket-owner: 123456789012" not in call.headers
    ] == []
    # AND what it cost, and what stays for a while, with how to get it back
    assert f"aws secretsmanager restore-secret --secret-id {_GIT_SECRET}" in after
    assert "about $0.0" in after
    # AND again there is nothing
    done = person.stepherd("destroy", "--yes", "stepherd", "--region", "eu-west-1", code=66)
    assert "There is no stack 'stepherd'" in done.stderr


def _revisions(person: Person) -> list[str]:
    ecs = person.account.client("ecs")
    states = ("ACTIVE", "INACTIVE")
    listed = [
        arn for state in states for arn in ecs.list_task_definitions(status=state)["taskDefinitionArns"]
    ]
    return sorted(arn.rpartition("/")[2] for arn in listed)


def _updated(person: Person, times: int = 12) -> None:
    """Revisions as updates leave them: the template retains each."""
    container = {"name": "git", "image": "h.example/git:1", "memory": 512}
    for _ in range(times):
        person.account.client("ecs").register_task_definition(
            family="stepherd-git", containerDefinitions=[container]
        )


def test_revisions_that_updates_have_left_go_and_other_stacks_stay(person: Person) -> None:
    person.deployed("stepherd-git")
    person.deployed()
    _updated(person)
    done = person.stepherd("destroy", "--force", "--stack-name", "stepherd")
    assert "14 revisions of task definitions" in done.stderr
    assert "Deleted 14 revisions of task definitions." in done.stderr
    assert _revisions(person) == ["stepherd-git-agent:1", "stepherd-git-git:1"]


@pytest.mark.parametrize("operation", ["DeregisterTaskDefinition", "DeleteTaskDefinitions"])
def test_revisions_are_removed_by_the_next_attempt_when_one_is_killed(person: Person, operation: str) -> None:
    person.deployed()
    _updated(person)
    person.account.faults.append(Fault(operation, "before", kill=True))
    person.stepherd("destroy", "--force", code=-9)
    done = person.stepherd("destroy", "--force")
    assert "deleted already" in done.stderr
    assert _revisions(person) == []


def test_who_may_not_list_revisions_removes_the_rest_and_is_told_of_them(person: Person) -> None:
    stack = person.deployed()
    _updated(person, 1)
    person.account.faults.append(Fault("ListTaskDefinitions", "AccessDeniedException", times=9))
    done = person.stepherd("destroy", "--force", code=77)
    assert stack.status == "DELETE_COMPLETE"
    assert "the task definitions of stepherd" in done.stderr
    assert "aws ecs list-task-definition-families --family-prefix stepherd-" in done.stderr


def test_of_a_deployment_that_failed_before_there_was_a_stack_the_staging_bucket_is_removed(
    person: Person,
) -> None:
    person.account.faults.append(Fault("CreateChangeSet", "AccessDenied", status=403))
    person.init("--no-image", "--no-api-key", "--no-git", code=77)
    assert _buckets(person) == {"stepherd-staging-123456789012-eu-west-1"}
    done = person.stepherd("destroy", "--yes", "stepherd")
    assert "Stack    stepherd (never made; these are its leftovers)" in done.stderr
    assert "the staging bucket: no other stack in this region needs it" in done.stderr
    assert _buckets(person) == set()


_FOREIGN = {
    "Transform": "AWS::Serverless-2016-10-31",
    "Parameters": {},
    "Resources": {"Data": {"Type": "AWS::S3::Bucket", "DeletionPolicy": "Retain", "Properties": {}}},
    "Outputs": {},
}


def test_a_stack_of_somebody_else_s_is_left_alone_and_so_is_what_it_has_left(person: Person) -> None:
    theirs = person.account.cloudformation.deployed("shop", json.dumps(_FOREIGN).encode(), {})
    theirs.tags = {}
    person.account.client("ecs").register_task_definition(
        family="shop-git", containerDefinitions=[{"name": "git", "image": "h.example/git:1", "memory": 512}]
    )
    there = (_buckets(person), _revisions(person))
    done = person.stepherd("destroy", "--yes", "shop", "--stack-name", "shop", code=78)
    assert "The stack shop in eu-west-1 was not deployed by Stepherd; nothing was removed." in done.stderr
    assert theirs.status == "CREATE_COMPLETE"
    # AND when they have deleted it
    theirs.delete()
    theirs.finish()
    done = person.stepherd("destroy", "--yes", "shop", "--stack-name", "shop", code=66)
    assert "There is no stack 'shop'" in done.stderr
    assert (_buckets(person), _revisions(person)) == there
    assert {"DeleteStack", "DeleteTaskDefinitions", "DeleteBucket"} & set(
        person.account.operations()
    ) == set()


def test_of_a_creation_that_failed_early_the_bucket_is_found_when_destroy_was_killed(person: Person) -> None:
    person.account.cloudformation.trouble.create["Cluster"] = "no"
    person.init("--no-image", "--no-api-key", "--no-git", code=78)
    person.account.faults.append(Fault("DeleteBucket", "before", kill=True))
    person.stepherd("destroy", "--yes", "stepherd", code=-9)
    person.stepherd("destroy", "--yes", "stepherd")
    assert _buckets(person) == set()


def test_a_name_that_no_stack_has_takes_no_staging_bucket_from_the_others(person: Person) -> None:
    person.init("--no-image", "--no-api-key", "--no-git")
    done = person.stepherd("destroy", "--force", "--stack-name", "steperd", code=66)
    assert "There is no stack 'steperd'" in done.stderr
    assert "stepherd-staging-123456789012-eu-west-1" in _buckets(person)


def test_the_name_must_be_given_and_be_right(person: Person) -> None:
    person.deployed()
    done = person.stepherd("destroy", code=64)
    assert "stepherd destroy --yes STACK" in done.stderr
    done = person.stepherd("destroy", "--yes", "other", code=64)
    assert "--yes names 'other'" in done.stderr
    assert "DeleteStack" not in person.account.operations()


def test_credentials_of_another_account_remove_nothing(person: Person) -> None:
    person.deployed()
    context = Context("aws", "stepherd", "eu-west-1", "999999999999")
    keep_context(person.home, context, default=True)
    done = person.stepherd("destroy", "--yes", "stepherd", code=77)
    assert "is of account 999999999999, the credentials are of 123456789012" in done.stderr
    assert set(person.account.operations()) == {"GetCallerIdentity"}


def test_a_profile_that_is_said_goes_before_keys_of_the_environment(person: Person) -> None:
    done = person.stepherd("configure", "--profile", "absent", code=78)
    assert "absent" in done.stderr
    assert person.account.calls == []


def test_objects_that_s3_keeps_are_named_and_the_next_attempt_takes_them(person: Person) -> None:
    stack = _used(person)
    refused = (
        b'<DeleteResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Error><Key>runs/one/events.jsonl</Key>'
        b"<Code>AccessDenied</Code><Message>no</Message></Error></DeleteResult>"
    )
    person.account.faults.append(Fault("DeleteObjects", "", status=200, body=refused, times=5))
    done = person.stepherd("destroy", "--yes", "stepherd", code=77)
    assert "runs/one/events.jsonl (AccessDenied)" in done.stderr
    assert f"aws s3 rb --force s3://{stack.made['Bucket']['id']}" in done.stderr
    assert done.stderr.strip().endswith("next     stepherd destroy --yes stepherd")
    assert "aws" in read_contexts(person.home).known
    # The stack is gone, and CloudFormation still knows which bucket it has left.
    done = person.stepherd("destroy", "--yes", "stepherd")
    assert "deleted already" in done.stderr
    assert _buckets(person) == set()


def test_a_stack_that_cannot_be_deleted_is_told_and_the_deletion_taken_up_again(person: Person) -> None:
    stack = _used(person)
    words = "The vpc 'vpc-1' has dependencies and cannot be deleted. (Service: Ec2, Status Code: 400)"
    person.account.cloudformation.trouble.delete["Vpc"] = words
    done = person.stepherd("destroy", "--yes", "stepherd", code=78)
    assert "could not be deleted: Vpc (AWS::EC2::VPC): The vpc 'vpc-1' has dependencies" in done.stderr
    assert stack.made["Bucket"]["id"] in _buckets(person)
    person.stepherd("destroy", "--yes", "stepherd")
    assert (stack.status, _buckets(person)) == ("DELETE_COMPLETE", set())


def test_what_others_use_stays(person: Person) -> None:
    _used(person)
    person.deployed("dev")
    s3, secrets = person.account.client("s3"), person.account.client("secretsmanager")
    staging = "stepherd-staging-123456789012-eu-west-1"
    s3.create_bucket(Bucket=staging, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    done = person.stepherd("destroy", "--force")
    assert f"the bucket {staging}: the stack dev uses it, too" in done.stderr
    assert f"the secret {_GIT_SECRET}: the stack dev uses it, too" in done.stderr
    assert staging in _buckets(person)
    # The last user has not made the secret: that is said, and how it goes.
    done = person.stepherd("destroy", "--force", "--stack-name", "dev")
    assert (
        f"it was not created for this stack: aws secretsmanager delete-secret --secret-id {_GIT_SECRET}"
        in done.stderr
    )
    assert "DeletedDate" not in secrets.describe_secret(SecretId=_GIT_SECRET)
    assert _buckets(person) == set()


_STEPS = ("StopExecution", "BatchDeleteImage", "DeleteStack", "DeleteObjects", "DeleteBucket", "DeleteSecret")
_MOMENTS = [
    pytest.param(step, when, marks=() if (step, when) == ("DeleteStack", "after") else pytest.mark.exhaustive)
    for step in _STEPS
    for when in ("before", "after")
]


@pytest.mark.timeout(240)
@pytest.mark.parametrize(("operation", "when"), _MOMENTS)
def test_killed_at_any_step_it_goes_on_when_it_is_run_again(
    person: Person, operation: str, when: str
) -> None:
    stack = _used(person)
    person.account.faults.append(Fault(operation, when, kill=True))
    person.stepherd("destroy", "--yes", "stepherd", code=-9)
    assert person.account.killed
    person.stepherd("destroy", "--yes", "stepherd")
    assert (stack.status, _buckets(person)) == ("DELETE_COMPLETE", set())
    secret: dict[str, Any] = person.account.client("secretsmanager").describe_secret(SecretId=_GIT_SECRET)
    assert secret["DeletedDate"]
    assert dict(read_contexts(person.home).known) == {}


@pytest.mark.parametrize("gone", ["dev", "local"])
def test_a_context_that_is_not_there_never_means_the_default_stack(person: Person, gone: str) -> None:
    # As in a job that is run again after it has removed the stack of its context.
    stack = person.deployed()
    done = person.stepherd("destroy", "--force", "--name", gone, code=66)
    assert f"There is no context '{gone}', so it is not clear which stack to remove." in done.stderr
    assert person.account.operations() == []
    assert stack.status == "CREATE_COMPLETE"
