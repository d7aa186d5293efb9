"""From a definition's text to its types, refusing by name whatever the engine would not do.

Source: the Amazon States Language and AWS's messages (facts/histories.md 5 and 6). A field or state that the
engine does not support is an error here, which names it, and never ignored later.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from stepherd.engine.asl.definition import (
    Catcher,
    ChoiceRule,
    ChoiceState,
    FailState,
    MapState,
    ParallelState,
    PassState,
    Retrier,
    State,
    StateMachine,
    States,
    SucceedState,
    TaskState,
    WaitState,
)
from stepherd.engine.asl.fields import Fields, Problem, Problems
from stepherd.engine.asl.graph import check_graph
from stepherd.engine.asl.resources import parse_resource
from stepherd.engine.asl.scopes import check_scopes
from stepherd.engine.asl.templates import Literal, Template, is_expression
from stepherd.engine.asl.values import too_deep
from stepherd.engine.integrations.services import LAMBDA
from stepherd.services.json_text import read_json

__all__ = ["MAX_SECONDS", "InvalidDefinition", "load", "parse_timestamp", "problems_of"]

MAX_SECONDS = 99_999_999
"""Longest timeout and longest Wait."""
_MAX_CHARACTERS = 1_048_576
"""Longest definition, as the API takes it."""
_MAX_DEPTH = 200
"""Arrays and objects inside of each other in a definition; each takes several of Python's calls."""
_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)")


class InvalidDefinition(Exception):
    """The definition cannot be run; ``problems`` says why, each with its path."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__(", ".join(str(problem) for problem in problems))
        self.problems = problems


def load(text: str, *, accepted: bool = False) -> StateMachine:
    """Read a definition; raises InvalidDefinition naming every field that is wrong or not supported.

    The expressions of one that was ``accepted`` before are compiled when they are evaluated: most of them, in
    most executions, never are.
    """
    machine, problems = _read(text, Problems(of_expressions=not accepted))
    if problems or machine is None:
        raise InvalidDefinition(problems)
    return machine


def problems_of(text: str) -> list[Problem]:
    """The problems of a definition; empty when it can be run."""
    return _read(text, Problems())[1]


def _read(text: str, problems: Problems) -> tuple[StateMachine | None, Problems]:
    if len(text) > _MAX_CHARACTERS and problems.of_expressions:
        words = f"A definition has at most {_MAX_CHARACTERS} characters, this one has {len(text)}"
        problems.append(Problem(words, "/"))
        return None, problems
    try:
        if problems.of_expressions and too_deep(text, _MAX_DEPTH):
            raise ValueError("nested too deeply")
        raw = read_json(text)
    except (ValueError, RecursionError) as error:
        problems.append(Problem(str(error), "/", "INVALID_JSON_DESCRIPTION"))
        return None, problems
    fields = Fields(raw, "", problems)
    if problems:
        return None, problems
    language = _language(fields, "JSONPath")
    if problems.of_expressions:
        problems.language = language
    comment = fields.text("Comment") or ""
    fields.text("Version")
    timeout = fields.number("TimeoutSeconds", 1, MAX_SECONDS)
    body = _states(fields, language)
    fields.finish("a state machine")
    check_scopes(body, problems)
    if problems.of_expressions:
        check_graph(body, problems)
    return StateMachine(body, timeout, comment), problems


def _language(fields: Fields, inherited: str) -> str:
    language = fields.text("QueryLanguage") or inherited
    if language not in ("JSONata", "JSONPath"):
        fields.wrong("Value should be one of the following: [JSONPath, JSONata]", "QueryLanguage")
    if inherited == "JSONata" and language == "JSONPath":
        fields.wrong("'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine")
    return language


def _states(fields: Fields, language: str) -> States:
    start_at = fields.text("StartAt", required=True) or ""
    raw = fields.take("States")
    if not isinstance(raw, dict) or not raw:
        fields.wrong("The field 'States' must be an object with at least one state", "States")
        return States(start_at, {})
    holder = fields.inside(raw, "States")
    states = {name: _state(name, Fields(value, f"{holder.path}/{name}", fields._problems), language)
              for name, value in raw.items()}  # fmt: skip
    return States(start_at, states)


def _state(name: str, fields: Fields, language: str) -> State:
    if not 1 <= len(name) <= 80:
        fields.wrong("A state name has 1 to 80 characters")
    kind = fields.text("Type", required=True) or ""
    fields.text("Comment")
    effective = _language(fields, language)
    reader = _READERS.get(kind)
    if reader is None:
        if kind:
            fields.wrong(f"'{kind}' is not a state type", "Type")
        return PassState(name=name)
    if effective != "JSONata":
        fields.wrong("The engine runs states in JSONata only: set 'QueryLanguage' to 'JSONata'")
    state = reader(name, fields)
    fields.finish(f"a {kind} state in JSONata")
    return state


def _next(fields: Fields) -> str | None:
    target = fields.target("Next")
    end = fields.take("End", False)
    if not isinstance(end, bool):
        fields.wrong("The value of the field 'End' must be a boolean", "End")
    if bool(target) == bool(end):
        fields.wrong("Exactly one of 'Next' and 'End' is required")
    return target


def _pass(name: str, fields: Fields) -> State:
    output, assign = fields.template("Output"), fields.assignments()
    return PassState(name=name, next=_next(fields), output=output, assign=assign)


def _succeed(name: str, fields: Fields) -> State:
    return SucceedState(name=name, output=fields.template("Output"))


def _fail(name: str, fields: Fields) -> State:
    return FailState(name=name, error=fields.words("Error"), cause=fields.words("Cause"))


def _wait(name: str, fields: Fields) -> State:
    if (fields.take("Seconds") is None) == (fields.take("Timestamp") is None):
        fields.wrong("Exactly one of 'Seconds' and 'Timestamp' is required")
    timestamp = fields.words("Timestamp")
    if isinstance(timestamp, Literal) and parse_timestamp(timestamp.value) is None:
        fields.wrong("String does not match RFC3339 timestamp", "Timestamp")
    return WaitState(
        name=name,
        next=_next(fields),
        seconds=fields.count("Seconds", 0, MAX_SECONDS),
        timestamp=timestamp,
        output=fields.template("Output"),
        assign=fields.assignments(),
    )


def parse_timestamp(text: Any) -> float | None:
    """Seconds since the epoch of an RFC 3339 time with capital T and a zone; None when it is not one."""
    if not isinstance(text, str) or not _TIMESTAMP.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return None


def _choice(name: str, fields: Fields) -> State:
    rules = tuple(_rule(rule) for rule in fields.each("Choices"))
    if not rules:
        fields.wrong("The field 'Choices' must be an array with at least one rule", "Choices")
    output, assign = fields.template("Output"), fields.assignments()
    return ChoiceState(name=name, choices=rules, next=fields.target("Default"), output=output, assign=assign)


def _rule(fields: Fields) -> ChoiceRule:
    fields.text("Comment")
    value = fields.take("Condition")
    if not isinstance(value, bool) and not is_expression(value):
        fields.wrong("A 'Condition' is a JSONata expression or a boolean", "Condition")
    condition = fields.template("Condition") or Literal(False)
    target = fields.target("Next", required=True) or ""
    rule = ChoiceRule(condition, target, fields.template("Output"), fields.assignments())
    fields.finish("a choice rule in JSONata")
    return rule


def _task(name: str, fields: Fields) -> State:
    resource_text = fields.text("Resource", required=True) or ""
    resource = parse_resource(resource_text)
    if resource is None:
        fields.wrong(f"The resource '{resource_text}' is not supported", "Resource")
    timeout = fields.count("TimeoutSeconds", 1, MAX_SECONDS)
    heartbeat = fields.count("HeartbeatSeconds", 1, MAX_SECONDS)
    if isinstance(timeout, Literal) and isinstance(heartbeat, Literal) and heartbeat.value >= timeout.value:
        fields.wrong("HeartbeatSeconds must be smaller than TimeoutSeconds", "HeartbeatSeconds")
    return TaskState(
        name=name,
        next=_next(fields),
        resource=resource or parse_resource(f"arn:aws:states:::{LAMBDA}:invoke"),  # type: ignore[arg-type]
        arguments=fields.template("Arguments"),
        timeout=timeout,
        heartbeat=heartbeat,
        role=_role(fields),
        **_guarded(fields),
    )


def _role(fields: Fields) -> Template | None:
    if not fields.has("Credentials"):
        return None
    credentials = fields.inside(fields.take("Credentials"), "Credentials")
    role = credentials.words("RoleArn")
    credentials.finish("Credentials")
    return role


def _guarded(fields: Fields) -> dict[str, Any]:
    retry = tuple(_retrier(item) for item in fields.each("Retry"))
    catch = tuple(_catcher(item) for item in fields.each("Catch"))
    for name, errors in (("Retry", [r.errors for r in retry]), ("Catch", [c.errors for c in catch])):
        for index, names in enumerate(errors):
            if "States.ALL" in names and (len(names) > 1 or index + 1 < len(errors)):
                fields.wrong("'States.ALL' must stand alone and in the last element", f"{name}[{index}]")
    output, assign = fields.template("Output", "result"), fields.assignments("result")
    return {"retry": retry, "catch": catch, "output": output, "assign": assign}


def _errors(fields: Fields) -> tuple[str, ...]:
    errors = fields.take("ErrorEquals")
    if not isinstance(errors, list) or not errors or not all(isinstance(item, str) for item in errors):
        fields.wrong("'ErrorEquals' must be an array with at least one string", "ErrorEquals")
        return ()
    return tuple(errors)


def _retrier(fields: Fields) -> Retrier:
    fields.text("Comment")
    jitter = fields.text("JitterStrategy") or "NONE"
    if jitter not in ("FULL", "NONE"):
        fields.wrong("'JitterStrategy' is FULL or NONE", "JitterStrategy")
    attempts = fields.number("MaxAttempts", 0, MAX_SECONDS)
    retrier = Retrier(
        _errors(fields),
        interval=fields.number("IntervalSeconds", 1, MAX_SECONDS) or 1,
        max_attempts=3 if attempts is None else int(attempts),
        backoff_rate=fields.number("BackoffRate", 1.0, 1e9, whole=False) or 2.0,
        max_delay=fields.number("MaxDelaySeconds", 1, 31_622_400),
        full_jitter=jitter == "FULL",
    )
    fields.finish("a retrier")
    return retrier


def _catcher(fields: Fields) -> Catcher:
    fields.text("Comment")
    target = fields.target("Next", required=True) or ""
    output, assign = fields.template("Output", "errorOutput"), fields.assignments("errorOutput")
    catcher = Catcher(_errors(fields), target, output, assign)
    fields.finish("a catcher in JSONata")
    return catcher


def _parallel(name: str, fields: Fields) -> State:
    branches = []
    for branch in fields.each("Branches"):
        branch.text("Comment")
        branches.append(_states(branch, branch.language))
        branch.finish("a branch")
    if not branches:
        fields.wrong("The field 'Branches' must be an array with at least one branch", "Branches")
    arguments, target = fields.template("Arguments"), _next(fields)
    guarded = _guarded(fields)
    return ParallelState(name=name, next=target, branches=tuple(branches), arguments=arguments, **guarded)


def _map(name: str, fields: Fields) -> State:
    named = "Iterator" if fields.has("Iterator") else "ItemProcessor"  # Iterator is the older name.
    processor = fields.inside(fields.take(named), named)
    config = processor.inside(processor.take("ProcessorConfig", {}), "ProcessorConfig")
    if (config.text("Mode") or "INLINE") != "INLINE":
        config.wrong("Only an INLINE Map is supported: a DISTRIBUTED one needs AWS", "Mode")
    config.finish("an inline Map")
    processor.text("Comment")
    body = _states(processor, processor.language)
    processor.finish("an item processor")
    return MapState(
        name=name,
        next=_next(fields),
        processor=body,
        items=fields.template("Items"),
        item_selector=fields.template("ItemSelector"),
        max_concurrency=fields.count("MaxConcurrency", 0, MAX_SECONDS),
        tolerated_count=fields.count("ToleratedFailureCount", 0, 10_000_000),
        tolerated_percentage=fields.count("ToleratedFailurePercentage", 0, 100, whole=False),
        **_guarded(fields),
    )


_READERS = {
    "Pass": _pass,
    "Succeed": _succeed,
    "Fail": _fail,
    "Wait": _wait,
    "Choice": _choice,
    "Task": _task,
    "Parallel": _parallel,
    "Map": _map,
}
