"""The agent's user, and keeping its supervisor unreadable (facts/git-and-secrets.md 1)."""

from __future__ import annotations

import ctypes
import errno
import os
import pwd
import stat
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from stepherd.errors import ConfigurationError
from stepherd.services.folder_walk import FolderWalk, Found, give_right

__all__ = [
    "Account",
    "adopt_orphans",
    "agent_account",
    "hide_this_process",
    "leave_session_keyring",
    "refuse_new_privileges",
]

_VARIABLE = "STEPHERD_AGENT_USER"
_PR_SET_DUMPABLE = 4
_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_NO_NEW_PRIVS = 38
# keyctl(2) by machine: the C library has no function for it.
_KEYCTL = {"x86_64": 250, "aarch64": 219, "riscv64": 219, "loongarch64": 219, "ppc64le": 271, "s390x": 280}
_JOIN_SESSION_KEYRING = 1
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


@dataclass(frozen=True, slots=True)
class Account:
    """A user of this machine."""

    user: int
    group: int

    def give(self, folders: Iterable[Path]) -> None:
        """Make everything below ``folders`` this user's. Links are changed themselves, not followed.

        A file with a second name stays ours: the other name may be somewhere else.
        """
        for folder in folders:
            # The innermost first: a root without CAP_DAC_OVERRIDE cannot enter what it has given away.
            for found in FolderWalk(folder, done=self._give):
                is_only_name = found.facts is not None and found.facts.st_nlink == 1
                if is_only_name and not stat.S_ISDIR(found.mode):
                    self._give(found.name, found.parent)
            self._give(folder, None)

    def _give(self, name: str | Path, parent: int | None) -> None:
        os.chown(name, self.user, self.group, dir_fd=parent, follow_symlinks=False)

    def take(self, folders: Iterable[Path], second_names: set[tuple[int, int]] | None = None) -> list[str]:
        """Make everything below ``folders`` this process's own again, and its folders open to it. Others may
        write to none of them: whoever the agent has let in changes nothing from here on.

        A file with a second name that is not the user's is another's, which we might read or give away: that
        name is removed, and returned. ``second_names`` (device and inode) are the user's all the same, and
        learn of others: what ``give`` has left to us was the user's before.

        Only when no process of the user is left. Root needs CAP_CHOWN alone for it, not CAP_DAC_OVERRIDE.
        """
        own = (os.geteuid(), os.getegid())
        known = set() if second_names is None else second_names
        removed: list[str] = []
        for folder in folders:
            os.chown(folder, *own, follow_symlinks=False)
            give_right(folder, None, stat.S_IRWXU, instead_of=_OTHERS_WRITE)
            # An agent may have made folders whose paths are too long to be given to the system.
            walk = FolderWalk(folder)
            for found in walk:
                if self._is_foreign(found, known):
                    os.unlink(found.name, dir_fd=found.parent)
                    removed.append(f"{walk.prefix}{found.name}")
                    continue
                os.chown(found.name, *own, dir_fd=found.parent, follow_symlinks=False)
                if stat.S_ISDIR(found.mode):
                    give_right(found.name, found.parent, stat.S_IRWXU, instead_of=_OTHERS_WRITE)
        return removed

    def _is_foreign(self, found: Found, known: set[tuple[int, int]]) -> bool:
        """Whether it is the second name of a file that is not this user's (a hard link), which the kernel may
        allow (fs.protected_hardlinks=0, or a file that the user may write)."""
        facts = found.facts
        if facts is None or facts.st_nlink == 1 or stat.S_ISDIR(facts.st_mode):
            return False
        which = (facts.st_dev, facts.st_ino)
        if facts.st_uid == self.user:
            known.add(which)
        return which not in known


def agent_account(name: str | None = None) -> Account | None:
    """The user ``name`` for agents, by default what STEPHERD_AGENT_USER says; None when that is empty.

    Raises ConfigurationError when agents cannot run as that user: never does one run as this process's own
    user because another was not to be had.
    """
    name = os.environ.get(_VARIABLE, "") if name is None else name
    if not name:
        return None
    if os.geteuid() != 0:
        raise ConfigurationError(
            f"{_VARIABLE} is '{name}', but only root can run an agent as another user.",
            remedy=f"Unset {_VARIABLE}, or start Stepherd as root.",
        )
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        raise ConfigurationError(
            f"{_VARIABLE} is '{name}', but there is no such user here.",
            remedy=f"Create it (useradd --create-home {name}), or name another user.",
        ) from None
    if entry.pw_uid == 0:
        raise ConfigurationError(
            f"{_VARIABLE} is '{name}', which is root itself.",
            remedy="Use a user without special rights.",
        )
    return Account(entry.pw_uid, entry.pw_gid)


def hide_this_process() -> None:
    """Keep other processes of this user out of /proc/PID/environ and memory (PR_SET_DUMPABLE). Linux only."""
    _control_process(_PR_SET_DUMPABLE, 0)


def adopt_orphans() -> None:
    """Become the parent of descendants that outlive theirs, so that none escapes (PR_SET_CHILD_SUBREAPER).
    Linux only; elsewhere the process group alone is ended."""
    _control_process(_PR_SET_CHILD_SUBREAPER, 1)


def leave_session_keyring() -> None:
    """Keep what this thread starts away from the kernel's keys of the session that it was started in.

    A session keyring is kept through fork, setuid and user namespaces, and whoever has it may read and
    change the keys in it (keyrings(7)): tickets of Kerberos, keys of file systems. From here on there is a
    new one, which is empty. Linux only; a kernel without keys needs nothing, nor does a filter that refuses
    all of keyctl(2). Raises ConfigurationError.
    """
    number = _KEYCTL.get(os.uname().machine)
    if not sys.platform.startswith("linux") or number is None or sys.maxsize < 1 << 32:
        return
    library = ctypes.CDLL(None, use_errno=True)
    if library.syscall(ctypes.c_long(number), ctypes.c_long(_JOIN_SESSION_KEYRING), None) >= 0:
        return
    code = ctypes.get_errno()
    if code not in (errno.ENOSYS, errno.EPERM, errno.EACCES):
        raise ConfigurationError(
            f"The agent cannot get a keyring of its own: {os.strerror(code)}.",
            remedy="See the limits of keys: cat /proc/key-users /proc/sys/kernel/keys/maxkeys",
        )


def refuse_new_privileges() -> None:
    """Let no program that is executed from here on gain rights, by being setuid or by file capabilities
    (PR_SET_NO_NEW_PRIVS). Rights that this process has, such as becoming the agent, stay. Linux only."""
    _control_process(_PR_SET_NO_NEW_PRIVS, 1)


def _control_process(option: int, value: int) -> None:
    if not sys.platform.startswith("linux"):
        return
    library = ctypes.CDLL(None, use_errno=True)
    if library.prctl(option, value, 0, 0, 0) != 0:
        raise ConfigurationError(
            f"prctl({option}, {value}) was refused: {os.strerror(ctypes.get_errno())}.",
            remedy="Run the task without a filter on prctl(2): it contains the agent.",
        )
