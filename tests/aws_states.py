"""The grants that the states of a machine need: by every argument of every Task, not by its name alone.

The tables are written by hand, because no published data has them; an argument without a row is an error.
Sources: Step Functions developer guide, "IAM policies for integrated services"; ECS developer guide, "Tagging
resources", "Amazon ECS task execution IAM role" and "ECS Exec"; Service Authorization Reference. Whether
PropagateTags needs ecs:TagResource is told in two ways by AWS's own policies: it is granted.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tests.aws_grants import ROOT, Need, Stack, listed

__all__ = ["LOGS", "XRAY", "StateNeeds", "needs_of_machine", "tasks_of"]

LOGS = (
    "logs:CreateLogDelivery logs:GetLogDelivery logs:UpdateLogDelivery logs:DeleteLogDelivery"
    " logs:ListLogDeliveries logs:PutResourcePolicy logs:DescribeResourcePolicies logs:DescribeLogGroups"
)
XRAY = "xray:PutTraceSegments xray:PutTelemetryRecords xray:GetSamplingRules xray:GetSamplingTargets"
_EXEC = ("CreateControlChannel", "CreateDataChannel", "OpenControlChannel", "OpenDataChannel")
_ARN = re.compile(r"arn:aws:[a-z0-9-]+:[a-z0-9-]*:\d*:[\w:/.*-]+")
TASK_ID = "0" * 32

Row = Callable[["StateNeeds", Any], Iterator[tuple[str, Need]]]


def _nothing(_: StateNeeds, __: Any) -> Iterator[tuple[str, Need]]:
    yield from ()


@dataclass(frozen=True)
class StateNeeds:
    """One Task of one machine."""

    stack: Stack
    role: str
    """Of the machine."""
    resource: str
    """The integration, such as ``ecs:runTask.sync``."""
    arguments: Mapping[str, Any]

    def needs(self) -> Iterator[tuple[str, Need]]:
        """Pairs of a role and what it needs. Raises AssertionError for an argument without a row."""
        assert self.resource in _TABLES, f"what {self.resource} needs is not written down"
        table, whole = _TABLES[self.resource]
        yield from _walked(self, self.arguments, table, self.resource)
        yield from whole(self, self.arguments)

    @property
    def cluster(self) -> str:
        """The cluster's ARN, which may stand in an expression."""
        return _arn_in(self.arguments["Cluster"])

    @property
    def definition(self) -> Mapping[str, Any]:
        """The task definition that is named: its properties, unresolved."""
        name = self.arguments["TaskDefinition"]
        for logical, each in self.stack.resources.items():
            if each["Type"] == "AWS::ECS::TaskDefinition" and self.stack.reference(logical) == name:
                found: Mapping[str, Any] = each["Properties"]
                return found
        raise AssertionError(f"{name} is no task definition of the template")

    def event_rule(self, name: str) -> Iterator[tuple[str, Need]]:
        """Both .sync forms learn of the end by a rule that AWS manages."""
        rule = f"arn:aws:events:us-east-1:{self.stack.account}:rule/{name}"
        for action in ("PutTargets", "PutRule", "DescribeRule"):
            yield self.role, Need(f"events:{action}", rule)


def _walked(task: StateNeeds, given: Mapping[str, Any], table: Mapping[str, Any], where: str) -> Any:
    """The needs of each argument; a table below an argument is for what is inside it."""
    for name, value in given.items():
        assert name in table, f"what the argument {name} of {where} needs is not written down"
        row = table[name]
        if callable(row):
            yield from row(task, value)
        elif isinstance(value, str):
            # An expression gives the whole of it; what it names is written where it is assigned.
            assert value.startswith("{% $"), f"{name} of {where} is neither an object nor a variable"
        else:
            for inner in listed(value):
                yield from _walked(task, inner, row, f"{where}.{name}")


def _arn_in(text: str) -> str:
    found = _ARN.findall(text)
    assert len(found) == 1, f"{text!r} names {len(found)} resources"
    return str(found[0])


def _tags(task: StateNeeds, _: Any) -> Iterator[tuple[str, Need]]:
    tasks = task.cluster.replace(":cluster/", ":task/") + f"/{TASK_ID}"
    yield task.role, Need("ecs:TagResource", tasks, {"ecs:CreateAction": "RunTask"})


def _passed(task: StateNeeds, role: str) -> Iterator[tuple[str, Need]]:
    yield task.role, Need("iam:PassRole", role, {"iam:PassedToService": "ecs-tasks.amazonaws.com"})


def _exec(task: StateNeeds, _: Any) -> Iterator[tuple[str, Need]]:
    for action in _EXEC:
        yield task.definition["TaskRoleArn"]["Fn::GetAtt"][0], Need(f"ssmmessages:{action}", "*")


def _run_task(task: StateNeeds, given: Mapping[str, Any]) -> Iterator[tuple[str, Need]]:
    yield task.role, Need("ecs:RunTask", given["TaskDefinition"], {"ecs:cluster": task.cluster})
    for name in ("TaskRoleArn", "ExecutionRoleArn"):
        yield from _passed(task, task.stack.value(task.definition[name]))
    execution = task.definition["ExecutionRoleArn"]["Fn::GetAtt"][0]
    for container in task.definition["ContainerDefinitions"]:
        for secret in container.get("Secrets", []):
            yield execution, Need("secretsmanager:GetSecretValue", task.stack.value(secret["ValueFrom"]))


def _run_task_sync(task: StateNeeds, given: Mapping[str, Any]) -> Iterator[tuple[str, Need]]:
    yield from _run_task(task, given)
    running = task.cluster.replace(":cluster/", ":task/") + f"/{TASK_ID}"
    for action in ("StopTask", "DescribeTasks"):
        yield task.role, Need(f"ecs:{action}", running, {"ecs:cluster": task.cluster})
    yield from task.event_rule("StepFunctionsGetEventsForECSTaskRule")


def _invoke(task: StateNeeds, given: Mapping[str, Any]) -> Iterator[tuple[str, Need]]:
    yield task.role, Need("lambda:InvokeFunction", given["FunctionName"])


def _publish(task: StateNeeds, given: Mapping[str, Any]) -> Iterator[tuple[str, Need]]:
    yield task.role, Need("sns:Publish", given["TopicArn"])


def _start(task: StateNeeds, given: Mapping[str, Any]) -> Iterator[tuple[str, Need]]:
    machine = given["StateMachineArn"]
    yield task.role, Need("states:StartExecution", machine)
    for action in ("DescribeExecution", "StopExecution"):
        execution = machine.replace(":stateMachine:", ":execution:") + ":some-name"
        yield task.role, Need(f"states:{action}", execution)
    yield from task.event_rule("StepFunctionsGetEventsForStepFunctionsExecutionRule")


_CONTAINER = {"Name": _nothing, "Command": _nothing, "Environment": _nothing}
_RUN_TASK: Mapping[str, Any] = {
    # Conditions name them; they need no action of their own.
    "Cluster": _nothing, "TaskDefinition": _nothing, "LaunchType": _nothing, "NetworkConfiguration": _nothing,
    "CapacityProviderStrategy": _nothing, "PlatformVersion": _nothing,
    "Tags": _tags, "PropagateTags": _tags, "EnableECSManagedTags": _tags,
    "EnableExecuteCommand": _exec,
    "Overrides": {
        "ContainerOverrides": _CONTAINER, "Cpu": _nothing, "Memory": _nothing,
        "TaskRoleArn": _passed, "ExecutionRoleArn": _passed,
    },
}  # fmt: skip
_TABLES: Mapping[str, tuple[Mapping[str, Any], Row]] = {
    "ecs:runTask.sync": (_RUN_TASK, _run_task_sync),
    "lambda:invoke": ({"FunctionName": _nothing, "Payload": _nothing}, _invoke),
    "sns:publish.waitForTaskToken": (
        dict.fromkeys(("TopicArn", "Subject", "MessageStructure", "Message"), _nothing),
        _publish,
    ),
    "states:startExecution.sync:2": ({"StateMachineArn": _nothing, "Input": _nothing}, _start),
}


def tasks_of(stack: Stack, machine: str, text: str = "") -> Iterator[StateNeeds]:
    """Every Task of a machine of the template; ``text`` instead of its file."""
    properties = stack.resources[machine]["Properties"]
    text = text or (ROOT / properties["DefinitionUri"]).read_text()
    for name, value in stack.value(properties["DefinitionSubstitutions"]).items():
        text = text.replace(f"${{{name}}}", value)
    role = properties["Role"]["Fn::GetAtt"][0]
    for state in _states(json.loads(text)):
        if state["Type"] == "Task":
            resource = state["Resource"].removeprefix("arn:aws:states:::")
            yield StateNeeds(stack, role, resource, state["Arguments"])


def needs_of_machine(stack: Stack, machine: str, text: str = "") -> list[tuple[str, Need]]:
    """Pairs of a role and what it needs for a machine's tasks, its logs and its traces."""
    found = [need for task in tasks_of(stack, machine, text) for need in task.needs()]
    properties = stack.resources[machine]["Properties"]
    role = properties["Role"]["Fn::GetAtt"][0]
    if "Logging" in properties:
        found += [(role, Need(action, "*")) for action in LOGS.split()]
    if properties.get("Tracing", {}).get("Enabled"):
        found += [(role, Need(action, "*")) for action in XRAY.split()]
    return found


def _states(node: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for state in node["States"].values():
        yield state
        for inner in [*state.get("Branches", []), *filter(None, [state.get("ItemProcessor")])]:
            yield from _states(inner)
