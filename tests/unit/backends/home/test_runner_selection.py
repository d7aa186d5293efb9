"""Which runner a machine gives, and what is said of it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from stepherd.backends.home import runner_selection
from stepherd.backends.home.runner_selection import RunnerSelection, default_runner
from stepherd.engine.runners.choice import AS_PROCESSES, SANDBOX, RunnerChoice
from stepherd.errors import ConfigurationError, StepherdError, UsageError


class Machine:
    """A probe that says what a test wants."""

    def __init__(self, failure: StepherdError | None) -> None:
        self._failure = failure
        self.is_over = False

    def failure(self) -> StepherdError | None:
        self.is_over = True
        return self._failure


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path


def _machine(monkeypatch: pytest.MonkeyPatch, failure: StepherdError | None) -> None:
    monkeypatch.setattr(runner_selection, "_begin_probe", lambda *_: Machine(failure))


BROKEN = ConfigurationError("bubblewrap cannot make a sandbox here.", remedy="Do something.")


def test_a_machine_that_can_gives_a_sandbox_and_no_remark(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _machine(monkeypatch, None)
    selection = RunnerSelection.begin(home, None, "on")
    assert (selection.choice, selection.remark()) == (RunnerChoice(SANDBOX), "")


def test_a_machine_that_cannot_gives_processes_and_says_why(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _machine(monkeypatch, BROKEN)
    selection = RunnerSelection.begin(home, None, "on")
    assert selection.choice == AS_PROCESSES
    assert str(BROKEN) in selection.remark()
    assert "--runner process" in selection.remark()
    assert default_runner(home) == (AS_PROCESSES, BROKEN)


def test_where_the_agent_is_another_user_it_is_not_said_that_it_is_you(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _machine(monkeypatch, BROKEN)
    monkeypatch.setenv("STEPHERD_AGENT_USER", "nobody")
    assert RunnerSelection.begin(home, None, "on").remark() == ""


@pytest.mark.parametrize(
    ("asked", "network"), [(RunnerChoice(SANDBOX), "on"), (None, "off"), (None, "index.example")]
)
def test_who_wants_a_sandbox_never_gets_less(
    home: Path, monkeypatch: pytest.MonkeyPatch, asked: RunnerChoice | None, network: str
) -> None:
    _machine(monkeypatch, BROKEN)
    with pytest.raises(ConfigurationError) as refusal:
        _ = RunnerSelection.begin(home, asked, network).choice
    assert refusal.value is BROKEN


@pytest.mark.parametrize("runner", ["process", "podman", "docker"])
def test_what_was_asked_for_is_given_without_a_look_for_a_sandbox(
    home: Path, monkeypatch: pytest.MonkeyPatch, runner: str
) -> None:
    monkeypatch.setattr(runner_selection, "_begin_probe", lambda *_: pytest.fail("looked"))
    (home / runner).write_text("#!/bin/sh\n")
    (home / runner).chmod(0o755)
    monkeypatch.setenv("PATH", str(home), prepend=os.pathsep)
    selection = RunnerSelection.begin(home, RunnerChoice(runner, "image:1"), "on")
    assert (selection.choice, selection.remark()) == (RunnerChoice(runner, "image:1"), "")
    with pytest.raises(UsageError, match="only be limited in a sandbox"):
        RunnerSelection.begin(home, RunnerChoice(runner), "off")


def test_what_was_begun_is_ended_when_the_run_is_refused_meanwhile(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = Machine(None)
    monkeypatch.setattr(runner_selection, "_begin_probe", lambda *_: machine)
    with pytest.raises(ZeroDivisionError), RunnerSelection.begin(home, None, "on"):
        _ = 1 / 0
    assert machine.is_over


def test_root_gets_one_only_with_a_user_for_agents(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 0)
    monkeypatch.setattr(sys, "platform", "linux")
    choice, obstacle = default_runner(home)
    assert choice == AS_PROCESSES
    assert obstacle is not None
    assert "STEPHERD_AGENT_USER" in obstacle.remedy


def test_macos_has_none(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    choice, obstacle = default_runner(home)
    assert choice == AS_PROCESSES
    assert obstacle is not None
    assert "Linux" in obstacle.message


def test_a_bubblewrap_in_the_home_or_the_current_folder_is_not_there(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("user/bin", "here/bin", "stepherd/bin"):
        (home / folder).mkdir(parents=True)
        (home / folder / "bwrap").write_text("#!/bin/sh\n")
        (home / folder / "bwrap").chmod(0o755)
    monkeypatch.chdir(home / "here")
    monkeypatch.setenv("HOME", str(home / "user"))
    monkeypatch.setenv("PATH", f"{home}/user/bin:{home}/here/bin:{home}/stepherd/bin")
    monkeypatch.setattr(os, "getuid", lambda: 1000)
    _, obstacle = default_runner(home / "stepherd")
    assert obstacle is not None
    assert obstacle.message == "bubblewrap is not installed."
