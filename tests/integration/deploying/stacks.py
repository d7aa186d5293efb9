"""CloudFormation's stacks, as its documentation describes their states: events come one after the other.

Nothing goes on by itself: a stack takes some steps whenever somebody looks at it. So a client that was killed
finds the stack where it was left, or further on.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tests.integration.deploying.resources import ACCOUNT, MADE, REGION, Refused, Resources, resolver

STACK = "AWS::CloudFormation::Stack"
UPDATABLE = {"CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"}


@dataclass
class Trouble:
    """Faults by the logical id of the resource; each is used up."""

    create: dict[str, str] = field(default_factory=dict)
    update: dict[str, str] = field(default_factory=dict)
    delete: dict[str, str] = field(default_factory=dict)
    rollback: dict[str, str] = field(default_factory=dict)
    pace: int = 150
    """So many steps are taken between two looks."""


@dataclass
class ChangeSet:
    id: str
    status: str
    reason: str
    template: Mapping[str, Any]
    parameters: dict[str, str]
    looked_at: int = 0


@dataclass
class Stack:
    """One stack, with what it has made."""

    name: str
    service: Resources
    trouble: Trouble
    tags: dict[str, str] = field(default_factory=dict)
    status: str = "REVIEW_IN_PROGRESS"
    template: Mapping[str, Any] = field(default_factory=dict)
    parameters: dict[str, str] = field(default_factory=dict)
    outputs: dict[str, str] = field(default_factory=dict)
    made: dict[str, dict[str, Any]] = field(default_factory=dict)
    events: list[dict[str, str]] = field(default_factory=list)
    change_sets: dict[str, ChangeSet] = field(default_factory=dict)
    created: datetime = field(default_factory=lambda: datetime.now(UTC))
    deleted: datetime | None = None
    work: Iterator[None] | None = None

    def __post_init__(self) -> None:
        self.id = f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/{self.name}/{uuid.uuid4()}"
        self._say(self.name, STACK, "REVIEW_IN_PROGRESS", physical=self.id)

    def look(self) -> None:
        """Let it take some steps."""
        for _ in range(self.trouble.pace):
            if self.work is None:
                return
            if next(self.work, _OVER) is _OVER:
                self.work = None

    def finish(self) -> None:
        """Let it come to rest."""
        while self.work is not None:
            self.look()

    def execute(self, change: ChangeSet) -> None:
        self.work = self._create(change) if self.status == "REVIEW_IN_PROGRESS" else self._update(change)
        next(self.work)

    def delete(self) -> None:
        self.work = self._delete()
        next(self.work)

    def go_on_rolling_back(self) -> None:
        self.work = self._roll_back_again()
        next(self.work)

    # -- what it does ---------------------------------------------------------------------------------

    def _create(self, change: ChangeSet) -> Iterator[None]:
        self.template, self.parameters = change.template, dict(change.parameters)
        self._become("CREATE_IN_PROGRESS")
        yield
        for logical, resource in self._wanted():
            self._say(logical, resource["Type"], "CREATE_IN_PROGRESS")
            yield
            reason = self.trouble.create.pop(logical, "")
            if reason:
                self._say(logical, resource["Type"], "CREATE_FAILED", reason)
                yield from self._roll_back_creation(logical)
                return
            self._make(logical, resource)
            yield
        self._settle_outputs()
        self._become("CREATE_COMPLETE")

    def _roll_back_creation(self, failed: str) -> Iterator[None]:
        words = f"The following resource(s) failed to create: [{failed}]. Rollback requested by user."
        self._become("ROLLBACK_IN_PROGRESS", words)
        yield
        for logical in reversed(list(self.made)):
            yield from self._unmake(logical)
        self._become("ROLLBACK_COMPLETE")

    def _update(self, change: ChangeSet) -> Iterator[None]:
        before = (self.template, self.parameters, dict(self.made))
        old = {logical: _shape(resource, self.parameters) for logical, resource in self._wanted()}
        self.template, self.parameters = change.template, dict(change.parameters)
        self._become("UPDATE_IN_PROGRESS")
        yield
        for logical, resource in self._wanted():
            if logical in self.made and old.get(logical) == _shape(resource, self.parameters):
                continue
            doing = "UPDATE" if logical in self.made else "CREATE"
            self._say(logical, resource["Type"], f"{doing}_IN_PROGRESS")
            yield
            reason = self.trouble.update.pop(logical, "")
            if reason:
                self._say(logical, resource["Type"], f"{doing}_FAILED", reason)
                yield from self._roll_back_update(before, logical)
                return
            if doing == "CREATE":
                self._make(logical, resource)
            else:
                self._say(logical, resource["Type"], "UPDATE_COMPLETE")
            yield
        self._become("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")
        yield
        wanted = {logical for logical, _ in self._wanted()}
        for logical in [each for each in reversed(list(self.made)) if each not in wanted]:
            yield from self._unmake(logical)
        self._settle_outputs()
        self._become("UPDATE_COMPLETE")

    def _roll_back_update(self, before: tuple[Any, ...], failed: str) -> Iterator[None]:
        self._become(
            "UPDATE_ROLLBACK_IN_PROGRESS", f"The following resource(s) failed to update: [{failed}]."
        )
        yield
        for logical in [each for each in reversed(list(self.made)) if each not in before[2]]:
            yield from self._unmake(logical)
        self.template, self.parameters = before[0], before[1]
        stuck = self.trouble.rollback.pop(failed, "")
        if stuck:
            self._say(failed, "AWS::Lambda::Function", "UPDATE_FAILED", stuck)
        self._become("UPDATE_ROLLBACK_FAILED" if stuck else "UPDATE_ROLLBACK_COMPLETE")

    def _roll_back_again(self) -> Iterator[None]:
        self._become("UPDATE_ROLLBACK_IN_PROGRESS")
        yield
        self._become("UPDATE_ROLLBACK_COMPLETE")

    def _delete(self) -> Iterator[None]:
        self._become("DELETE_IN_PROGRESS")
        yield
        failed = False
        for logical in reversed(list(self.made)):
            yield from self._unmake(logical)
            failed = failed or self.made.get(logical, {}).get("status") == "DELETE_FAILED"
        if failed:
            self._become("DELETE_FAILED", "The following resource(s) failed to delete.")
        else:
            self.deleted = datetime.now(UTC)
            self._become("DELETE_COMPLETE")

    # -- parts ----------------------------------------------------------------------------------------

    def _make(self, logical: str, resource: Mapping[str, Any]) -> None:
        wanted = resource.get("Properties") or {}
        properties = self._resolver().value(wanted) if resource["Type"] in MADE else {}
        physical, attributes = self.service.make(self.name, logical, resource["Type"], properties)
        self.made[logical] = {
            "id": physical, "attributes": attributes, "type": resource["Type"], "status": "CREATE_COMPLETE",
            "retained": resource.get("DeletionPolicy") == "Retain",
        }  # fmt: skip
        self._say(logical, resource["Type"], "CREATE_COMPLETE", physical=physical)

    def _unmake(self, logical: str) -> Iterator[None]:
        it = self.made[logical]
        if it["status"] in {"DELETE_COMPLETE", "DELETE_SKIPPED"}:
            return
        if it["retained"]:
            it["status"] = "DELETE_SKIPPED"
            self._say(logical, it["type"], "DELETE_SKIPPED", physical=it["id"])
            return
        self._say(logical, it["type"], "DELETE_IN_PROGRESS", physical=it["id"])
        yield
        reason = self.trouble.delete.pop(logical, "")
        try:
            if reason:
                raise Refused(reason)
            self.service.remove(it["type"], it["id"])
        except Refused as refused:
            it["status"] = "DELETE_FAILED"
            self._say(logical, it["type"], "DELETE_FAILED", str(refused), physical=it["id"])
            return
        it["status"] = "DELETE_COMPLETE"
        self._say(logical, it["type"], "DELETE_COMPLETE", physical=it["id"])

    def _wanted(self) -> list[tuple[str, Mapping[str, Any]]]:
        """The resources that the template's conditions ask for, each after those that it refers to."""
        ask = self._resolver()
        resources = {
            logical: resource
            for logical, resource in self.template["Resources"].items()
            if "Condition" not in resource or ask.condition(resource["Condition"])
        }
        order: dict[str, Mapping[str, Any]] = {}

        def add(logical: str) -> None:
            if logical in order or logical not in resources:
                return
            for other in _named(resources[logical].get("Properties"), resources):
                if other != logical:
                    add(other)
            order[logical] = resources[logical]

        for logical in resources:
            add(logical)
        return list(order.items())

    def _resolver(self) -> Any:
        return resolver(self.template, self.parameters, self.name, self.made)

    def _settle_outputs(self) -> None:
        ask = self._resolver()
        self.outputs = {
            name: str(ask.value(output["Value"]))
            for name, output in self.template["Outputs"].items()
            if "Condition" not in output or ask.condition(output["Condition"])
        }

    def _become(self, status: str, reason: str = "") -> None:
        self.status = status
        self._say(self.name, STACK, status, reason, physical=self.id)

    def _say(self, logical: str, kind: str, status: str, reason: str = "", physical: str = "") -> None:
        event = {
            "StackId": self.id, "EventId": str(uuid.uuid4()), "StackName": self.name,
            "LogicalResourceId": logical, "PhysicalResourceId": physical, "ResourceType": kind,
            "ResourceStatus": status, "Timestamp": datetime.now(UTC).isoformat(),
        }  # fmt: skip
        self.events.insert(0, {**event, **({"ResourceStatusReason": reason} if reason else {})})


_OVER = object()


def _shape(resource: Mapping[str, Any], parameters: Mapping[str, str]) -> Any:
    """The parts of a resource by which an update is known: its text, and the parameters that it names."""
    named = _named(resource.get("Properties"), parameters)
    return resource, {name: parameters[name] for name in named if name in parameters}


def _named(node: Any, resources: Mapping[str, Any]) -> Iterator[str]:
    """The resources that a property refers to."""
    if isinstance(node, list):
        for item in node:
            yield from _named(item, resources)
    elif isinstance(node, dict):
        for key, value in node.items():
            if key == "Ref" and value in resources:
                yield value
            elif key == "Fn::GetAtt":
                yield value[0] if isinstance(value, list) else value.split(".")[0]
            elif key == "Fn::Sub":
                text = value[0] if isinstance(value, list) else value
                yield from (name for name in resources if f"${{{name}}}" in text or f"${{{name}." in text)
                yield from _named(value[1:] if isinstance(value, list) else [], resources)
            else:
                yield from _named(value, resources)
