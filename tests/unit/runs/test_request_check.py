"""The short check of requests says what jsonschema says, over requests of all kinds."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepherd.runs.request import InvalidRequest, check_request, request_schema, request_validator
from stepherd.runs.request_check import follows

SCHEMA = request_schema()
_NUMBERS = st.one_of(
    st.integers(), st.floats(), st.sampled_from([0, 1, 60.0, 82800, 82801, 10**400, -0.0, 1e308, 5e-324])
)
_VALUES: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    _NUMBERS,
    st.text(max_size=50),
    st.sampled_from(["branch", "none", "report", "one", "inbox/a", "inbox/..", "inbox/a\n", "x" * 2049, ""]),
    st.lists(st.text(max_size=3), max_size=2),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
    st.dictionaries(st.text("A_1-\n", max_size=3), st.text(max_size=3), max_size=2),
)


def _good(rules: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Values that this field takes."""
    if "enum" in rules:
        return st.sampled_from(rules["enum"])
    if "pattern" in rules:
        return st.from_regex(rules["pattern"], fullmatch=True)
    if rules["type"] == "boolean":
        return st.booleans()
    if rules["type"] == "string":
        return st.text(min_size=rules.get("minLength", 0), max_size=60)
    if rules["type"] == "object":
        names = st.from_regex(rules["propertyNames"]["pattern"], fullmatch=True)
        return st.dictionaries(names, _good(rules["additionalProperties"]), max_size=3)
    whole = st.integers(min_value=rules.get("minimum", 1), max_value=rules["maximum"])
    return whole | whole.map(float)


_FIELDS = st.fixed_dictionaries(
    {}, optional={name: _good(rules) | _VALUES for name, rules in SCHEMA["properties"].items()}
)
_REQUESTS = st.one_of(
    st.fixed_dictionaries(
        {"instructions": st.just("a.md")},
        optional={
            name: _good(rules) for name, rules in SCHEMA["properties"].items() if name != "instructions"
        },
    ),
    _FIELDS,
    st.builds(lambda fields, name, value: {**fields, name: value}, _FIELDS, st.text(max_size=5), _VALUES),
    _VALUES,
)


@given(_REQUESTS)
@settings(max_examples=600, deadline=None)
def test_it_agrees_with_jsonschema(request: object) -> None:
    assert follows(request, SCHEMA) == request_validator().is_valid(request)


@given(st.sampled_from(sorted(SCHEMA["properties"])), _VALUES)
@settings(max_examples=600, deadline=None)
def test_it_agrees_on_every_field_by_itself(name: str, value: object) -> None:
    request = {"instructions": "a.md", name: value}
    assert follows(request, SCHEMA) == request_validator().is_valid(request)


@pytest.mark.parametrize(
    "schema", [{"not": {}}, {"type": "array"}, {"const": 1}, {"properties": {"a": {"oneOf": []}}}]
)
def test_a_word_that_it_does_not_know_is_left_to_jsonschema(schema: dict[str, Any]) -> None:
    assert not follows({"a": 1}, schema)


def test_every_word_of_the_published_schema_is_known() -> None:
    full = {name: _example(rules) for name, rules in SCHEMA["properties"].items()}
    assert follows(full, SCHEMA)


def _example(rules: dict[str, Any]) -> object:
    if "pattern" in rules:
        return "inbox/a"
    if "default" in rules:
        return rules["default"]
    examples = {"string": "x", "integer": 1, "number": 0.5, "boolean": True, "object": {"A": "x"}}
    return examples[rules["type"]]


def test_jsonschema_is_loaded_for_its_reasons_alone() -> None:
    code = (
        "import json, sys; from stepherd.runs.request import check_request; "
        "check_request({'instructions': 'a.md', 'timeout_seconds': 60.0}); "
        "print(json.dumps('jsonschema' in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert json.loads(done.stdout) is False
    with pytest.raises(InvalidRequest, match="must be a whole number"):
        check_request({"instructions": "a.md", "timeout_seconds": "x"})
