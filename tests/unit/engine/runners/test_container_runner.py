"""How a container is asked for, and what refusals become; with a program in podman's place."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

import pytest
from tests.engine_bench import ECS, Bench, Finished, task

from stepherd.engine.integrations.ecs import Container, EcsIntegration, TaskDefinition
from stepherd.engine.journal.clock import SystemClock
from stepherd.engine.runners.container_runner import ContainerRunner, Mount
from stepherd.engine.runners.contract import ContainerSpec

ARN = "arn:aws:ecs:us-east-1:000000000000:task-definition/job:1"
FAKE = """#!/bin/sh
# podman, as far as the engine goes: containers are processes, and what was asked for is written down.
here=@HERE@
printf '%s\\n' "$*" >>$here/asked
case "$1 $2" in
  "image inspect") [ ! -e $here/no-image ] ;;
  "pull --quiet") [ ! -e $here/no-pull ] || { echo 'Error: initializing source: denied' >&2; exit 125; } ;;
  "container inspect") [ -e $here/state ] && cat $here/state || exit 125 ;;
  "run "*)
    env >$here/environment
    [ ! -e $here/no-run ] || { echo 'Error: OCI runtime error: no such device' >&2; exit 125; }
    while [ "$1" != /bin/sh ]; do shift; done
    env -i "$@"; code=$?
    echo "exited $code $(cat $here/oom 2>/dev/null || echo false)" >$here/state
    exit $code ;;
  "rm "*) rm -f $here/state ;;
esac
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a ``podman`` that is first on PATH; ``asked`` in it lists what was asked for."""
    folder = tmp_path / "podman"
    folder.mkdir()
    program = folder / "podman"
    program.write_text(FAKE.replace("@HERE@", str(folder)))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return folder


def ran(home: Path, script: str, environment: dict[str, str] | None = None, **container: object) -> Finished:
    """One task of a container whose command is ``script``."""

    async def run() -> Finished:
        one = Container("main", "registry/image:1", ("/bin/sh", "-c", script), **container)  # type: ignore[arg-type]
        definition = TaskDefinition(ARN, "job", (one,), memory="512")
        runner = ContainerRunner("podman")
        integration = EcsIntegration([definition], home / "tasks", environment or {}, runner)
        async with Bench(home, {"ecs": integration}, clock=SystemClock()) as bench:
            arguments = {"Cluster": "c", "TaskDefinition": "job"}
            return await bench.run({"T": {**task(ECS), "Arguments": arguments}})

    done = asyncio.run(run())
    done.check_whole()
    return done


def asked(place: Path, verb: str) -> list[str]:
    return [line for line in (place / "asked").read_text().splitlines() if line.startswith(verb)]


def log(home: Path) -> str:
    return next(home.glob("tasks/*/main/log")).read_text()


def test_the_environment_goes_in_over_standard_input_and_nowhere_else(tmp_path: Path, place: Path) -> None:
    # GIVEN values that are secret or hard to quote, and variables that mean nothing in a container
    values = {"TOKEN": "s3cret", "ODD": "a'b\n$(date) \\n", "HOME": "/home/me", "PYTHONPATH": "/src"}
    script = 'printf "%s|%s|%s|%s" "$TOKEN" "$ODD" "$HOME" "${PYTHONPATH-}"; env | grep -c STEPHERD'
    # WHEN
    done = ran(tmp_path, script + " || true", values)
    # THEN
    assert done.status == "SUCCEEDED"
    assert log(tmp_path) == "s3cret|a'b\n$(date) \\n|/tmp|0\n"
    assert "s3cret" not in (place / "asked").read_text() + (place / "environment").read_text()
    kept = [path for path in (tmp_path / "tasks").rglob("*") if path.is_file() and path.name != "log"]
    assert not [path for path in kept if b"s3cret" in path.read_bytes()]


def test_a_container_gets_no_more_than_its_definition_says(tmp_path: Path, place: Path) -> None:
    ran(tmp_path, "true", capabilities=frozenset({"SETUID", "CHOWN"}), user="10000")
    (words,) = asked(place, "run ")
    for option in (
        *("--read-only --volume /tmp", "--cap-drop ALL --cap-add=CHOWN --cap-add=SETUID --memory 512m"),
        *("--security-opt no-new-privileges", "--user 10000", "--pull never", "--interactive"),
    ):
        assert f" {option} " in words
    assert "--mount" not in words
    assert " registry/image:1 /bin/sh -c " in words
    assert asked(place, "rm --force --volumes stepherd-")


@pytest.mark.parametrize(("root", "user"), [(True, "0:0"), (False, "1234:5678")])
def test_whoever_owns_the_run_folder_is_who_a_container_runs_as(
    tmp_path: Path, place: Path, root: bool, user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "stepherd.engine.runners.container_client.ContainerClient.root_is_us", property(lambda _: root)
    )
    monkeypatch.setattr(os, "geteuid", lambda: 1234)
    monkeypatch.setattr(os, "getegid", lambda: 5678)
    done = ran(tmp_path, 'echo "${STEPHERD_AGENT_USER-of the image}"', {"STEPHERD_AGENT_USER": "ann"})
    assert done.status == "SUCCEEDED"
    assert f" --user {user} " in asked(place, "run ")[0]
    # A user of this machine is not one of the image; and only root can become the image's own.
    assert log(tmp_path) == ("of the image\n" if root else "\n")


def test_what_the_environment_names_is_mounted_under_its_own_name(tmp_path: Path, place: Path) -> None:
    folder, secret = tmp_path / 'run, "one"', tmp_path / "secret"
    folder.mkdir()
    secret.write_text("x")
    values = {
        "RUN": folder.as_uri(),
        "SECRET": f"file:{secret}",
        "GONE": "file:///no/such/x",
        "A": "file:rel",
    }
    values |= {"AGAIN": f"file:{secret}"}
    ran(tmp_path, "true", values)
    (words,) = asked(place, "run ")
    quoted = str(folder).replace('"', '""')
    assert f'--mount type=bind,"source={quoted}","target={quoted}"' in words
    assert f"--mount type=bind,source={secret},target={secret},readonly=true" in words
    assert words.count("--mount") == 2


def test_an_object_in_a_folder_is_mounted_with_it_whether_it_is_there_or_not(
    tmp_path: Path, place: Path
) -> None:
    folder = tmp_path / "logins"
    folder.mkdir()
    ran(tmp_path, "true", {"LOGIN": (folder / "data.sqlite3").as_uri()})
    assert f"--mount type=bind,source={folder},target={folder} " in asked(place, "run ")[0]


def test_a_command_may_need_more(tmp_path: Path, place: Path) -> None:
    runner = ContainerRunner("podman", image="mine", needs=lambda argv, _: [Mount(Path(argv[0]))])

    async def start() -> str | None:
        process = runner.process(tmp_path / "t", "t.main")
        reason = await runner.start(process, ContainerSpec("other"), ["/bin/true"], {})
        await process.ended()
        return reason

    assert asyncio.run(start()) is None
    assert (
        "--mount type=bind,source=/bin/true,target=/bin/true,readonly=true mine " in asked(place, "run ")[0]
    )


def test_an_image_that_cannot_be_pulled_is_said_in_ecs_words(tmp_path: Path, place: Path) -> None:
    (place / "no-image").touch()
    (place / "no-pull").touch()
    cause = json.loads(ran(tmp_path, "true").description["cause"])
    assert cause["StopCode"] == "TaskFailedToStart"
    assert cause["StoppedReason"] == "CannotPullContainerError: registry/image:1: initializing source: denied"
    assert not asked(place, "run ")


def test_an_image_that_is_not_there_is_pulled_once_and_one_that_is_never(tmp_path: Path, place: Path) -> None:
    (place / "no-image").touch()
    assert ran(tmp_path / "a", "true").status == "SUCCEEDED"
    assert asked(place, "pull") == ["pull --quiet registry/image:1"]
    (place / "no-image").unlink()
    assert ran(tmp_path / "b", "true").status == "SUCCEEDED"
    assert len(asked(place, "pull")) == 1


def test_a_container_that_cannot_be_started_is_no_exit_code(tmp_path: Path, place: Path) -> None:
    (place / "no-run").touch()
    cause = json.loads(ran(tmp_path, "true").description["cause"])
    assert cause["StopCode"] == "TaskFailedToStart"
    assert cause["StoppedReason"] == "CannotStartContainerError: OCI runtime error: no such device"
    assert "ExitCode" not in cause["Containers"][0]


@pytest.mark.parametrize("code", [1, 125, 127, 143])
def test_a_command_s_own_exit_code_is_that(tmp_path: Path, place: Path, code: int) -> None:
    cause = json.loads(ran(tmp_path, f"exit {code}").description["cause"])
    assert cause["StopCode"] == "EssentialContainerExited"
    assert cause["Containers"][0]["ExitCode"] == code
    assert "Reason" not in cause["Containers"][0]


def test_too_little_memory_is_said_in_ecs_words(tmp_path: Path, place: Path) -> None:
    (place / "oom").write_text("true")
    cause = json.loads(ran(tmp_path, "kill -9 $$").description["cause"])
    (container,) = cause["Containers"]
    assert container["ExitCode"] == 137
    assert container["Reason"] == "OutOfMemoryError: Container killed due to memory usage"


def test_a_program_that_is_not_installed_is_said_in_ecs_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    monkeypatch.setattr(
        "stepherd.engine.runners.container_client.ContainerClient.__init__", _named("no-such-podman")
    )
    cause = json.loads(ran(tmp_path, "true").description["cause"])
    reason = "CannotPullContainerError: no-such-podman: No such file or directory"
    assert cause["StoppedReason"] == reason


def _named(program: str) -> object:
    def initialise(self: object, _given: str) -> None:
        self.program = program  # type: ignore[attr-defined]

    return initialise
