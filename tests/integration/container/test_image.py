"""The built image: what it is, and the whole pipeline in one container, with no network but loopback."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path

import pytest
from tests.integration.container.conftest import ROOT, Images
from tests.integration.repositories.origin import Origin, git

pytestmark = [pytest.mark.exhaustive, pytest.mark.image, pytest.mark.timeout(1200)]
LEAST = ("--read-only", "--tmpfs", "/tmp:exec", "--cap-drop", "all", "--security-opt", "no-new-privileges")
SUPERVISOR = ("--cap-add", "CHOWN", "--cap-add", "KILL", "--cap-add", "SETGID", "--cap-add", "SETUID")


def variables(**values: str) -> list[str]:
    return [word for name, value in values.items() for word in ("--env", f"{name}={value}")]


def seed(images: Images, origin: Origin, instructions: Path, **more: str) -> list[str]:
    """``podman run`` with the variables that the container always had."""
    given = {
        "PROCESS_REQUIREMENTS": "true",
        "REPO_URL": "file:///repository.git",
        "INSTRUCTIONS_S3_URI": "file:///instructions",
        "BRANCH_NAME": "feature-branch",
        "GIT_CREDENTIALS_SECRET_ID": "",
        **more,
    }
    mounts = ["--volume", f"{origin.bare}:/repository.git", "--volume", f"{instructions}:/instructions:ro"]
    return ["run", *LEAST, *SUPERVISOR, *mounts, *variables(**given)]


def test_targets_run_as_who_they_should_and_name_themselves(images: Images) -> None:
    for image, user in ((images.git, "10000"), (images.agent, "0")):
        (config,) = json.loads(images.podman("image", "inspect", "--format", "json", image).stdout)
        labels = config["Labels"]
        assert labels["org.opencontainers.image.licenses"] == "Apache-2.0"
        assert labels["org.opencontainers.image.version"]
        assert config["Config"]["User"] == user
        done = images.podman("run", "--rm", *LEAST, image, "id", "-u")
        assert done.stdout == f"{user}\n"


def test_what_a_builder_says_of_its_indexes_is_in_no_layer(images: Images) -> None:
    script = (
        "ls /run/secrets 2>/dev/null; cat /etc/pip.conf /root/.npmrc /root/.config/pip/pip.conf 2>/dev/null"
    )
    for image in (images.git, images.agent):
        done = images.podman("run", "--rm", image, "sh", "-c", f"{script}; env | grep -c PIP_ || true")
        assert done.stdout.strip() == "0"
        history = images.podman("history", "--no-trunc", "--format", "{{.CreatedBy}}", image).stdout
        assert "http" not in history


def test_the_pipeline_runs_in_one_container_by_the_variables_of_old(images: Images, tmp_path: Path) -> None:
    # GIVEN a repository and instructions that need no model
    origin = Origin.create(
        tmp_path / "remote", {"tides.py": (ROOT / "examples/hello/repository/tides.py").read_text()}
    )
    (tmp_path / "in").mkdir()
    (tmp_path / "in/instructions.md").write_text("# Say it\n\n```text file=new.txt\nnew\n```\n")
    # WHEN
    done = images.podman(*seed(images, origin, tmp_path / "in", AGENT="apply"), "--rm", images.agent)
    # THEN
    assert "feature-branch" in done.stdout.splitlines()
    assert "RunAgent  wrote new.txt" in done.stdout
    assert git(origin.bare, "show", "feature-branch:new.txt") == "new"


def test_the_agent_is_another_user_who_sees_neither_supervisor_nor_credentials(
    images: Images, tmp_path: Path
) -> None:
    origin = Origin.create(tmp_path / "remote")
    (tmp_path / "in").mkdir()
    (tmp_path / "in/instructions.md").write_text("# Look around\n")
    (tmp_path / "in/look.sh").write_text(
        "id -un\nfor p in /proc/[0-9]*/environ; do cat $p 2>/dev/null | tr '\\0' '\\n'; done\n"
        "cat /tmp/stepherd/journal.sqlite3 /tmp/stepherd/engine.json && echo READ\n"
        "touch /opt/stepherd/x /repository.git/x && echo WROTE\n"
        "umask 077; mkdir closed; echo mine > closed/private.txt; chmod 500 closed\n"
    )
    more = {
        "AGENT": "command",
        "AGENT_COMMAND": "sh -c 'sh $STEPHERD_INSTRUCTIONS/look.sh; true'",
        "GIT_CREDENTIALS_SECRET_ID": "env:GIT_TOKEN",
        "GIT_TOKEN": "canary-token",
    }
    done = images.podman(*seed(images, origin, tmp_path / "in", **more), "--rm", images.agent)
    lines = [
        line.removeprefix("RunAgent  ") for line in done.stdout.splitlines() if line.startswith("RunAgent")
    ]
    assert lines[0] == "agent"
    assert "canary-token" not in done.stdout
    assert "READ" not in lines
    assert "WROTE" not in lines
    # AND what it closed to others is in the commit all the same
    assert git(origin.bare, "show", "feature-branch:closed/private.txt") == "mine"


def test_a_container_that_is_stopped_stops_its_run(images: Images, tmp_path: Path) -> None:
    origin = Origin.create(tmp_path / "remote")
    (tmp_path / "in").mkdir()
    (tmp_path / "in/instructions.md").write_text("# Wait\n")
    more = {"AGENT": "command", "AGENT_COMMAND": "sh -c 'echo working; exec sleep 600'"}
    name = f"stopped-{tmp_path.name}"
    with subprocess.Popen(
        ["podman", *seed(images, origin, tmp_path / "in", **more), "--name", name, images.agent],
        env=images.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        try:
            assert process.stdout
            assert any("working" in line for line in process.stdout)
            began = time.monotonic()
            images.podman("stop", "--time", "60", name)
            assert time.monotonic() - began < 30
            assert process.wait(30) == 143
        finally:
            images.podman("rm", "--force", "--volumes", name)


@pytest.mark.parametrize("words", [{"REPO_URL": ""}, {"PROCESS_REQUIREMENTS": "no"}])
def test_a_wrong_variable_is_words_and_exit_code_64(
    images: Images, tmp_path: Path, words: dict[str, str]
) -> None:
    origin = Origin.create(tmp_path / "remote")
    done = images.podman(*seed(images, origin, tmp_path, **words), "--rm", images.agent, check=False)
    assert done.returncode == 64
    assert done.stderr.startswith("stepherd: ")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("form", ["zip", "tar.gz"])
def test_a_vendor_s_archive_is_installed_when_its_checksum_is_right(images: Images, form: str) -> None:
    pack = {
        "zip": 'python3 -c \'import shutil; shutil.make_archive("a", "zip", "in")\'',
        "tar.gz": "tar -czf a.tar.gz -C in .",
    }[form]
    script = f"""set -e; cd /tmp; mkdir -p in/q/bin; printf '#!/bin/sh\necho I am q\n' >in/q/bin/q; {pack}
    install-archive.sh q '' ''
    if install-archive.sh q file:///tmp/a.{form} {"0" * 64}; then exit 1; fi
    if command -v q; then exit 2; fi
    install-archive.sh q file:///tmp/a.{form} "$(sha256sum a.{form} | cut -c 1-64)"; q"""
    done = images.podman("run", "--rm", images.agent, "sh", "-c", script)
    assert done.stdout == "I am q\n"
    assert "q: another SHA-256" in done.stderr
