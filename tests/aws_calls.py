"""Calls of AWS as botocore makes them: recorded, and what each has to be granted.

Source of what a call needs: the Service Authorization Reference; for S3 the API reference of GetObject (404
only with s3:ListBucket, 403 without) and PutObject (If-Match reads the object). That S3 takes the key for
s3:prefix when it decides between 404 and 403 is what Ceph has observed and follows (ceph/ceph#68577).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from botocore.client import BaseClient
from botocore.exceptions import ClientError
from tests.aws_grants import REGION, Need

__all__ = ["Call", "needs_of", "recording"]

Answers = Mapping[str, Callable[[Mapping[str, Any]], dict[str, Any]]]
_OF_MACHINES = {"StartExecution", "ListExecutions"}
_OF_EXECUTIONS = {"DescribeExecution", "GetExecutionHistory", "StopExecution", "RedriveExecution"}
_OF_TOKENS = {"SendTaskSuccess", "SendTaskFailure", "SendTaskHeartbeat"}
_OF_QUEUES = {"ReceiveMessage", "DeleteMessage", "GetQueueAttributes"}
_ABSENT = {"404", "NoSuchKey"}
PARAMETERS: Mapping[tuple[str, str], str] = {
    ("s3", "ListObjectsV2"): "Bucket Prefix Delimiter MaxKeys ContinuationToken EncodingType",
    ("s3", "GetObject"): "Bucket Key Range IfMatch IfNoneMatch ChecksumMode",
    ("s3", "HeadObject"): "Bucket Key",
    ("s3", "PutObject"): "Bucket Key Body IfMatch IfNoneMatch ContentType ContentLength Metadata",
    ("s3", "DeleteObject"): "Bucket Key",
    ("secretsmanager", "GetSecretValue"): "SecretId VersionId VersionStage",
    ("stepfunctions", "StartExecution"): "stateMachineArn name input",
    ("stepfunctions", "ListExecutions"): "stateMachineArn statusFilter maxResults nextToken",
    ("stepfunctions", "DescribeExecution"): "executionArn",
    ("stepfunctions", "GetExecutionHistory"): (
        "executionArn maxResults nextToken reverseOrder includeExecutionData"
    ),
    ("stepfunctions", "StopExecution"): "executionArn error cause",
    ("stepfunctions", "RedriveExecution"): "executionArn clientToken",
    ("stepfunctions", "SendTaskSuccess"): "taskToken output",
    ("stepfunctions", "SendTaskFailure"): "taskToken error cause",
    ("stepfunctions", "SendTaskHeartbeat"): "taskToken",
    ("sns", "ListSubscriptionsByTopic"): "TopicArn NextToken",
    ("logs", "GetLogEvents"): ("logGroupName logStreamName startTime endTime nextToken limit startFromHead"),
    ("ecs", "ListTasks"): "cluster family nextToken maxResults startedBy desiredStatus",
    ("ecs", "DescribeTasks"): "cluster tasks",
    ("ecs", "StopTask"): "cluster task reason",
}
"""The parameters that need nothing but what ``needs_of`` says. Others are an error, such as Tagging of
PutObject (s3:PutObjectTagging) or VersionId of GetObject (s3:GetObjectVersion): write down first what they
need."""
_UNSIGNED = {"sso-oidc"}
"""Services whose calls carry no signature, so no role has a say in them."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call. ``absent``: S3 said that there is no such object."""

    service: str
    operation: str
    parameters: Mapping[str, Any]
    """By name: texts and lists of texts with their value, of anything else that it was given."""
    absent: bool = False


@contextmanager
def recording(calls: list[Call], answers: Answers | None = None) -> Iterator[None]:
    """Every call that any client of this process makes, added to ``calls``.

    ``answers`` are for operations that no emulator serves.
    """
    real = BaseClient._make_api_call

    def make(client: Any, operation: str, parameters: dict[str, Any]) -> Any:
        absent = False
        try:
            if answers and operation in answers:
                return answers[operation](parameters)
            return real(client, operation, parameters)
        except ClientError as error:
            absent = error.response["Error"]["Code"] in _ABSENT
            raise
        finally:
            service = client.meta.service_model.service_name
            calls.append(Call(service, operation, _plain(parameters), absent))

    BaseClient._make_api_call = make
    try:
        yield
    finally:
        BaseClient._make_api_call = real


def _plain(parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value if isinstance(value, str | list) else "given"
        for name, value in parameters.items()
        if value is not None
    }


def needs_of(call: Call, account: str, machine: str) -> list[Need]:
    """The grants that a call needs. ``machine``: the state machine that a task token belongs to.

    Raises AssertionError for an operation or a parameter that is not known here: say what it needs.
    """
    known = PARAMETERS.get((call.service, call.operation), "").split()
    unknown = [name for name in call.parameters if known and name not in known]
    assert not unknown, f"what {unknown} of {call.service} {call.operation} needs is not written down"
    given, where = call.parameters, f"{REGION}:{account}"
    match call.service, call.operation:
        case "s3", _:
            return _needs_of_s3(call)
        case "secretsmanager", "GetSecretValue":
            secret = given["SecretId"]
            whole = (
                secret
                if secret.startswith("arn:")
                else f"arn:aws:secretsmanager:{where}:secret:{secret}-AbCdEf"
            )
            return [Need("secretsmanager:GetSecretValue", whole)]
        case "stepfunctions", name if name in _OF_MACHINES:
            return [Need(f"states:{name}", given["stateMachineArn"])]
        case "stepfunctions", name if name in _OF_EXECUTIONS:
            return [Need(f"states:{name}", given["executionArn"])]
        case "stepfunctions", name if name in _OF_TOKENS:
            return [Need(f"states:{name}", machine)]
        case "sns", "ListSubscriptionsByTopic":
            return [Need("sns:ListSubscriptionsByTopic", given["TopicArn"])]
        case "sqs", name if name in _OF_QUEUES:
            return [Need(f"sqs:{name}", given["EventSourceArn"])]
        case "logs", "GetLogEvents":
            stream = f"log-group:{given['logGroupName']}:log-stream:{given['logStreamName']}"
            return [Need("logs:GetLogEvents", f"arn:aws:logs:{where}:{stream}")]
        case "ecs", "ListTasks":
            return [Need("ecs:ListTasks", "*", {"ecs:cluster": given["cluster"]})]
        case "ecs", ("DescribeTasks" | "StopTask") as name:
            return [Need(f"ecs:{name}", task) for task in given.get("tasks") or [given["task"]]]
        case service, _ if service in _UNSIGNED:
            return []
    raise AssertionError(f"what {call.service} {call.operation} needs is not written down")


def _needs_of_s3(call: Call) -> list[Need]:
    given = call.parameters
    bucket = f"arn:aws:s3:::{given['Bucket']}"
    match call.operation:
        case "ListObjectsV2":
            return [Need("s3:ListBucket", bucket, {"s3:prefix": given.get("Prefix", "")})]
        case "GetObject" | "HeadObject":
            listing = [Need("s3:ListBucket", bucket, {"s3:prefix": given["Key"]})] if call.absent else []
            return [Need("s3:GetObject", f"{bucket}/{given['Key']}"), *listing]
        case "PutObject":
            reading = [Need("s3:GetObject", f"{bucket}/{given['Key']}")] if "IfMatch" in given else []
            return [Need("s3:PutObject", f"{bucket}/{given['Key']}"), *reading]
        case "DeleteObject":
            return [Need("s3:DeleteObject", f"{bucket}/{given['Key']}")]
    raise AssertionError(f"what s3 {call.operation} needs is not written down")
