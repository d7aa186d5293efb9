"""Whether a sandbox can be had here: tried with the arguments that runs get, and judged by the exit code."""

from __future__ import annotations

import os
import select
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from stepherd.errors import StepherdError
from stepherd.processes.account import Account
from stepherd.processes.sandbox.launcher import SandboxLauncher
from stepherd.processes.sandbox.layout import Layout, Person, sandbox_view
from stepherd.processes.sandbox.remedies import refused
from stepherd.processes.sandbox.sandbox_tree import SandboxTree
from stepherd.processes.sandbox.view import Network
from stepherd.processes.tree import Command

__all__ = ["Probe"]

_PATIENCE: Final = 10.0
_LONGEST: Final = 4096


@dataclass(slots=True)
class Probe:
    """``true`` in a sandbox, begun at once and judged when asked for; other work continues meanwhile."""

    bubblewrap: Path
    person: Person
    network: Network = "on"
    account: Account | None = None
    _undo: ExitStack = field(default_factory=ExitStack)
    _tree: SandboxTree | None = None
    _failure: StepherdError | None = None

    def begin(self) -> Probe:
        """Start it. Only the main thread may."""
        try:
            layout = self._layout()
            view = sandbox_view(layout, self.person, self.network, self.account)
            launcher = SandboxLauncher(self.bubblewrap, view, self.account)
            command = Command(("true",), {"PATH": os.defpath}, layout.workspace)
            self._tree = launcher.start(command)
        except StepherdError as error:
            self._failure = error
        except OSError as error:
            self._failure = refused(str(error))
        return self

    def failure(self) -> StepherdError | None:
        """Wait for its end: why there is no sandbox, and what to do about it; None when there is one."""
        with self._undo:
            if self._tree is not None:
                self._failure = _judge(self._tree)
                self._tree = None
        return self._failure

    def _layout(self) -> Layout:
        # Where another user can come, who may not enter what root's own TMPDIR is in.
        where = None if self.account is None else "/tmp"  # noqa: S108 - a name that no one can foresee
        made = tempfile.TemporaryDirectory(prefix="stepherd-probe-", dir=where)
        root = Path(self._undo.enter_context(made))
        layout = Layout(*(root / name for name in ("workspace", "home", "tmp", "instructions")))
        for folder in layout.all:
            folder.mkdir(mode=0o700)
        if self.account is not None:
            root.chmod(0o711)
            self.account.give(layout.all)
        return layout


def _judge(tree: SandboxTree) -> StepherdError | None:
    try:
        ready = select.poll()
        ready.register(tree.fileno(), select.POLLIN)
        ready.poll(int(1000 * _PATIENCE))
        try:
            code = tree.poll()
        except StepherdError:
            return refused(os.read(tree.stderr.fileno(), _LONGEST).decode("utf-8", "replace"))
        if code == 0:
            return None
        return refused(f"'true' did not end within {_PATIENCE:g} s" if code is None else f"exit code {code}")
    finally:
        tree.end()
