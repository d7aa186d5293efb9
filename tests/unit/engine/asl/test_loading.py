"""Definitions: what is read, and what is refused by name (facts/histories.md 5)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.differences import differs
from tests.engine_bench import ECS, branches, each, machine_of, task

from stepherd.engine.asl.definition import MapState, TaskState, WaitState
from stepherd.engine.asl.loading import InvalidDefinition, load, parse_timestamp, problems_of
from stepherd.engine.asl.resources import parse_resource
from stepherd.engine.integrations.services import SERVICES

N = {"N": {"Type": "Pass"}}


def _problems(states: Any, **fields: Any) -> list[str]:
    return [str(problem) for problem in problems_of(json.dumps(machine_of(states, **fields)))]


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("unknown type", {"A": {"Type": "Stop"}}, "'Stop' is not a state type at /States/A/Type"),
    (
        "JSONPath",
        {"A": {"Type": "Pass", "QueryLanguage": "JSONPath"}},
        "can not be 'JSONPath' if set to 'JSONata'",
    ),
    (
        "Parameters",
        {"A": task(Parameters={})},
        "field 'Parameters' is only supported for the 'JSONPath' QueryLanguage at /States/A",
    ),
    (
        "ResultPath",
        {"A": {"Type": "Pass", "ResultPath": "$"}},
        "field 'ResultPath' is only supported for the 'JSONPath' QueryLanguage at /States/A",
    ),
    (
        "InputPath",
        {"A": {"Type": "Succeed", "InputPath": "$"}},
        "field 'InputPath' is only supported for the 'JSONPath' QueryLanguage at /States/A",
    ),
    ("next and end", {"A": {"Type": "Pass", "Next": "A", "End": True}}, "Exactly one of 'Next' and 'End'"),
    (
        "missing target",
        {"A": {"Type": "Pass", "Next": "B"}},
        "MISSING_TRANSITION_TARGET: Missing 'Next' target: B",
    ),
    (
        "choice next",
        {"A": {"Type": "Choice", "Choices": [{"Condition": True, "Next": "A"}], "Next": "A"}},
        "'Next'",
    ),
    ("choice target", {"A": {"Type": "Choice", "Choices": [{"Condition": True, "Next": "Q"}]}}, "target: Q"),
    ("choice empty", {"A": {"Type": "Choice", "Choices": []}}, "at least one rule"),
    (
        "condition text",
        {"A": {"Type": "Choice", "Choices": [{"Condition": "yes", "Next": "A"}]}},
        "'Condition'",
    ),
    ("variable rule", {"A": {"Type": "Choice", "Choices": [{"Variable": "$.a", "Next": "A"}]}}, "'Variable'"),
    ("catch target", {"A": task(Catch=[{"ErrorEquals": ["E"], "Next": "Q"}])}, "target: Q"),
    (
        "catch result path",
        {"A": task(Catch=[{"ErrorEquals": ["E"], "Next": "A", "ResultPath": "$"}])},
        "ResultPath",
    ),
    ("no errors", {"A": task(Retry=[{"ErrorEquals": []}])}, "'ErrorEquals' must be an array"),
    (
        "ALL with others",
        {"A": task(Retry=[{"ErrorEquals": ["States.ALL", "E"]}])},
        "'States.ALL' must stand alone",
    ),
    (
        "ALL not last",
        {"A": task(Retry=[{"ErrorEquals": ["States.ALL"]}, {"ErrorEquals": ["E"]}])},
        "last element",
    ),
    ("interval", {"A": task(Retry=[{"ErrorEquals": ["E"], "IntervalSeconds": 0}])}, "IntervalSeconds"),
    ("rate", {"A": task(Retry=[{"ErrorEquals": ["E"], "BackoffRate": 0.5}])}, "BackoffRate"),
    ("attempts", {"A": task(Retry=[{"ErrorEquals": ["E"], "MaxAttempts": -1}])}, "MaxAttempts"),
    ("cap", {"A": task(Retry=[{"ErrorEquals": ["E"], "MaxDelaySeconds": 31_622_401}])}, "MaxDelaySeconds"),
    ("jitter", {"A": task(Retry=[{"ErrorEquals": ["E"], "JitterStrategy": "HALF"}])}, "FULL or NONE"),
    (
        "retry in JSONata",
        {"A": task(Retry=[{"ErrorEquals": ["E"], "MaxAttempts": "{% 1 %}"}])},
        "MaxAttempts",
    ),
    ("retry on pass", {"A": {"Type": "Pass", "Retry": []}}, "Field 'Retry'"),
    ("heartbeat", {"A": task(TimeoutSeconds=5, HeartbeatSeconds=5)}, "must be smaller than TimeoutSeconds"),
    ("timeout 0", {"A": task(TimeoutSeconds=0)}, "TimeoutSeconds"),
    (
        "resource",
        {"A": task("arn:aws:states:::dynamodb:putItem")},
        "'arn:aws:states:::dynamodb:putItem' is not supported",
    ),
    ("sdk", {"A": task("arn:aws:states:::aws-sdk:s3:getObject")}, "is not supported"),
    ("typo", {"A": task("arn:aws:states:::ecs:runTusk.sync")}, "is not supported"),
    ("sync sns", {"A": task("arn:aws:states:::sns:publish.sync")}, "is not supported"),
    ("activity", {"A": task("arn:aws:states:us-east-1:1:activity:a")}, "is not supported"),
    (
        "both waits",
        {"A": {"Type": "Wait", "Seconds": 1, "Timestamp": "2016-03-14T01:59:00Z"}},
        "Exactly one of 'Seconds'",
    ),
    ("empty next", {"A": {"Type": "Pass", "Next": "", "End": True}}, "Missing 'Next' target: "),
    ("empty catch", {"A": task(Catch=[{"ErrorEquals": ["E"], "Next": ""}])}, "Missing 'Next' target: "),
    (
        "empty default",
        {"A": {"Type": "Choice", "Choices": [{"Condition": True, "Next": "A"}], "Default": ""}},
        "Missing 'Default' target: ",
    ),
    ("no wait", {"A": {"Type": "Wait"}}, "Exactly one of 'Seconds' and 'Timestamp'"),
    ("null wait", {"A": {"Type": "Wait", "Seconds": None}}, "Exactly one of 'Seconds' and 'Timestamp'"),
    ("null time", {"A": {"Type": "Wait", "Timestamp": None}}, "Exactly one of 'Seconds' and 'Timestamp'"),
    ("SecondsPath", {"A": {"Type": "Wait", "SecondsPath": "$.a"}}, "'SecondsPath'"),
    (
        "timestamp",
        {"A": {"Type": "Wait", "Timestamp": "2016-03-14 01:59:00Z"}},
        "SCHEMA_VALIDATION_FAILED: String does not match RFC3339 timestamp at /States/A/Timestamp",
    ),
    (
        "distributed",
        {
            "A": {
                **each(N),
                "ItemProcessor": {**each(N)["ItemProcessor"], "ProcessorConfig": {"Mode": "DISTRIBUTED"}},
            }
        },
        "Only an INLINE Map",
    ),
    ("item reader", {"A": each(N, ItemReader={})}, "'ItemReader'"),
    ("batcher", {"A": each(N, ItemBatcher={})}, "'ItemBatcher'"),
    ("ItemsPath", {"A": each(N, ItemsPath="$")}, "'ItemsPath'"),
    ("no branches", {"A": {"Type": "Parallel", "Branches": []}}, "at least one branch"),
    (
        "result early",
        {"A": task(Arguments={"a": "{% $states.result %}"})},
        "UNSUPPORTED_JSONATA_EXPRESSION: Field '$states.result' does not exist. at /States/A/Arguments/a",
    ),
    (
        "result in pass",
        {"A": {"Type": "Pass", "Output": "{% $states.result %}"}},
        "Field '$states.result' does not exist. at /States/A/Output",
    ),
    (
        "error output",
        {"A": task(Output="{% $states.errorOutput %}")},
        "Field '$states.errorOutput' does not exist. at /States/A/Output",
    ),
    (
        "result in catch",
        {"A": task(Catch=[{"ErrorEquals": ["E"], "Next": "A", "Output": "{% $states.result.a %}"}])},
        "'$states.result'",
    ),
    ("states", {"A": {"Type": "Pass", "Assign": {"states": 1}}}, "'states' is not a variable name"),
    ("path name", {"A": {"Type": "Pass", "Assign": {"x.y": 1}}}, "'x.y' is not a variable name"),
    ("long name", {"A": {"Type": "Pass", "Assign": {"x" * 81: 1}}}, "is not a variable name"),
    ("assign text", {"A": {"Type": "Pass", "Assign": "x"}}, "'Assign' must be an object"),
    ("assign on succeed", {"A": {"Type": "Succeed", "Assign": {}}}, "'Assign'"),
    ("output on fail", {"A": {"Type": "Fail", "Output": 1}}, "'Output'"),
    ("error number", {"A": {"Type": "Fail", "Error": 1}}, "'Error' must be a string"),
    ("open expression", {"A": {"Type": "Pass", "Output": "{% x"}}, "begins with '{%' and ends with '%}'"),
    (
        "unreadable",
        {"A": {"Type": "Pass", "Output": ["{% 1 + %}"]}},
        "INVALID_JSONATA_EXPRESSION: Unexpected end of expression at /States/A/Output[0]",
    ),
    *(
        (f"newer than 2.0.6: {sign}", {"A": {"Type": "Pass", "Output": {"v": f"{{% $x {sign} 1 %}}"}}}, words)
        for sign in ("??", "?:")
        for words in ("neither ?? nor ?:) at /States/A/Output/v",)
    ),
    ("group", {"A": {"Type": "Pass", "Output": "{% /(?<n>a)(?<n>b)/ %}"}}, "Duplicate capture group name"),
    (
        "operator",
        {"A": {"Type": "Pass", "Output": "{% [1!2] %}"}},
        'Unknown operator: "!" at /States/A/Output',
    ),
    ("signature", {"A": {"Type": "Pass", "Output": "{% function($x)<n<n>>{1} %}"}}, "Type parameters can"),
    (
        "document",
        {"A": {"Type": "Pass", "Output": "{% $$.x %}"}},
        "UNSUPPORTED_JSONATA_EXPRESSION: Reference to '$$' is not supported. at /States/A/Output",
    ),
    ("long state name", {"A" * 81: {"Type": "Pass"}}, "1 to 80 characters"),
    (
        "name twice",
        {"A": branches({"B": {"Type": "Pass"}}, {"B": {"Type": "Pass"}})},
        "'B' is used more than once",
    ),
    (
        "outer variable",
        {
            "O": {"Type": "Pass", "Assign": {"v": 1}, "Next": "M"},
            "M": each({"I": {"Type": "Pass", "Assign": {"v": 2}}}, Items=[]),
        },
        "The variable 'v' is assigned in an outer scope",
    ),
]


@differs(
    "States in JSONPath, distributed Maps, Express workflows, activities, HTTP Tasks and other "
    "integrations than those above are refused when the definition is loaded, with the field and the"
    " state."
)
@pytest.mark.parametrize(("states", "words"), [c[1:] for c in REFUSED], ids=[c[0] for c in REFUSED])
def test_what_the_engine_would_not_do_is_refused_with_field_and_state(states: Any, words: str) -> None:
    assert any(words in problem for problem in _problems(states)), _problems(states)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "INVALID_JSON_DESCRIPTION"),
        ("[]", "must be an object"),
        ("{}", "'StartAt' is required"),
        ('{"StartAt":"A","States":{}}', "at least one state"),
        (
            '{"StartAt":"A","QueryLanguage":"JSONata","States":{"B":{"Type":"Succeed"}}}',
            "MISSING_TRANSITION_TARGET: Missing 'Next' target: A at /StartAt",
        ),
        ('{"StartAt":"A","States":{"A":{"Type":"Succeed"}}}', "set 'QueryLanguage' to 'JSONata'"),
        (
            '{"StartAt":"A","QueryLanguage":"SQL","States":{"A":{"Type":"Succeed"}}}',
            "Value should be one of the following: [JSONPath, JSONata] at /QueryLanguage",
        ),
        ('{"StartAt":"A","QueryLanguage":"JSONata","States":{"A":5}}', "must be an object at /States/A"),
        (
            '{"StartAt":"A","QueryLanguage":"JSONata","Foo":1,"States":{"A":{"Type":"Succeed"}}}',
            "Field 'Foo'",
        ),
        ("[" * 100_000, "INVALID_JSON_DESCRIPTION"),
    ],
)
def test_what_is_no_definition_is_refused(text: str, words: str) -> None:
    assert words in str(InvalidDefinition(problems_of(text)))


def test_a_value_of_many_levels_is_read_or_refused() -> None:
    """Reading it takes two calls for each level: Python gives up before JSON does."""
    for depth in (100, 480, 497):
        value: Any = 1
        for _ in range(depth):
            value = [value]
        text = json.dumps(machine_of({"A": {"Type": "Pass", "Output": value}}))
        assert {problem.path for problem in problems_of(text)} <= {"/States/A/Output", "/"}


def test_a_field_that_is_almost_one_is_told_which() -> None:
    assert _problems({"A": {"Type": "Pass", "Ouput": 1, "Xyz": 2}}) == [
        "SCHEMA_VALIDATION_FAILED: Field 'Ouput' is not supported by a Pass state in JSONata: "
        "did you mean 'Output'? at /States/A/Ouput",
        "SCHEMA_VALIDATION_FAILED: Field 'Xyz' is not supported by a Pass state in JSONata at /States/A/Xyz",
    ]


def test_a_branch_has_the_language_of_its_machine_and_not_of_the_state_around_it() -> None:
    machine = machine_of({"P": branches({"B": {"Type": "Pass"}}, QueryLanguage="JSONata")})
    text = json.dumps(machine)
    assert problems_of(text) == []
    del machine["QueryLanguage"]

    [problem] = problems_of(json.dumps(machine))
    assert problem.path == "/States/P/Branches[0]/States/B"
    # A definition that an earlier engine took is run as before.
    assert load(json.dumps(machine), accepted=True).body.start_at == "P"


PASS = {"Type": "Pass"}
TARGET, END = "MISSING_TRANSITION_TARGET", "MISSING_END_STATE: Workflow has no terminal state at null"


@pytest.mark.parametrize(
    ("states", "problems"),
    [
        ({"A": {**PASS, "Next": "B"}, "B": {**PASS, "Next": "A"}}, [END]),
        ({"A": {**PASS, "Next": "B"}, "B": {**PASS, "Next": "A"}, "U": {**PASS, "Next": "A"}}, [END]),
        ({"A": {**PASS, "Next": "A"}, "C": PASS}, [f'{TARGET}: State "C" is not reachable. at /States/C']),
        ({"A": {**PASS, "Next": "N"}}, [f"{TARGET}: Missing 'Next' target: N at /States/A/Next", END]),
        ({"A": PASS, "a/b": PASS}, [f'{TARGET}: State "a/b" is not reachable. at /States/a/b']),
        ({"A": task(Catch=[{"ErrorEquals": ["E"], "Next": "G"}])},
         [f"{TARGET}: Missing 'Next' target: G at /States/A/Catch[0]/Next"]),
        ({"A": {"Type": "Choice", "Choices": [{"Condition": True, "Next": "G"}], "Default": "Z"}, "Z": PASS},
         [f"{TARGET}: Missing 'Next' target: G at /States/A/Choices[0]/Next"]),
        ({"A": {"Type": "Choice", "Choices": [{"Condition": True, "Next": "Z"}], "Default": "G"}, "Z": PASS},
         [f"{TARGET}: Missing 'Next' target: G at /States/A/Default"]),
        ({"A": each({"I": PASS, "G": PASS}, Items=[])},
         [f'{TARGET}: State "G" is not reachable. at /States/A/ItemProcessor/States/G']),
        ({"A": branches({"I": PASS, "G": PASS})},
         [f'{TARGET}: State "G" is not reachable. at /States/A/Branches[0]/States/G']),
        ({"A": each({"I": {**PASS, "Next": "J"}, "J": {**PASS, "Next": "I"}}, Items=[])}, []),
        ({"A": task(Catch=[{"ErrorEquals": ["E"], "Next": "B"}], Next="C"), "B": {"Type": "Fail"},
          "C": {"Type": "Choice", "Choices": [{"Condition": True, "Next": "D"}]}, "D": PASS}, []),
    ],
)  # fmt: skip
def test_states_lead_to_each_other_and_to_an_end(states: dict[str, Any], problems: list[str]) -> None:
    assert _problems(states) == problems


def test_a_start_that_does_not_exist_reaches_nothing() -> None:
    machine = {**machine_of({"A": PASS, "B": each({"I": PASS}, Items=[])}), "StartAt": "Q"}
    machine["States"]["B"]["ItemProcessor"]["StartAt"] = "R"

    assert [str(problem) for problem in problems_of(json.dumps(machine))] == [
        f"{TARGET}: Missing 'Next' target: Q at /StartAt",
        f"{TARGET}: Missing 'Next' target: R at /States/B/ItemProcessor/StartAt",
        f'{TARGET}: State "A" is not reachable. at /States/A',
        f'{TARGET}: State "B" is not reachable. at /States/B',
        f'{TARGET}: State "I" is not reachable. at /States/B/ItemProcessor/States/I',
    ]
    assert load(json.dumps(machine), accepted=True).body.start_at == "Q"


CAUGHT = [{"ErrorEquals": ["E"], "Next": "D", "Assign": {"v": 1}}]
D = {"D": {"Type": "Succeed"}}
SETS = {"I": {"Type": "Pass", "Assign": {"v": 2}}}
SETS_AGAIN = {"K": {"Type": "Pass", "Assign": {"v": 3}}}
OUTER = [{"ErrorEquals": ["E"], "Next": "E", "Assign": {"v": 0}}]
E = {"E": {"Type": "Succeed"}}
CATCHES = {"I": task(Catch=[{"ErrorEquals": ["E"], "Next": "J", "Assign": {"v": 2}}]), "J": {"Type": "Pass"}}


@pytest.mark.parametrize(
    "states",
    [
        {"P": branches(SETS, Catch=CAUGHT, Next="D"), **D},
        {"P": branches(SETS, SETS_AGAIN, Catch=CAUGHT, Next="D"), **D},
        {"M": each(SETS, Items=[], Catch=CAUGHT, Next="D"), **D},
        {"P": branches({"M": each(SETS, Items=[], Catch=CAUGHT, Next="D"), **D}, Catch=OUTER, Next="E"), **E},
        {"T": task(Catch=CAUGHT, Next="P"), "P": branches(SETS, Next="D"), **D},
        {"T": {"Type": "Pass", "Assign": {"v": 1}, "Next": "P"}, "P": branches(CATCHES)},
    ],
)
def test_a_name_that_a_catcher_assigns_may_be_assigned_in_a_branch_too(states: dict[str, Any]) -> None:
    assert _problems(states) == []


@pytest.mark.parametrize(
    "states",
    [
        {"P": branches(SETS, Assign={"v": 1})},
        {"P": branches(SETS, Next="D"), "D": {"Type": "Pass", "Assign": {"v": 1}}},
        {"P": branches({"M": each(SETS, Items=[])}, Assign={"v": 1})},
        {
            "C": {"Type": "Choice", "Choices": [{"Condition": True, "Next": "P", "Assign": {"v": 1}}]},
            "P": branches(SETS),
        },
    ],
)
def test_a_name_that_a_state_around_it_assigns_is_refused_wherever_that_state_is(
    states: dict[str, Any],
) -> None:
    assert _problems(states) == [
        "SCHEMA_VALIDATION_FAILED: The variable 'v' is assigned in an outer scope already at /States/I/Assign"
    ]


def test_as_many_states_as_a_definition_holds_are_read_in_no_time() -> None:
    states = {f"S{n}": {"Type": "Pass", "Next": f"S{n + 1}"} for n in range(15_000)}

    assert _problems({**states, "S15000": {"Type": "Pass"}}) == []


def test_a_machine_in_jsonpath_may_hold_states_in_jsonata() -> None:
    machine = machine_of({"A": {"Type": "Pass", "QueryLanguage": "JSONata", "Output": "{% 1 %}"}})
    del machine["QueryLanguage"]

    assert load(json.dumps(machine)).body.start_at == "A"


def test_all_problems_are_told_at_once() -> None:
    assert len(_problems({"A": {"Type": "Pass", "Foo": 1, "Bar": 2}, "B": {"Type": "Wat"}})) == 3


def test_expressions_are_accepted_where_aws_accepts_them() -> None:
    x = "{% 1 %}"
    states = {
        "T": task(TimeoutSeconds=x, HeartbeatSeconds=x, Credentials={"RoleArn": x}, Output=x, Next="W"),
        "W": {"Type": "Wait", "Seconds": x, "Next": "W2"},
        "W2": {"Type": "Wait", "Timestamp": x, "Next": "P"},
        "P": branches({"B": {"Type": "Pass"}}, Arguments=x, Next="M"),
        "M": each({"I": {"Type": "Pass"}}, Items=x, ItemSelector=x, MaxConcurrency=x, Next="M2"),
        "M2": each({"J": {"Type": "Pass"}}, ToleratedFailureCount=x, ToleratedFailurePercentage=x, Next="F"),
        "F": {"Type": "Fail", "Error": x, "Cause": x},
    }

    assert _problems(states) == []


def test_the_older_name_of_an_item_processor_is_read() -> None:
    state = each(N)
    state["Iterator"] = state.pop("ItemProcessor")

    loaded = load(json.dumps(machine_of({"M": state}))).body.states["M"]
    assert isinstance(loaded, MapState)
    assert loaded.processor.start_at == "N"


def test_the_defaults_of_a_retrier() -> None:
    loaded = load(json.dumps(machine_of({"T": task(Retry=[{"ErrorEquals": ["E"]}])}))).body.states["T"]

    assert isinstance(loaded, TaskState)
    (retrier,) = loaded.retry
    assert (retrier.interval, retrier.max_attempts, retrier.backoff_rate) == (1, 3, 2.0)
    assert (retrier.max_delay, retrier.full_jitter) == (None, False)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-01T00:00:10Z", 10),
        ("1970-01-01T01:00:10+01:00", 10),
        ("1970-01-01T00:00:10.5Z", 10.5),
        ("1970-01-01T00:00:10.123456789Z", 10.123456),
        ("1970-01-01T00:00:10", None),
        ("1970-01-01 00:00:10Z", None),
        ("1970-13-01T00:00:10Z", None),
        (5, None),
    ],
)
def test_timestamps(text: Any, seconds: float | None) -> None:
    assert parse_timestamp(text) == seconds


@pytest.mark.parametrize(
    ("pair", "pattern"), [((s.name, s.action), p) for s in SERVICES.values() for p in sorted(s.patterns)]
)
def test_resources_are_taken_apart(pair: tuple[str, str], pattern: str) -> None:
    name = f"{pair[1]}.{pattern}" if pattern else pair[1]

    resource = parse_resource(f"arn:aws:states:::{pair[0]}:{name}")

    assert resource is not None
    assert (resource.service, resource.name) == (pair[0], name)
    assert parse_resource(f"arn:aws-cn:states:cn-north-1:1:{pair[0]}:{name}") is not None


def test_ecs_sync_waits_for_its_job_and_a_wait_is_a_wait() -> None:
    resource = parse_resource(ECS)
    loaded = load(json.dumps(machine_of({"W": {"Type": "Wait", "Seconds": 1}}))).body.states["W"]

    assert resource is not None
    assert resource.waits_for_job
    assert not resource.waits_for_token
    assert isinstance(loaded, WaitState)
