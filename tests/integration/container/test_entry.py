"""The image's entry point, as a process of this machine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.integration.repositories.origin import git

import stepherd

pytestmark = pytest.mark.exhaustive

ENTRY = [sys.executable, "-P", "-m", "stepherd.container"]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A repository, instructions, and the variables that name them."""
    work = tmp_path / "work"
    work.mkdir()
    git(work, "init", "-q", "-b", "main")
    (work / "README.md").write_text("Hello.\n")
    git(work, "add", "-A")
    git(work, "commit", "-q", "-m", "first")
    git(tmp_path, "clone", "-q", "--bare", str(work), "origin.git")
    (tmp_path / "instructions.md").write_text("# Write a file\n\n```text file=new.txt\nnew\n```\n")
    return {
        **os.environ,
        "PYTHONPATH": str(Path(stepherd.__file__).parents[1]),
        "STEPHERD_HOME": str(tmp_path / "home"),
        "PROCESS_REQUIREMENTS": "true",
        "REPO_URL": str(tmp_path / "origin.git"),
        "INSTRUCTIONS_S3_URI": str(tmp_path / "instructions.md"),
        "GIT_CREDENTIALS_SECRET_ID": "",
        "BRANCH_NAME": "feature/new",
        "AGENT": "apply",
    }


def entry(environment: dict[str, str], *argv: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*ENTRY, *argv], env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def test_with_a_command_it_is_that_command_also_where_it_could_run_the_pipeline(
    environment: dict[str, str],
) -> None:
    done = entry(environment, "sh", "-c", "echo $0 $$; exit 7", "x y")
    assert (done.returncode, done.stderr) == (7, "")
    assert done.stdout.startswith("x y ")


@pytest.mark.parametrize(("program", "code"), [("no-such-program", 127), ("/", 126)])
def test_a_command_that_cannot_be_executed_has_a_shell_s_exit_code(
    environment: dict[str, str], program: str, code: int
) -> None:
    done = entry(environment, program)
    assert done.returncode == code
    assert done.stderr.startswith(f"stepherd: {program}: ")


def test_without_anything_to_do_it_says_what_to_give_it(environment: dict[str, str]) -> None:
    done = entry({**environment, "PROCESS_REQUIREMENTS": "no"})
    assert done.returncode == 64
    assert "PROCESS_REQUIREMENTS=true, REPO_URL and INSTRUCTIONS_S3_URI" in done.stderr


def test_the_pipeline_runs_to_its_end_and_shows_what_its_tasks_write(
    environment: dict[str, str], tmp_path: Path
) -> None:
    done = entry(environment)
    assert done.returncode == 0, done.stderr
    assert git(tmp_path / "origin.git", "show", "feature/new:new.txt") == "new"
    assert git(tmp_path / "origin.git", "log", "-1", "--format=%s", "feature/new").startswith("Implement req")
    lines = done.stdout.splitlines()
    assert "feature/new" in lines
    logs = [line for line in lines if line != "feature/new"]
    assert logs[0].startswith("CloneRepository  ")
    assert "RunAgent  wrote new.txt" in logs
    assert logs[-1].startswith("CommitAndPush  ")
    assert "Succeeded after" in done.stderr


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        ({"REPO_URL": ""}, 64, "Not set: REPO_URL"),
        ({"REPO_URL": "ftp://example.com/x.git"}, 64, "'ftp://' is not a protocol"),
        ({"INSTRUCTIONS_S3_URI": "/no/such/file.md"}, 66, "/no/such/file.md"),
        ({"TIMEOUT_SECONDS": "soon"}, 64, "TIMEOUT_SECONDS is 'soon'"),
        ({"PUSH": "maybe"}, 64, "'push'"),
        ({"RUN_ID": "a b"}, 64, "a b"),
        ({"STEPHERD_HOME": "/proc/nowhere/home"}, 74, "/proc/nowhere"),
    ],
)
def test_a_wrong_variable_is_one_line_and_an_exit_code(
    environment: dict[str, str], change: dict[str, str], code: int, words: str
) -> None:
    done = entry({**environment, **change})
    assert done.returncode == code, done.stderr
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) <= 2
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_a_failed_run_is_a_failed_container(environment: dict[str, str]) -> None:
    done = entry({**environment, "AGENT": "command", "AGENT_COMMAND": "sh -c 'exit 3'"})
    assert done.returncode == 1
    assert "Failed in RunAgent" in done.stderr


def test_sigterm_stops_the_run_and_leaves_nothing(environment: dict[str, str], tmp_path: Path) -> None:
    up = tmp_path / "up"
    command = f"sh -c 'touch {up}; exec sleep 600'"
    process = subprocess.Popen(
        ENTRY,
        env={**environment, "AGENT": "command", "AGENT_COMMAND": command},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 30
    while not up.exists():
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.02)  # Another process's file: there is nothing to wait on.
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 143, said
    assert "Stopped" in said or "stopped" in said
