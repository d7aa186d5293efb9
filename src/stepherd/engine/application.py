"""A SAM application as the engine sees it: functions, state machines, task definitions, topics, queues.

Everything comes from ``template.yaml``; what differs on a laptop is said by the template's own parameters.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stepherd.engine.identity import ACCOUNT, REGION
from stepherd.engine.integrations.ecs import Container, TaskDefinition
from stepherd.engine.intrinsics import Resolver
from stepherd.engine.runners.functions import Function
from stepherd.errors import ConfigurationError
from stepherd.services.number_text import read_number
from stepherd.services.template_text import read_template
from stepherd.text.plain import one_paragraph

__all__ = ["Application", "EndRule", "MachineSource", "load_application"]

_SUBSTITUTION = re.compile(r"\$\{([A-Za-z0-9_]+)\}")
_FUNCTION, _MACHINE = "AWS::Serverless::Function", "AWS::Serverless::StateMachine"
_DOCKER_DEFAULT = frozenset(
    {
        *("AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE"),
        *("NET_RAW", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT"),
    }
)
"""The Linux capabilities of a container, unless its definition says otherwise [docs, Fargate]."""
_TASK, _TOPIC, _QUEUE = "AWS::ECS::TaskDefinition", "AWS::SNS::Topic", "AWS::SQS::Queue"
_RULE, _END = "AWS::Events::Rule", "Step Functions Execution Status Change"


@dataclass(frozen=True, slots=True)
class MachineSource:
    """A state machine of the template: its name, and its definition with the substitutions made."""

    name: str
    definition: str
    role_arn: str


@dataclass(frozen=True, slots=True)
class EndRule:
    """A rule of EventBridge about ends of executions: of which machine, with which statuses, and the name of
    the function that hears of them."""

    machine_arn: str
    statuses: frozenset[str]
    function: str


@dataclass(frozen=True, slots=True)
class Application:
    """The parts of a template that the engine can run."""

    functions: list[Function] = field(default_factory=list)
    machines: list[MachineSource] = field(default_factory=list)
    tasks: list[TaskDefinition] = field(default_factory=list)
    topics: dict[str, list[str]] = field(default_factory=dict)
    """Topic ARN → names of the functions that are subscribed to it."""
    queues: list[str] = field(default_factory=list)
    """The URLs of the queues."""
    ends: list[EndRule] = field(default_factory=list)


def load_application(template: Path, parameters: Mapping[str, str]) -> Application:
    """Read a template and the definitions it names. Raises ConfigurationError naming file and resource."""
    try:
        text = template.read_text(encoding="utf-8")
    except OSError as error:
        words = f"The template {template} cannot be read: {error.strerror}."
        raise ConfigurationError(words, remedy="Name another with --template.") from error
    return _Reader(template, read_template(text, str(template)), parameters).read()


class _Reader:
    def __init__(self, path: Path, template: dict[str, Any], parameters: Mapping[str, str]) -> None:
        self._path = path
        self._template = template
        self._resolve = Resolver(template, parameters, self._reference, self._attribute)
        self._resources: dict[str, Any] = template["Resources"]

    def read(self) -> Application:
        functions = [self._function(i, p) for i, p in self._of_type(_FUNCTION)]
        topics: dict[str, list[str]] = {self._reference(i): [] for i, _ in self._of_type(_TOPIC)}
        for identity, properties in self._of_type(_FUNCTION):
            for topic in self._subscriptions(properties):
                topics.setdefault(topic, []).append(self._name(identity))
        machines = [self._machine(i, p) for i, p in self._of_type(_MACHINE)]
        tasks = [self._task(i, p) for i, p in self._of_type(_TASK)]
        queues = [self._reference(i) for i, _ in self._of_type(_QUEUE)]
        ends = [rule for _, p in self._of_type(_RULE) for rule in self._ends(p, functions)]
        return Application(functions, machines, tasks, topics, queues, ends)

    def _of_type(self, kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
        for identity, resource in self._resources.items():
            wanted = resource.get("Condition")
            if resource.get("Type") == kind and (wanted is None or self._resolve.condition(wanted)):
                yield identity, resource.get("Properties") or {}

    # -- names -------------------------------------------------------------------------------------

    def _resource(self, identity: str) -> dict[str, Any]:
        if identity not in self._resources:
            words = f"{self._path} refers to {identity}, which is neither a parameter nor a resource."
            raise ConfigurationError(words, remedy="Fix the template.")
        resource: dict[str, Any] = self._resources[identity]
        return resource

    def _name(self, identity: str) -> str:
        """A resource's physical name: as given, else as CloudFormation would begin it."""
        properties = self._resource(identity).get("Properties") or {}
        for key in ("FunctionName", "Name", "Family", "TopicName", "QueueName", "ClusterName", "BucketName"):
            if key in properties:
                return str(self._resolve.value(properties[key]))
        return f"{self._resolve.pseudo['AWS::StackName']}-{identity}"

    def _reference(self, identity: str) -> str:
        kind = self._resource(identity).get("Type", "")
        if kind == _QUEUE:
            return f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{self._name(identity)}"
        if kind in (_MACHINE, _TASK, _TOPIC):
            return self._arn(identity)
        return self._name(identity)

    def _attribute(self, identity: str, name: str) -> str:
        if name in ("Arn", "TopicArn"):
            return self._arn(identity)
        return f"{self._name(identity)}.{name}"

    def _arn(self, identity: str) -> str:
        name, kind = self._name(identity), self._resource(identity).get("Type", "")
        place = f"{REGION}:{ACCOUNT}"
        special = {
            _FUNCTION: f"arn:aws:lambda:{place}:function:{name}",
            _MACHINE: f"arn:aws:states:{place}:stateMachine:{name}",
            _TASK: f"arn:aws:ecs:{place}:task-definition/{name}:1",
            _TOPIC: f"arn:aws:sns:{place}:{name}",
            _QUEUE: f"arn:aws:sqs:{place}:{name}",
            "AWS::ECS::Cluster": f"arn:aws:ecs:{place}:cluster/{name}",
            "AWS::IAM::Role": f"arn:aws:iam::{ACCOUNT}:role/{name}",
            "AWS::S3::Bucket": f"arn:aws:s3:::{name}",
        }
        return special.get(kind, f"arn:aws:{kind.split('::')[1].lower()}:{place}:{name}")

    # -- resources ---------------------------------------------------------------------------------

    def _function(self, identity: str, properties: dict[str, Any]) -> Function:
        defaults = ((self._template.get("Globals") or {}).get("Function")) or {}
        merged = {**defaults, **properties}
        variables: dict[str, Any] = {}
        for part in (defaults, properties):
            variables |= (part.get("Environment") or {}).get("Variables") or {}
        values = self._resolve.value(variables)
        return Function(
            name=self._name(identity),
            code=(self._path.parent / str(self._resolve.value(merged["CodeUri"]))).resolve(),
            handler=str(merged["Handler"]),
            environment={key: str(value) for key, value in values.items()},
            timeout=self._number(identity, "Timeout", merged.get("Timeout", 3)),
            memory=int(self._number(identity, "MemorySize", merged.get("MemorySize", 128))),
            arn=self._arn(identity),
        )

    def _subscriptions(self, properties: dict[str, Any]) -> Iterator[str]:
        for event in (properties.get("Events") or {}).values():
            if event.get("Type") == "SNS":
                yield str(self._resolve.value(event["Properties"]["Topic"]))

    def _ends(self, properties: dict[str, Any], functions: list[Function]) -> Iterator[EndRule]:
        pattern = properties.get("EventPattern") or {}
        if _END not in (pattern.get("detail-type") or []):
            return
        detail = self._resolve.value(pattern["detail"])
        arns = [str(self._resolve.value(target["Arn"])) for target in properties.get("Targets") or []]
        for name in (function.name for function in functions if function.arn in arns):
            for machine in detail["stateMachineArn"]:
                yield EndRule(str(machine), frozenset(map(str, detail["status"])), name)

    def _machine(self, identity: str, properties: dict[str, Any]) -> MachineSource:
        path = self._path.parent / str(properties.get("DefinitionUri", ""))
        try:
            text = path.read_text(encoding="utf-8")
        except OSError as error:
            words = f"{self._path}: {identity} names {path}, which cannot be read: {error.strerror}."
            raise ConfigurationError(words, remedy="Fix its DefinitionUri.") from error
        values = self._resolve.value(properties.get("DefinitionSubstitutions") or {})

        def replace(match: re.Match[str]) -> str:
            if match[1] not in values:
                words = f"{path} uses ${{{match[1]}}}, which {identity} does not substitute."
                raise ConfigurationError(words, remedy="Add it to DefinitionSubstitutions.")
            return str(values[match[1]])

        role = str(self._resolve.value(properties.get("Role") or f"arn:aws:iam::{ACCOUNT}:role/{identity}"))
        return MachineSource(self._name(identity), _SUBSTITUTION.sub(replace, text), role)

    def _task(self, identity: str, properties: dict[str, Any]) -> TaskDefinition:
        values = self._resolve.value({key: properties[key] for key in ("Cpu", "Memory") if key in properties})
        containers = tuple(
            self._container(identity, item) for item in properties.get("ContainerDefinitions") or []
        )
        cpu, memory = str(values.get("Cpu", "256")), str(values.get("Memory", "512"))
        return TaskDefinition(self._arn(identity), self._name(identity), containers, cpu, memory)

    def _number(self, identity: str, name: str, given: object) -> float:
        value = self._resolve.value(given)
        try:
            number = read_number(str(value))
            if isinstance(value, bool) or number <= 0:
                raise ValueError("not above 0")
        except ValueError as error:
            words = f"{self._path}: {name} of {identity} is '{one_paragraph(str(value), 40)}', {error}."
            raise ConfigurationError(
                words, remedy=f"Correct {name}, or the parameter it refers to."
            ) from None
        return number

    def _container(self, identity: str, raw: dict[str, Any]) -> Container:
        wanted = ("Name", "Image", "Command", "Environment", "Essential", "StopTimeout", "User")
        values = self._resolve.value({key: raw[key] for key in wanted if key in raw})
        environment = {str(p["Name"]): str(p["Value"]) for p in values.get("Environment", [])}
        return Container(
            name=str(values["Name"]),
            image=str(values.get("Image", "")),
            command=tuple(str(word) for word in values.get("Command", [])),
            environment=environment,
            essential=bool(values.get("Essential", True)),
            stop_timeout=self._number(identity, "StopTimeout", values.get("StopTimeout", 30)),
            user=str(values.get("User", "")),
            capabilities=_capabilities((raw.get("LinuxParameters") or {}).get("Capabilities") or {}),
        )


def _capabilities(given: dict[str, Any]) -> frozenset[str]:
    dropped = {str(name) for name in given.get("Drop", [])}
    kept = frozenset() if "ALL" in dropped else _DOCKER_DEFAULT - dropped
    return kept | {str(name) for name in given.get("Add", [])}
