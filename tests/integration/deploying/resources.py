"""A stack's resources themselves: those that init and destroy deal with are made in moto."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import ClientError

from stepherd.engine.intrinsics import Resolver

ACCOUNT = "123456789012"
REGION = "eu-west-1"

Properties = Mapping[str, Any]


class Refused(Exception):
    """A service's words for why a resource cannot be made or deleted."""


class Resources:
    """Physical resources. ``client`` gives a boto3 client of the services behind the front."""

    def __init__(self, client: Callable[[str], Any]) -> None:
        self._client = client

    def make(self, stack: str, logical: str, kind: str, properties: Properties) -> tuple[str, dict[str, str]]:
        """Physical id and attributes."""
        maker = _MAKERS.get(kind)
        own = f"{stack}-{logical}-{uuid.uuid4().hex[:10]}"
        if maker is None:
            return own, {"Arn": f"arn:aws:stand-in:{REGION}:{ACCOUNT}:{own}"}
        return maker(self._client, own.lower() if kind == "AWS::S3::Bucket" else own, properties)

    def remove(self, kind: str, physical: str) -> None:
        """Raises Refused where AWS would."""
        remover = _REMOVERS.get(kind)
        if remover:
            try:
                remover(self._client, physical)
            except ClientError as error:
                if "NotFound" not in error.response["Error"]["Code"]:
                    raise Refused(error.response["Error"]["Message"]) from error


def resolver(template: Mapping[str, Any], parameters: Mapping[str, str], stack: str,
             made: Mapping[str, Mapping[str, Any]]) -> Resolver:  # fmt: skip
    """Evaluates a template's intrinsics with the resources that there are."""
    found = Resolver(
        template,
        parameters,
        lambda logical: made[logical]["id"],
        lambda logical, name: made[logical]["attributes"].get(name, f"{made[logical]['id']}.{name}"),
    )
    found.pseudo |= {"AWS::Region": REGION, "AWS::AccountId": ACCOUNT, "AWS::StackName": stack}
    return found


def _bucket(client: Any, name: str, _: Properties) -> tuple[str, dict[str, str]]:
    s3 = client("s3")
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    return name, {"Arn": f"arn:aws:s3:::{name}"}


def _repository(client: Any, name: str, _: Properties) -> tuple[str, dict[str, str]]:
    made = client("ecr").create_repository(repositoryName=name.lower(), imageTagMutability="IMMUTABLE")
    found = made["repository"]
    return found["repositoryName"], {"RepositoryUri": found["repositoryUri"], "Arn": found["repositoryArn"]}


def _secret(client: Any, name: str, properties: Properties) -> tuple[str, dict[str, str]]:
    made = client("secretsmanager").create_secret(Name=name, SecretString=properties["SecretString"])
    return made["ARN"], {}


def _topic(client: Any, name: str, properties: Properties) -> tuple[str, dict[str, str]]:
    made = client("sns").create_topic(Name=properties.get("TopicName", name))
    return made["TopicArn"], {"TopicArn": made["TopicArn"]}


def _subscription(client: Any, _: str, properties: Properties) -> tuple[str, dict[str, str]]:
    made = client("sns").subscribe(
        TopicArn=properties["TopicArn"], Protocol=properties["Protocol"], Endpoint=properties["Endpoint"]
    )
    return made["SubscriptionArn"], {}


def _log_group(client: Any, name: str, properties: Properties) -> tuple[str, dict[str, str]]:
    name = properties.get("LogGroupName", name)
    client("logs").create_log_group(logGroupName=name)
    return name, {"Arn": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{name}:*"}


def _cluster(client: Any, name: str, _: Properties) -> tuple[str, dict[str, str]]:
    made = client("ecs").create_cluster(clusterName=name)["cluster"]
    return name, {"Arn": made["clusterArn"]}


def _task_definition(client: Any, _: str, properties: Properties) -> tuple[str, dict[str, str]]:
    containers = [
        {"name": each["Name"], "image": each["Image"]} for each in properties["ContainerDefinitions"]
    ]
    made = client("ecs").register_task_definition(
        family=properties["Family"], containerDefinitions=containers, cpu=properties["Cpu"],
        memory=properties["Memory"], requiresCompatibilities=["FARGATE"], networkMode="awsvpc",
    )  # fmt: skip
    return made["taskDefinition"]["taskDefinitionArn"], {}


def _machine(client: Any, name: str, properties: Properties) -> tuple[str, dict[str, str]]:
    made = client("stepfunctions").create_state_machine(
        name=properties.get("StateMachineName", name),
        roleArn=f"arn:aws:iam::{ACCOUNT}:role/stand-in",
        definition=json.dumps(
            {"StartAt": "A", "States": {"A": {"Type": "Wait", "Seconds": 600, "End": True}}}
        ),
    )
    arn = made["stateMachineArn"]
    return arn, {"Arn": arn, "Name": arn.rpartition(":")[2]}


def _project(_: Any, name: str, properties: Properties) -> tuple[str, dict[str, str]]:
    return properties.get("Name", name), {}


def _remove_repository(client: Any, name: str) -> None:
    if client("ecr").list_images(repositoryName=name)["imageIds"]:
        raise Refused(f"The repository with name '{name}' cannot be deleted because it still contains images")
    client("ecr").delete_repository(repositoryName=name)


def _remove_machine(client: Any, arn: str) -> None:
    running = client("stepfunctions").list_executions(stateMachineArn=arn, statusFilter="RUNNING")
    if running["executions"]:
        raise Refused("The state machine is still being deleted: it has running executions")
    client("stepfunctions").delete_state_machine(stateMachineArn=arn)


_MAKERS: dict[str, Callable[[Any, str, Properties], tuple[str, dict[str, str]]]] = {
    "AWS::S3::Bucket": _bucket,
    "AWS::ECR::Repository": _repository,
    "AWS::SecretsManager::Secret": _secret,
    "AWS::SNS::Topic": _topic,
    "AWS::SNS::Subscription": _subscription,
    "AWS::Logs::LogGroup": _log_group,
    "AWS::ECS::Cluster": _cluster,
    "AWS::ECS::TaskDefinition": _task_definition,
    "AWS::StepFunctions::StateMachine": _machine,
    "AWS::CodeBuild::Project": _project,
}
MADE = frozenset(_MAKERS)
_REMOVERS: dict[str, Callable[[Any, str], None]] = {
    "AWS::ECR::Repository": _remove_repository,
    "AWS::SecretsManager::Secret": lambda client, arn: client("secretsmanager").delete_secret(
        SecretId=arn, RecoveryWindowInDays=30
    ),
    "AWS::SNS::Topic": lambda client, arn: client("sns").delete_topic(TopicArn=arn),
    "AWS::Logs::LogGroup": lambda client, name: client("logs").delete_log_group(logGroupName=name),
    "AWS::ECS::Cluster": lambda client, name: client("ecs").delete_cluster(cluster=name),
    "AWS::ECS::TaskDefinition": lambda client, arn: client("ecs").deregister_task_definition(
        taskDefinition=arn
    ),
    "AWS::StepFunctions::StateMachine": _remove_machine,
}
