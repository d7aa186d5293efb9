"""Whatever is given as a number, wherever: it is refused in words, or typed, finite and within bounds."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import click
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from stepherd.api.bodies import read_object
from stepherd.api.problems import InvalidCall
from stepherd.cli.main import COMMANDS
from stepherd.cli.subcommands import Subcommands
from stepherd.container.variables import request_of
from stepherd.engine.asl.values import parse
from stepherd.errors import StepherdError
from stepherd.runs.front_matter import read_settings, split_front_matter
from stepherd.runs.inbox_settings import read_metadata
from stepherd.runs.request import Request, check_request, request_schema
from stepherd.steps.deadline import seconds_in

FIELDS = {
    name: (rule["type"], rule.get("minimum", rule.get("exclusiveMinimum")), rule["maximum"])
    for name, rule in request_schema()["properties"].items()
    if rule.get("type") in {"integer", "number"}
}
KEYS = {"timeout_seconds": "timeout", "silence_seconds": "silence"}
FLAGS = {"timeout_seconds": "--timeout", "silence_seconds": "--silence", "max_cost_usd": "--max-cost"}
REPORTED = [
    *(
        ".nan",
        ".NaN",
        "nan",
        "NaN",
        "-nan",
        ".inf",
        "-.inf",
        "inf",
        "Infinity",
        "-Infinity",
        "1e400",
        "1.5e400",
    ),
    *("!!float .nan", "!!float nan", "!!int 0x10", "!!bool maybe", "!!int ''", "!!timestamp x"),
    *(
        "1:30",
        "9" + ":59" * 400,
        "9" * 5000,
        "1" * 400,
        "1_000",
        "1_0.5",
        "0777",
        "010",
        "0o17",
        "0x1F",
        "0b1",
    ),
    *("2024-01-01", "2024-99-99", "2024-01-01T00:00:00Z", "true", "yes", "null", "~", "", "-1", "0", "-0.0"),
    *(
        "\uff11\uff12",
        "\u0663",
        "1e308",
        "1e-400",
        "60.0",
        "6e1",
        "'60'",
        '"60"',
        "[60]",
        "{}",
        "0.5",
        "12 34",
        "+5",
        "1/0",
    ),
]
"""Each of them was taken, or ended in a traceback, somewhere."""
NUMBERS = st.one_of(
    st.sampled_from(REPORTED),
    st.floats().map(repr),
    st.integers().map(str),
    st.text(alphabet="0123456789.eE+-_:xXonaifN ,'\"[]{}!*&", max_size=12),
)


def _by_flag(field: str, text: str) -> Mapping[str, Any]:
    flag = FLAGS.get(field, f"--{field.replace('_', '-')}")
    command = import_module("stepherd.cli.commands.run").command
    context = command.make_context("run", ["--instructions", "i", f"{flag}={text}"])
    given = context.params[flag.removeprefix("--").replace("-", "_")]
    return {"instructions": "i", field: given}


def _by_front_matter(field: str, text: str) -> Mapping[str, Any]:
    head = f"---\n{KEYS.get(field, field)}: {text}\n---\nDo\n"
    return {"instructions": "i", **split_front_matter(head)[0]}


def _by_settings_file(field: str, text: str) -> Mapping[str, Any]:
    return {"instructions": "i", **read_settings(f"{KEYS.get(field, field)}: {text}\n", "run.yaml")}


def _by_metadata(field: str, text: str) -> Mapping[str, Any]:
    return {"instructions": "i", **read_metadata({KEYS.get(field, field).replace("_", "-"): text})}


def _by_variable(field: str, text: str) -> Mapping[str, Any]:
    needed = {"REPO_URL": "https://h/r", "INSTRUCTIONS_S3_URI": "s3://b/k"}
    return request_of({**needed, field.upper(): text})


def _by_body(field: str, text: str) -> Mapping[str, Any]:
    # Of POST /executions, and of a message of the queue.
    run = read_object(f'{{"instructions": "i", "{field}": {text}}}'.encode())
    return dict(run)


def _by_execution(field: str, text: str) -> Mapping[str, Any]:
    document = f'{{"instructions": "i", "{field}": {text}}}'
    try:
        return dict(parse(document))
    except ValueError as error:  # the engine answers InvalidExecutionInput
        raise StepherdError(str(error)) from error


WAYS: dict[str, Callable[[str, str], Mapping[str, Any]]] = {
    "flag": _by_flag,
    "front matter": _by_front_matter,
    "settings file": _by_settings_file,
    "metadata": _by_metadata,
    "variable": _by_variable,
    "body": _by_body,
    "execution": _by_execution,
}


def _has(field: str, way: str) -> bool:
    return not (field == "silence_seconds" and way == "variable")


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("way", WAYS)
def test_a_number_that_comes_in_is_refused_in_words_or_can_be_counted_with(way: str, field: str) -> None:
    kind, low, high = FIELDS[field]

    @settings(max_examples=50)
    @given(NUMBERS)
    @example("5")
    def check(text: str) -> None:
        try:
            request = check_request(dict(WAYS[way](field, text)))
        except (StepherdError, InvalidCall, click.UsageError):
            assert text != "5"
            return
        value = request.get(field)
        if value is None:  # The variable, or the field, was empty.
            return
        assert type(value) in ((int,) if kind == "integer" else (int, float))
        assert math.isfinite(value)
        assert low <= value <= high

    if _has(field, way):
        check()


@given(st.sampled_from(sorted(FIELDS)), st.one_of(st.floats(), st.integers(), st.text(), st.booleans()))
@example("max_cost_usd", math.nan)
@example("max_turns", 60.0)
def test_a_number_in_a_request_is_refused_or_can_be_counted_with(field: str, value: Any) -> None:
    try:
        kept = check_request({"instructions": "i", field: value})[field]
    except StepherdError as error:
        assert field in error.message
        return
    kind, low, high = FIELDS[field]
    assert type(kept) in ((int,) if kind == "integer" else (int, float))
    assert low <= kept <= high


@pytest.mark.parametrize("text", REPORTED)
@pytest.mark.parametrize("way", ["flag", "variable", "metadata"])
def test_text_that_only_python_takes_for_a_number_is_none(way: str, text: str) -> None:
    strange = any(mark in text for mark in "_:xob") or not text.isascii() or text.startswith("0")
    if strange and text not in {"0", "0.5"}:
        with pytest.raises((StepherdError, click.UsageError)):
            check_request(dict(WAYS[way]("max_turns", text)))


def test_no_option_of_any_command_is_read_by_a_number_type_of_click() -> None:
    types = (click.types.IntParamType, click.types.FloatParamType)

    def commands(command: click.Command) -> list[click.Command]:
        if not isinstance(command, Subcommands):
            return [command]
        context = click.Context(command)
        inner = [command.get_command(context, name) for name in command.list_commands(context)]
        return [command, *(one for one in inner if one is not None)]

    found = {
        f"{name} {parameter.name}"
        for name in COMMANDS
        for command in commands(import_module(f"stepherd.cli.commands.{name.replace('-', '_')}").command)
        for parameter in command.params
        if isinstance(parameter.type, types)
    }
    assert found == set()


FIXED: dict[str, Any] = {
    "run_id": "run_1", "instructions": "i", "repo": "r", "base": None, "branch": "b", "agent": "command",
    "command": "c", "message": "m", "timeout_seconds": 60, "push": "none", "verify": None,
    "verify_required": False, "git_credentials": None,
}  # fmt: skip


@given(st.sampled_from(sorted(FIELDS)), st.one_of(st.floats(), st.integers(), st.text(), st.booleans()))
@example("max_cost_usd", math.nan)
@example("max_cost_usd", math.inf)
@example("max_turns", True)
@example("timeout_seconds", "60")
@example("timeout_seconds", None)
@example("verify_rounds", 0)
def test_a_request_that_was_written_has_limits_that_are_numbers(field: str, value: Any) -> None:
    try:
        request = Request.from_json({**FIXED, field: value})
    except StepherdError:
        return
    kept = getattr(request, field)
    assert type(kept) in (int, float)
    assert math.isfinite(kept)
    assert kept > 0 or (field, kept) == ("verify_rounds", 0)


@given(NUMBERS)
@example("nan")
@example("1e308")
def test_a_variable_that_holds_seconds_is_refused_or_can_be_waited_for(text: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STEPHERD_SILENCE_SECONDS", text)
        try:
            seconds = seconds_in("STEPHERD_SILENCE_SECONDS", 5.0)
        except StepherdError as error:
            assert "STEPHERD_SILENCE_SECONDS" in error.message
            return
    assert 0 <= seconds <= 366 * 86_400


@pytest.mark.parametrize("name", ["Timeout", "MemorySize", "StopTimeout"])
@pytest.mark.parametrize(
    "text", [".nan", ".inf", "1:30", "9" * 5000, "-1", "0", "true", "010", "'many'", "[3]"]
)
def test_a_number_of_a_template_is_refused_by_name_or_can_be_used(
    tmp_path: Path, name: str, text: str
) -> None:
    from stepherd.engine.application import load_application

    function = "Type: AWS::Serverless::Function\n    Properties: {CodeUri: ., Handler: app.handler"
    task = "Type: AWS::ECS::TaskDefinition\n    Properties:\n      ContainerDefinitions: [{Name: c"
    body = f"{task}, {name}: {text}}}]\n" if name == "StopTimeout" else f"{function}, {name}: {text}}}\n"
    template = tmp_path / "template.yaml"
    template.write_text(f"Resources:\n  Thing:\n    {body}")
    with pytest.raises(StepherdError, match=f"{name} of Thing is"):
        load_application(template, {})


def test_a_body_with_a_number_that_is_none_names_its_field() -> None:
    for text in ("NaN", "Infinity", "-Infinity", "1e999", "1" * 400):
        with pytest.raises(InvalidCall) as caught:
            read_object(f'{{"run": {{"max_turns": {text}}}}}'.encode())
        assert caught.value.field == "run.max_turns"


def test_numbers_of_json_that_is_read_elsewhere_are_finite() -> None:
    from stepherd.services.json_text import read_json, read_printed_json

    for text in (
        "NaN",
        "[Infinity]",
        '{"a": -Infinity}',
        "1e400",
        "-1e400",
        "1" * 31,
        "1" * 5000,
        "[" * 100_000,
    ):
        with pytest.raises(ValueError, match=r"JSON|range|digits|deeply"):
            read_json(text)
    assert read_json(b'\xef\xbb\xbf{"a": 1.5e3}') == {"a": 1500.0}
    with pytest.raises(ValueError, match="decode"):
        read_json(b"\xff")
    printed = read_printed_json('{"a": NaN, "b": 1e400, "c": -Infinity, "d": ' + "9" * 5000 + "}")
    assert printed["a"] is None
    assert all(value is None or math.isfinite(value) for value in printed.values())
    assert printed["b"] > 1e300
    assert printed["c"] < -1e300
    assert printed["d"] > 10**20
    assert json.dumps(printed, allow_nan=False)


@pytest.mark.parametrize("index", ["-1", "2", "0x1", "nan", "9" * 5000])
def test_an_element_that_a_template_selects_is_there(index: str) -> None:
    from stepherd.engine.intrinsics import Resolver

    resolver = Resolver({}, {}, str, str)  # type: ignore[arg-type]
    with pytest.raises(StepherdError, match="Fn::Select has no element"):
        resolver.value({"Fn::Select": [index, ["a", "b"]]})


@pytest.mark.parametrize("redrives", [math.nan, math.inf, -1, "1", 1.5, True, [1]])
def test_how_often_a_login_was_redriven_is_a_count(redrives: Any) -> None:
    from stepherd.logins.request import LoginRequest

    fields = {"agent": "q", "execution": "arn:e", "holder": "arn:h", "redrives": redrives}
    with pytest.raises(StepherdError, match="'redrives'"):
        LoginRequest.from_json(fields)
