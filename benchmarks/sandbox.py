"""The time that a sandbox adds to a run: its probe, finding out what to show, the start, and the proven
end."""

from __future__ import annotations

import os
import select
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.figures import Figure
from stepherd.processes.account import Account
from stepherd.processes.launcher import ProcessLauncher
from stepherd.processes.sandbox.bubblewrap import find_bubblewrap
from stepherd.processes.sandbox.launcher import SandboxLauncher
from stepherd.processes.sandbox.layout import Layout, Person, sandbox_view
from stepherd.processes.sandbox.network.allowlist import Allowlist, parse_hosts
from stepherd.processes.sandbox.network.egress import Egress
from stepherd.processes.sandbox.probe import Probe
from stepherd.processes.sandbox.view import Network
from stepherd.processes.tree import Command, Launcher

__all__ = ["sandbox_figures"]

_TIMES = 30
_USER = 54_321
_AIMS: dict[Network, float] = {"on": 20, "off": 20, "proxy": 30}
_NAMES: dict[Network, str] = {"on": "network on", "off": "network off", "proxy": "an allowlist"}


def sandbox_figures() -> Iterator[Figure]:
    """As an ordinary user, or as root with another one, beside the same command as a process."""
    bubblewrap = find_bubblewrap()
    if bubblewrap is None:
        return
    root = Path(tempfile.mkdtemp(prefix="stepherd-bench-"))
    try:
        root.chmod(0o711)
        account = Account(_USER, _USER) if os.geteuid() == 0 else None
        layout = Layout(*(root / name for name in ("workspace", "home", "tmp", "instructions")))
        for folder in layout.all:
            folder.mkdir()
        if account:
            account.give(layout.all)
        # With a virtual environment on it, as developers have: more than a hundred programs to look at.
        path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
        person = Person(Path("~").expanduser(), path)
        for network, aim in _AIMS.items():
            yield _figure(bubblewrap, layout, person, network, account, aim)
    finally:
        shutil.rmtree(root)


def _figure(
    bubblewrap: Path, layout: Layout, person: Person, network: Network, account: Account | None, aim: float
) -> Figure:
    bare = ProcessLauncher(account, lambda _seconds: True)

    def sandboxed() -> None:
        probe = Probe(bubblewrap, person, network, account).begin()
        failure = probe.failure()
        if failure is not None:
            raise failure
        egress = Egress(Allowlist(parse_hosts("index.example"))) if network == "proxy" else None
        _run(
            SandboxLauncher(bubblewrap, sandbox_view(layout, person, network, account), account, egress),
            layout,
        )

    pairs = [(_seconds(sandboxed), _seconds(lambda: _run(bare, layout))) for _ in range(_TIMES)]
    value, baseline = (1e3 * statistics.median(column) for column in zip(*pairs, strict=True))
    return Figure.of(
        f"sandbox with {_NAMES[network]}: probe, start, 'true', proven end", value, "ms",
        f"≤ {aim:g} above a process", value - baseline <= aim, baseline,
    )  # fmt: skip


def _run(launcher: Launcher, layout: Layout) -> None:
    tree = launcher.start(Command(("true",), {"PATH": os.defpath}, layout.workspace))
    while tree.poll() is None:
        handle = tree.fileno()
        select.select([handle] if handle is not None else [], [], [], 1)
    tree.end()


def _seconds(what: Callable[[], None]) -> float:
    begun = time.perf_counter()
    what()
    return time.perf_counter() - begun
