"""Every call of AWS that the code makes, by reading the code: operation, parameters, and what each needs.

``aws_calls`` judges the calls that tests record, with their values. Here are all that are written down in the
source, those of commands and of paths that no test takes included. The table is by hand, because no published
data has it; what has no row is an error. Sources: Service Authorization Reference; S3 API reference.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import botocore.session
from botocore import xform_name
from tests.aws_grants import ROOT

__all__ = ["NEEDS", "CodeCall", "actions_of", "calls_in", "services_in"]

_CLIENT = re.compile(r"(?:new_client|aws_client|\b_?client)\(\s*[\"']([a-z0-9-]+)[\"']")
_UNSIGNED = {"sso-oidc"}
"""Services whose calls carry no signature, so no role has a say in them."""
_OWNER = "ExpectedBucketOwner"

NEEDS: Mapping[str, Mapping[str, str]] = {
    "batch_delete_image": {"": "ecr:BatchDeleteImage", "repositoryName imageIds": ""},
    "batch_get_builds": {"": "codebuild:BatchGetBuilds", "ids": ""},
    "change_message_visibility": {
        "": "sqs:ChangeMessageVisibility", "QueueUrl ReceiptHandle VisibilityTimeout": "",
    },
    "continue_update_rollback": {"": "cloudformation:ContinueUpdateRollback", "StackName": ""},
    "create_bucket": {"": "s3:CreateBucket", "Bucket CreateBucketConfiguration": ""},
    "create_change_set": {
        "": "cloudformation:CreateChangeSet",
        "StackName ChangeSetName ChangeSetType Capabilities Parameters TemplateURL UsePreviousTemplate": "",
        # The needs of the resources' services: rights of the deployer, like those to make them.
        "Tags": "",
    },
    "create_cluster": {"": "ecs:CreateCluster", "clusterName capacityProviders": ""},
    "create_secret": {
        "": "secretsmanager:CreateSecret", "Name Description SecretString": "",
        "Tags": "secretsmanager:TagResource",
        # Of a key that only one's own policy can name: the documentation asks for it.
        "KmsKeyId": "",
    },
    "create_service_linked_role": {"": "iam:CreateServiceLinkedRole", "AWSServiceName": ""},
    "delete_bucket": {"": "s3:DeleteBucket", f"Bucket {_OWNER}": ""},
    "delete_change_set": {"": "cloudformation:DeleteChangeSet", "ChangeSetName": ""},
    "delete_cluster": {"": "ecs:DeleteCluster", "cluster": ""},
    "delete_log_group": {"": "logs:DeleteLogGroup", "logGroupName": ""},
    "delete_message": {"": "sqs:DeleteMessage", "QueueUrl ReceiptHandle": ""},
    "delete_object": {"": "s3:DeleteObject", "Bucket Key IfMatch": ""},
    # Its objects name versions.
    "delete_objects": {"": "s3:DeleteObject s3:DeleteObjectVersion", f"Bucket Delete {_OWNER}": ""},
    "delete_secret": {"": "secretsmanager:DeleteSecret", "SecretId RecoveryWindowInDays": ""},
    "delete_stack": {"": "cloudformation:DeleteStack", "StackName": ""},
    "delete_task_definitions": {"": "ecs:DeleteTaskDefinitions", "taskDefinitions": ""},
    "deregister_task_definition": {"": "ecs:DeregisterTaskDefinition", "taskDefinition": ""},
    "describe_alarms": {"": "cloudwatch:DescribeAlarms", "AlarmNamePrefix": ""},
    "describe_change_set": {"": "cloudformation:DescribeChangeSet", "ChangeSetName": ""},
    "describe_execution": {"": "states:DescribeExecution", "executionArn includedData": ""},
    "describe_images": {"": "ecr:DescribeImages", "repositoryName filter": ""},
    "describe_secret": {"": "secretsmanager:DescribeSecret", "SecretId": ""},
    "describe_state_machine_for_execution": {
        "": "states:DescribeStateMachineForExecution", "executionArn": "",
    },
    "describe_stack_events": {"": "cloudformation:DescribeStackEvents", "StackName": ""},
    "describe_stack_resource": {
        "": "cloudformation:DescribeStackResource", "StackName LogicalResourceId": "",
    },
    "describe_stacks": {"": "cloudformation:DescribeStacks", "StackName": ""},
    "describe_tasks": {"": "ecs:DescribeTasks", "cluster tasks": ""},
    "execute_change_set": {"": "cloudformation:ExecuteChangeSet", "ChangeSetName": ""},
    "get_caller_identity": {"": ""},
    "get_execution_history": {
        "": "states:GetExecutionHistory", "executionArn maxResults nextToken reverseOrder": "",
    },
    "get_log_events": {
        "": "logs:GetLogEvents", "logGroupName logStreamName startFromHead nextToken": "",
    },
    "get_object": {"": "s3:GetObject", "Bucket Key Range IfMatch IfNoneMatch": ""},
    "get_queue_attributes": {"": "sqs:GetQueueAttributes", "QueueUrl AttributeNames": ""},
    "get_secret_value": {"": "secretsmanager:GetSecretValue", "SecretId VersionStage": ""},
    "head_bucket": {"": "s3:ListBucket", f"Bucket {_OWNER}": ""},
    "head_object": {"": "s3:GetObject", f"Bucket Key IfMatch IfNoneMatch {_OWNER}": ""},
    "list_builds_for_project": {"": "codebuild:ListBuildsForProject", "projectName sortOrder": ""},
    "list_executions": {"": "states:ListExecutions", "stateMachineArn statusFilter maxResults nextToken": ""},
    # Asked of the embedded engine alone.
    "list_state_machines": {"": "", "maxResults nextToken": ""},
    "list_images": {"": "ecr:ListImages", "repositoryName filter": ""},
    "list_object_versions": {"": "s3:ListBucketVersions", f"Bucket {_OWNER}": ""},
    "list_objects_v2": {"": "s3:ListBucket", f"Bucket Prefix {_OWNER}": ""},
    "list_service_quotas": {"": "servicequotas:ListServiceQuotas", "ServiceCode": ""},
    "list_stack_resources": {"": "cloudformation:ListStackResources", "StackName": ""},
    "list_stacks": {"": "cloudformation:ListStacks", "StackStatusFilter": ""},
    "list_subscriptions_by_topic": {"": "sns:ListSubscriptionsByTopic", "TopicArn": ""},
    "list_task_definitions": {"": "ecs:ListTaskDefinitions", "familyPrefix status": ""},
    "list_tasks": {"": "ecs:ListTasks", "cluster maxResults desiredStatus": ""},
    "publish": {"": "sns:Publish", "TopicArn Subject Message MessageStructure": ""},
    "put_bucket_encryption": {
        "": "s3:PutEncryptionConfiguration", f"Bucket ServerSideEncryptionConfiguration {_OWNER}": "",
    },
    "put_bucket_lifecycle_configuration": {
        "": "s3:PutLifecycleConfiguration", f"Bucket LifecycleConfiguration {_OWNER}": "",
    },
    "put_bucket_policy": {"": "s3:PutBucketPolicy", f"Bucket Policy {_OWNER}": ""},
    "put_bucket_tagging": {"": "s3:PutBucketTagging", f"Bucket Tagging {_OWNER}": ""},
    "put_object": {
        "": "s3:PutObject", f"Bucket Key Body Metadata IfNoneMatch {_OWNER}": "", "IfMatch": "s3:GetObject",
    },
    "put_public_access_block": {
        "": "s3:PutBucketPublicAccessBlock", f"Bucket PublicAccessBlockConfiguration {_OWNER}": "",
    },
    "put_secret_value": {
        "": "secretsmanager:PutSecretValue", "SecretId SecretString ClientRequestToken": "",
        "VersionStages": "secretsmanager:UpdateSecretVersionStage",
    },
    "receive_message": {
        "": "sqs:ReceiveMessage",
        "QueueUrl MaxNumberOfMessages VisibilityTimeout WaitTimeSeconds MessageSystemAttributeNames": "",
    },
    "redrive_execution": {"": "states:RedriveExecution", "executionArn clientToken": ""},
    "restore_secret": {"": "secretsmanager:RestoreSecret", "SecretId": ""},
    "send_message": {
        "": "sqs:SendMessage", "QueueUrl MessageBody MessageGroupId MessageDeduplicationId": "",
    },
    "send_task_failure": {"": "states:SendTaskFailure", "taskToken error cause": ""},
    "send_task_heartbeat": {"": "states:SendTaskHeartbeat", "taskToken": ""},
    "send_task_success": {"": "states:SendTaskSuccess", "taskToken output": ""},
    "start_build": {"": "codebuild:StartBuild", "projectName environmentVariablesOverride": ""},
    "start_execution": {"": "states:StartExecution", "stateMachineArn name input": ""},
    "stop_execution": {"": "states:StopExecution", "executionArn error cause": ""},
    "stop_task": {"": "ecs:StopTask", "cluster task reason": ""},
    "update_secret_version_stage": {
        "": "secretsmanager:UpdateSecretVersionStage",
        "SecretId VersionStage RemoveFromVersionId MoveToVersionId": "",
    },
}  # fmt: skip
"""Operation, as botocore's clients name it → "" for the call itself, or names of parameters → actions."""


@dataclass(frozen=True, slots=True)
class CodeCall:
    """One call as the source has it. ``parameters`` are those that it may be given."""

    path: str
    line: int
    operation: str
    parameters: frozenset[str]


def services_in(*roots: str) -> set[str]:
    """The services of which the code makes clients."""
    texts = (path.read_text(encoding="utf-8") for path in _sources(*roots))
    return {name for text in texts for name in _CLIENT.findall(text)}


def actions_of(call: CodeCall) -> set[str]:
    """The actions that a call needs. Raises AssertionError for an operation or parameter without a row."""
    where = f"{call.path}:{call.line}: what"
    assert call.operation in NEEDS, f"{where} {call.operation} needs is not written down"
    rows = {
        name: actions for names, actions in NEEDS[call.operation].items() for name in names.split() or [""]
    }
    unknown = sorted(call.parameters - rows.keys())
    assert not unknown, f"{where} {unknown} of {call.operation} needs is not written down"
    return {action for name in ("", *call.parameters) for action in rows[name].split()}


def calls_in(*roots: str) -> list[CodeCall]:
    """Every call of a client in the sources below the roots, paths from the repository's."""
    known = _operations(frozenset(services_in(*roots) - _UNSIGNED))
    return [call for path in _sources(*roots) for call in calls_of(path, known)]


def calls_of(path: Path, known: Mapping[str, frozenset[str]], text: str = "") -> Iterator[CodeCall]:
    """The calls in one file; ``known`` has the parameters of every operation that counts."""
    tree = ast.parse(text or path.read_text(encoding="utf-8"))
    words = _words_of(tree)
    paged = [each.arg for node in _methods(tree, "paginate") for each in node.keywords]
    pages = {name for name in paged if name} | (words if None in paged else set())
    for node in (each for each in ast.walk(tree) if isinstance(each, ast.Call)):
        operation, given = _named(node), {each.arg for each in node.keywords if each.arg}
        if isinstance(node.func, ast.Attribute) and node.func.attr in known and not node.args:
            operation = node.func.attr
        if operation not in known:
            continue
        if isinstance(node.func, ast.Attribute) and node.func.attr == "get_paginator":
            given = pages & known[operation]
        if len(node.args) > 1:
            given = (given | _words_of(node)) & known[operation]
        by_name = len(node.args) > 1 and not _is_written_out(node.args[1])
        if by_name or any(each.arg is None for each in node.keywords):
            # A name or ** may hold whatever the file writes as a key.
            given |= words & known[operation]
        name = str(path.relative_to(ROOT))
        yield CodeCall(name, node.lineno, operation, frozenset(given))


def _is_written_out(argument: ast.expr) -> bool:
    return isinstance(argument, ast.Dict) and None not in argument.keys


def _methods(tree: ast.AST, name: str) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == name:
            yield node


def _named(node: ast.Call) -> str:
    """An operation that is named by a text, to get_paginator or to what calls it, as Python or AWS has it."""
    first = node.args[0] if node.args else None
    text = first.value if isinstance(first, ast.Constant) else ""
    if not isinstance(text, str) or not re.fullmatch(r"[a-z0-9]+(_[a-z0-9]+)+|([A-Z][a-z0-9]+){2,}", text):
        return ""
    return xform_name(text)


def _words_of(tree: ast.AST) -> set[str]:
    found = set()
    for node in ast.walk(tree):
        keys = (
            node.keys
            if isinstance(node, ast.Dict)
            else [node.slice]
            if isinstance(node, ast.Subscript)
            else []
        )
        found |= {str(key.value) for key in keys if isinstance(key, ast.Constant)}
    return found


def _sources(*roots: str) -> list[Path]:
    """Without the engine, which answers such calls and makes none."""
    found = (path for root in roots for path in (ROOT / root).rglob("*.py"))
    return sorted(path for path in found if ROOT / "src/stepherd/engine" not in path.parents)


@cache
def _operations(services: frozenset[str]) -> dict[str, frozenset[str]]:
    """Every operation of the services, with the names of its parameters."""
    session, found = botocore.session.get_session(), dict[str, frozenset[str]]()
    for service in sorted(services):
        model = session.get_service_model(service)
        for name in model.operation_names:
            shape = model.operation_model(name).input_shape
            members = frozenset(shape.members if shape else ())
            found[xform_name(name)] = found.get(xform_name(name), frozenset()) | members
    return found
