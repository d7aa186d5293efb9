"""Requests against the published schema, and what their errors say."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest

from stepherd.errors import DataError
from stepherd.runs.request import InvalidRequest, Request, check_request, request_schema

WHOLE: dict[str, Any] = {
    "instructions": "s3://bucket/key.md",
    "repo": "https://github.com/o/n.git",
    "base": "main",
    "branch": "b",
    "agent": "command",
    "command": "true",
    "message": "m",
    "timeout_seconds": 60,
    "push": "none",
    "verify": "make test",
    "verify_required": True,
    "git_credentials": "env:TOKEN",
}


def request(**changes: Any) -> Request:
    fields = {key: value for key, value in WHOLE.items() if key != "instructions"}
    return Request(**{"run_id": "run_1", "instructions": "/i", **fields, **changes})


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(request_schema())


def test_a_whole_request_passes_and_so_does_the_smallest() -> None:
    assert check_request(WHOLE) == WHOLE
    assert check_request({"instructions": "/i"})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"reop": "x"}, "The field 'reop' is unknown. Did you mean 'repo'?"),
        ({"zzz": 1}, "The field 'zzz' is unknown. The fields are instructions, repo,"),
        (
            {"timeout_seconds": "60"},
            "The field 'timeout_seconds' is not acceptable: it must be a whole number, not text.",
        ),
        ({"timeout_seconds": 0}, "0 is less than 1. Give a time"),
        ({"timeout_seconds": 82801}, "82801 is more than 82800"),
        ({"timeout_seconds": 1.5}, "it must be a whole number, not a number"),
        ({"push": "force"}, "'force' is not one of branch, none. Give --push branch or --push none."),
        ({"repo": ""}, "The field 'repo' is not acceptable: it is empty. Give the repository with --repo"),
        ({"message": "m" * 10_001}, "it is longer than 10000 characters"),
        ({"verify_required": "yes"}, "it must be true or false, not text"),
        ({"command": None}, "it must be text, not nothing"),
        ({"agent": ["command"]}, "it must be text, not a list"),
    ],
)
def test_a_wrong_field_is_named_with_the_reason_and_the_next_step(change: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        check_request({**WHOLE, **change})
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 64


@pytest.mark.parametrize("given", [None, [], "x", 3])
def test_what_is_no_object_is_refused(given: object) -> None:
    with pytest.raises(InvalidRequest, match="A request is a JSON object"):
        check_request(given)


def test_missing_instructions_are_said() -> None:
    with pytest.raises(InvalidRequest, match="The field 'instructions' is missing"):
        check_request({"repo": "x"})


def test_an_unknown_field_is_shown_without_control_characters() -> None:
    with pytest.raises(InvalidRequest) as caught:
        check_request({**WHOLE, "\x1b[31mred\x07": 1})
    assert "\x1b" not in str(caught.value)
    assert "\x07" not in str(caught.value)


def test_every_field_of_the_schema_has_its_remedy() -> None:
    for name in request_schema()["properties"]:
        with pytest.raises(InvalidRequest) as caught:
            check_request({**WHOLE, name: []})
        assert caught.value.remedy, name


def test_a_request_survives_its_file() -> None:
    assert Request.from_json(request().to_json()) == request()


def test_a_request_file_of_another_version_is_refused() -> None:
    with pytest.raises(DataError, match=r"request\.json is not one of this version"):
        Request.from_json({**request().to_json(), "later": 1})


def test_the_agent_task_may_take_the_agent_the_verify_command_and_the_hand_offs() -> None:
    assert request(timeout_seconds=60).agent_task_seconds == 60 + 60 + 900
    assert request(timeout_seconds=7200).agent_task_seconds == 7200 + 1800 + 900
    assert request(timeout_seconds=60, verify=None).agent_task_seconds == 60 + 900
