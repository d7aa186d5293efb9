"""Where an agent works: a path that its session knows again, and that its account can enter.

A session speaks of paths, so agents that have one work below a folder whose name is made from the run id. So
do agents that are another user, where the task's own folder lies in one that is closed to that user, such as
the home of root. A folder that another user could have made before is not trusted.

Agents of several runs may be the same user at the same time. One is kept out of another's folders by a name
on the way to them that it cannot guess, in a folder that it cannot list.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import re
import secrets
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from stepherd.errors import StorageError
from stepherd.runs.attempts import past_attempts
from stepherd.services.removal import remove_tree

if TYPE_CHECKING:
    from stepherd.agents.contract import Agent
    from stepherd.processes.account import Account
    from stepherd.steps.contract import StepContext

__all__ = ["agent_root"]

_LOCK: Final = "lock"
_HIDDEN: Final = "agent/place.json"
"""Of an agent with a session: the name that its place has in every attempt."""
_NAME: Final = re.compile(r"[0-9a-f]{16}")


@contextmanager
def agent_root(step: StepContext, agent: Agent, account: Account | None) -> Iterator[Path]:
    """The folder below which an agent's place is built; nothing of it is left afterwards.

    Raises StorageError when there is none that ``account`` can enter.
    """
    place = _claimed(step) if agent.session_paths or not _can_enter(account, step.scratch) else None
    root, lock = place or (step.scratch, None)
    try:
        if not _can_enter(account, root):
            raise StorageError(
                f"The agent's user cannot enter {root}.",
                remedy="Set STEPHERD_WORK_FOLDER to a folder that every user can enter.",
            )
        yield root if account is None else _hidden(step, agent, root)
    finally:
        if lock is not None:
            remove_tree(root)
            os.close(lock)


def _hidden(step: StepContext, agent: Agent, root: Path) -> Path:
    """A folder in ``root`` that other agents of the same user do not find."""
    name = _hidden_name(step, agent)
    root.chmod(0o711)
    place = root / name
    place.mkdir(mode=0o700, exist_ok=not name)
    return place


def _hidden_name(step: StepContext, agent: Agent) -> str:
    """Its name; empty where an earlier version has kept a session, which speaks of paths without one."""
    if not agent.session_paths:
        return secrets.token_hex(8)
    kept = str(step.folder.read_object(_HIDDEN).get("name", ""))
    if _NAME.fullmatch(kept):
        return kept
    if any(past.session is not None for past in past_attempts(step.folder)):
        return ""
    name = secrets.token_hex(8)
    step.folder.write_object(_HIDDEN, {"name": name})
    return name


def _can_enter(account: Account | None, folder: Path) -> bool:
    """Whether every folder on the way to ``folder`` lets the account through; ``folder`` itself will."""
    return account is None or all(
        _lets_in(account, parent.stat()) for parent in Path(os.path.realpath(folder)).parents
    )


def _lets_in(account: Account, facts: os.stat_result) -> bool:
    if facts.st_uid == account.user:
        return bool(facts.st_mode & stat.S_IXUSR)
    return bool(facts.st_mode & (stat.S_IXGRP if facts.st_gid == account.group else stat.S_IXOTH))


def _claimed(step: StepContext) -> tuple[Path, int] | None:
    """A folder of this run's own and the lock on it; None when it cannot be had, or cannot be trusted.

    Another home on this machine may have a run of the same name: then the folder is named after both.
    """
    name = f"stepherd-{os.geteuid()}-{step.request.run_id}"
    of_home = hashlib.sha256(step.folder.reference.encode()).hexdigest()[:8]
    # Another user may hold all names that can be known beforehand.
    for each in (name, f"{name}-{of_home}", f"{name}-{secrets.token_hex(8)}"):
        place = _locked(_temporary() / each)
        if place is not None:
            return place
    return None


def _locked(root: Path) -> tuple[Path, int] | None:
    try:
        root.mkdir(mode=0o700, exist_ok=True)
        facts = root.lstat()
        if not stat.S_ISDIR(facts.st_mode) or facts.st_uid != os.geteuid() or facts.st_mode & 0o022:
            return None
        lock = os.open(root / _LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # An attempt that was killed has left its things behind.
        for path in root.iterdir():
            if path.name != _LOCK and not remove_tree(path):
                raise FileExistsError(
                    errno.EEXIST, "the files of an earlier attempt cannot be removed", str(path)
                )
    except OSError:
        os.close(lock)
        return None
    return root, lock


def _temporary() -> Path:
    """The machine's folder for temporary files, not the task's own, which is another at every attempt."""
    machine = Path(os.environ.get("STEPHERD_WORK_FOLDER") or "/tmp")  # noqa: S108 - checked in _locked
    return machine if machine.is_dir() else Path(tempfile.gettempdir())
