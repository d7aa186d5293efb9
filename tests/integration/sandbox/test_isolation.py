"""A command's view of the machine from a sandbox, and its power to change it."""

from __future__ import annotations

import os
import subprocess
import threading
from pathlib import Path

import pytest
from tests.integration.sandbox.rig import SandboxRig, finish, next_line

from stepherd.errors import ConfigurationError, InternalError
from stepherd.processes.account import Account
from stepherd.processes.sandbox.launcher import SandboxLauncher
from stepherd.processes.sandbox.view import Mount, Network, View
from stepherd.processes.tree import Command


def test_it_sees_its_own_folders_and_nothing_else_of_the_person(sandbox: SandboxRig) -> None:
    person = sandbox.root / "me"
    for name in (
        ".ssh/id",
        ".aws/credentials",
        ".stepherd/journal.sqlite3",
        ".stepherd/store/runs/1",
        "code/a.py",
    ):
        (person / name).parent.mkdir(parents=True, exist_ok=True)
        (person / name).write_text("secret")
    done = sandbox.run(f"cd {person} && find . -type f; cat $HOME/../instructions/instructions.md; pwd -P")
    assert done.out.splitlines() == ["./.stepherd/tasks/instructions/instructions.md", "# Do it", str(person)]


def test_it_writes_into_its_own_folders_alone(sandbox: SandboxRig) -> None:
    own = ["x", "~/x", "/tmp/x", "/dev/shm/x", "/run/x"]
    others = ["../instructions/x", "/x", "/etc/x", "/usr/x", "/dev/x", "/var/x", "/proc/x", "/opt/x"]
    done = sandbox.run("\n".join(f"(echo hello > {p}) 2>/dev/null && echo '{p}'" for p in [*own, *others]))
    assert done.out.split() == own
    assert (sandbox.layout.workspace / "x").read_text() == "hello\n"
    assert (sandbox.layout.home / "x").read_text() == "hello\n"
    assert (sandbox.layout.temporary / "x").read_text() == "hello\n"
    assert not Path("/run/x").exists()


def test_every_folder_in_memory_has_a_limit(sandbox: SandboxRig) -> None:
    done = sandbox.run(
        "for f in / /dev /dev/shm /run; do stat -f -c '%b %S' $f; findmnt -n -o OPTIONS $f; done"
    )
    lines = done.out.splitlines()
    sizes = [int(blocks) * int(size) for blocks, size in (line.split() for line in lines[::2])]
    writable = [options.startswith("rw") for options in lines[1::2]]
    assert writable == [False, False, True, True]
    assert (sizes[2], sizes[3]) == (512 << 20, 64 << 20)


ADD_KEY = {"x86_64": 248, "aarch64": 217}.get(os.uname().machine, 0)
"""add_key(2); request_key(2) and keyctl(2) are the next ones."""
OF_A_PERSON = f"""
import ctypes
call = ctypes.CDLL(None).syscall
own = ctypes.c_long(-4)  # KEY_SPEC_USER_KEYRING
raise SystemExit(call({ADD_KEY}, b"user", b"stepherd-test", b"of-a-person", ctypes.c_long(11), own) < 0)
"""
LOOK_FOR_KEYS = f"""
import ctypes
call, text = ctypes.CDLL(None).syscall, ctypes.create_string_buffer(64)
session = ctypes.c_long(-3)
for line in open("/proc/keys"):
    if " _uid." in line:
        call({ADD_KEY + 2}, 8, int(line.split()[0], 16), session)  # KEYCTL_LINK
found = call({ADD_KEY + 2}, 10, session, b"user", b"stepherd-test", 0)  # KEYCTL_SEARCH
call({ADD_KEY + 2}, 11, found, text, 64)  # KEYCTL_READ
print(text.value.decode() or "none", call({ADD_KEY + 1}, b"user", b"stepherd-test", None, session) > 0)
"""


@pytest.mark.skipif(not ADD_KEY, reason="the numbers of the calls are not known")
@pytest.mark.parametrize("network", ["on", "off"])
def test_it_reads_no_key_of_its_user(sandbox: SandboxRig, network: Network) -> None:
    """In another user namespace the keyring of the person is guarded by the user alone, which is the same."""
    who = {} if sandbox.account is None else {"user": sandbox.account.user, "group": sandbox.account.group}
    added = subprocess.run(["/usr/bin/python3", "-c", OF_A_PERSON], check=False, cwd="/", **who)
    if added.returncode != 0:
        pytest.skip("this kernel, or a filter, gives no keys")
    outside = subprocess.run(
        ["/usr/bin/python3", "-c", LOOK_FOR_KEYS], check=True, capture_output=True, text=True, cwd="/", **who
    )
    assert outside.stdout == "of-a-person True\n"
    assert sandbox.run(f"/usr/bin/python3 -c '{LOOK_FOR_KEYS}'", network).out == "none False\n"


def test_it_sees_no_process_and_no_environment_of_the_machine(sandbox: SandboxRig) -> None:
    os.environ["CANARY_OF_THE_SUPERVISOR"] = "a secret"
    try:
        done = sandbox.run("cat /proc/*/environ | tr '\\0' '\\n'; ls -d /proc/[0-9]*", OWN="its own")
    finally:
        del os.environ["CANARY_OF_THE_SUPERVISOR"]
    assert "a secret" not in done.out
    assert "OWN=its own" in done.out
    processes = [line for line in done.out.splitlines() if line.startswith("/proc/")]
    assert len(processes) <= 4


@pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user cannot lay down its groups")
def test_the_groups_of_root_stay_outside(sandbox: SandboxRig) -> None:
    before = os.getgroups()
    os.setgroups([54_999])
    try:
        done = sandbox.run("id -G")
    finally:
        os.setgroups(before)
    assert sandbox.account is not None
    assert done.out == f"{sandbox.account.group}\n"


def test_the_list_of_processes_shows_neither_its_environment_nor_whose_folders_they_are(
    sandbox: SandboxRig,
) -> None:
    tree = sandbox.start("echo begun; read", TOKEN="a secret")
    assert next_line(tree) == "begun"
    for pid in (tree.process.pid, tree.init):
        line = Path(f"/proc/{pid}/cmdline").read_bytes().decode()
        assert "a secret" not in line
        assert str(sandbox.root) not in line
    tree.end()


def test_nothing_of_the_supervisor_is_open_in_it(sandbox: SandboxRig) -> None:
    done = sandbox.run("ls /proc/self/fd; ls /proc/1/fd | wc -l")
    assert done.out.split()[:4] == ["0", "1", "2", "3"]  # 3 is ls's own
    # AND its init has no way to the machine either: no folder is open there
    done = sandbox.run("for f in /proc/1/fd/*; do [ -d $f ] && readlink $f; done; true")
    assert done.out == ""


@pytest.mark.parametrize(
    "attack",
    [
        "echo '|/bin/x' > /proc/sys/kernel/core_pattern",
        "mount -o remount,rw,bind /usr",
        "umount /run",
        "mount -t tmpfs x /usr",
        "chroot / true",
        "cat /etc/shadow",
        "echo b > /proc/sysrq-trigger",
        "dd if=/dev/mem count=1",
        "ls /sys/fs/cgroup/cgroup.procs",
        "ls /run/docker.sock /run/user /var/run/docker.sock /run/dbus",
        "kill -9 1; kill -0 $PPID && false",
        "nsenter -t 1 -m true",
    ],
)
def test_it_has_no_right_over_the_machine(sandbox: SandboxRig, attack: str) -> None:
    assert sandbox.run(f"{{ {attack}; }} 2>/dev/null && echo done").out == ""


def test_an_agent_makes_a_sandbox_of_its_own_in_it(sandbox: SandboxRig) -> None:
    """Claude Code and Codex do."""
    inner = "bwrap --unshare-all --ro-bind /usr /usr --symlink usr/bin /bin --symlink usr/lib /lib"
    inner += " --symlink usr/lib64 /lib64 --proc /proc --dev /dev echo inner"
    assert sandbox.run(inner).out == "inner\n"


def test_root_is_never_let_in(sandbox: SandboxRig, monkeypatch: pytest.MonkeyPatch) -> None:
    command = Command(("true",), {}, sandbox.layout.workspace)
    launcher = SandboxLauncher(Path("/usr/bin/bwrap"), sandbox.view(), Account(0, 0))
    with pytest.raises(ConfigurationError, match="no boundary for root"):
        launcher.start(command)
    monkeypatch.setattr(os, "getuid", lambda: 0)
    with pytest.raises(ConfigurationError, match="no boundary for root"):
        SandboxLauncher(Path("/usr/bin/bwrap"), sandbox.view()).start(command)


def test_it_is_started_by_the_main_thread_alone(sandbox: SandboxRig) -> None:
    """By another one it would be killed when that thread ends."""
    errors: list[BaseException] = []

    def start() -> None:
        try:
            sandbox.start("true")
        except InternalError as error:
            errors.append(error)

    thread = threading.Thread(target=start)
    thread.start()
    thread.join()
    assert len(errors) == 1


def test_a_folder_that_is_hidden_is_empty_though_the_one_above_is_shown(sandbox: SandboxRig) -> None:
    shown = sandbox.root / "opt"
    (shown / "home/store").mkdir(parents=True)
    (shown / "home/journal").write_text("secret")
    (shown / "tool").write_text("tool")
    (shown / "home/tasks").mkdir()
    own = shown / "home/tasks/workspace"
    sandbox.layout.workspace.rename(own)
    view = sandbox.view()
    mounts = [m for m in view.mounts if m.target != sandbox.layout.workspace]
    mounts += [Mount(shown, "read"), Mount(shown / "home", "hidden"), Mount(own, "write")]
    script = (
        "find . -type f; (echo x > home/new) 2>/dev/null || echo refused; echo x > home/tasks/workspace/new"
    )
    tree = sandbox.start(f"cd {shown}; {script}", view=View((*mounts,), own))
    assert finish(tree).out == "./tool\nrefused\n"
    assert sorted(path.name for path in (shown / "home").iterdir()) == ["journal", "store", "tasks"]
    assert (own / "new").exists()


@pytest.mark.parametrize("way", ["a link", "a link to a file", "a file", "a pipe"])
def test_what_it_leaves_in_the_way_of_mounts_lets_the_next_command_make_nothing_elsewhere(
    sandbox: SandboxRig, way: str
) -> None:
    """The run lies below /tmp here, so its mounts are inside of a folder that the command can write."""
    victim = sandbox.root / "victim"
    victim.mkdir()
    victim.chmod(0o777)
    plants = {
        "a link": f"ln -s /oldroot{victim} {sandbox.root}",
        "a link to a file": f"ln -s /etc/passwd {sandbox.root}",
        "a file": f"echo > {sandbox.root}",
        "a pipe": f"mkfifo {sandbox.root}",
    }
    done = sandbox.run(f"echo kept > note; cd /tmp; mv {sandbox.root} aside && {plants[way]}")
    assert (done.code, done.err) == (0, "")
    assert os.path.lexists(sandbox.layout.temporary / sandbox.root.name)
    done = sandbox.run("cat note; test -d /tmp/aside && echo aside")
    assert (done.code, done.out.split()) == (0, ["kept", "aside"])
    assert list(victim.iterdir()) == []
