"""Agents whose processes will not end with them: afterwards none lives, or the run is no success.

Whether one lives is asked by a lock that all of them hold (``HeldFile``), when the step has just ended. A
tree that forks wildly here ends by itself, after so many generations or seconds.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.integration.processes.worlds import WORLDS, World
from tests.integration.steps.rig import Rig
from tests.processes import HOPPERS, HeldFile
from tests.users import interpreter

from stepherd.runs.result import Result

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="the means are Linux's")

DAEMON = """
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        for descriptor in (0, 1, 2):
            os.close(descriptor)
        os.execve("/bin/sleep", ["sleep", "40"], {})
    os._exit(0)
os.wait()
"""
CLOSED = "os.close(1); os.close(2)\n" + DAEMON
ATTACK_PARENT = (
    DAEMON
    + """
import signal
for number in (signal.SIGINT, signal.SIGSTOP, signal.SIGKILL):
    try:
        os.kill(os.getppid(), number)
    except OSError:
        pass
time.sleep(0.2)
print("alive", flush=True)
"""
)
ORPHANS = """
import sys
def zombies():
    # Its own and those that its parent has taken: other agents of this user may be at work.
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            state, parent = open("/proc/" + pid + "/stat").read().rpartition(")")[2].split()[:2]
        except OSError:
            continue
        yield state == "Z" and int(parent) in (os.getpid(), os.getppid())
for _ in range(400):
    if os.fork() == 0:
        os.fork()
        os._exit(0)
    os.wait()
end = time.monotonic() + 20
while (left := sum(zombies())) and time.monotonic() < end:
    time.sleep(0.05)
sys.exit(left and f"{left} zombies")
"""
WHERE = """
import sys
parent = os.getppid()
status = dict(line.split(":\\t") for line in open("/proc/self/status").read().splitlines() if ":\\t" in line)
try:
    seen = open(f"/proc/{parent}/environ").read() or "seen"
except PermissionError:
    seen = ""
print(os.geteuid(), parent == 1, os.stat(f"/proc/{parent}").st_uid, status["NoNewPrivs"], bool(seen))
"""


@dataclass
class Agency:
    """An agent in a world."""

    world: World
    rig: Rig
    held: HeldFile

    def start(self, code: str) -> subprocess.Popen[str]:
        """Start the step; its agent runs this Python code, and all that it starts holds the lock."""
        script = self.rig.root / "agent.py"
        script.write_text(f"import time\n{self.held.hold()}\n{code}")
        self.rig.prepare(command=f"{interpreter()} -I -S {script}")
        self.rig.steps("clone")
        self.world.enter(self.rig)
        return self.rig.start("agent", **self.world.environment())

    def run(self, code: str) -> Result | None:
        """Run the step to its end; None when it was killed."""
        child = self.start(code)
        child.communicate(timeout=90)
        return self.rig.folder.read_result("agent")


SURE = [world for world in WORLDS if world.sure]
in_sure_worlds = pytest.mark.parametrize("agency", SURE, ids=lambda world: world.name, indirect=True)


@pytest.fixture(params=WORLDS, ids=lambda world: world.name)
def agency(request: pytest.FixtureRequest, require: Callable[[str], str]) -> Iterator[Agency]:
    world: World = request.param
    for program in ("perl", *world.prefix[:1]):
        require(program)
    with world.rig() as rig:
        held = HeldFile(rig.root / "held")
        yield Agency(world, rig, held)
        assert held.is_free_within(
            70
        )  # A process that a test let live ends by itself, and meets no other test.


def check_nothing_lives(agency: Agency, result: Result | None) -> None:
    """Assert that none lives, or else that the run does not pass for a success."""
    left = agency.held.is_held()
    if agency.world.sure:
        assert not left
        assert result is not None
        assert result.status == "succeeded", result.error
    else:
        assert not left or result is None or result.status != "succeeded"


@pytest.mark.exhaustive
def test_processes_that_are_never_there_when_anybody_looks(agency: Agency) -> None:
    check_nothing_lives(agency, agency.run(HOPPERS))


@pytest.mark.parametrize("code", [DAEMON, CLOSED], ids=["twice forked", "with closed streams"])
def test_a_daemon_without_environment_session_or_parent(agency: Agency, code: str) -> None:
    result = agency.run(code)
    assert not agency.held.is_held()
    assert result is not None
    assert result.status == "succeeded", result.error


@pytest.mark.exhaustive
@in_sure_worlds
def test_an_agent_that_stops_and_kills_its_parent(agency: Agency) -> None:
    result = agency.run(ATTACK_PARENT)
    assert not agency.held.is_held()
    assert result is not None
    assert result.status == "succeeded", result.error
    assert result.facts["agent"]["exit_code"] == 0


@in_sure_worlds
@pytest.mark.parametrize("stopped", [False, True], ids=["running", "stopped"])
def test_a_supervisor_that_is_killed_takes_the_tree_with_it(agency: Agency, stopped: bool) -> None:
    child = agency.start(HOPPERS + DAEMON + "print('up', flush=True)\ntime.sleep(60)\n")
    assert child.stdout is not None
    assert child.stdout.readline() == "up\n"
    if stopped:
        os.kill(child.pid, signal.SIGSTOP)
    os.kill(child.pid, signal.SIGKILL)
    child.wait(30)
    assert agency.held.is_free_within(30)


@pytest.mark.exhaustive
def test_no_zombie_is_left_while_the_agent_works(agency: Agency) -> None:
    result = agency.run(ORPHANS)
    assert result is not None
    assert result.status == "succeeded", result.error


def test_the_worlds_are_what_they_are_called(agency: Agency) -> None:
    """A namespace's first process is the parent there; the keeper in docker is root; else it is the step."""
    child = agency.start(WHERE)
    out, err = child.communicate(timeout=60)
    user, first, keeper, no_new_privileges, seen = out.split()
    name = agency.world.name
    assert (first == "True") is name.endswith("in a namespace"), err
    assert (keeper == user) is ("an agent's user" not in name)
    # A program that changes its user would be out of the reach of kill(-1).
    assert no_new_privileges == ("1" if "docker" in name else "0")
    assert (seen == "True") is (user == "0"), "root sees everything"
