"""The agent as a user of its own, where the step is root and that user exists."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from tests.integration.steps.rig import Rig

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


@pytest.fixture
def rig() -> Iterator[Rig]:
    with Rig.for_every_user() as made:
        yield made


@as_root
def test_the_agent_is_that_user_and_reads_neither_its_supervisor_nor_its_files(rig: Rig) -> None:
    look = "id -un; cat /proc/$PPID/environ; ls ../private; cat $STEPHERD_INSTRUCTIONS/instructions.md"
    rig.prepare("# Say hello\n", command=f"sh -c '{look}; touch new.txt'")
    rig.steps("clone")
    done = rig.step("agent", STEPHERD_AGENT_USER="nobody", CANARY="a secret")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("nobody\n")
    assert "a secret" not in done.stdout
    assert done.stdout.count("Permission denied") == 2
    assert "# Say hello" in done.stdout
    assert [file["path"] for file in rig.result("agent").facts["files"]] == ["new.txt"]


@as_root
def test_a_user_that_does_not_exist_changes_nothing(rig: Rig) -> None:
    rig.prepare(command="id -u")
    rig.steps("clone")
    assert rig.step("agent", STEPHERD_AGENT_USER="no-such-user").stdout == "0\n"


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_of_the_same_user_it_cannot_read_its_supervisor_s_environment_either(rig: Rig) -> None:
    rig.prepare(command="sh -c 'cat /proc/$PPID/environ || true'")
    rig.steps("clone")
    done = rig.step("agent", CANARY="a secret")
    assert done.returncode == 0, done.stderr
    assert "a secret" not in done.stdout
    assert "Permission denied" in done.stdout
