"""The agent as a user of its own: STEPHERD_AGENT_USER is obeyed, or no agent starts."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from tests.integration.steps.rig import Rig
from tests.users import ordinary_python

from stepherd.errors import ConfigurationError

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
@pytest.mark.parametrize(
    ("user", "why"), [("no-such-user", "there is no such user"), ("root", "root itself")]
)
def test_a_user_that_cannot_be_had_ends_the_step(rig: Rig, user: str, why: str) -> None:
    rig.prepare(command=f"touch {rig.root}/ran")
    rig.steps("clone")
    done = rig.step("agent", STEPHERD_AGENT_USER=user)
    assert done.returncode == ConfigurationError.exit_code
    assert f"STEPHERD_AGENT_USER is '{user}'" in done.stderr
    assert why in done.stderr
    assert not (rig.root / "ran").exists()


def test_an_ordinary_user_cannot_have_agents_run_as_another() -> None:
    code = "from stepherd.processes.account import agent_account; agent_account()"
    done = ordinary_python(code, environment={"STEPHERD_AGENT_USER": "nobody"})
    assert "only root can run an agent as another user" in done.stderr
    assert ordinary_python(code, environment={"STEPHERD_AGENT_USER": ""}).returncode == 0


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_of_the_same_user_it_cannot_read_its_supervisor_s_environment_either(rig: Rig) -> None:
    rig.prepare(command="sh -c 'cat /proc/$PPID/environ || true'")
    rig.steps("clone")
    done = rig.step("agent", CANARY="a secret")
    assert done.returncode == 0, done.stderr
    assert "a secret" not in done.stdout
    assert "Permission denied" in done.stdout
