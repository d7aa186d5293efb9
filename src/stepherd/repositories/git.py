"""Git, run the same way everywhere: a fixed configuration, an allowlisted environment, bounds.

Sources: git(1) on environment variables, git-config(1), gitprotocol-v2, and the attacks that were tried
against it (docs: security). A folder that an agent could write to is never git's directory here. Of the
environment that Stepherd was started with, git gets the variables named below and no others.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Final

from stepherd.errors import DataError, UnavailableError
from stepherd.repositories.credentials import Access
from stepherd.repositories.failures import explain
from stepherd.repositories.process import Finished, OutputTooLong, TimeExpired, run_bounded
from stepherd.repositories.server_text import quote, server_lines
from stepherd.repositories.way_out import PROXY_VARIABLES, TRUST_VARIABLES
from stepherd.services.program_path import absolute_path

__all__ = ["HOSTILE_MEMORY", "LARGE_FILE", "Git", "Limits", "TooSlow", "create_repository"]

_PASSED_ON: Final = (*PROXY_VARIABLES, *TRUST_VARIABLES)
_FIXED: Final = {
    "LANG": "C.UTF-8",
    "LC_ALL": "C.UTF-8",
    "TZ": "UTC",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ASKPASS": "",
    "SSH_ASKPASS_REQUIRE": "never",
    "GCM_INTERACTIVE": "never",
    "GIT_SSH_VARIANT": "ssh",
    "GIT_LFS_SKIP_SMUDGE": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
}
LARGE_FILE: Final = 4 << 20
"""Bytes. Git reads and writes a larger file as a stream: it makes no delta of it and compares no lines."""
HOSTILE_MEMORY: Final = 512 << 20
"""Bytes. A pack of some kilobytes can hold an object of gigabytes, and git holds it in memory when it is a
delta or no file. A file that may be pushed has at most 100 MB: a base, a delta and their result fit."""
_SETTINGS: Final = {
    "core.bigFileThreshold": str(LARGE_FILE),
    "core.hooksPath": os.devnull,
    "core.fsmonitor": "false",
    "core.attributesFile": os.devnull,
    "core.excludesFile": os.devnull,
    "core.protectHFS": "true",
    "core.protectNTFS": "true",
    "core.quotePath": "false",
    "core.logAllRefUpdates": "false",
    "core.pager": "cat",
    "core.autocrlf": "false",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "submodule.recurse": "false",
    "fetch.recurseSubmodules": "false",
    "fetch.writeCommitGraph": "false",
    # A fetch is kept as one pack, however small, and is handed on as one (``handed_base``).
    "fetch.unpackLimit": "1",
    "transfer.fsckObjects": "true",
    "transfer.bundleURI": "false",
    # Old histories carry these; they confuse no one.
    "fetch.fsck.zeroPaddedFilemode": "warn",
    "fetch.fsck.missingSpaceBeforeDate": "warn",
    "fetch.fsck.missingSpaceBeforeEmail": "warn",
    "fetch.fsck.badTimezone": "warn",
    # A redirect could carry the credentials' user to another host, or reach into the network.
    "http.followRedirects": "false",
    "http.lowSpeedLimit": "1000",
    "push.followTags": "false",
    "push.gpgSign": "false",
    "push.recurseSubmodules": "no",
    "commit.gpgSign": "false",
    "advice.detachedHead": "false",
    "diff.noprefix": "false",
    "diff.mnemonicPrefix": "false",
}
_OUTPUT_LIMIT: Final = 256 << 20


class TooSlow(DataError):
    """Git was ended because its time for a local command was up."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Time limits in seconds: a silent HTTP transfer, a command that talks to a remote, any other. And the
    memory in bytes that each git may allocate: objects may unpack to any size, a tree that holds itself has
    no end. Half of the machine's, so that a repository of millions of objects fits."""

    quiet_seconds: int = 60
    network_seconds: float = 1800.0
    local_seconds: float = 900.0
    memory: int = max(2 << 30, os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2)
    transferred: int = 50 << 30
    """Bytes that a remote may send: before they are there, nothing of what they unpack to can be measured."""

    def of_hostile(self) -> Limits:
        """The same for git that reads objects which an agent may have made."""
        return replace(self, memory=min(self.memory, HOSTILE_MEMORY))


@dataclass(frozen=True, slots=True)
class Git:
    """Git with one scratch folder (working directory and HOME), one repository, one remote's access.

    With ``discover``, ``git_dir`` is the top of a repository in which git finds its own folder, and judges
    whether it may trust the owner.
    """

    scratch: Path
    git_dir: Path
    work_tree: Path | None = None
    access: Access = field(default_factory=Access)
    limits: Limits = field(default_factory=Limits)
    place: str = "the repository"
    discover: bool = False

    def run(
        self,
        doing: str,
        *arguments: str,
        stdin: bytes | IO[bytes] = b"",
        network: bool = False,
        environment: Mapping[str, str] | None = None,
        sink: Callable[[bytes], None] | None = None,
    ) -> str:
        """Run ``git *arguments`` and return its stdout without the last newline. ``doing`` is for the error.

        Raises what ``failures.explain`` makes of git's words, and what ``attempt`` raises.
        """
        finished = self.attempt(
            doing, *arguments, stdin=stdin, network=network, environment=environment, sink=sink
        )
        if finished.code != 0:
            said = (finished.err + b"\n" + finished.out[:4000]).decode("utf-8", "replace")
            raise explain(doing, self.place, said, self.access.secrets)
        return finished.out.decode("utf-8", "surrogateescape").removesuffix("\n")

    def attempt(
        self,
        doing: str,
        *arguments: str,
        stdin: bytes | IO[bytes] = b"",
        network: bool = False,
        environment: Mapping[str, str] | None = None,
        sink: Callable[[bytes], None] | None = None,
    ) -> Finished:
        """Run ``git *arguments`` to its end, whatever its exit code.

        Raises UnavailableError (``network``) or TooSlow when its time is up, DataError when it prints
        too much, ConfigurationError when there is no git.
        """
        with _as_file(stdin, self.scratch) as file:
            try:
                return run_bounded(
                    self._argv(arguments),
                    environment=self.environment() | dict(environment or {}),
                    folder=self.scratch,
                    stdin=file,
                    seconds=self.limits.network_seconds if network else self.limits.local_seconds,
                    output_limit=_OUTPUT_LIMIT,
                    sink=sink,
                    memory=self.limits.memory,
                    file_size=self._room() if network else None,
                )
            except TimeExpired as error:
                raise self._too_slow(doing, error, network) from None
            except OutputTooLong as error:
                raise DataError(
                    f"{doing} of {self.place} was stopped: git printed {error}.",
                    remedy="The repository or the change is too large for this.",
                ) from None

    def within(self, git_dir: Path, work_tree: Path | None = None) -> Git:
        """The same git on another repository."""
        return replace(self, git_dir=git_dir, work_tree=work_tree)

    def _argv(self, arguments: tuple[str, ...]) -> list[str]:
        settings = _SETTINGS | {
            "http.lowSpeedTime": str(self.limits.quiet_seconds),
            "protocol.allow": "never",
        }
        if self.access.protocol is not None:
            settings[f"protocol.{self.access.protocol}.allow"] = "always"
        words = ["git", "--no-pager"]
        words += ["-C", str(self.git_dir)] if self.discover else [f"--git-dir={self.git_dir}"]
        if self.work_tree is not None:
            words.append(f"--work-tree={self.work_tree}")
        for key, value in settings.items():
            words += ["-c", f"{key}={value}"]
        return [*words, *arguments]

    def environment(self) -> dict[str, str]:
        """The environment of git, and of any program that acts for it."""
        environment = {name: os.environ[name] for name in _PASSED_ON if os.environ.get(name)}
        environment |= _FIXED | {
            "PATH": absolute_path(),
            "HOME": str(self.scratch),
            "TMPDIR": str(self.scratch),
            "GIT_CONFIG_GLOBAL": str(self.access.config or os.devnull),
            "GIT_ALLOW_PROTOCOL": self.access.protocol or "",
        }
        return environment | dict(self.access.environment)

    def _room(self) -> int:
        """For one pack: half of the disk at most, because what it holds is to be checked out, too."""
        place = next(path for path in (self.git_dir, *self.git_dir.parents) if path.exists())
        return min(self.limits.transferred, shutil.disk_usage(place).free // 2)

    def _too_slow(self, doing: str, error: TimeExpired, network: bool) -> UnavailableError | TooSlow:
        lines = server_lines(error.err.decode("utf-8", "replace"), self.access.secrets)
        words, details = quote(lines), "\n".join(lines)
        message = f"{doing} of {self.place} was stopped after {error.seconds:g} s." + (
            f" Git said: {words}" if words else ""
        )
        if network:
            remedy = "Check the network and the server, then try again."
            return UnavailableError(message, remedy=remedy, details=details)
        return TooSlow(message, remedy="The repository or the change is too large for this.", details=details)


def create_repository(git: Git, *, commit_id: str = "") -> None:
    """Make ``git.git_dir`` an empty bare repository, without template, in ``commit_id``'s object format."""
    kind = "sha256" if len(commit_id) == 64 else "sha1"
    git.run(
        "Making a private copy",
        "init",
        "--quiet",
        "--bare",
        "--template=",
        "--initial-branch=main",
        f"--object-format={kind}",
        str(git.git_dir),
    )


@contextmanager
def _as_file(stdin: bytes | IO[bytes], scratch: Path) -> Iterator[IO[bytes]]:
    if not isinstance(stdin, bytes):
        yield stdin
        return
    if not stdin:
        with Path(os.devnull).open("rb") as nothing:
            yield nothing
        return
    with tempfile.TemporaryFile(dir=scratch) as file:
        file.write(stdin)
        file.seek(0)
        yield file
