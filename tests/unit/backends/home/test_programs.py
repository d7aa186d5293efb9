"""A PATH that a person gives the agent may hide its program: that is said before the run."""

from __future__ import annotations

from pathlib import Path

import pytest

from stepherd.backends.home.programs import check_given_path
from stepherd.errors import ConfigurationError
from stepherd.runs.request import Request


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "bin").mkdir()
    for name in ("my-agent", "my-check", "claude"):
        (tmp_path / "bin" / name).write_text("#!/bin/sh\n")
        (tmp_path / "bin" / name).chmod(0o755)
    return tmp_path / "bin"


def _request(
    path: str | None, *, agent: str = "command", command: str | None = "my-agent x", verify: str | None = None
) -> Request:
    return Request(
        "run_1", "i.md", "r", None, "b", agent, command, "m", 60, "none", verify, False, None,
        env={} if path is None else {"PATH": path},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "The agent 'command' needs the program 'my-agent'"),
        ({"agent": "claude", "command": None}, "The agent 'claude' needs the program 'claude'"),
        ({"command": "/bin/true", "verify": "my-check"}, "The verify command needs the program 'my-check'"),
    ],
)
def test_a_program_that_the_given_path_hides_is_named(
    fields: dict[str, str | None], words: str, folder: Path
) -> None:
    with pytest.raises(ConfigurationError) as raised:
        check_given_path(_request("/nowhere", **fields), str(folder))  # type: ignore[arg-type]
    assert raised.value.message == f"{words}, which is not found on the PATH that --env gives."
    assert raised.value.remedy == f"Give one that has {folder}, or leave PATH out."


@pytest.mark.parametrize("path", [None, "/nowhere:{folder}", "tools/bin:/nowhere", ""])
def test_nothing_is_said_of_a_path_that_has_it_or_may_have_it(path: str | None, folder: Path) -> None:
    check_given_path(_request(path and path.format(folder=folder)), str(folder))


def test_a_program_of_the_workspace_is_not_looked_for(folder: Path) -> None:
    check_given_path(_request("/nowhere", command="./my-agent"), str(folder))
