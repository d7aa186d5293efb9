"""An agent's memory between the attempts of a run: its session and its changes."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Final

from stepherd.errors import DataError, NotFoundError, StepherdError, StorageError
from stepherd.remedies import Remedy
from stepherd.repositories.replay import replay_changes
from stepherd.repositories.workspace import UnpackLimits, pack, unpack
from stepherd.services.fresh_folders import renew_folders
from stepherd.services.removal import remove_tree
from stepherd.steps.execution import say

if TYPE_CHECKING:
    from stepherd.agents.contract import Agent
    from stepherd.services.redaction import Redactor
    from stepherd.steps.agent_folders import AgentFolders
    from stepherd.steps.contract import StepContext

__all__ = ["keep_session", "restore_session", "restore_work"]

MOST_BYTES: Final = 64 * 1024 * 1024
_MOST_ENTRIES: Final = 20_000
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def restore_work(step: StepContext, folders: AgentFolders, base_commit: str, bundle: str) -> None:
    """Put the work that lies in the run folder as ``bundle`` into the workspace. The files there look as if
    the agent had just written them. Raises DataError: without it, the next attempt's commit would take that
    work away again."""
    before = folders.private / "before.bundle"
    try:
        step.folder.store.download(bundle, before)
        fetch = step.folder.fetch_content
        replay_changes(folders.workspace, folders.private_git, base_commit, before, folders.scratch, fetch)
    except (NotFoundError, DataError) as error:
        raise DataError(
            f"The work so far, {step.folder.address_of(bundle)}, cannot be restored: {error.message}",
            remedy=Remedy("Nothing was changed. Start again with: ", ("run",)),
        ) from None
    before.unlink()


def restore_session(step: StepContext, agent: Agent, folders: AgentFolders, session: str | None) -> bool:
    """Put back the session that lies in the run folder as ``session``. Whether there is one to resume; one
    that cannot be put back is said on stderr, and the agent does not remember what it did."""
    if not agent.session_paths or session is None:
        return False
    archive = folders.private / "session.tar.zst"
    try:
        step.folder.store.download(session, archive)
        _unpack(archive, agent, folders)
    except StepherdError as error:
        say(f"The agent's session cannot be resumed. {step.redactor.mask(str(error))}")
        for path in agent.session_paths:
            remove_tree(folders.home / path)
        return False
    return True


def keep_session(
    step: StepContext, agent: Agent, folders: AgentFolders, redactor: Redactor, key: str
) -> str | None:
    """Pack the agent's session into the run folder as ``key``, without the secrets that it printed or read.

    Returns why it is not kept, when it is not.
    """
    if not agent.session_paths:
        return None
    staging, archive = folders.private / "session", folders.private / "session-kept.tar.zst"
    remove_tree(staging)
    try:
        for path in agent.session_paths:
            (staging / path).parent.mkdir(parents=True, exist_ok=True)
            _take(folders.home, path, staging / path)
        if not any((staging / path).exists() for path in agent.session_paths):
            return None
        renew_folders(staging)  # An agent may have given these folders to others.
        if _is_too_much(staging):
            return f"The agent's session is not kept: it is larger than {MOST_BYTES >> 20} MiB."
        _mask(staging, redactor)
        pack(staging, archive)
    except (StepherdError, OSError) as error:
        return f"The agent's session is not kept: {error}"
    step.folder.store.upload(archive, key)
    return None


def _take(home: Path, path: str, place: Path) -> None:
    """Move the folder ``path`` of ``home`` to ``place``, if it is there and no link is on the way.

    The agent owned this, and whoever it or the verify command let in may put a link into the way at any
    moment: it could lead to another's files. So each folder on the way is held open.
    """
    *above, name = path.split("/")
    here = os.open(home, _FOLDER)
    try:
        for part in above:
            inner = os.open(part, _FOLDER, dir_fd=here)
            os.close(here)
            here = inner
        if stat.S_ISDIR(os.stat(name, dir_fd=here, follow_symlinks=False).st_mode):
            os.rename(name, place, src_dir_fd=here)
    except (FileNotFoundError, NotADirectoryError):
        return
    finally:
        os.close(here)


def _unpack(archive: Path, agent: Agent, folders: AgentFolders) -> None:
    session = folders.private / "session"
    unpack(archive, session, UnpackLimits(entries=_MOST_ENTRIES, total_bytes=2 * MOST_BYTES))
    for path in agent.session_paths:
        if (session / path).exists():
            (folders.home / path).parent.mkdir(parents=True, exist_ok=True)
            (session / path).rename(folders.home / path)


def _mask(folder: Path, redactor: Redactor) -> None:
    """Mask secrets in the files of a session, which is text: it has everything that tools printed. A file
    that is named after a secret, or is a link to such a name, is left out."""
    for where, folders, names in os.walk(folder, topdown=False):
        for path in (Path(where, name) for name in (*names, *folders)):
            named = path.name + (str(path.readlink()) if path.is_symlink() else "")
            if redactor.spans(os.fsencode(named)):
                _leave_out(path)
                continue
            if path.is_symlink() or not path.is_file():
                continue  # Packed as the link that it is, or not at all.
            before, stream = path.read_bytes(), redactor.stream()
            after = stream.feed(before) + stream.flush()
            if after != before:
                path.write_bytes(after)


def _leave_out(path: Path) -> None:
    if path.is_symlink() or not path.is_dir():
        path.unlink()
    elif not remove_tree(path):
        raise StorageError("It contains a folder that cannot be removed.")


def _is_too_much(folder: Path) -> bool:
    size = entries = 0
    for where, folders, names in os.walk(folder):
        entries += len(folders) + len(names)
        size += sum(Path(where, name).lstat().st_size for name in names)
        if size > MOST_BYTES or entries > _MOST_ENTRIES:
            return True
    return False
