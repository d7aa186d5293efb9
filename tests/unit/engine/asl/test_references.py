"""Names that an expression cannot read are refused when a definition is loaded (facts/histories.md 5.7)."""

from __future__ import annotations

import json

import pytest
from tests.engine_bench import machine_of, task

from stepherd.engine.asl.loading import load, problems_of

PHONE = [
    "phone", "phone[0].number", "phone.number.street", "-phone", "phone ? 1 : 2",
    "$states.input.a ? phone : 2", "phone & 'x'", "phone in $states.input.b", "$sum(phone)", "phone(1)",
    "phone ~> $string()", "[1..phone]", "(phone)", "(phone).other", "[phone].other", "[phone, 1]",
    "{phone: 1}", "{'a': phone}", "($x := phone; $x)", "$map($states.input.a, function($y){ phone })",
    "$count(phone[inner])", "phone.**.deeper",
]  # fmt: skip
WELL = [
    "$states.input.phone", "$states.input.a[0].phone", "$states.input.items[phone > 3]",
    "$states.input.a^(phone)", "$states.input.a{'k': phone}", "$states.input.a.(phone)",
    "$states.input.a.$phone", "$phone", "$states.input.a ~> $string()",
    "$states.input ~> |phone|{'b': 1}|", "**.phone", "{'k': 1}.phone", "$states.input.a[0][phone]",
    "$states.input.a[$ > 1]", "function($x){ $x.phone }",
    "$map($states.input.a, function($x){ $x.phone })", "'phone'", "1 + 1", "$now()", "$states",
    "$states.input.errorOutput", "$states.context.Task.Token", "$states.inptu",
]  # fmt: skip


def _told(source: str) -> list[str]:
    text = json.dumps(machine_of({"E": {"Type": "Pass", "Output": {"v": f"{{% {source} %}}"}}}))
    problems = problems_of(text)
    assert {(problem.code, problem.path) for problem in problems} <= {
        ("UNSUPPORTED_JSONATA_EXPRESSION", "/States/E/Output/v")
    }
    # A definition that an earlier engine accepted is run as before.
    load(text, accepted=True)
    return [problem.message for problem in problems]


@pytest.mark.parametrize("source", PHONE)
def test_a_name_that_stands_alone_is_refused(source: str) -> None:
    assert _told(source) == ["Reference to 'phone' at the top level is not supported."]


@pytest.mark.parametrize("source", WELL)
def test_a_name_that_has_something_to_be_read_from_is_accepted(source: str) -> None:
    assert _told(source) == []


@pytest.mark.parametrize("source", ["$", "$.phone", "$[0]", "$string($)", "$map([1], function($x){ $ })"])
def test_the_value_that_is_not_there_is_refused(source: str) -> None:
    assert _told(source) == ["Reference to '$' at the top level is not supported."]


@pytest.mark.parametrize("source", ["$$", "$$.phone"])
def test_the_document_that_is_not_there_is_refused(source: str) -> None:
    assert _told(source) == ["Reference to '$$' is not supported."]


@pytest.mark.parametrize(
    ("source", "names"),
    [("b + a", "ba"), ("[b, a]", "ba"), ("a + a", "a"), ("(a; b)", "ab"), ("$number(a) + $number(b)", "ab")],
)
def test_each_name_is_told_once_in_the_order_of_the_text(source: str, names: str) -> None:
    assert _told(source) == [f"Reference to '{name}' at the top level is not supported." for name in names]


@pytest.mark.parametrize(
    "source", ["$states.errorOutput", "[$states.errorOutput.Cause]", "$states.errorOutput ? 1 : 2"]
)
def test_the_error_output_is_there_in_a_catcher_alone(source: str) -> None:
    assert _told(source) == ["Field '$states.errorOutput' does not exist."]
    for field in ("Output", "Assign"):
        catch = [{"ErrorEquals": ["E"], "Next": "N", field: {"v": f"{{% {source} %}}"}}]
        states = {"T": task(Catch=catch, Next="N"), "N": {"Type": "Succeed"}}
        assert problems_of(json.dumps(machine_of(states))) == []


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("a[1,2)", 'Expected "]", got ","'),
        ('"unterminated', "String literal must be terminated by a matching quote"),
        ("1 +", "Unexpected end of expression"),
        ('{"a":}', 'The symbol "}" cannot be used as a unary operator'),
        ("$x :=", "Unexpected end of expression"),
        ('$match("a", /abc', "No terminating / in regular expression"),
        ("phone %.other", 'The symbol "." cannot be used as a unary operator'),
        ("", "Unexpected end of expression"),
    ],
)
def test_what_cannot_be_read_is_told_in_the_words_of_the_language(source: str, words: str) -> None:
    [problem] = problems_of(json.dumps(machine_of({"M": {"Type": "Pass", "Output": f"{{% {source} %}}"}})))

    assert (problem.code, problem.message) == ("INVALID_JSONATA_EXPRESSION", words)
    assert problem.path == "/States/M/Output"
