"""From the folders of a run to what its sandbox shows."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import stepherd
from stepherd.processes.account import Account
from stepherd.processes.sandbox.network.variables import proxy_variables
from stepherd.processes.sandbox.private_paths import Privacy
from stepherd.processes.sandbox.sockets import covers_of_sockets
from stepherd.processes.sandbox.system import system_mounts
from stepherd.processes.sandbox.tools import find_tools
from stepherd.processes.sandbox.view import Mount, Network, View, shown_by

__all__ = ["Layout", "Person", "person_of", "sandbox_view"]

_CERTIFICATES: Final = (
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"),
    *("GIT_SSL_CAINFO", "GIT_SSL_CAPATH", "GIT_PROXY_SSL_CAINFO"),
)
_TEMPORARY: Final = (Path("/tmp"), Path("/var/tmp"))  # noqa: S108 - inside, they are the run's own
_VERSIONS: Final = ".tool-versions"


@dataclass(frozen=True, slots=True)
class Layout:
    """The folders of a run that are the agent's. Each keeps its path inside, but for the temporary one."""

    workspace: Path
    home: Path
    temporary: Path
    instructions: Path
    """The instructions, read-only inside the sandbox."""

    @property
    def all(self) -> tuple[Path, ...]:
        """All of these folders, in order."""
        return (self.workspace, self.home, self.temporary, self.instructions)


@dataclass(frozen=True, slots=True)
class Person:
    """The person whose machine it is: their home, their PATH, and the paths to hide from a sandbox."""

    home: Path
    path: str
    """PATH, whose programs are shown."""
    hidden: tuple[Path, ...] = ()
    """Paths that are never shown: where runs and their journal are, and the repository."""
    needed: tuple[Path, ...] = ()
    """Folders to show beside those of PATH: such as the interpreter of an agent of ours."""


def person_of(home: str, path: str, hidden: tuple[Path, ...]) -> Person:
    """The person whose machine this is, with what agents of our own need of Stepherd itself, and with the
    certificates that every agent's environment names."""
    package = Path(stepherd.__file__).parent
    certificates = [Path(os.environ[name]) for name in _CERTIFICATES if os.environ.get(name)]
    needed = (Path(sys.prefix), Path(sys.base_prefix), package, *certificates)
    return Person(Path(home), path, hidden, needed)


def sandbox_view(
    layout: Layout, person: Person, network: Network = "on", account: Account | None = None
) -> View:
    """The view of a sandbox: the system, tools, and the run's own folders; nothing else of the person.

    Below ``~/.stepherd`` and the like the run's folders are alone in empty ones. ``account`` is the user
    inside: a path that this user cannot reach cannot be shown.
    """
    mounts = list(system_mounts(network))
    mounts += [Mount(path, "write", layout.temporary) for path in _TEMPORARY]
    privacy = Privacy(person.home, (*person.hidden, *layout.all))
    tools = find_tools(person.path, person.home, mounts, privacy, account, person.needed)
    mounts += tools.mounts
    mounts += _hidden(mounts, person.hidden)
    if network != "on":
        mounts += covers_of_sockets(mounts)
    mounts += [Mount(layout.home, "write"), Mount(layout.workspace, "write")]
    mounts.append(Mount(layout.instructions, "read"))
    versions = person.home / _VERSIONS
    if "ASDF_DATA_DIR" in tools.variables and versions.is_file() and person.home != layout.home:
        mounts.append(Mount(layout.home / _VERSIONS, "read", versions))
    variables = {"TMPDIR": str(_TEMPORARY[0]), **tools.variables}
    return View(
        tuple(mounts),
        layout.workspace,
        network,
        {**variables, **(proxy_variables() if network == "proxy" else {})},
    )


def _hidden(mounts: Iterable[Mount], paths: Iterable[Path]) -> Iterator[Mount]:
    """Covers for what a shown folder would show: only over what is there, or an empty file would be made."""
    shown = list(mounts)
    for path in dict.fromkeys(Path(os.path.realpath(path)) for path in paths):
        if path.is_dir() and shown_by(shown, path):
            yield Mount(path, "hidden")
