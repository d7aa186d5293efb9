"""Whatever an expression says, it ends: with a value or with States.QueryEvaluationError."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.engine.jsonata.sources import BINDINGS, regular_expressions, sources, words

from stepherd.engine.asl.expressions import EvaluationError, Expression, ExpressionSyntaxError, Variables
from stepherd.engine.jsonata import scope

BOUND = 0.1
SLACK = 1.5
"""Seconds for the longest step, and for parsing, on a machine that is busy."""
_TWICE = "function($p, $c) { [[$p], [$p]] }"
_PAIRS = 'function($p, $c) { {"a": $p, "b": $p} }'

ENDLESS = [
    "($f := function() { $f() }; $f())",
    "($f := function($n) { $f($n + 1) }; $f(0))",
    "($f := function($a) { $f([$a, $a]) }; $f(1))",
    "($f := function($a) { $f($a & $a) }; $f('aa'))",
    "($y := function($f) { function($x) { $f($y($f))($x) } }; $y(function($s) { $s })(1))",
    "$map([1..100000], function($x) { $sum([1..10000]) })",
    "$match('a' & $pad('', 5000, 'a') & 'b', /(a+)+$/)",
    "$match($pad('', 50000, 'a') & 'b', /(a|a)*c/)",
    "$match($pad('', 40, 'a'), /(?=(a*)*b)/)",
    "$match($pad('', 40, 'a'), /(a*)*b\\1/)",
    "$contains($pad('', 900000, 'a'), /(a*)*b/)",
    "'a' ~> /" + "a?" * 3000 + "a" * 3000 + "/",
    "$toMillis($pad('', 9000, 'one') & '!', '[Yw][Mw][Dw][Hw]')",
    "[1..10000000]",
    "$count([1..10000000])",
    "[1..200000].[1..200000]",
    "[1..200000][$ in [1..200000]]",
    "[1..200000][[1..200000]]",
    "$distinct([1..200000].{'a': $})",
    "$sort([1..300000], function($a, $b) { $a < $b })",
    "($s := $pad('', 900000, 'a'); $sort([1..100000].($s)))",
    "($s := $pad('', 900000, 'a'); $replace($s, 'a', $s))",
    "($s := $pad('', 900000, 'a'); $join([1..100000].($s)))",
    "($s := $pad('', 900000, 'a'); [1..100000].($s & $string($)))",
    "$pad('a', 1000000000)",
    "$pad('x', -99999999999)",
    "$reduce([1..40], function($p, $c) { $p & $p }, 'ab')",
    "$range(1, 1e12, 1)",
    f"$string($reduce([1..60], {_TWICE}, 1))",
    f"$reduce([1..60], {_TWICE}, 1)",
    f"$reduce([1..60], {_PAIRS}, 1)",
    f"$reduce([1..60], {_TWICE}, 1) = $reduce([1..60], {_TWICE}, 1)",
    f"$reduce([1..60], {_PAIRS}, 1) = $reduce([1..60], {_PAIRS}, 1)",
    f"$boolean($reduce([1..60], {_TWICE}, 0))",
    f"$count($reduce([1..60], {_PAIRS}, 1).**)",
    f"$spread($reduce([1..60], {_TWICE}, 1))",
    f"$distinct([$reduce([1..60], {_PAIRS}, 1), $reduce([1..60], {_PAIRS}, 1)])",
    f"$reduce([1..60], {_PAIRS}, 1) ~> |a|{{'z': 1}}|",
    f"$reduce([1..60], {_TWICE}, 1).a",
    f"$keys($reduce([1..60], {_TWICE}, 1))",
    # Built-in operations that look at all of something large while they look like one step.
    "$formatNumber(1, $pad('0', -100000, '#,'))",
    "$formatInteger(12345, $pad('0', -1000000, '#,#.'))",
    "$fromMillis(1, '[Y' & $pad('0', -1000000, '#,#.') & ']')",
    "$parseInteger($pad('', 1000000, '1'), $pad('0', -1000000, '#,#.'))",
    "($a := [1..3000000]; $b := [9]; $map([1..1000], function($x) { $b in $a }))",
    "($a := [1..30000].[[1]]; $map([1..100000], function($x) { 1 in $a }))",
    "($o := {'a': [1..500000]}; $count($lookup([1..2000].($o), 'a')))",
    "($t := $pad('', 5000000, '\u00e9'); $map([1..1000], function($i) { $t < '' }))",
    "($t := $pad('', 30000000, 'a'); $u := $t & 'a'; [1..1000]^($ % 2 = 0 ? $t : $u))",
    "$replace($pad('', 1000, 'a'), /a(b)?/, $pad('', 10000000, '$1'))",
    "$match($pad('', 90000000, 'a'), /b|.*/)",
    "$contains($pad('', 1000000, 'z'), /x|[" + "a-b" * 50_000 + "]/)",
    "$trim($pad('', 60000000, ' a'))",
    "$decodeUrlComponent($pad('', 30000000, '%41'))",
    "$encodeUrlComponent($pad('', 20000000, 'é'))",
    "(function($a)<x+x+x+x+x+x+x+x+x+x+s:x>{1})(" + ",".join("1" * 60) + ")",
    "(function($a)<" + "x?" * 60 + "s:x>{1})(" + ",".join("1" * 40) + ")",
    "($a := [1..3000000]; $map([1..1000], function($x)<n>{(function($y)<a<n>>{1})($a)}))",
    # One text many times over in a result, which is written as JSON.
    "($t := $pad('', 5000000, 'a'); [1..1000].($t))",
    "($t := $pad('', 900000, 'a'); [1..100].{'a': $t})",
]
BEYOND = (
    "evaluation: Expression evaluation timeout: Check for infinite loop",
    "evaluation: Expression evaluation memory limit exceeded: Check for excessive memory usage",
    "evaluation: Stack overflow error: Check for non-terminating recursive function.",
    "evaluation: Regular expression needs too much memory",
    "evaluation. D2014: ",
)
"""AWS's words for an expression beyond its bounds, and the language's for a sequence."""
GIVEN = {
    "members": {f"k{number}": 1 for number in range(300_000)},
    "names": [f"k{number}" for number in range(1_000_000)],
    "items": list(range(1_500_000)),
}
OF_GIVEN = [
    "$count($map([1..5000], function($i) { {} }) ~> |$|$members|)",
    "$count($map([1..5000], function($i) { {} }) ~> |$|{}, $names|)",
    "$map([1..5000], function($i) { $items }){'k': $count($)}",
    "$map([1..5000], function($i) { {'a': $items} }){'k': $count($lookup($, 'a'))}",
]
"""Expressions that would add all of something given to each of many."""
ENDLESS_WORDS = "$parseInteger($pad('one ', 900004, 'thousand ') & 'thousand', 'w')"
LONG_SIGNATURES = ["s" * 500_000, "a<" * 250_000 + "s" + ">" * 250_000]
DEEP = [
    "($f := function($n) { 1 + $f($n + 1) }; $f(0))",
    "($f := $map(?, function($x) { $f([$x]) }); $f([1]))",
    "($f := function($x) { $f ~> $map([$x], ?) }; $f(1)(1))",
    "$reduce([1..5000], function($p, $c) { {'a': $p} }, 1)",
    "$string($reduce([1..50000], function($p, $c) { [[$p]] }, 1))",
    "$parse($pad('', 100000, '['))",
    "(" * 20_000 + "1" + ")" * 20_000,
    "[" * 20_000,
    "-" * 20_000 + "1",
    "1" + "+1" * 20_000,
    "$match('a', /" + "(" * 5_000 + "a" + ")" * 5_000 + "/)",
    "$match('a', /((a{1000}){1000}){1000}b/)",
]
ODD = [
    "/(?<n>a)/", "[1!2]", "function($x)<zzz>{1}(2)", "($f := function($x)<n{1};1)",
    "$match('ab', /(?<n>a)(?<n>b)/)", "$formatNumber(5, '')", "$formatNumber(5, '0', {'zero-digit': ''})",
    "$formatNumber(5, '0', {'digit': null})", "$formatNumber(5, '0', {'pattern-separator': ''})",
    "$formatInteger(1e300, 'i')", "$formatInteger(1, '')", "$parseInteger('', '')", "$toMillis('', '[')",
    "$fromMillis(1, '[Y]', $pad('', 5000, '9'))", "$decodeUrl('%e9')", "$base64decode('a')",
    "$round(1.5, 1e300)", "$substring('abc', 0.5, 1.7)", "$number($pad('', 5000, '9'))",
    "$split('abc', /(?:)/)", "$replace('a', /$/, 'b')", "$match('a', function($s) { {'start': 1} })",
    "$each($sum, $sum)", "$map([1], $map)", "$sift({'a': 1})", "$partition([1], 0)", "$hash(1)", "%",
    "$x.%.%", "$encodeUrl('\\ud800')", "$hash('\\ud800', 'MD5')", "$merge([1])", "{1: 2}", "1e400",
    "'\\q'", "`a", "/* a",
]  # fmt: skip


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scope, "MAX_TIME", BOUND)


def _evaluated(source: str, bindings: dict[str, Any]) -> tuple[Any, float]:
    """The value, or the error; and the processor's seconds."""
    began = time.thread_time()
    try:
        outcome = Expression(source, "Output").evaluate(Variables(bindings))
    except (EvaluationError, ExpressionSyntaxError) as error:
        outcome = error
    return outcome, time.thread_time() - began


@pytest.mark.parametrize("source", ENDLESS)
def test_what_would_not_end_ends_as_an_evaluation_error(source: str) -> None:
    outcome, seconds = _evaluated(source, {})

    assert isinstance(outcome, EvaluationError)
    assert any(words in outcome.cause for words in BEYOND)
    assert seconds < BOUND + SLACK


@pytest.mark.parametrize("source", OF_GIVEN)
def test_what_is_given_is_paid_for_each_time_that_it_is_added(source: str) -> None:
    outcome, seconds = _evaluated(source, GIVEN)

    assert isinstance(outcome, EvaluationError)
    assert any(words in outcome.cause for words in BEYOND)
    assert seconds < BOUND + SLACK


@pytest.mark.parametrize("text", LONG_SIGNATURES)
def test_a_long_signature_is_refused_when_it_is_read(text: str) -> None:
    outcome, seconds = _evaluated(f"function($a)<{text}>{{1}}", {})

    assert isinstance(outcome, EvaluationError)
    assert "Invalid function signature" in outcome.cause
    assert seconds < SLACK


def test_a_number_of_many_words_is_as_large_as_a_number_can_be() -> None:
    outcome, seconds = _evaluated(ENDLESS_WORDS, {})

    assert outcome == "Infinity"
    assert seconds < SLACK


@pytest.mark.parametrize(
    ("source", "most", "over"),
    [
        ("$count([1..{}])", 873_782, 873_783),
        ("($f := function($s, $n) {{ $n = 0 ? $s : $f($s & $s, $n - 1) }}; $length($f('x', {})))", 22, 23),
    ],
)
def test_one_value_is_as_large_as_on_aws_and_no_larger(
    source: str, most: int, over: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scope, "MAX_TIME", 10)

    assert _evaluated(source.format(most), {})[0] in (873_782, 2**22)
    refused, _ = _evaluated(source.format(over), {})
    assert isinstance(refused, EvaluationError)
    assert refused.cause.endswith(
        "threw an error during evaluation: "
        "Expression evaluation memory limit exceeded: Check for excessive memory usage"
    )


@pytest.mark.parametrize("source", DEEP)
def test_what_is_too_deep_is_an_evaluation_error(source: str) -> None:
    outcome, seconds = _evaluated(source, {})

    assert isinstance(outcome, EvaluationError)
    assert seconds < BOUND + 2 * SLACK


@pytest.mark.parametrize(
    ("opened", "closed"),
    [("(", ").a"), ("[", "].a"), ("(", ")@$v.a"), ("(", "#$i).a"), ("$x[", "]"), ("$x.a[", "].b"),
     ("$x^(", ")"),
     ("$x{'a': ", "}"), ("{'a': ", "}.a"), ("$x ? ", " : 1"), ("function() {", "}()"), ("$x ~> $map(", ")"),
     ("$sum(", ")"), ("$x ~> |a|", "|"), ("($y := ", "; $y)"), ("-", "")],
)  # fmt: skip
def test_what_stands_inside_of_its_like_is_compiled_in_no_time(opened: str, closed: str) -> None:
    """A path in brackets took twice as long for each path around it: forty of them had no end."""
    source = opened * 40 + "$x" + closed * 40
    _, seconds = _evaluated(source, {"x": {"a": 1}})

    assert seconds < SLACK


_SUM = "($f := function($x) {{ $x <= 0 ? 0 : 1 + $f($x - 1) }}; $f({}))"
_TAIL = "($f := function($n, $sum) {{ $n <= 0 ? $sum : $f($n - 1, $sum + 1) }}; $f({}, 0))"
_MAPPED = "($f := function($x) {{ $x <= 0 ? 0 : $map([$x - 1], $f) + 1 }}; $f({}))"


@pytest.mark.parametrize(
    ("most", "over"),
    [
        ("1" + "+1" * 99, "1" + "+1" * 100),
        ("(" * 99 + "1" + ")" * 99, "(" * 100 + "1" + ")" * 100),
        ("[" * 99 + "1" + "]" * 99, "[" * 100 + "1" + "]" * 100),
        ("1" + "~>$string" * 99, "1" + "~>$string" * 100),
        (_SUM.format(31), _SUM.format(32)),
        (_MAPPED.format(31), _MAPPED.format(33)),
        ("$map([1], function($x) { 1" + "+1" * 96 + " })", "$map([1], function($x) { 1" + "+1" * 99 + " })"),
        ("(true ? 1 : (1" + "+1" * 200 + "))", "(false ? 1 : (1" + "+1" * 200 + "))"),
    ],
)
def test_parts_stand_as_deeply_inside_of_each_other_as_on_aws(most: str, over: str) -> None:
    assert not isinstance(_evaluated(most, {})[0], EvaluationError)
    refused, _ = _evaluated(over, {})
    assert isinstance(refused, EvaluationError)
    assert refused.cause.endswith(
        "threw an error during evaluation: Stack overflow error: Check for non-terminating recursive "
        "function. Consider rewriting as tail-recursive"
    )
    # The same expression again: what was compiled for little room is not taken where there is more.
    assert not isinstance(_evaluated(most, {})[0], EvaluationError)


def test_a_call_that_a_function_ends_with_has_no_depth(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scope, "MAX_TIME", 10)

    assert _evaluated(_TAIL.format(5000), {})[0] == 5000
    assert _evaluated("$match($pad('', 5000, 'ab'), /^(?:(a)(b))*$/).index", {})[0] == 0
    expression = Expression(_SUM.format("$n"), "Output")
    assert [_given(expression, n) for n in (31, 40, 31)] == [31, None, 31]


def _given(expression: Expression, number: int) -> Any:
    try:
        return expression.evaluate({"n": number})
    except EvaluationError:
        return None


@pytest.mark.parametrize("source", ODD)
def test_odd_input_is_a_value_or_an_error_in_words(source: str) -> None:
    outcome, _ = _evaluated(source, {})

    assert not isinstance(outcome, EvaluationError) or "specified for the field 'Output'" in outcome.cause


def test_the_expressions_of_one_field_share_one_budget() -> None:
    variables = Variables({})
    began = time.thread_time()
    for _ in range(20):
        with pytest.raises(EvaluationError, match="evaluation timeout"):
            Expression("($f := function() { $f() }; $f())", "Output").evaluate(variables)

    assert time.thread_time() - began < BOUND + SLACK


@settings(deadline=None, max_examples=150, suppress_health_check=list(HealthCheck))
@given(st.one_of(sources(), words(), regular_expressions(), st.text(max_size=20)))
def test_no_expression_escapes_its_bound_or_raises_anything_else(source: str) -> None:
    _, seconds = _evaluated(source, BINDINGS)

    assert seconds < BOUND + SLACK


def test_input_is_never_changed() -> None:
    bindings = {"o": {"a": 1, "l": [3, 1, 2]}}
    for source in ("1 ~> |$o|{'a': 2}|", "$o ~> |$o|{'a': 2}|", "$sort($o.l)", "$o.l[]", "($o.l)#$i[$i = 1]"):
        _evaluated(source, bindings)

    assert bindings == {"o": {"a": 1, "l": [3, 1, 2]}}
    result, _ = _evaluated("$o", bindings)
    assert result == bindings["o"]
    assert result is not bindings["o"]
