"""Nothing that was started in a sandbox outlives it; how its command ended is known."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.integration.sandbox.rig import SandboxRig, finish, next_line

from stepherd.errors import ConfigurationError
from stepherd.processes.sandbox import limits
from stepherd.processes.sandbox.view import Mount, View

LOCKED = "exec 9>held; flock -n 9; "
DAEMON = "setsid env -i bash -c 'trap \"\" TERM INT HUP; exec 0<&- 1>&- 2>&-; while :; do sleep 1; done' & "
# Forks, ends, and continues in its child in a session of its own, a thousand times: faster than /proc is
# read.
HOPPER = 'hop() { [ $1 -gt 0 ] && { setsid bash -c "$(declare -f hop); hop $(($1 - 1))" & }; }; hop 1000; '


@pytest.mark.parametrize(
    "what", [DAEMON, HOPPER * 3, f"({DAEMON}) & ({HOPPER}) & "], ids=["daemon", "hopper", "both"]
)
def test_when_its_end_is_proven_nothing_lives(sandbox: SandboxRig, what: str) -> None:
    done = sandbox.run(f"{LOCKED}{what}exit 5")
    assert (done.code, done.proof.state) == (5, "proven")
    assert not sandbox.is_held("held")


def test_nothing_lives_when_the_supervisor_is_killed(sandbox: SandboxRig) -> None:
    program = (
        "import os, sys\n"
        "from tests.integration.sandbox import rig\n"
        "from stepherd.processes.sandbox.launcher import SandboxLauncher\n"
        "with rig.SandboxRig.make() as made:\n"
        f"    tree = made.start({f'{LOCKED}{DAEMON}echo begun; sleep 1000'!r})\n"
        "    print(made.layout.workspace, rig.next_line(tree), flush=True)\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    root = Path(__file__).parents[3]
    environment = {**os.environ, "PYTHONPATH": f"{root}/src:{root}"}
    killed = subprocess.run(
        [sys.executable, "-c", program], env=environment, stdout=subprocess.PIPE, text=True
    )
    assert killed.returncode == -signal.SIGKILL
    workspace, word = killed.stdout.split()
    assert word == "begun"
    with (Path(workspace) / "held").open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # until the last one has ended; pytest ends a wait for ever
    subprocess.run(["rm", "-rf", str(Path(workspace).parents[3])], check=True)


def test_killing_its_parents_helps_an_agent_nothing(sandbox: SandboxRig) -> None:
    done = sandbox.run(f"{LOCKED}{DAEMON}kill -9 $PPID 1 -1 2>/dev/null; echo still here; exit 3")
    assert (done.out, done.code, done.proof.state) == ("still here\n", 3, "proven")
    assert not sandbox.is_held("held")


def test_a_command_that_hangs_is_ended_with_all_that_it_started(sandbox: SandboxRig) -> None:
    tree = sandbox.start(f"trap '' TERM INT; {LOCKED}{DAEMON}echo begun; while :; do sleep 1; done")
    assert next_line(tree) == "begun"
    assert tree.poll() is None
    assert tree.busy()
    assert tree.end().state == "proven"
    assert not sandbox.is_held("held")
    assert tree.end().state == "proven"  # Said again, whoever asks.


def test_a_signal_reaches_the_command_which_has_its_time_to_end(sandbox: SandboxRig) -> None:
    tree = sandbox.start("trap 'echo caught; exit 7' INT; echo begun; while :; do read -t 1 < <(:); done")
    assert next_line(tree) == "begun"
    tree.signal(signal.SIGINT, everyone=False)
    done = finish(tree)
    assert (done.out, done.code) == ("caught\n", 7)


def test_a_signal_to_everyone_reaches_other_sessions(sandbox: SandboxRig) -> None:
    other = "trap 'echo caught >&3; exit' TERM; echo other >&3; while :; do sleep 1 & wait; done"
    ours = "while kill -0 $! 2>/dev/null; do wait $!; done"
    tree = sandbox.start(f'trap : TERM; exec 3>&1; setsid bash -c "{other}" & {ours}')
    assert next_line(tree) == "other"
    tree.signal(signal.SIGTERM, everyone=True)
    assert next_line(tree) == "caught"
    assert tree.end().state == "proven"


def test_it_is_busy_while_something_lives_beside_its_command(sandbox: SandboxRig) -> None:
    os.mkfifo(sandbox.layout.workspace / "go")
    (sandbox.layout.workspace / "go").chmod(0o666)
    tree = sandbox.start("echo alone; read line < go; sleep 1000 & echo two; wait")
    assert next_line(tree) == "alone"
    assert not tree.busy()
    (sandbox.layout.workspace / "go").write_text("\n")
    assert next_line(tree) == "two"
    assert tree.busy()


@pytest.mark.parametrize(
    ("script", "code"), [("exit 0", 0), ("exit 1", 1), ("exit 255", 255), ("kill -9 $$", 137)]
)
def test_the_exit_code_is_the_command_s(sandbox: SandboxRig, script: str, code: int) -> None:
    assert sandbox.run(script).code == code


def test_a_failure_of_bubblewrap_is_no_exit_code_of_the_command(sandbox: SandboxRig) -> None:
    view = sandbox.view()
    broken = View((*view.mounts, Mount(sandbox.root / "gone", "read")), view.folder)
    with pytest.raises(ConfigurationError, match="bubblewrap"):
        finish(sandbox.start("true", view=broken))


def test_nor_is_one_of_the_kernel_which_finds_no_interpreter(sandbox: SandboxRig) -> None:
    script = sandbox.layout.workspace / "script"
    script.write_text("#!/usr/bin/no-such-interpreter\n")
    script.chmod(0o755)
    with pytest.raises(ConfigurationError, match="could not be set up, or its command not started"):
        finish(sandbox.start("", program="./script"))


def test_a_program_that_is_not_there_is_not_started(sandbox: SandboxRig) -> None:
    view = sandbox.view()
    hidden = View(tuple(m for m in view.mounts if m.target != Path("/usr")), view.folder)
    with pytest.raises(FileNotFoundError, match="outside it is /") as refused:
        sandbox.start("true", view=hidden)
    assert refused.value.errno == 2


def test_it_has_a_limit_of_processes_in_which_others_of_its_user_do_not_count(
    sandbox: SandboxRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MOST_PROCESSES", 25)
    fifteen = "for i in {1..15}; do sleep 100 & done; echo begun; ulimit -u; ulimit -Hu"
    crowd = sandbox.start(f"{fifteen}; wait")  # Another one of the same user.
    assert next_line(crowd) == "begun"
    done = sandbox.run(fifteen)
    assert done.out.split() == ["begun", "25", "25"]
    # AND the limit holds: dash gives up at the first fork that fails
    done = sandbox.run("exec sh -c 'while :; do sleep 100 & done'")
    assert "Cannot fork" in done.err
