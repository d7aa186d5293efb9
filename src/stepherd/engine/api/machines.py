"""The operations on state machines and their tags (facts/histories.md 6.6)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from stepherd.engine.api.errors import ApiError
from stepherd.engine.api.pages import Pages
from stepherd.engine.api.requests import Request, arn_of, check_name, machine_of, needed
from stepherd.engine.asl.loading import InvalidDefinition, problems_of
from stepherd.engine.core import Engine
from stepherd.engine.journal.history import CONFIGURATIONS
from stepherd.engine.journal.records import TAGS, Execution, Machine

__all__ = ["Machines"]

_DEFAULTS: Final[Mapping[str, Any]] = {
    "loggingConfiguration": {"level": "OFF", "includeExecutionData": False},
    "tracingConfiguration": {"enabled": False},
    "encryptionConfiguration": {"type": "AWS_OWNED_KEY"},
}
"""Settings that are stored and returned but have no effect here, each with its default."""
_MOST_TAGS: Final = 50
_TAG_TEXT: Final = re.compile(r"[\w\s.:/=+\-@]*")


class Machines:
    """The state machines of one engine, as its API shows them."""

    def __init__(self, engine: Engine, pages: Pages) -> None:
        self._engine = engine
        self._pages = pages

    def operations(self) -> dict[str, Callable[[Request], dict[str, Any]]]:
        """The operations by name."""
        return {
            "CreateStateMachine": self.create,
            "DeleteStateMachine": self.delete,
            "DescribeStateMachine": self.describe,
            "ListStateMachines": self.list,
            "ListTagsForResource": self.tags,
            "TagResource": self.tag,
            "UntagResource": self.untag,
            "UpdateStateMachine": self.update,
            "ValidateStateMachineDefinition": self.validate,
        }

    def create(self, request: Request) -> dict[str, Any]:
        """Create a machine; the same again succeeds, another under its name does not.

        It is the same when definition and configurations are: another role and other tags are ignored [docs].
        """
        name, definition, role = (needed(request, key) for key in ("name", "definition", "roleArn"))
        problem = check_name(name)
        if problem:
            raise ApiError("InvalidName", f"Invalid Name: '{name}': {problem}")
        if request.get("type", "STANDARD") != "STANDARD":
            raise ApiError("StateMachineTypeNotSupported", "Only STANDARD state machines are supported")
        settings = _configurations(request)
        tags = _tags_of(request.get("tags", []))
        existing = self._engine.journal.machine(self._engine.machine_arn(name))
        if existing and (existing.definition, _shown(existing)) != (definition, {**_DEFAULTS, **settings}):
            raise ApiError("StateMachineAlreadyExists", f"State Machine Already Exists: '{existing.arn}'")
        machine = existing or self._put(name, definition, role, _with_tags(settings, tags))
        return {"stateMachineArn": machine.arn, "creationDate": machine.created}

    def _put(self, name: str, definition: str, role: str, settings: Mapping[str, Any]) -> Machine:
        try:
            return self._engine.put_machine(name, definition, role, json.dumps(settings))
        except InvalidDefinition as error:
            raise ApiError("InvalidDefinition", f"Invalid State Machine Definition: '{error}'") from error

    def update(self, request: Request) -> dict[str, Any]:
        """Change what is given of a machine; executions that run keep the definition they started with."""
        machine = machine_of(self._engine, request)
        if not request.keys() & {"definition", "roleArn", *_DEFAULTS}:
            raise ApiError(
                "MissingRequiredParameter",
                "Either the definition, the role ARN or a configuration must be specified",
            )
        settings = {**machine.kept, **_configurations(request)}
        definition = request.get("definition", machine.definition)
        updated = self._put(machine.name, definition, request.get("roleArn", machine.role_arn), settings)
        return {"updateDate": round(self._engine.clock.time(), 3), "revisionId": updated.revision}

    def delete(self, request: Request) -> dict[str, Any]:
        """Delete a machine; deleting one that is not there succeeds."""
        self._engine.journal.remove_machine(arn_of(request, "stateMachineArn"))
        self._engine.journal.flush()
        return {}

    def describe(self, request: Request) -> dict[str, Any]:
        """A machine; ``includedData`` METADATA_ONLY leaves its definition out."""
        machine = machine_of(self._engine, request)
        return _without_data(request, {
            "stateMachineArn": machine.arn, "name": machine.name, "status": "ACTIVE", "type": "STANDARD",
            "definition": machine.definition, "roleArn": machine.role_arn, "creationDate": machine.created,
            "revisionId": machine.revision, **_shown(machine),
        })  # fmt: skip

    def describe_for_execution(self, request: Request, e: Execution) -> dict[str, Any]:
        """The machine as it was when an execution started."""
        events = self._engine.journal.events(e.number, limit=1)
        return _without_data(request, {
            "stateMachineArn": e.machine_arn, "name": e.machine_arn.rsplit(":", 1)[-1],
            "definition": e.definition, "roleArn": e.role_arn, "updateDate": e.started,
            **_DEFAULTS, **(events[0].facts.get(CONFIGURATIONS, {}) if events else {}),
        })  # fmt: skip

    def list(self, request: Request) -> dict[str, Any]:
        """All machines, a page at a time."""
        machines = self._engine.journal.machines()
        start = int(self._pages.start(request, "machines", self._engine.clock.time()) or 0)
        size = self._pages.size(request)
        answer: dict[str, Any] = {
            "stateMachines": [
                {"stateMachineArn": m.arn, "name": m.name, "type": "STANDARD", "creationDate": m.created}
                for m in machines[start : start + size]
            ]
        }
        if len(machines) > start + size:
            answer["nextToken"] = self._pages.token("machines", start + size, self._engine.clock.time())
        return answer

    def validate(self, request: Request) -> dict[str, Any]:
        """The problems of a definition, without creating anything."""
        if request.get("type", "STANDARD") != "STANDARD":
            raise ApiError("ValidationException", "Only STANDARD state machines are supported")
        problems = problems_of(needed(request, "definition"))
        diagnostics = [
            {"severity": "ERROR", "code": p.code, "message": p.message}
            | ({"location": p.path} if p.path else {})
            for p in problems
        ]
        limit = self._pages.size(request)
        result = "FAIL" if diagnostics else "OK"
        return {"result": result, "diagnostics": diagnostics[:limit], "truncated": len(diagnostics) > limit}

    # -- tags --------------------------------------------------------------------------------------

    def tag(self, request: Request) -> dict[str, Any]:
        """Set tags; those that are there keep their other keys."""
        machine, tags = self._tagged(request)
        if "tags" not in request:
            needed(request, "tags")
        self._set_tags(machine, {**tags, **_tags_of(request["tags"])})
        return {}

    def untag(self, request: Request) -> dict[str, Any]:
        """Remove tags by their keys; one that is not there is no mistake."""
        machine, tags = self._tagged(request)
        keys = request.get("tagKeys")
        if keys is None or not all(isinstance(key, str) for key in keys):
            raise ApiError("ValidationException", "'tagKeys' must be an array of strings")
        self._set_tags(machine, {key: value for key, value in tags.items() if key not in keys})
        return {}

    def tags(self, request: Request) -> dict[str, Any]:
        """The tags of a machine."""
        _, tags = self._tagged(request)
        return {"tags": [{"key": key, "value": value} for key, value in tags.items()]}

    def _tagged(self, request: Request) -> tuple[Machine, dict[str, str]]:
        arn = arn_of(request, "resourceArn")
        machine = self._engine.journal.machine(arn)
        if machine is None:
            raise ApiError("ResourceNotFound", f"Resource not found: '{arn}'")
        return machine, machine.kept.get(TAGS, {})

    def _set_tags(self, machine: Machine, tags: dict[str, str]) -> None:
        _check_count(tags)
        self._engine.keep_settings(machine, json.dumps(_with_tags(machine.kept, tags)))


def _configurations(request: Request) -> dict[str, Any]:
    given = {key: request[key] for key in _DEFAULTS if key in request}
    logging, tracing = given.get("loggingConfiguration", {}), given.get("tracingConfiguration", {})
    right = (
        logging.get("level", "OFF") in ("ALL", "ERROR", "FATAL", "OFF"),
        isinstance(logging.get("includeExecutionData", False), bool),
        isinstance(logging.get("destinations", []), list),
        logging.keys() <= {"level", "includeExecutionData", "destinations"},
    )
    if not all(right):
        raise ApiError("InvalidLoggingConfiguration", "Invalid Logging Configuration: 'loggingConfiguration'")
    if not isinstance(tracing.get("enabled", False), bool) or not tracing.keys() <= {"enabled"}:
        raise ApiError("InvalidTracingConfiguration", "Invalid Tracing Configuration: 'tracingConfiguration'")
    return given


def _shown(machine: Machine) -> dict[str, Any]:
    return {**_DEFAULTS, **machine.configurations}


def _with_tags(settings: Mapping[str, Any], tags: dict[str, str]) -> dict[str, Any]:
    rest = {key: value for key, value in settings.items() if key != TAGS}
    return {**rest, TAGS: tags} if tags else rest


def _tags_of(given: Any) -> dict[str, str]:
    tags: dict[str, str] = {}
    for tag in given:
        key, value = (tag.get("key"), tag.get("value", "")) if isinstance(tag, dict) else (None, None)
        if not isinstance(key, str) or not isinstance(value, str) or not tag.keys() <= {"key", "value"}:
            raise ApiError(
                "ValidationException", "A tag is an object with a 'key' and a 'value', both strings"
            )
        if not 1 <= len(key) <= 128 or len(value) > 256:
            raise ApiError(
                "ValidationException", "A tag's key has 1 to 128 characters, its value at most 256"
            )
        if not (_TAG_TEXT.fullmatch(key) and _TAG_TEXT.fullmatch(value)) or key.lower().startswith("aws:"):
            words = "Tags hold letters, digits, white space and _ . : / = + - @, and no key begins with aws:"
            raise ApiError("ValidationException", words)
        tags[key] = value
    _check_count(tags)
    return tags


def _check_count(tags: Mapping[str, str]) -> None:
    if len(tags) > _MOST_TAGS:
        raise ApiError("TooManyTags", f"A resource has at most {_MOST_TAGS} tags")


def _without_data(request: Request, described: dict[str, Any]) -> dict[str, Any]:
    if request.get("includedData") == "METADATA_ONLY":
        described["definition"] = "{}"
    return described
