"""The table of docs/security.md: as root with an agent's user, and that each of its cells has a test."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.aws_grants import Stack
from tests.e2e.place import ROOT, Place
from tests.e2e.promises import ATTACKS, COLUMNS, hunted, promised
from tests.users import make_agent_user

from stepherd.services.template_text import read_template

pytestmark = pytest.mark.exhaustive

_HOSTILE_CALLS = (
    "tests/integration/privilege/test_iam_evaluation.py::test_what_a_hostile_agent_would_try_is_denied"
)
_OWN_MACHINE = "tests/e2e/test_promises.py::test_a_task_on_aws_has_a_machine_and_a_network_of_its_own"
_OWN_USER = "tests/faults/test_090_obeying_agent.py::test_as_a_user_of_its_own_it_finds_nothing"
_TREES = "tests/integration/processes/test_nothing_outlives_the_agent.py"
_PLANTED = "tests/faults/test_069_hostile_workspace_pipeline.py"
ON_AWS = {
    "the git token": _HOSTILE_CALLS,
    "your files": _OWN_MACHINE,
    "the environment of your processes": _OWN_MACHINE,
    "Stepherd's home": _HOSTILE_CALLS,
    "its run folder": _OWN_USER,
    "services of your machine": _OWN_MACHINE,
    "git's steps": f"{_PLANTED}::test_what_is_planted_neither_runs_nor_redirects_the_push",
    "the time after its run": f"{_TREES}::test_processes_that_are_never_there_when_anybody_looks",
    "its supervisor": f"{_TREES}::test_an_agent_that_stops_and_kills_its_parent",
}
"""The tests that show it for a task of Fargate: with the users, capabilities and roles that it has there."""
_LIST = "hosts that you did not list"
_NETWORK = "tests/integration/sandbox/test_network.py"
_HOSTS = f"{_NETWORK}::test_other_hosts_and_other_ports_are_refused_counted_and_named"


@pytest.fixture
def open_location() -> Iterator[Place]:
    """A place that another user can reach."""
    root = Path(tempfile.mkdtemp(prefix="stepherd-test-"))
    root.chmod(0o755)
    (root / "tmp").mkdir()
    with Place.at(root / "place") as made:
        yield made
    shutil.rmtree(root)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_an_agent_s_user_is_held_as_the_table_says(open_location: Place) -> None:
    user, temporary = make_agent_user(), str(open_location.root.parent / "tmp")
    found = hunted(
        open_location,
        lambda command: open_location.run(
            command,
            *("--git-credentials", "env:GIT_TOKEN"),
            STEPHERD_AGENT_USER=user,
            STEPHERD_TASK_TMPDIR=temporary,
        ),
    )
    assert found == {row: promised()[row]["agent's user"] for row in found}


def test_each_cell_has_a_test() -> None:
    table = promised()
    # The agent that tries fills four columns of all rows but one.
    assert set(table) == {*ATTACKS, _LIST}
    assert set(ATTACKS) == set(ON_AWS)
    assert {table[row]["AWS"] for row in ON_AWS} == {"held"}
    for test in (*ON_AWS.values(), _HOSTS):
        path, name = test.split("::")
        assert f"\ndef {name}(" in (ROOT / path).read_text(encoding="utf-8"), test


@pytest.mark.parametrize("runner", ["process", "podman", "docker"])
def test_a_list_of_hosts_is_refused_where_it_could_not_be_kept(place: Place, runner: str) -> None:
    offered = {"sandbox": "held"}
    assert promised()[_LIST] == {column: offered.get(column, "not offered") for column in COLUMNS}
    image = () if runner == "process" else ("--image", "localhost/stepherd/agent")
    done = place.run("true", "--runner", runner, *image, "--network", "index.example")
    assert done.code == 64
    assert "--runner sandbox" in done.json["error"]["remedy"]


def test_a_task_on_aws_has_a_machine_and_a_network_of_its_own() -> None:
    template = read_template((ROOT / "template.yaml").read_text(), "template.yaml")
    of = Stack(template, {}, {"Bucket": "bucket"})
    git, agent = (
        of.value(template["Resources"][name]["Properties"])
        for name in ("GitTaskDefinition", "AgentTaskDefinition")
    )
    for task in (git, agent):
        assert (task["RequiresCompatibilities"], task["NetworkMode"]) == (["FARGATE"], "awsvpc")
        # A volume without a source is the task's own.
        assert task["Volumes"] == [{"Name": "scratch"}]
        assert not {"PidMode", "IpcMode"} & set(task)
    assert git["TaskRoleArn"] != agent["TaskRoleArn"]
