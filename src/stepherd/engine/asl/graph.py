"""How states lead to each other: targets that do not exist, machines without an end, states out of reach.

Source: what ValidateStateMachineDefinition answers (facts/histories.md 5.7).
"""

from __future__ import annotations

from collections.abc import Iterator

from stepherd.engine.asl.definition import ChoiceState, FailState, State, States, SucceedState
from stepherd.engine.asl.fields import Problem, Problems
from stepherd.engine.asl.scopes import bodies_of

__all__ = ["check_graph"]

_TARGET = "MISSING_TRANSITION_TARGET"


def check_graph(body: States, problems: Problems) -> None:
    """Note what AWS refuses of a whole machine.

    Whether a state can be reached is looked at when all else is well: what is wrong with a state may be how
    it names the next one.
    """
    well = not problems
    missing = list(_missing(body, ""))
    problems += missing
    if well and not any(_ends(state) for state in body.states.values()):
        problems.append(Problem("Workflow has no terminal state", "", "MISSING_END_STATE"))
    elif well:
        problems += _out_of_reach(body, "")


def _ends(state: State) -> bool:
    if isinstance(state, (SucceedState, FailState)):
        return True
    return state.next is None and not isinstance(state, ChoiceState)


def _ways(state: State) -> Iterator[tuple[str, str]]:
    """The targets of a state, and where in it each one stands."""
    if state.next is not None:
        yield "Default" if isinstance(state, ChoiceState) else "Next", state.next
    for index, rule in enumerate(state.choices if isinstance(state, ChoiceState) else ()):
        yield f"Choices[{index}]/Next", rule.next
    for index, catcher in enumerate(getattr(state, "catch", ())):
        yield f"Catch[{index}]/Next", catcher.next


def _missing(body: States, path: str) -> Iterator[Problem]:
    if body.states and body.start_at and body.start_at not in body.states:
        yield Problem(f"Missing 'Next' target: {body.start_at}", f"{path}/StartAt", _TARGET)
    for name, state in body.states.items():
        at = f"{path}/States/{name}"
        for where, target in _ways(state):
            if target and target not in body.states:
                yield Problem(f"Missing 'Next' target: {target}", f"{at}/{where}", _TARGET)
        for inside, inner in bodies_of(state):
            yield from _missing(inner, f"{at}/{inside}")


def _out_of_reach(body: States, path: str) -> Iterator[Problem]:
    reached: set[str] = set()
    waiting = [body.start_at]
    while waiting:
        name = waiting.pop()
        if name in body.states and name not in reached:
            reached.add(name)
            waiting += [target for _, target in _ways(body.states[name])]
    for name, state in body.states.items():
        at = f"{path}/States/{name}"
        if name not in reached:
            yield Problem(f'State "{name}" is not reachable.', at, _TARGET)
        for inside, inner in bodies_of(state):
            yield from _out_of_reach(inner, f"{at}/{inside}")
