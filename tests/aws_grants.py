"""The grants of template.yaml to each role, and whether they cover a call: as IAM evaluates Allow statements.

Sources: IAM user guide, "Policy evaluation logic" and "JSON policy elements: Condition operators". Only what
the template uses is evaluated; another operator is an error. A role is named by its logical id: that of the
function, because SAM makes one role for each, or that of an AWS::IAM::Role.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from stepherd.engine.intrinsics import Resolver

__all__ = ["ROOT", "Grant", "Need", "Stack", "listed", "matches", "written_statements"]

ROOT = Path(__file__).parents[1]
REGION = "us-east-1"
FUNCTION, ROLE = "AWS::Serverless::Function", "AWS::IAM::Role"
_ARNS = {
    "AWS::Serverless::Function": ("lambda", "function:{}"),
    "AWS::SQS::Queue": ("sqs", "{}"),
    "AWS::ECS::Cluster": ("ecs", "cluster/{}"),
    "AWS::ECR::Repository": ("ecr", "repository/{}"),
    "AWS::Events::Rule": ("events", "rule/{}"),
}
"""How the ARN of each kind ends, as the Service Authorization Reference has it."""


@dataclass(frozen=True, slots=True)
class Need:
    """A grant that a call needs."""

    action: str
    resource: str
    context: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Condition keys that come with the call."""


@dataclass(frozen=True, slots=True)
class Grant:
    """One action on one resource pattern under one condition."""

    action: str
    resource: str
    conditions: tuple[tuple[str, str, str], ...] = ()
    """Operator, key and pattern; all must hold."""

    def allows(self, need: Need) -> bool:
        """Whether the call that needs this is granted."""
        return (
            matches(self.action.lower(), need.action.lower())
            and matches(self.resource, need.resource)
            and all(_holds(*condition, need.context) for condition in self.conditions)
        )

    def __str__(self) -> str:
        """``action resource [key=pattern]``, without the parts of an ARN that are the same for all."""
        conditions = "".join(f" {key}={value}" for _, key, value in self.conditions)
        return f"{self.action} {self.resource.split(':', 5)[-1]}{conditions}"


def matches(pattern: str, text: str) -> bool:
    """IAM's wildcards: ``*`` for anything, ``?`` for one character."""
    return _compiled(pattern).fullmatch(text) is not None


def listed(value: Any) -> list[Any]:
    """Actions or resources, of which one may stand without a list."""
    return value if isinstance(value, list) else [value]


def written_statements(node: Any) -> Iterator[dict[str, Any]]:
    """Every statement on resources below a node of the template, unresolved: conditional ones and denials
    too."""
    if isinstance(node, dict):
        if {"Effect", "Action", "Resource"} <= node.keys():
            yield node
        for value in node.values():
            yield from written_statements(value)
    elif isinstance(node, list):
        for value in node:
            yield from written_statements(value)


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."), re.DOTALL)


def _holds(operator: str, key: str, pattern: str, context: Mapping[str, str]) -> bool:
    if key not in context:
        return False
    if operator in {"StringLike", "ArnLike", "ArnEquals"}:
        return matches(pattern, context[key])
    assert operator == "StringEquals", f"the operator {operator} is not evaluated here"
    return pattern == context[key]


@dataclass
class Stack:
    """The template as it would be deployed, with made-up names."""

    template: Mapping[str, Any]
    parameters: Mapping[str, str] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    """The values of Ref for resources, where they matter to a test."""
    account: str = "123456789012"

    def __post_init__(self) -> None:
        self.resources: Mapping[str, Any] = self.template["Resources"]
        self._resolver = Resolver(self.template, self.parameters, self.reference, self.attribute)
        self._resolver.pseudo["AWS::AccountId"] = self.account

    def roles(self) -> list[str]:
        """Every role of the template."""
        return [name for name, each in self.resources.items() if each["Type"] in (FUNCTION, ROLE)]

    def grants(self, role: str) -> list[Grant]:
        """All that a role may, policies of ours that it refers to included."""
        return [grant for statement in self.statements(role) for grant in _grants_of(statement)]

    def denials(self, role: str) -> list[Grant]:
        """All that a role is denied, whatever else it may."""
        return [grant for statement in self.statements(role, "Deny") for grant in _grants_of(statement)]

    def statements(self, role: str, effect: str = "Allow") -> Iterator[Mapping[str, Any]]:
        """The statements of a role with that effect, resolved."""
        properties = self.resources[role]["Properties"]
        for policy in self._resolver.value(properties.get("Policies", [])):
            if isinstance(policy, str):
                policy = self._resolver.value(self.resources[policy]["Properties"])
            document = policy.get("PolicyDocument", policy)
            for statement in document["Statement"]:
                assert statement["Effect"] in ("Allow", "Deny")
                if statement["Effect"] == effect:
                    yield statement

    def allowing(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Every Allow statement that the template writes down, with the resource in which it stands."""
        for name, resource in self.resources.items():
            properties = resource.get("Properties", {})
            documents = [properties.get(key) for key in ("PolicyDocument", "AssumeRolePolicyDocument")]
            documents += properties.get("Policies", []) if resource["Type"] in (FUNCTION, ROLE) else []
            for document in self.value(documents):
                if not isinstance(document, dict):
                    continue  # Absent, or a policy that is referred to, which is its own resource.
                for statement in document.get("PolicyDocument", document)["Statement"]:
                    if statement["Effect"] == "Allow":
                        yield name, statement

    def allows(self, role: str, need: Need) -> bool:
        """Whether a role has what a call needs."""
        denied = any(denial.allows(need) for denial in self.denials(role))
        return not denied and any(grant.allows(need) for grant in self.grants(role))

    def policy(self, role: str) -> dict[str, Any]:
        """All statements of a role as one policy, for an evaluator that is not ours."""
        statements = [*self.statements(role), *self.statements(role, "Deny")]
        return {"Version": "2012-10-17", "Statement": statements}

    def value(self, node: Any) -> Any:
        """A node of the template, resolved."""
        return self._resolver.value(node)

    def reference(self, name: str) -> str:
        """The value of ``Ref`` for a parameter or resource."""
        if name in self.names:
            return self.names[name]
        kind, properties = self.resources[name]["Type"], self.resources[name].get("Properties", {})
        if kind == "AWS::Serverless::StateMachine":
            return self._arn("states", f"stateMachine:{self.value(properties['Name'])}")
        if kind == "AWS::SNS::Topic":
            return self._arn("sns", str(self.value(properties.get("TopicName", name))))
        if kind == "AWS::SecretsManager::Secret":
            return self._arn("secretsmanager", f"secret:{name}-AbCdEf")
        if kind == "AWS::Logs::LogGroup":
            return str(self.value(properties["LogGroupName"]))
        if kind == "AWS::ECS::TaskDefinition":
            return self._arn("ecs", f"task-definition/{self.value(properties['Family'])}:1")
        return name

    def attribute(self, name: str, attribute: str) -> str:
        """The value of ``GetAtt`` for a resource's attribute."""
        kind = self.resources[name]["Type"]
        if attribute != "Arn":
            return f"{self.value(self.resources[name]['Properties'].get(attribute, name))}"
        if kind == "AWS::S3::Bucket":
            return f"arn:aws:s3:::{self.reference(name)}"
        if kind == "AWS::Logs::LogGroup":
            return self._arn("logs", f"log-group:{self.reference(name)}:*")
        if kind == ROLE:
            return f"arn:aws:iam::{self.account}:role/{self.reference(name)}"
        service, form = _ARNS[kind]
        return self._arn(service, form.format(self.reference(name)))

    def _arn(self, service: str, rest: str) -> str:
        return f"arn:aws:{service}:{REGION}:{self.account}:{rest}"


def _grants_of(statement: Mapping[str, Any]) -> Iterator[Grant]:
    """One for each action, resource and value of a condition: any of the values is enough."""
    choices: list[tuple[tuple[str, str, str], ...]] = [()]
    for operator, keys in statement.get("Condition", {}).items():
        for key, values in keys.items():
            choices = [(*had, (operator, key, value)) for had in choices for value in _listed(values)]
    for action in _listed(statement["Action"]):
        for resource in _listed(statement["Resource"]):
            for conditions in choices:
                yield Grant(action, resource, conditions)


def _listed(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]
