"""The rules of this house for a state machine, beyond those of validators. Each rule yields its findings."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

State = Mapping[str, Any]
Scope = Mapping[str, Any]

_EXPRESSION = re.compile(r"\{%(.*?)%\}", re.DOTALL)
_STRING = re.compile(r"'[^']*'|\"[^\"]*\"")
_VARIABLE = re.compile(r"\$([A-Za-z_]\w*)(?!\w|\s*\()")


def load(text: str) -> dict[str, Any]:
    """The definition in ``text``; ValueError when it is not JSON or has a key twice."""

    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        names = [name for name, _ in found]
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise ValueError(f"keys are there twice: {sorted(twice)}")
        return dict(found)

    value = json.loads(text, object_pairs_hook=pairs)
    if not isinstance(value, dict):
        raise ValueError("not an object")
    return value


def scopes(machine: Scope) -> Iterator[Scope]:
    """The machine itself, every branch and every item processor: what has StartAt and States."""
    yield machine
    for state in machine["States"].values():
        inner = [*state.get("Branches", []), *([state["ItemProcessor"]] if "ItemProcessor" in state else [])]
        for scope in inner:
            yield from scopes(scope)


def states(machine: Scope) -> Iterator[tuple[str, State]]:
    """Every state at every depth."""
    for scope in scopes(machine):
        yield from scope["States"].items()


def tasks_without_bounds(machine: Scope) -> Iterator[str]:
    for name, state in states(machine):
        if state["Type"] == "Task":
            for field in ("TimeoutSeconds", "Retry", "Catch"):
                if not state.get(field):
                    yield f"{name} has no {field}"


def retries_without_measure(machine: Scope) -> Iterator[str]:
    for name, state in states(machine):
        for retrier in state.get("Retry", []):
            if retrier.get("JitterStrategy") != "FULL" or "MaxDelaySeconds" not in retrier:
                yield f"{name} retries without jitter or without a maximum delay"


def catch_alls_out_of_place(machine: Scope) -> Iterator[str]:
    for name, state in states(machine):
        for field in ("Retry", "Catch"):
            entries = state.get(field, [])
            for index, entry in enumerate(entries):
                errors = entry["ErrorEquals"]
                if "States.ALL" in errors and (len(errors) > 1 or index < len(entries) - 1):
                    yield f"{name}: States.ALL is not last and alone in {field}"


def catches_that_are_never_reached(machine: Scope) -> Iterator[str]:
    """States.TaskFailed stands for every error but a timeout: behind it nothing but that is caught."""
    for name, state in states(machine):
        before: list[str] = []
        for entry in state.get("Catch", []):
            left = [e for e in entry["ErrorEquals"] if e not in ("States.ALL", "States.Timeout")]
            if "States.TaskFailed" in before and left:
                yield f"{name}: {left} is caught behind States.TaskFailed, which stands for it"
            before += entry["ErrorEquals"]


def states_without_comment(machine: Scope) -> Iterator[str]:
    for name, state in states(machine):
        if not state.get("Comment"):
            yield f"{name} has no Comment"


def tokens_not_passed(machine: Scope) -> Iterator[str]:
    for name, state in states(machine):
        waits = str(state.get("Resource", "")).endswith(".waitForTaskToken")
        if waits and "$states.context.Task.Token" not in json.dumps(state.get("Arguments", {})):
            yield f"{name} waits for a token that it does not pass on"


def unreachable_states(machine: Scope) -> Iterator[str]:
    for scope in scopes(machine):
        reached = reached_states(scope, [scope["StartAt"]], after_redrive=True)
        yield from (f"{name} cannot be reached" for name in scope["States"] if name not in reached)


def missing_targets(machine: Scope) -> Iterator[str]:
    for scope in scopes(machine):
        for name, state in scope["States"].items():
            for target in _targets(state, after_redrive=True):
                if target not in scope["States"]:
                    yield f"{name} leads to {target}, which is not there"


def catches_that_end_well(machine: Scope) -> Iterator[str]:
    """A Catch must lead to Fail on every way that is open without a redrive.

    One that names its errors may also lead back to before the state, which then tries again: what ends well
    then has not failed.
    """
    for scope in scopes(machine):
        for name, state in scope["States"].items():
            for catcher in state.get("Catch", []):
                if _tries_again(scope, name, catcher):
                    continue
                for after in reached_states(scope, [catcher["Next"]], after_redrive=False):
                    end = scope["States"][after]
                    if end.get("End") or end["Type"] == "Succeed":
                        yield f"a Catch of {name} leads to {after}, where the run succeeds"


def _tries_again(scope: Scope, name: str, catcher: Mapping[str, Any]) -> bool:
    if "States.TaskFailed" in catcher["ErrorEquals"]:
        return _tells_by_stop_code(scope, name, catcher)
    named = "States.ALL" not in catcher["ErrorEquals"]
    before = reached_states(scope, [catcher["Next"]], after_redrive=False, without_catches=True)
    return named and name in before


def _tells_by_stop_code(scope: Scope, name: str, catcher: Mapping[str, Any]) -> bool:
    """A task that has ended tells by its StopCode whether that was its own doing; and not for ever."""
    judge = scope["States"][catcher["Next"]]
    back = [choice for choice in judge.get("Choices", []) if choice["Next"] == name]
    counted = "stops" in catcher.get("Output", {})
    default = reached_states(scope, [judge["Default"]], after_redrive=False) if "Default" in judge else []
    ends_well = [each for each in default if scope["States"][each].get("End")]
    return (
        counted
        and len(back) == len(judge["Choices"]) == 1
        and "StopCode" in back[0]["Condition"]
        and "$states.input.stops <= " in back[0]["Condition"]
        and not ends_well
    )


def lambda_states_without_folder(machine: Scope, functions: Path) -> Iterator[str]:
    for name, state in states(machine):
        if state.get("Resource") == "arn:aws:states:::lambda:invoke":
            folder = re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
            if not (functions / folder / "app.py").is_file():
                yield f"{name} has no functions/{folder}/app.py"
            if state["Arguments"]["FunctionName"] != f"${{{name}FunctionArn}}":
                yield f"{name} does not call {name}Function"


def undefined_variables(machine: Scope) -> Iterator[str]:
    assigned = {"states"}
    for _, state in states(machine):
        for place in (state, *state.get("Catch", []), *state.get("Choices", [])):
            assigned |= set(place.get("Assign", {}))
    for name, state in states(machine):
        own = {key: value for key, value in state.items() if key not in {"Branches", "ItemProcessor"}}
        for expression in _expressions(own):
            for variable in _VARIABLE.findall(_STRING.sub("''", expression)):
                if variable not in assigned:
                    yield f"{name} uses ${variable}, which nothing assigns"


def most_events_of_waiting(machine: Scope) -> int:
    """How many events the longest wait of the login machine can write: every check with all its retries.

    A visit writes its entry and exit, and three events for each try of a Task (facts/histories.md 2.1).
    """
    states_ = machine["States"]
    rounds = int(re.findall(r"\$checks < (\d+)", json.dumps(states_["LoginState"]))[0]) + 1
    tries = 1 + sum(retrier["MaxAttempts"] for retrier in states_["CheckLogin"]["Retry"])
    return rounds * ((2 + 3 * tries) + 2 + 2)


def undeclared_substitutions(text: str, declared: set[str]) -> Iterator[str]:
    used = set(re.findall(r"\$\{(\w+)\}", text))
    yield from (f"${{{name}}} is not declared in the template" for name in sorted(used - declared))
    yield from (f"{name} is declared but not used" for name in sorted(declared - used))


def _expressions(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield from _EXPRESSION.findall(value)
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _expressions(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _expressions(inner)


def _targets(state: State, *, after_redrive: bool, without_catches: bool = False) -> Iterator[str]:
    yield from (state[key] for key in ("Next", "Default") if key in state)
    yield from (catcher["Next"] for catcher in state.get("Catch", []) if not without_catches)
    for rule in state.get("Choices", []):
        # Such a rule is shut until somebody redrives the execution, which is not an end of this run.
        condition = str(rule["Condition"])
        if after_redrive or not condition.startswith("{% $states.context.Execution.RedriveCount > $"):
            yield rule["Next"]


def reached_states(
    scope: Scope, start: list[str], *, after_redrive: bool, without_catches: bool = False
) -> set[str]:
    reached: set[str] = set()
    waiting = list(start)
    while waiting:
        name = waiting.pop()
        if name not in reached and name in scope["States"]:
            reached.add(name)
            waiting += _targets(
                scope["States"][name], after_redrive=after_redrive, without_catches=without_catches
            )
    return reached
