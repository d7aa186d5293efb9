"""The variables of a container as a request."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from stepherd.container.variables import request_of
from stepherd.errors import UsageError
from stepherd.runs.request import check_request

NEEDED = {"REPO_URL": "https://github.com/me/app.git", "INSTRUCTIONS_S3_URI": "s3://bucket/instructions.md"}


def test_two_variables_are_enough_and_the_rest_is_as_it_always_was() -> None:
    request = request_of(NEEDED, datetime(2026, 11, 21, 10, 15, tzinfo=UTC))
    assert request == {
        "repo": "https://github.com/me/app.git",
        "instructions": "s3://bucket/instructions.md",
        "branch": "feature/q-implementation-20261121101500",
        "message": "Implement requirements using Amazon Q Developer",
        "git_credentials": "amazon-q-headless/git-credentials",
        "agent": "q",
    }


def test_every_variable_becomes_its_field_and_the_whole_is_a_request() -> None:
    request = request_of(
        {
            **NEEDED,
            "BRANCH_NAME": " feature-branch ",
            "COMMIT_MESSAGE": "Do it",
            "GIT_CREDENTIALS_SECRET_ID": "mine",
            "AGENT": "command",
            "AGENT_COMMAND": "make format",
            "BASE_REF": "v1",
            "MODEL": "m",
            "VERIFY": "make test",
            "PUSH": "none",
            "AGENT_CREDENTIALS_SECRET_ID": "keys",
            "TIMEOUT_SECONDS": "60",
            "MAX_TURNS": "5",
            "MAX_COST_USD": "1.5",
        }
    )
    assert check_request(request) == {
        "repo": NEEDED["REPO_URL"],
        "instructions": NEEDED["INSTRUCTIONS_S3_URI"],
        "branch": "feature-branch",
        "message": "Do it",
        "git_credentials": "mine",
        "agent": "command",
        "command": "make format",
        "base": "v1",
        "model": "m",
        "verify": "make test",
        "push": "none",
        "agent_credentials": "keys",
        "timeout_seconds": 60,
        "max_turns": 5,
        "max_cost_usd": 1.5,
    }


def test_a_command_needs_no_agent_named() -> None:
    assert "agent" not in request_of({**NEEDED, "AGENT_COMMAND": "make"})


def test_empty_credentials_are_none_at_all() -> None:
    assert request_of({**NEEDED, "GIT_CREDENTIALS_SECRET_ID": ""})["git_credentials"] == "none"


@pytest.mark.parametrize("name", list(NEEDED))
def test_what_is_missing_is_named(name: str) -> None:
    with pytest.raises(UsageError, match=name) as caught:
        request_of({**NEEDED, name: " "})
    assert f"-e {name}=" in caught.value.remedy


@pytest.mark.parametrize("name", ["TIMEOUT_SECONDS", "MAX_TURNS", "MAX_COST_USD"])
def test_a_number_that_is_none_is_named(name: str) -> None:
    with pytest.raises(UsageError, match=f"{name} is 'soon'"):
        request_of({**NEEDED, name: "soon"})
