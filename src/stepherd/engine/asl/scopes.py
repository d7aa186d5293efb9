"""Variable scopes: a branch or item may not assign a name that a state around it assigns.

Source: the AWS guide to workflow variables; refused when the machine is created. Assignments of catchers do
not count: AWS runs a Parallel whose own catcher and whose branch assign one name, each in its scope.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from stepherd.engine.asl.definition import ChoiceState, MapState, ParallelState, State, States
from stepherd.engine.asl.fields import Problem
from stepherd.engine.asl.templates import Literal, Members, Template

__all__ = ["bodies_of", "check_scopes"]


def check_scopes(body: States, problems: list[Problem], outer: frozenset[str] = frozenset()) -> None:
    """Note a problem for each assignment to a name of an outer scope, and for state names used twice."""
    twice = sorted(name for name, times in Counter(_all_names(body)).items() if times > 1)
    problems += [Problem(f"The state name '{name}' is used more than once", "/States") for name in twice]
    _check(body, problems, outer)


def _check(body: States, problems: list[Problem], outer: frozenset[str]) -> None:
    own: set[str] = set()
    for state in body.states.values():
        for name in _assigned(state):
            own.add(name)
            if name in outer:
                message = f"The variable '{name}' is assigned in an outer scope already"
                problems.append(Problem(message, f"/States/{state.name}/Assign"))
    for state in body.states.values():
        for _, inner in bodies_of(state):
            _check(inner, problems, outer | own)


def _all_names(body: States) -> list[str]:
    names = list(body.states)
    for state in body.states.values():
        for _, inner in bodies_of(state):
            names += _all_names(inner)
    return names


def bodies_of(state: State) -> Iterator[tuple[str, States]]:
    """The branches or the processor of a state, and where in it each one stands."""
    if isinstance(state, ParallelState):
        yield from ((f"Branches[{index}]", branch) for index, branch in enumerate(state.branches))
    elif isinstance(state, MapState):
        yield "ItemProcessor", state.processor


def _assigned(state: State) -> Iterator[str]:
    yield from _keys(state.assign)
    for rule in state.choices if isinstance(state, ChoiceState) else ():
        yield from _keys(rule.assign)


def _keys(assign: Template | None) -> Iterator[str]:
    if isinstance(assign, Members):
        yield from (key for key, _ in assign.members)
    elif isinstance(assign, Literal):
        yield from assign.value
