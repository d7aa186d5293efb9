"""What an agent keeps between the attempts of a run: its session, its changes, and the path of its workspace.

A session speaks of paths, so agents that have one work below a folder whose name is made from the run id. Who
else could have made that folder before is not trusted: then it is a folder of any name, as for other agents.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from stepherd.engine.runner_choice import SANDBOXED
from stepherd.errors import StepherdError
from stepherd.runs.folder import BUNDLE, SESSION
from stepherd.services.store import ObjectNotFound

if TYPE_CHECKING:
    from stepherd.agents.contract import Agent
    from stepherd.services.redaction import Redactor
    from stepherd.steps.agent_place import Place
    from stepherd.steps.contract import StepContext

__all__ = ["agent_root", "keep_session", "restore_session"]

MOST_BYTES: Final = 64 * 1024 * 1024
_MOST_ENTRIES: Final = 20_000
_LOCK: Final = "lock"


@contextmanager
def agent_root(step: StepContext, agent: Agent) -> Iterator[Path]:
    """The folder below which an agent's place is built; nothing of it is left afterwards."""
    # A task's own folder may be below a home that the agent's account cannot enter, as its sandbox must.
    elsewhere = bool(agent.session_paths) or (SANDBOXED in os.environ and os.geteuid() == 0)
    place = _claimed(step.request.run_id) if elsewhere else None
    if place is None:
        yield step.scratch
        return
    root, lock = place
    try:
        yield root
    finally:
        shutil.rmtree(root, ignore_errors=True)
        os.close(lock)


def restore_session(step: StepContext, agent: Agent, place: Place, base_commit: str) -> bool:
    """Put back what an earlier attempt left: its session below home, its changes in the workspace. Whether
    there is a session to resume; what cannot be put back is said on stderr, and the agent begins anew."""
    if not agent.session_paths:
        return False
    archive, bundle = place.private / "session.tar.zst", place.private / "before.bundle"
    try:
        step.folder.store.download(SESSION, archive)
        _unpack(archive, agent, place)
        try:
            step.folder.store.download(BUNDLE, bundle)
        except ObjectNotFound:
            return True
        from stepherd.repositories.replay import replay_changes

        replay_changes(place.workspace, place.private_git, base_commit, bundle, place.scratch)
    except ObjectNotFound:
        return False
    except StepherdError as error:
        from stepherd.steps.execution import say

        say(f"The agent's session cannot be resumed. {step.redactor.mask(str(error))}")
        for path in agent.session_paths:
            shutil.rmtree(place.home / path, ignore_errors=True)
        return False
    return True


def keep_session(step: StepContext, agent: Agent, place: Place, redactor: Redactor) -> str | None:
    """Pack the agent's session into the run folder, without the secrets that the agent printed or read.

    Returns why it is not kept, when it is not.
    """
    if not agent.session_paths:
        return None
    from stepherd.repositories.workspace import pack

    staging, archive = place.private / "session", place.private / "session-kept.tar.zst"
    shutil.rmtree(staging, ignore_errors=True)
    for path in agent.session_paths:
        source = place.home / path
        # The agent owned this: a link could lead to another's files.
        if source.resolve() == place.home.resolve() / path and source.exists():
            (staging / path).parent.mkdir(parents=True, exist_ok=True)
            source.rename(staging / path)
    if not staging.exists():
        return None
    try:
        if _is_too_much(staging):
            return f"The agent's session is not kept: it is larger than {MOST_BYTES >> 20} MiB."
        _mask(staging, redactor)
        pack(staging, archive)
    except (StepherdError, OSError) as error:
        return f"The agent's session is not kept: {error}"
    step.folder.store.upload(archive, SESSION)
    return None


def _unpack(archive: Path, agent: Agent, place: Place) -> None:
    from stepherd.repositories.workspace import UnpackLimits, unpack

    session = place.private / "session"
    unpack(archive, session, UnpackLimits(entries=_MOST_ENTRIES, total_bytes=2 * MOST_BYTES))
    for path in agent.session_paths:
        if (session / path).exists():
            (place.home / path).parent.mkdir(parents=True, exist_ok=True)
            (session / path).rename(place.home / path)


def _mask(folder: Path, redactor: Redactor) -> None:
    """A session is text: what its tools printed, with whatever the agent let them print. What is named after
    a secret, or is a link to such a name, is left out."""
    for where, folders, names in os.walk(folder, topdown=False):
        for path in (Path(where, name) for name in (*names, *folders)):
            named = path.name + (str(path.readlink()) if path.is_symlink() else "")
            if redactor.spans(os.fsencode(named)):
                path.unlink() if path.is_symlink() or not path.is_dir() else shutil.rmtree(path)
                continue
            if path.is_symlink() or not path.is_file():
                continue  # Packed as the link that it is, or not at all.
            before, stream = path.read_bytes(), redactor.stream()
            after = stream.feed(before) + stream.flush()
            if after != before:
                path.write_bytes(after)


def _is_too_much(folder: Path) -> bool:
    size = entries = 0
    for where, folders, names in os.walk(folder):
        entries += len(folders) + len(names)
        size += sum(Path(where, name).lstat().st_size for name in names)
        if size > MOST_BYTES or entries > _MOST_ENTRIES:
            return True
    return False


def _claimed(run_id: str) -> tuple[Path, int] | None:
    """A folder of this run's own and the lock on it; None when it cannot be had, or cannot be trusted."""
    root = _temporary() / f"stepherd-{os.geteuid()}-{run_id}"
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
            if path.name != _LOCK:
                shutil.rmtree(path)
    except OSError:
        os.close(lock)
        return None
    return root, lock


def _temporary() -> Path:
    """The machine's folder for temporary files, not the task's own, which is another at every attempt."""
    machine = Path(os.environ.get("STEPHERD_WORK_FOLDER") or "/tmp")  # noqa: S108 - checked in _claimed
    return machine if machine.is_dir() else Path(tempfile.gettempdir())
