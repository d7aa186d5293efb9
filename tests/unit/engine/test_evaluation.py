"""JSONata in states: where it stands, what it sees, how it fails (facts/histories.md 4.2 and 5)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.differences import differs
from tests.engine_bench import Scripted, branches, each, play, task

from stepherd.engine.asl.expressions import EvaluationError, Expression, ExpressionSyntaxError
from stepherd.engine.asl.templates import Literal, compile_template
from stepherd.engine.asl.values import parse

PREFIX = "An error occurred while executing the state 'S' (entered at the event id #2). "
N = {"N": {"Type": "Pass"}}


def _pass(output: Any) -> dict[str, Any]:
    return {"Type": "Pass", "Output": output}


UNDEFINED = "returned nothing (undefined)."
UNSUPPORTED = "returned an unsupported result type."
NO_FUNCTION = "threw an error during evaluation. T1006: Attempted to invoke a non-function"
CASES: list[tuple[str, dict[str, Any], str, str, str]] = [
    ("undefined", _pass("{% $x %}"), "Output", "$x", UNDEFINED),
    ("trimmed", _pass("{%   $x   %}"), "Output", "$x", UNDEFINED),
    ("thrown", _pass("{% $nope() %}"), "Output", "$nope()", NO_FUNCTION),
    ("eval", _pass("{% $eval('1') %}"), "Output", "$eval('1')", NO_FUNCTION),
    ("function", _pass("{% $sum %}"), "Output", "$sum", UNSUPPORTED),
    ("lambda", _pass("{% function($x){$x} %}"), "Output", "function($x){$x}", UNSUPPORTED),
    ("nested", _pass({"result": "{% $x %}"}), "Output/result", "$x", UNDEFINED),
    ("index", _pass({"values": [1, "{% $x %}"]}), "Output/values[1]", "$x", UNDEFINED),
    ("deep", _pass({"a": {"b": [[0, "{% $x %}"]]}}), "Output/a/b[0][1]", "$x", UNDEFINED),
    ("assign", {"Type": "Pass", "Assign": {"result": "{% $x %}"}}, "Assign/result", "$x", UNDEFINED),
    ("seconds", {"Type": "Wait", "Seconds": "{% $x %}"}, "Seconds", "$x", UNDEFINED),
    (
        "timestamp type",
        {"Type": "Wait", "Timestamp": "{% 1 %}"},
        "Timestamp",
        "1",
        "returned an unexpected result type. Expected 'string', but was 'number' for value: 1",
    ),
    (
        "timestamp",
        {"Type": "Wait", "Timestamp": "{% '2016-03-14 01:59:00Z' %}"},
        "Timestamp",
        "",
        "The Timestamp field cannot be parsed as an ISO-8601 extended offset date-time format string: "
        "2016-03-14 01:59:00Z",
    ),
    (
        "error",
        {"Type": "Fail", "Error": "{% null %}"},
        "Error",
        "null",
        "returned an unexpected result type. Expected 'string', but was 'null' for value: null",
    ),
    (
        "cause",
        {"Type": "Fail", "Cause": "{% {'a':[1]} %}"},
        "Cause",
        "{'a':[1]}",
        "returned an unexpected result type. Expected 'string', but was 'object' for value: {\"a\":[1]}",
    ),
    (
        "condition",
        {
            "Type": "Choice",
            "Choices": [{"Condition": False, "Next": "N"}, {"Condition": "{% 'x' %}", "Next": "N"}],
        },
        "Choices[1]/Condition",
        "'x'",
        "returned an unexpected result type. Expected 'boolean', but was 'string' for value: \"x\"",
    ),
    (
        "rule output",
        {"Type": "Choice", "Choices": [{"Condition": True, "Next": "N", "Output": {"v": "{% $x %}"}}]},
        "Choices[0]/Output/v",
        "$x",
        UNDEFINED,
    ),
    (
        "rule assign",
        {"Type": "Choice", "Choices": [{"Condition": True, "Next": "N", "Assign": {"v": "{% $x %}"}}]},
        "Choices[0]/Assign/v",
        "$x",
        UNDEFINED,
    ),
    (
        "arguments",
        {**task(), "Arguments": {"FunctionName": "{% $x %}"}},
        "Arguments/FunctionName",
        "$x",
        UNDEFINED,
    ),
    ("timeout", task(TimeoutSeconds="{% $x %}"), "TimeoutSeconds", "$x", UNDEFINED),
    ("heartbeat", task(HeartbeatSeconds="{% $x %}"), "HeartbeatSeconds", "$x", UNDEFINED),
    ("role", task(Credentials={"RoleArn": "{% $x %}"}), "Credentials/RoleArn", "$x", UNDEFINED),
    ("items", each({"I": {"Type": "Pass"}}, Items="{% $x %}"), "Items", "$x", UNDEFINED),
    (
        "items type",
        each({"I": {"Type": "Pass"}}, Items="{% 1 %}"),
        "Items",
        "1",
        "returned an unexpected result type. Expected 'array', but was 'number' for value: 1",
    ),
    (
        "concurrency",
        each({"I": {"Type": "Pass"}}, Items=[1], MaxConcurrency="{% $x %}"),
        "MaxConcurrency",
        "$x",
        UNDEFINED,
    ),
    ("parallel", branches({"B": {"Type": "Pass"}}, Arguments="{% $x %}"), "Arguments", "$x", UNDEFINED),
]


@pytest.mark.parametrize(
    ("state", "location", "source", "words"), [c[1:] for c in CASES], ids=[c[0] for c in CASES]
)
def test_a_failed_evaluation_says_what_where_and_why(
    tmp_path: Path, state: dict[str, Any], location: str, source: str, words: str
) -> None:
    if source:
        words = f"The JSONata expression '{source}' specified for the field '{location}' {words}"
    following = N if '"Next": "N"' in json.dumps(state) else {}
    done = play(tmp_path, {"S": state, **following}, integrations={"lambda": Scripted()})

    assert done.events[2]["previousEventId"] == 2
    assert done.details("EvaluationFailed") == {
        "error": "States.QueryEvaluationError",
        "cause": PREFIX + words,
        "location": location,
        "state": "S",
    }
    assert done.details("ExecutionFailed") == {
        "error": "States.QueryEvaluationError",
        "cause": PREFIX + words,
    }


@differs(
    "When the Output or Assign of a Parallel's or Map's own catcher fails, EvaluationFailed follows the "
    "state's Failed event and ends the execution; Step Functions writes the Failed event once more."
)
def test_a_catcher_of_a_parallel_that_fails_follows_its_failed_event(tmp_path: Path) -> None:
    catch = [{"ErrorEquals": ["States.ALL"], "Next": "N", "Output": "{% $x %}"}]

    done = play(tmp_path, {"S": branches({"F": {"Type": "Fail", "Error": "E"}}, Catch=catch), **N})

    assert done.details("EvaluationFailed")["location"] == "Catch[0]/Output"
    assert done.chain.endswith("5<-4 ParallelStateFailed, 6<-5 EvaluationFailed, 7<-6 ExecutionFailed")


@pytest.mark.parametrize(("follows", "chain"), [
    (True, "2<-0 PassStateEntered, 3<-2 PassStateExited, 4<-3 {0}StateEntered, 5<-4 EvaluationFailed"),
    (False, "2<-0 PassStateEntered, 3<-2 PassStateExited, 4<-3 {0}StateEntered, 5<-3 EvaluationFailed"),
])  # fmt: skip
@pytest.mark.parametrize("state", [_pass("{% $x %}"), task(Arguments="{% $x %}"), each(N, Items="{% $x %}")])
def test_what_a_failed_evaluation_points_at_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state: dict[str, Any], follows: bool, chain: str
) -> None:
    monkeypatch.setattr("stepherd.engine.interpreter.frame.EVALUATION_FAILED_FOLLOWS_ENTERED", follows)

    done = play(
        tmp_path, {"A": {"Type": "Pass", "Next": "S"}, "S": state}, integrations={"lambda": Scripted()}
    )

    assert done.chain.startswith(chain.format(state["Type"]))
    assert done.types[-1] == "ExecutionFailed"


@pytest.mark.parametrize(
    "value",
    [
        "2016-03-14T01:59:00",
        "2016-13-14T01:59:00Z",
        "2016-03-14T25:59:00Z",
        "14-03-2016T01:59:00Z",
        "2016-03-14t01:59:00z",
        "",
    ],
)
def test_timestamps_that_are_not_rfc_3339_fail(tmp_path: Path, value: str) -> None:
    done = play(tmp_path, {"S": {"Type": "Wait", "Timestamp": "{% $states.input %}"}}, json.dumps(value))

    assert done.description["cause"].endswith(f"format string: {value}")


@pytest.mark.parametrize("value", ["-1", "1.5", "'5'", "true"])
def test_seconds_must_be_a_count(tmp_path: Path, value: str) -> None:
    assert (
        play(tmp_path, {"S": {"Type": "Wait", "Seconds": f"{{% {value} %}}"}}).details("EvaluationFailed")[
            "location"
        ]
        == "Seconds"
    )


# -- templates ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [
        " {% x %}",
        "{% x %} ",
        "States.Format('x')",
        "plain",
        None,
        1,
        0.1,
        True,
        [1, {"a.$": "$.b"}],
        {"k.$": "$$.x"},
    ],
)
def test_what_is_no_expression_passes_unchanged(value: Any) -> None:
    template = compile_template(value, "Output")

    assert isinstance(template, Literal)
    assert template.evaluate({}) == value


@pytest.mark.parametrize("text", ["{% x", "x %}"])
def test_half_of_the_delimiters_is_refused(text: str) -> None:
    with pytest.raises(ExpressionSyntaxError):
        compile_template({"a": [text]}, "Output")


@pytest.mark.parametrize("text", ["{%%}", "{%  %}", "{% 1 + %}"])
def test_what_is_no_expression_is_refused_when_it_is_looked_into(text: str) -> None:
    [expression] = compile_template({"a": [text]}, "Output").expressions()
    with pytest.raises(ExpressionSyntaxError, match=r"^Unexpected end of expression$"):
        expression.unsupported(frozenset())
    with pytest.raises(EvaluationError, match="threw an error during evaluation"):
        expression.evaluate({})


def test_expressions_stand_at_any_depth_and_keys_never_are_expressions() -> None:
    template = compile_template({"{% 'k' %}": [1, {"b": "{% $x %}"}]}, "Output")

    assert template.evaluate({"x": 5}) == {"{% 'k' %}": [1, {"b": 5}]}


# -- the language --------------------------------------------------------------------------------------


def _value(source: str, **bindings: Any) -> Any:
    return Expression(source, "Output").evaluate(bindings)


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("$range(1,9,9)", 1),
        ("$range(0,4,2)", [0, 2, 4]),
        ("$range(3,1,-1)", [3, 2, 1]),
        ("$range(1.9,3.2,1)", [1, 2, 3]),
        ("$partition([0],1)", [[0]]),
        ("$partition([1,2,3],2)", [[1, 2], [3]]),
        ("$hash('a','MD5')", "0cc175b9c0f1b6a831c399e269772661"),
        ("$hash('a','SHA-1')", "86f7e437faa5a7fce15d1ddcb9eaeaea377667b8"),
        ("$length($hash('a','SHA-256'))", 64),
        ("$length($hash('a','SHA-384'))", 96),
        ("$length($hash('a','SHA-512'))", 128),
        ("$random(7) = $random(7)", True),
        ("$random() < 1", True),
        ("$match($uuid(), /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab]/).match ~> $exists", True),
        ("$parse('1.1')", 1.1),
        ("$parse('true')", True),
        ("$parse('-0')", 0),
        ("$parse('{\"a\":[1,null]}')", {"a": [1, None]}),
        ("$parse('null')", None),
        ("0.1", 0.1),
        ("5.0", 5),
        ("{'a': $missing}", {}),
        ("[1, null]", [1, None]),
        ("$n", None),
        ("$o.n", None),
        ("$exists($o.n)", True),
        ("($x := 5; $x * 2)", 10),
        ("\"double\" & 'single'", "doublesingle"),
        ("$contains('abc', /b/)", True),
        ("$l[$ > 1]", [2, 3]),
        ("$l[0]", 1),
        ("$count($l)", 3),
        ("$string({'a':1})", '{"a":1}'),
    ],
)
def test_expressions_give_what_step_functions_gives(source: str, value: Any) -> None:
    assert _value(source, n=None, o={"n": None}, l=[1, 2, 3]) == value


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("$random(42)", 0.7275636800328681),
        ("$random(0)", 0.730967787376657),
        ("$random(7)", 0.7306990420600421),
        ("$random(0.9) = $random(0)", True),
        ("$partition([1,2,3])", [[1, 2, 3]]),
        ("$partition([1,2,3,4,5], 2.9)", [[1, 2], [3, 4], [5]]),
        ("$range(-1.7, 2, 1)", [-1, 0, 1, 2]),
        ("$range(-2.9, 0, 1)", [-2, -1, 0]),
        ("$range(5, 1, -1.5)", [5, 4, 3, 2, 1]),
        ("$range(3, 3, 1)", 3),
        ("$range(3, 4, 9)", 3),
        ("$count($range(1, 360145, 1))", 360_145),
        ("$count($range(-9223372036854775808, 9223372036854775807, 9223372036854775807))", 3),
        ("$hash('ñ', 'MD5')", "94e9342ecbb1458b6043ecd3bfcbc192"),
        ("$exists($parse('null'))", True),
        ("$parse('1.0')", 1),
        ("$parse('1e2')", 100),
        ("$map(['{\"a\":1}', '{\"a\":2}'], $parse).a", [1, 2]),
        ("$parse('{\"n\":9223372036854775807}').n", 2**63 - 1),
        ("$parse('9223372036854775809')", 9_223_372_036_854_776_000),
        ("$parse('123456789012345678901234567890')", 1.2345678901234568e29),
        ("$n", 2.0**70),
        ("1/0", "Infinity"),
        ("-1/0", "-Infinity"),
        ("1e308 * 10", "Infinity"),
        ("0/0", "NaN"),
        ("[1/0]", ["Infinity"]),
        ("{'k': 1/0}", {"k": "Infinity"}),
        ("$parseInteger('abc', '0')", "NaN"),
    ],
)
def test_the_functions_of_step_functions_give_what_was_measured_there(source: str, value: Any) -> None:
    assert _value(source, n=parse(str(2**70 + 1))) == value
    assert isinstance(parse(str(2**70)), float)
    assert parse(f"-{2**63}") == -(2**63)
    assert isinstance(parse(f"-{2**63}"), int)


@pytest.mark.parametrize(
    "source",
    ["$partition([], 2)", "$partition([1,2,3], 0)", "$partition([1,2,3], -0.5)", "$range(5, 1, 1)",
     "$range(1, 5, 0)", "$range(1, 5)", "$hash('a')", "$parse()", "$parse($missing)",
     "$partition($missing, 1)"],
)  # fmt: skip
def test_what_makes_no_sense_to_them_gives_nothing(source: str) -> None:
    with pytest.raises(EvaluationError, match=r"returned nothing \(undefined\)\.$"):
        _value(source)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("$partition([1,2,3], -1)", ". D3137: Second argument must be zero or greater"),
        ("$partition(null, 2)", '. T0412: Argument 1 of function "partition" must be an array of undefined'),
        ("$range(1)", '. T0410: Argument 2 of function "range" does not match function signature'),
        ("$range(1, 360146, 1)", ": Expression evaluation memory limit exceeded: Check for excessive memory"),
        ("$hash(42, 'MD5')", '. T0410: Argument 1 of function "hash" does not match function signature'),
        ("$hash('a', 5)", '. T0410: Argument 2 of function "hash" does not match function signature'),
        ("$hash('a', 'md5')",
         ". D3137: Hash algorithm 'md5' must be one of SHA-1, SHA-384, SHA-256, SHA-512, MD5"),
        ("$uuid('seed')", '. T0410: Argument 1 of function "uuid" does not match function signature'),
        ("$random(1, 2)", '. T0410: Argument 2 of function "random" does not match function signature'),
        ("$parse(null)", '. T0410: Argument 1 of function "parse" does not match function signature'),
        ("$parse('{}', 1)", '. T0410: Argument 2 of function "parse" does not match function signature'),
        *[(f"$parse('{text}')", ". D3137: Invalid JSON")
          for text in ("", "  ", '{"a":1}{"b":2}', '{"a":1,"a":2}', "1e400", "no", "1" * 400)],
    ],
)  # fmt: skip
def test_the_functions_of_step_functions_fail_as_was_measured_there(source: str, words: str) -> None:
    with pytest.raises(EvaluationError) as caught:
        _value(source)
    assert f"threw an error during evaluation{words}" in caught.value.cause


def test_a_binding_inside_an_expression_does_not_outlive_it() -> None:
    expression = Expression("($before := $exists($leak); $leak := 1; $before)", "Output")

    assert [expression.evaluate({}) for _ in range(2)] == [False, False]


@pytest.mark.parametrize(
    "source", ["$number('x')", "$partition([1],-1)", "$hash('a','CRC')", "$parse('{')", "$error('boom')"]
)
def test_what_throws_is_an_evaluation_error_and_never_a_crash(source: str) -> None:
    with pytest.raises(EvaluationError) as caught:
        _value(source)
    assert "threw an error during evaluation" in caught.value.cause


def test_endless_recursion_is_an_evaluation_error() -> None:
    with pytest.raises(EvaluationError):
        _value("($f := function($n){ 1 + $f($n) }; $f(1))")


# -- variables and context -----------------------------------------------------------------------------


def test_variables_take_effect_in_the_next_state_and_swap_in_one_assign(tmp_path: Path) -> None:
    states = {
        "A": {"Type": "Pass", "Assign": {"x": 1, "y": 2}, "Next": "B"},
        "B": {
            "Type": "Pass",
            "Assign": {"x": "{% $y %}", "y": "{% $x %}"},
            "Output": "{% [$x, $y] %}",
            "Next": "C",
        },
        "C": {"Type": "Pass", "Output": {"before": "{% $states.input %}", "after": "{% [$x, $y] %}"}},
    }

    assert play(tmp_path, states).output == {"before": [1, 2], "after": [2, 1]}


def test_a_variable_that_is_null_is_defined(tmp_path: Path) -> None:
    states = {"A": {"Type": "Pass", "Assign": {"x": None}, "Next": "B"}, "B": _pass("{% $x %}")}

    assert play(tmp_path, states).output is None


def test_the_context_object_has_the_recorded_members_in_order(tmp_path: Path) -> None:
    done = play(tmp_path, {"A": _pass("{% $states.context %}")}, '{"i": 1}')

    arn = done.description["executionArn"]
    assert done.description["output"] == json.dumps(
        {
            "Execution": {
                "Id": arn,
                "Input": {"i": 1},
                "StartTime": "2025-06-15T15:06:40.000Z",
                "Name": "e",
                "RoleArn": "arn:aws:iam::000000000000:role/R",
                "RedriveCount": 0,
            },
            "StateMachine": {"Id": done.description["stateMachineArn"], "Name": "M"},
            "State": {"Name": "A", "EnteredTime": "2025-06-15T15:06:40.000Z"},
        },
        separators=(",", ":"),
    )


def test_retry_count_is_in_the_context_of_a_task_only(tmp_path: Path) -> None:
    state = task(Output="{% $states.context.State.RetryCount %}", Next="P")
    states = {"T": state, "P": _pass("{% [$states.input, $exists($states.context.State.RetryCount)] %}")}

    assert play(tmp_path, states, integrations={"lambda": Scripted()}).output == [0, False]


def test_states_input_is_the_original_input_in_output(tmp_path: Path) -> None:
    state = task(Output={"i": "{% $states.input %}", "r": "{% $states.result %}"})

    assert play(tmp_path, {"T": state}, "[1]", integrations={"lambda": Scripted(2)}).output == {
        "i": [1],
        "r": 2,
    }
