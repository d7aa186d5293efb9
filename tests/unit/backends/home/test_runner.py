"""--runner and --image, and what of this machine's disk a step's container sees."""

from __future__ import annotations

from pathlib import Path

import pytest

from stepherd.backends.home.runner import chosen_runner, repository_mounts
from stepherd.engine.runners.choice import RunnerChoice
from stepherd.engine.runners.container_runner import Mount
from stepherd.errors import ConfigurationError, UsageError
from stepherd.runs.folder import RunFolder
from stepherd.runs.request import Request
from stepherd.services.store.opening import open_store


@pytest.mark.parametrize("runner", ["process", "sandbox"])
def test_without_a_container_there_is_no_image(runner: str) -> None:
    assert chosen_runner(runner, None) == RunnerChoice(runner)
    with pytest.raises(UsageError, match="--image is for tasks in containers"):
        chosen_runner(runner, "image:1")


def test_an_image_alone_means_whichever_container_program_there_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigurationError, match="podman and docker are not installed"):
        chosen_runner(None, "image:1")
    for program in ("docker", "podman"):
        (tmp_path / program).write_text("#!/bin/sh\n")
        (tmp_path / program).chmod(0o755)
        assert chosen_runner(None, "image:1") == RunnerChoice(program, "image:1")


def test_nothing_said_leaves_it_to_a_variable_and_then_to_the_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("STEPHERD_RUNNER", "process")
    assert chosen_runner(None, None) == RunnerChoice("process")
    assert chosen_runner("sandbox", None) == RunnerChoice("sandbox")
    monkeypatch.setenv("STEPHERD_RUNNER", "\x1b[31mfirejail")
    with pytest.raises(UsageError, match="STEPHERD_RUNNER is '"):
        chosen_runner(None, None)
    monkeypatch.setenv("STEPHERD_RUNNER", "")
    assert chosen_runner(None, None) is None


def test_a_program_that_is_not_installed_is_said_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigurationError, match="podman is not installed"):
        chosen_runner("podman", None)
    (tmp_path / "podman").write_text("#!/bin/sh\n")
    (tmp_path / "podman").chmod(0o755)
    assert chosen_runner("podman", "image:1") == RunnerChoice("podman", "image:1")


def prepared(tmp_path: Path, repo: str) -> dict[str, str]:
    store = open_store(str(tmp_path / "store"))
    fields = {"run_id": "r", "instructions": "i", "repo": repo, "base": None, "branch": "b", "agent": "apply"}
    more = {"command": None, "message": "m", "timeout_seconds": 1, "push": "branch", "verify": None}
    request = Request.from_json({**fields, **more, "verify_required": False, "git_credentials": None})
    RunFolder(store).write_request(request)
    return {"STEPHERD_RUN_FOLDER": store.reference}


STEP = ["python", "-m", "stepherd.steps"]


def test_clone_reads_a_repository_push_writes_it_and_the_agent_never_sees_it(tmp_path: Path) -> None:
    origin = tmp_path / "origin.git"
    environment = prepared(tmp_path, origin.as_uri())
    (origin / "refs").mkdir(parents=True)
    (origin / "objects").mkdir()
    (origin / "HEAD").write_text("ref: refs/heads/main\n")
    assert repository_mounts([*STEP, "clone"], environment) == [Mount(origin)]
    assert repository_mounts([*STEP, "push"], environment) == [Mount(origin, writable=True)]
    for other in ("agent", "persist"):
        assert repository_mounts([*STEP, other], environment) == []


@pytest.mark.parametrize("repo", ["https://example.com/a/b.git", "/no/such/repository"])
def test_nothing_else_is_a_repository_on_this_disk(tmp_path: Path, repo: str) -> None:
    assert repository_mounts([*STEP, "clone"], prepared(tmp_path, repo)) == []


@pytest.mark.parametrize("environment", [{}, {"STEPHERD_RUN_FOLDER": "s3://bucket/runs/r"}])
def test_a_run_folder_elsewhere_has_none(environment: dict[str, str]) -> None:
    assert repository_mounts([*STEP, "clone"], environment) == []
