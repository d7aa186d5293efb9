"""Where an agent works that is another user: out of reach of other agents of that user, and always there."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.integration.steps import tester
from tests.integration.steps.rig import Rig
from tests.users import ORDINARY, make_agent_user

from stepherd.agents.registry import _AGENTS

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
WORK = (
    'mkdir -p $HOME/.tester/sessions; echo x >$HOME/.tester/sessions/log; echo "$TESTER_RESUME $PWD"; exit 1'
)


@pytest.fixture
def rig(monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    monkeypatch.setitem(_AGENTS, "tester", "tests.integration.steps.tester")
    with Rig.for_every_user() as made:
        made.module = tester.__name__
        work = made.root / "work-folder"
        work.mkdir()
        work.chmod(0o755)
        made.tester(WORK)
        yield made


def _attempt(rig: Rig, number: int) -> tuple[str, Path]:
    """Whether the session was resumed, and the workspace."""
    work, attempt = str(rig.root / "work-folder"), f"{number}.0"
    done = rig.step(
        "agent", STEPHERD_AGENT_USER=make_agent_user(), STEPHERD_WORK_FOLDER=work, STEPHERD_ATTEMPT=attempt
    )
    assert done.stdout, done.stderr
    resumed, workspace = done.stdout.split()[:2]
    return resumed, Path(workspace)


def test_its_name_cannot_be_guessed_and_is_the_same_in_each_attempt(rig: Rig) -> None:
    (_, first), (resumed, second) = _attempt(rig, 0), _attempt(rig, 1)
    assert (resumed, second) == ("True", first)
    assert re.fullmatch("[0-9a-f]{16}", first.parent.name)
    assert first.parent.parent.name == f"stepherd-{os.geteuid()}-run_1"
    assert list((rig.root / "work-folder").iterdir()) == []


def test_a_session_of_an_earlier_version_finds_the_path_that_it_speaks_of(rig: Rig) -> None:
    _, first = _attempt(rig, 0)
    rig.folder.store.delete("agent/place.json")
    resumed, second = _attempt(rig, 1)
    assert (resumed, second) == ("True", first.parent.parent / "workspace")


@pytest.mark.parametrize("name", ["../../../etc", "", "g" * 16, 7, None])
def test_a_name_that_is_none_is_not_followed(rig: Rig, name: object) -> None:
    rig.folder.write_object("agent/place.json", {"name": name})
    _, workspace = _attempt(rig, 0)
    assert re.fullmatch("[0-9a-f]{16}", workspace.parent.name)


def test_whoever_takes_the_names_that_can_be_known_keeps_no_run_from_starting(rig: Rig) -> None:
    name = f"stepherd-{os.geteuid()}-run_1"
    of_home = hashlib.sha256(rig.folder.reference.encode()).hexdigest()[:8]
    for each in (name, f"{name}-{of_home}"):
        taken = rig.root / "work-folder" / each
        taken.mkdir()
        os.chown(taken, ORDINARY, ORDINARY)
    _, workspace = _attempt(rig, 0)
    assert workspace.parent.parent.name.startswith(f"{name}-")
    assert workspace.parent.parent.name != f"{name}-{of_home}"
    assert len(list((rig.root / "work-folder").iterdir())) == 2
