"""A run that cannot work is refused before anything starts: by one line and an exit code, and nothing is
left."""

from __future__ import annotations

import ctypes
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.exhaustive


def _git(folder: Path, *words: str) -> None:
    who = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
    subprocess.run(["git", "-C", str(folder), *who, *words], check=True, capture_output=True)


def _program(folder: Path, name: str, script: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)
    return folder


def _refused(place: Any, code: int, *said: str, words: list[str]) -> None:
    done = place.stepherd(*words)
    assert (done.returncode, done.stderr.count("\n")) == (code, 1), done.stderr
    for text in said:
        assert text in done.stderr
    assert not (place.home / "journal.sqlite3").exists()
    place.until(lambda: not place.processes(), "no process is left")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--max-cost", "1"], ("cost cannot be enforced", "--max-cost", "claude, opencode")),
        (["--max-turns", "3"], ("turns cannot be enforced", "--max-turns", "claude, codex, opencode")),
        (["--model", "m"], ("takes no model", "--model")),
    ],
)
def test_a_limit_that_the_agent_cannot_keep(place: Any, words: list[str], said: tuple[str, ...]) -> None:
    _refused(place, 64, *said, words=[*place.run_words("true"), *words])


@pytest.mark.parametrize("branch", ["taken", "taken/below", "above"])
def test_a_branch_that_has_no_room_and_the_remedy_works(place: Any, branch: str) -> None:
    work = place.path / "work"
    _git(work, "checkout", "-q", "-b", "taken")
    _git(work, "commit", "-q", "--allow-empty", "-m", "other")
    _git(work, "branch", "above/it")
    _git(work, "push", "-q", str(place.origin), "taken", "above/it")
    words = place.run_words("true")
    _refused(place, 73, "another --branch", words=[*words, "--branch", branch])
    done = place.stepherd(*place.run_words("echo > new", "--branch", "free"))
    assert (done.returncode, done.stdout) == (0, "free\n")


def _like_everybody() -> None:
    """Modes hold for root, too: whoever is not needs none of this, and may not do it."""
    drop_from_bounding_set, dac_override, dac_read_search = 24, 1, 2
    for capability in (dac_override, dac_read_search):
        ctypes.CDLL(None).prctl(drop_from_bounding_set, capability, 0, 0, 0)


@pytest.mark.parametrize("closed", ["objects", "refs"])
def test_a_repository_that_may_not_be_written(place: Any, closed: str) -> None:
    (place.origin / closed).chmod(0o555)
    child = place.start(*place.run_words("echo > new"), preexec_fn=_like_everybody)
    said = child.communicate(timeout=60)[1]
    assert (child.returncode, said.count("\n")) == (78, 1), said
    assert f"{place.origin}/{closed} cannot be written" in said
    assert "--push none" in said
    assert not (place.home / "journal.sqlite3").exists()
    # AND that way is open
    child = place.start(*place.run_words("echo > new", "--push", "none"), preexec_fn=_like_everybody)
    assert child.wait(60) == 0


def test_a_default_branch_that_was_renamed_and_the_remedy_works(place: Any) -> None:
    _git(place.origin, "branch", "-m", "main", "trunk")
    _git(place.origin, "symbolic-ref", "HEAD", "refs/heads/main")
    words = place.run_words("echo > new")
    _refused(place, 66, "there is 'trunk'", "--base trunk", words=words)
    assert place.stepherd(*words, "--base", "trunk").returncode == 0


def test_a_branch_that_is_checked_out(place: Any) -> None:
    work = place.path / "work"
    words = place.run_words("true", "--branch", "main")
    words[words.index("--repo") + 1] = str(work)
    _refused(place, 78, "'main' is checked out", "another --branch", words=words)


@pytest.mark.parametrize("command", ["there-is-no-such-program --now", "/nowhere/agent"])
def test_a_program_that_is_missing(place: Any, command: str) -> None:
    words = place.run_words("true")
    words[words.index("--command") + 1] = command
    _refused(place, 78, command.split(maxsplit=1)[0], "not installed", words=words)


def test_an_agent_whose_program_is_missing(place: Any) -> None:
    words = place.run_words("true")
    at = words.index("--command")
    words[at : at + 2] = ["--agent", "kiro"]
    _refused(place, 78, "'kiro-cli'", "stepherd agents", words=words)


@pytest.mark.parametrize("runner", ["docker", "podman"])
def test_a_container_runtime_that_does_not_run(place: Any, runner: str) -> None:
    bin_folder = _program(place.path / "bin", runner, "echo 'Cannot connect to the daemon.' >&2; exit 1")
    place.environment["PATH"] = f"{bin_folder}{os.pathsep}{place.environment['PATH']}"
    said = f"{runner} is installed but does not work: Cannot connect to the daemon."
    _refused(place, 78, said, words=[*place.run_words("true"), "--runner", runner])
    _refused(place, 78, said, words=["engine", "--runner", runner])
