"""Commands in a real sandbox, and what a test sees of them."""

from __future__ import annotations

import fcntl
import os
import select
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from stepherd.processes.account import Account
from stepherd.processes.sandbox.bubblewrap import find_bubblewrap
from stepherd.processes.sandbox.launcher import SandboxLauncher
from stepherd.processes.sandbox.layout import Layout, Person, sandbox_view
from stepherd.processes.sandbox.network.egress import Egress
from stepherd.processes.sandbox.sandbox_tree import SandboxTree
from stepherd.processes.sandbox.view import Network, View
from stepherd.processes.tree import Command, Proof

PATH = "/usr/local/bin:/usr/bin:/bin"
# As root, a user that no other process has: other tests end all that belongs to theirs.
USER = 54_000 + os.getpid() % 1_000


@dataclass(frozen=True)
class Outcome:
    """A command that ended."""

    code: int
    out: str
    err: str
    proof: Proof


@dataclass
class SandboxRig:
    """The folders of a run, and a person's home beside them."""

    root: Path
    account: Account | None
    layout: Layout
    person: Person
    trees: list[SandboxTree] = field(default_factory=list)

    @classmethod
    @contextmanager
    def make(cls) -> Iterator[SandboxRig]:
        """As an ordinary user with itself inside; as root with another user."""
        # Not pytest's folder: that is closed to other users.
        root = Path(tempfile.mkdtemp(prefix="stepherd-sandbox-"))
        root.chmod(0o711)
        account = Account(USER, USER) if os.geteuid() == 0 else None
        runs = root / "me" / ".stepherd" / "tasks"
        layout = Layout(*(runs / name for name in ("workspace", "home", "tmp", "instructions")))
        for folder in layout.all:
            folder.mkdir(parents=True)
        (layout.instructions / "instructions.md").write_text("# Do it\n")
        if account is not None:
            account.give(layout.all)
        made = cls(root, account, layout, Person(root / "me", PATH, (root / "me/.stepherd",)))
        try:
            yield made
        finally:
            for tree in made.trees:
                tree.end()
            shutil.rmtree(root)

    def view(self, network: Network = "on") -> View:
        """The view of a run's sandbox."""
        return sandbox_view(self.layout, self.person, network, self.account)

    def start(
        self,
        script: str,
        network: Network = "on",
        egress: Egress | None = None,
        view: View | None = None,
        program: str = "",
        **environment: str,
    ) -> SandboxTree:
        """Start a script of bash, or a ``program``."""
        bubblewrap = find_bubblewrap()
        assert bubblewrap is not None, "bubblewrap is not installed"
        launcher = SandboxLauncher(bubblewrap, view or self.view(network), self.account, egress)
        variables: Mapping[str, str] = {"PATH": PATH, "HOME": str(self.layout.home), **environment}
        tree = launcher.start(
            Command((program,) if program else ("bash", "-c", script), variables, self.layout.workspace)
        )
        self.trees.append(tree)
        return tree

    def run(
        self, script: str, network: Network = "on", egress: Egress | None = None, **environment: str
    ) -> Outcome:
        """A script to its end, and to that of all that it started."""
        return finish(self.start(script, network, egress, **environment))

    def is_held(self, name: str) -> bool:
        """Whether some process still has the lock on a file of the workspace: all that came from the one
        that took it do, whatever they did to themselves."""
        with (self.layout.workspace / name).open("rb") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False


def finish(tree: SandboxTree) -> Outcome:
    """Read all that is said, wait for the command, end the rest."""
    texts = {tree.stdout.fileno(): b"", tree.stderr.fileno(): b""}
    ready = select.poll()
    for handle in (*texts, tree.fileno()):
        ready.register(handle, select.POLLIN)
    ended = False
    while not ended:
        for handle, _ in ready.poll():
            if handle == tree.fileno():
                ended = True
            else:
                chunk = os.read(handle, 65_536)
                texts[handle] += chunk
                if not chunk:
                    ready.unregister(handle)
    for handle in texts:
        os.set_blocking(handle, False)
        while chunk := _read(handle):
            texts[handle] += chunk
    out, err = (text.decode() for text in texts.values())
    code = tree.poll()
    assert code is not None
    return Outcome(code, out, err, tree.end())


def _read(handle: int) -> bytes:
    try:
        return os.read(handle, 65_536)
    except BlockingIOError:
        return b""


def next_line(tree: SandboxTree) -> str:
    """Wait for a line of standard output."""
    line = b""
    while not line.endswith(b"\n"):
        byte = os.read(tree.stdout.fileno(), 1)
        assert byte, "it ended without a line"
        line += byte
    return line.decode().strip()
