"""A launched tree: its streams, exit code and limits are the same whatever contains it."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.processes import HOPPERS, HeldFile
from tests.users import interpreter, make_agent_user

from stepherd.processes import containment, reservations
from stepherd.processes.account import agent_account
from stepherd.processes.launcher import ProcessLauncher
from stepherd.processes.reservations import Cancelled, reserve_user
from stepherd.processes.tree import Command, Tree

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the means are Linux's")
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
Start = Callable[..., Tree]
KINDS = ("namespace", "user", "plain")
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
"""Folders that every user may search: in others a program may be there, and no error says that it is not."""


@pytest.fixture(params=KINDS)
def start(request: pytest.FixtureRequest) -> Iterator[Start]:
    """Starts a command in a tree of each kind; at the end all are ended."""
    kind: str = request.param
    if kind == "user" and os.geteuid() != 0:
        pytest.skip("only root can become another user")

    def begin(*argv: str, stdin: bool = False, **environment: str) -> Tree:
        account = agent_account(make_agent_user()) if kind == "user" else None
        launcher = ProcessLauncher(account, wait)
        ways = {
            "namespace": launcher._in_namespace,
            "user": launcher._as_user,
            "plain": launcher._plainly,
        }
        launcher._ways = [ways[kind]]
        trees.append(launcher.start(Command(argv, {"PATH": PATH, **environment}, Path("/"), stdin)))
        return trees[-1]

    trees: list[Tree] = []
    yield begin
    for tree in trees:
        tree.end()


def wait(seconds: float) -> bool:
    """Another test's tree may have the user."""
    time.sleep(seconds)
    return True


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user can reach, which pytest's own is not."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def said(tree: Tree) -> bytes:
    found = b""
    while chunk := tree.stdout.read(1 << 16):
        found += chunk
    return found


def code(tree: Tree) -> int:
    while (found := tree.poll()) is None:
        signal.sigtimedwait(
            [signal.SIGUSR2], 0.01
        )  # where no descriptor tells, there is nothing else to wait on
    return found


def test_arguments_environment_and_input_arrive_as_they_are(start: Start) -> None:
    words = ("", "a b", "ü\n'\"", "\udc80")
    show = 'printf "%s|" "$@"; cat; env -0'
    tree = start("sh", "-c", show, "sh", *words, stdin=True, EMPTY="", ODD="a=b\nc")
    assert tree.stdin is not None
    tree.stdin.write(b"told")
    tree.stdin.close()
    out = said(tree)
    tree.end()
    assert out.startswith(b"".join(os.fsencode(word) + b"|" for word in words) + b"told")
    variables = set(out.partition(b"told")[2].split(b"\0"))
    assert {b"EMPTY=", b"ODD=a=b\nc"} <= variables
    allowed = (b"EMPTY=", b"ODD=", b"PATH=", b"PWD=", b"OLDPWD=", b"SHLVL=", b"_=")
    assert [v for v in variables if v and not v.startswith(allowed)] == []


def test_nobody_lives_at_the_moment_when_it_is_proven(
    start: Start, open_folder: Path, require: Callable[[str], str]
) -> None:
    """Not even of those who are never there when anybody looks; where they win, nothing is proven."""
    require("perl")
    held = HeldFile(open_folder / "held")
    tree = start(interpreter(), "-I", "-S", "-c", held.hold() + HOPPERS)
    assert code(tree) == 0
    state = tree.end().state
    assert held.is_held() is (state == "alive")
    assert held.is_free_within(60)


@pytest.mark.parametrize(("script", "expected"), [("exit 3", 3), ("kill -9 $$", 137), ("kill -PIPE $$", 141)])
def test_the_exit_code_is_a_shell_s(start: Start, script: str, expected: int) -> None:
    tree = start("sh", "-c", script)
    assert code(tree) == expected
    assert tree.end().state in ("proven", "unproven")
    assert tree.poll() == expected


def test_a_zero_byte_is_refused_as_the_system_would(start: Start) -> None:
    """It would be the end of an argument, and the rest another one."""
    with pytest.raises((OSError, ValueError), match=r"zero|null"):
        start("echo", "a\0b")


@pytest.mark.parametrize(
    ("program", "error"), [("no-such-program", FileNotFoundError), ("/etc", PermissionError)]
)
def test_a_program_that_cannot_be_started_is_an_error_of_the_system(
    start: Start, program: str, error: type[OSError]
) -> None:
    with pytest.raises(error) as raised:
        start(program)
    assert raised.value.filename == program


def test_a_signal_to_the_group_or_to_everyone(start: Start) -> None:
    """GIVEN a leader and a helper in a session of its own, which both say what they get."""
    trap = "trap 'trap : TERM; echo {0} got it; exit 0' TERM; echo {0} up; while :; do sleep 0.05; done"
    helper = f'setsid sh -c "{trap.format("helper")}" &'
    tree = start("sh", "-c", f"{helper} {trap.format('leader')}")
    lines = iter(tree.stdout.readline, b"")
    assert {next(lines), next(lines)} == {b"leader up\n", b"helper up\n"}
    assert tree.busy()
    tree.signal(signal.SIGTERM, everyone=False)
    assert next(lines) == b"leader got it\n"
    tree.signal(signal.SIGTERM, everyone=True)
    assert next(lines) == b"helper got it\n"
    tree.end()
    tree.signal(signal.SIGTERM, everyone=True)  # nobody is left, and that is no error


def test_a_leader_alone_is_not_busy(start: Start) -> None:
    tree = start("cat", stdin=True)
    assert not tree.busy()
    tree.end()


def test_no_descriptor_of_ours_is_the_tree_s(start: Start) -> None:
    tree = start("ls", "-1", "/proc/self/fd")
    assert said(tree).split() == [b"0", b"1", b"2", b"3"]  # the last is of the folder itself
    tree.end()


@as_root
@pytest.mark.parametrize("kind", ["namespace", "user"])
def test_a_tree_has_its_user_until_its_end(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And kill(-1) of another one, which takes the user for itself, does not meet it."""
    monkeypatch.setattr(reservations, "_FOLDERS", (tmp_path / "reserved",))
    account = agent_account(make_agent_user())
    assert account is not None
    launcher = ProcessLauncher(account, lambda _: False)
    launcher._ways = [launcher._in_namespace if kind == "namespace" else launcher._as_user]
    tree = launcher.start(Command(("sleep", "60"), {"PATH": PATH}, Path("/")))
    with pytest.raises(Cancelled):
        reserve_user(account.user, alone=True, pause=lambda _: False)
    tree.end()
    descriptor = reserve_user(account.user, alone=True, pause=lambda _: False)
    with pytest.raises(Cancelled):
        launcher.start(Command(("true",), {"PATH": PATH}, Path("/")))
    os.close(descriptor)


@as_root
@pytest.mark.parametrize("kind", ["namespace", "user"])
def test_a_tree_has_a_limit_of_processes(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(containment, "_MOST_PROCESSES", 20)
    launcher = ProcessLauncher(agent_account(make_agent_user()), wait)
    launcher._ways = [launcher._in_namespace if kind == "namespace" else launcher._as_user]
    many = "for i in $(seq 40); do sleep 60 & done; wait"
    tree = launcher.start(Command(("sh", "-c", many), {"PATH": PATH}, Path("/")))
    assert code(tree) != 0
    assert b"ork" in (tree.stderr.read(1 << 16) or b"")  # "Cannot fork", in each shell's words
    assert tree.end().state == "proven"
