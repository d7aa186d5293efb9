"""Starting a command in a sandbox."""

from __future__ import annotations

import errno
import os
import subprocess
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from stepherd.errors import ConfigurationError, InternalError
from stepherd.processes.account import Account
from stepherd.processes.sandbox.arguments import bubblewrap_arguments
from stepherd.processes.sandbox.calls import filter_of_calls
from stepherd.processes.sandbox.limits import limit_processes
from stepherd.processes.sandbox.network.namespace import listen_inside
from stepherd.processes.sandbox.network.variables import PROXY_PORT
from stepherd.processes.sandbox.remedies import refused
from stepherd.processes.sandbox.sandbox_tree import SandboxTree
from stepherd.processes.sandbox.status import StatusReader
from stepherd.processes.sandbox.view import View, find_program
from stepherd.processes.sandbox.way import clear_way
from stepherd.processes.tree import Command

if TYPE_CHECKING:
    from stepherd.processes.sandbox.network.egress import Egress

__all__ = ["SandboxLauncher"]


@dataclass(frozen=True, slots=True)
class SandboxLauncher:
    """Starts commands in a view of this machine."""

    bubblewrap: Path
    view: View
    account: Account | None = None
    """The command's user; None: this process's own. Never root."""
    egress: Egress | None = None
    """The proxy that serves the network ``proxy``."""

    def start(self, command: Command) -> SandboxTree:
        """Start ``command``; its environment is completed by the view's variables.

        Raises OSError for a program that is not to be found inside, ConfigurationError when the sandbox
        cannot be had.
        """
        if threading.current_thread() is not threading.main_thread():
            # --die-with-parent means the thread, and would end the sandbox together with it.
            raise InternalError("A sandbox is started from the main thread.", remedy="Please report it.")
        self._refuse_root()
        environment = {**command.environment, **self.view.variables}
        self._look_for(command.argv[0], command.folder, environment.get("PATH", os.defpath))
        clear_way(self.view.mounts)
        (status, status_end), (release_end, release) = os.pipe(), os.pipe()
        try:
            process = self._spawn(command, environment, status_end, release_end)
        except BaseException:
            os.close(status)
            os.close(release)
            raise
        finally:
            os.close(status_end)
            os.close(release_end)
        try:
            return self._released(process, StatusReader(status), release)
        finally:
            os.close(release)

    def _refuse_root(self) -> None:
        user = os.getuid() if self.account is None else self.account.user
        if user == 0:
            # The kernel looks at the user outside: root inside could write /proc/sys, and undo mounts.
            raise ConfigurationError(
                "A sandbox is no boundary for root.",
                remedy="Run as another user, name one with STEPHERD_AGENT_USER, or use --runner process.",
            )

    def _look_for(self, program: str, folder: Path, path: str) -> None:
        """Else bubblewrap fails in the end, with an exit code that a command may have, too."""
        named = str(folder / program) if "/" in program else program
        if find_program(named, path, self.view) is None:
            outside = find_program(named, path)
            hint = "" if outside is None else f" in the sandbox; outside it is {outside}"
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT) + hint, program)

    def _spawn(
        self, command: Command, environment: dict[str, str], status: int, release: int
    ) -> subprocess.Popen[bytes]:
        # By a file in memory: in the list of processes every user could read which folders are whose.
        words = bubblewrap_arguments(self.view, status, release)
        calls = _in_memory("filter", filter_of_calls(limited=self.view.network != "on"))
        words += ["--seccomp", str(calls)]
        arguments = _in_memory("arguments", b"".join(os.fsencode(word) + b"\0" for word in words))
        try:
            return subprocess.Popen(
                [self.bubblewrap, "--args", str(arguments), "--", *command.argv],
                # Handed over as it is: with --clearenv or --setenv it would be seen in /proc/1 or by all.
                env=environment,
                cwd="/",
                stdin=subprocess.PIPE if command.stdin else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                pass_fds=(status, release, arguments, calls),
                start_new_session=True,
                umask=command.umask,
                user=None if self.account is None else self.account.user,
                group=None if self.account is None else self.account.group,
                extra_groups=None if self.account is None else [],
            )
        finally:
            for each in (arguments, calls):
                os.close(each)

    def _released(self, process: subprocess.Popen[bytes], status: StatusReader, release: int) -> SandboxTree:
        """The tree of a sandbox that has been prepared, once its command may begin."""
        tree = SandboxTree.of(process, status, self.egress)
        if tree is None:
            with process:
                words = _words_of(process)
            status.close()
            raise refused(words)
        try:
            limit_processes(tree.init, self.account)
            self._serve(tree.init)
            os.write(release, b"!")
        except BaseException as error:
            # It also fails when bubblewrap itself has failed meanwhile, which then knows why.
            words = _words_of(process) if tree.is_empty() else str(error)
            tree.end()
            if isinstance(error, OSError | ConfigurationError):
                raise refused(words) from error
            raise
        return tree

    def _serve(self, init: int) -> None:
        if self.egress is None:
            return
        models = self.egress.allowlist.on_this_machine
        places: list[tuple[tuple[str, int], tuple[str, int] | None]] = [(("127.0.0.1", PROXY_PORT), None)]
        for host, port in models:
            insides = ("127.0.0.1", "::1") if host == "localhost" else (host,)
            places += [((inside, port), (host, port)) for inside in insides]
        listening = listen_inside(init, [inside for inside, _ in places])
        for each, (_, target) in zip(listening, places, strict=True):
            self.egress.serve(each, target)


def _in_memory(name: str, content: bytes) -> int:
    """A file to be read from its beginning."""
    file = os.memfd_create(name, 0)
    os.write(file, content)
    os.lseek(file, 0, os.SEEK_SET)
    return file


def _words_of(process: subprocess.Popen[bytes]) -> str:
    """The message of a bubblewrap that fails; waits until it has ended."""
    assert process.stderr is not None
    return process.stderr.read().decode("utf-8", "replace").removeprefix("bwrap:")
