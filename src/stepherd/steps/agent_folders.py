"""The folders that an agent gets, and those that it does not."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from stepherd.processes.account import Account
from stepherd.repositories.base_copy import has_no_files, write_files
from stepherd.repositories.changes import copy_private
from stepherd.repositories.workspace import UnpackLimits, unpack
from stepherd.runs.digests import check_digest, digest_of, digest_of_files
from stepherd.runs.folder import INSTRUCTIONS, RunFolder
from stepherd.services.fresh_folders import renew_folders
from stepherd.services.removal import remove_tree
from stepherd.text.enumeration import first_of
from stepherd.text.plain import one_paragraph

__all__ = ["AgentFolders"]

_MOST_SHOWN: Final = 10


@dataclass(frozen=True, slots=True)
class AgentFolders:
    """Below ``root``: the agent's workspace, instructions, home and temporary folder; the rest is private."""

    root: Path
    foreign: list[str] = field(default_factory=list)
    """Hard links to other users' files that the agent's user had made in there; they were removed."""
    _second_names: set[tuple[int, int]] = field(default_factory=set)

    @property
    def workspace(self) -> Path:
        """The clone, in which the agent works."""
        return self.root / "workspace"

    @property
    def instructions(self) -> Path:
        """The frozen instructions of the run."""
        return self.root / "instructions"

    @property
    def home(self) -> Path:
        """An empty folder as its HOME."""
        return self.root / "home"

    @property
    def temporary(self) -> Path:
        """An empty folder as its TMPDIR."""
        return self.root / "tmp"

    @property
    def private(self) -> Path:
        """The folder that the agent cannot enter."""
        return self.root / "private"

    @property
    def private_git(self) -> Path:
        """The objects of the clone, copied before the agent started."""
        return self.private / "git"

    @property
    def scratch(self) -> Path:
        """Scratch space for git."""
        return self.private / "scratch"

    @property
    def seen_by_agent(self) -> dict[str, Path]:
        """The agent's folders by the paths at which it has them; in a sandbox, ``temporary`` is /tmp."""
        own = {os.path.realpath(folder): folder for folder in (self.workspace, self.home, self.temporary)}
        return {**own, "/tmp": self.temporary, "/var/tmp": self.temporary}  # noqa: S108 - names, not places

    @classmethod
    def build(
        cls, root: Path, folder: RunFolder, base_commit: str, instructions_digest: str | None
    ) -> AgentFolders:
        """Fetch and lay out everything, the files being those of ``base_commit``; still this process's own.

        Raises RunFolderChanged when the instructions have another digest than the execution carries; None
        accepts any.
        """
        folders = cls(root)
        folders.private.mkdir(mode=0o700)
        for path in (folders.scratch, folders.home, folders.temporary, folders.instructions):
            path.mkdir()
        archive = folders.private / "workspace.tar.zst"
        folder.fetch_workspace(archive)
        # The clone may hold links that lead outside; the agent may do with its own folder what it likes.
        unpack(archive, folders.workspace, UnpackLimits(outside_links=True))
        archive.unlink()
        copy_private(folders.workspace / ".git", folders.private_git)
        if has_no_files(folders.workspace):
            write_files(folders.workspace, folders.private_git, base_commit, folders.scratch)
        _fetch_instructions(folder, folders.instructions, instructions_digest)
        return folders

    def renew_instructions(self, folder: RunFolder, digest: str | None, more: str) -> None:
        """Lay the instructions out once more, whatever the agent did to them, with ``more`` at the end of
        instructions.md. Raises RunFolderChanged, as ``build`` does."""
        if self.instructions.is_symlink() or not self.instructions.is_dir():
            self.instructions.unlink(missing_ok=True)
        else:
            remove_tree(self.instructions)
        self.instructions.mkdir()
        _fetch_instructions(folder, self.instructions, digest)
        with (self.instructions / "instructions.md").open("a", encoding="utf-8") as file:
            file.write(f"\n\n{more}")

    def give(self, account: Account | None) -> None:
        """Give the agent's folders to its account, if it has one: nothing is written into them afterwards."""
        for folder in self._of_agent:
            folder.chmod(0o700 if account is None else 0o710)
        if account is not None:
            self.root.chmod(0o711)
            account.give(self._of_agent)
            for folder in self._of_agent:
                # Our own group may enter, because a root without CAP_DAC_OVERRIDE starts the agent in there.
                os.chown(folder, -1, os.getegid())

    def take(self, account: Account | None) -> None:
        """Take them back when no process of the agent is left: to be read by a root that may not read all."""
        if account is not None:
            self.foreign.extend(account.take(self._of_agent, self._second_names))

    def let_go(self, *, but_home: bool) -> None:
        """Put what is in the agent's folders into new ones, which no one has open: an agent may have given a
        folder of its own to a process outside its tree, over a socket. ``but_home`` leaves its home as it is.
        Raises FoldersChanged, OSError."""
        for folder in (self.workspace, self.temporary, *(() if but_home else (self.home,))):
            renew_folders(folder)

    def note(self) -> str:
        """For the report: hard links to files of others; empty when there was none."""
        if not self.foreign:
            return ""
        shown = first_of(self.foreign, _MOST_SHOWN, lambda path: one_paragraph(path, 200))
        return f"Removed, because they were hard links to files that are not the agent's: {shown}."

    @property
    def _of_agent(self) -> tuple[Path, ...]:
        return (self.workspace, self.instructions, self.home, self.temporary)


def _fetch_instructions(folder: RunFolder, destination: Path, digest: str | None) -> None:
    store, digests = folder.instructions(), dict[str, str]()
    for info in store.list():
        path = destination / info.key
        path.parent.mkdir(parents=True, exist_ok=True)
        store.download(info.key, path)
        # Of the copy that the agent gets: the one in the store may be another by now.
        digests[info.key] = digest_of(path.read_bytes())
    check_digest(digest_of_files(digests), digest, folder.address_of(INSTRUCTIONS))
