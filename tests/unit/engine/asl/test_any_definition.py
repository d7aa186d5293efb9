"""Any definition is read or refused with a problem; reading never fails in another way."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.engine_bench import branches, each, machine_of, task
from tests.odd_json import ODD, REMOVED, Place, places, real_machines, real_states, replaced

from stepherd.engine.asl.loading import InvalidDefinition, load, problems_of

_N = {"N": {"Type": "Pass"}}
OWN: dict[str, Any] = {
    "T": task(
        TimeoutSeconds=5, HeartbeatSeconds=3, Credentials={"RoleArn": "r"}, Output=1, Assign={"a": "{% 1 %}"},
        Retry=[{"ErrorEquals": ["E"], "IntervalSeconds": 1, "MaxAttempts": 1, "BackoffRate": 2,
                "MaxDelaySeconds": 9, "JitterStrategy": "FULL"}],
        Catch=[{"ErrorEquals": ["States.ALL"], "Next": "W", "Output": 1, "Assign": {"b": 1}}], Next="W",
    ),
    "W": {"Type": "Wait", "Seconds": 1, "Next": "W2"},
    "W2": {"Type": "Wait", "Timestamp": "2020-01-01T00:00:00Z", "Next": "C"},
    "C": {"Type": "Choice", "Default": "P", "Choices": [
        {"Condition": "{% 1 = 1 %}", "Next": "P", "Output": 1, "Assign": {"c": 1}}]},
    "P": branches(_N, {"O": {"Type": "Succeed"}}, Arguments={"a": 1}, Next="M"),
    "M": each({"I": {"Type": "Pass"}}, Items=[1], ItemSelector={"a": 1}, MaxConcurrency=1,
              ToleratedFailureCount=1, ToleratedFailurePercentage=1, Next="F"),
    "F": {"Type": "Fail", "Error": "e", "Cause": "c"},
}  # fmt: skip
"""Every field of every type of state."""
STATES = [("OWN", machine_of(OWN))] + [
    (f"{machine}/{name}", {"QueryLanguage": "JSONata", "StartAt": name, "States": {name: state}})
    for machine, whole in real_machines().items()
    for name, state in real_states(whole["States"])
]


def _check(definition: Any) -> None:
    text = json.dumps(definition)
    problems = problems_of(text)
    for problem in problems:
        assert problem.message
        assert str(problem).encode("utf-8", "backslashreplace")
    if not problems:
        load(text)
    # A definition that an engine before this one accepted is read again without a look into its expressions.
    with suppress(InvalidDefinition):
        load(text, accepted=True)


@st.composite
def _mutated(draw: st.DrawFn) -> Any:
    definition: Any = draw(st.sampled_from(STATES))[1]
    for _ in range(draw(st.integers(1, 3))):
        at: Place = draw(st.sampled_from(list(places(definition))))
        new = draw(st.sampled_from([*ODD, REMOVED]))
        definition = replaced(definition, at, new)
    return definition


def test_every_field_that_is_mutated_alone_is_told_by_its_state() -> None:
    assert problems_of(json.dumps(machine_of(OWN))) == []


@settings(max_examples=250, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(_mutated())
def test_a_mutated_machine_is_read_or_refused(definition: Any) -> None:
    _check(definition)


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    st.recursive(
        st.sampled_from(ODD),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3),
            st.dictionaries(
                st.sampled_from(
                    [
                        "StartAt",
                        "States",
                        "Type",
                        "Next",
                        "End",
                        "Choices",
                        "Retry",
                        "Catch",
                        "Branches",
                        "A",
                        "x",
                    ]
                ),
                inner,
                max_size=5,
            ),
        ),
        max_leaves=20,
    )
)
def test_any_json_is_read_or_refused(definition: Any) -> None:
    _check(definition)


@pytest.mark.parametrize("new", ODD, ids=repr)
def test_every_field_takes_what_it_should_or_tells(new: Any) -> None:
    definition = machine_of(OWN)
    for at in places(definition):
        if len(at) <= 3 or at[1] in ("T", "C"):
            _check(replaced(definition, at, new))


@pytest.mark.exhaustive
@pytest.mark.timeout(1_200)
@pytest.mark.parametrize(("name", "definition"), STATES, ids=[name for name, _ in STATES])
def test_every_place_of_every_real_state_with_every_odd_value(name: str, definition: Any) -> None:
    for at in places(definition):
        for new in (*ODD, REMOVED):
            _check(replaced(definition, at, new))
