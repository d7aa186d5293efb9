"""A repository on this machine's disk, reached without its configuration and its hooks (decision 0010).

An agent of the same user, or whoever else may write there, can name programs in a local repository: hooks,
``core.fsmonitor``, ``core.alternateRefsCommand``, a promisor remote with an ``uploadpack`` of its own. Git
runs ``upload-pack`` and ``receive-pack`` in such a repository, and clears ``-c`` for them. So git gets a
*view*: a private folder that looks like the repository (its objects, refs, HEAD), has a configuration that is
written here, and no hooks. Settings that change only how files are written are taken over.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from stepherd.errors import ConfigurationError, DataError
from stepherd.remedies import RUN, Remedy
from stepherd.repositories.config_text import config_text
from stepherd.repositories.git import LARGE_FILE, Git
from stepherd.repositories.own import own_home

__all__ = ["LocalRepository", "open_local"]

_DECIDING: Final = ("pre-receive", "update", "proc-receive")
"""Hooks that may refuse or rewrite a push: going around them would go around somebody's policy."""
_TELLING: Final = ("reference-transaction", "post-receive", "post-update", "push-to-checkout")
"""Hooks that a push would run as well."""
_TAKEN_OVER: Final = {
    "core.bare": r"true|false",
    "core.sharedrepository": r"[a-z]+|0?[0-7]{3,4}",
    "core.logallrefupdates": r"true|false|always",
    "extensions.objectformat": r"sha1|sha256",
    "extensions.refstorage": r"files|reftable",
    "receive.denycurrentbranch": r"true|false|refuse|warn|ignore",
    "receive.maxinputsize": r"[0-9]+[kmg]?",
}
_ALLOWING: Final = frozenset({"warn", "ignore", "false"})
_OURS: Final = (
    ("core.alternateRefsCommand", ":"),  # a shell's no-op: git would start itself in each alternate
    ("receive.autogc", "false"),  # a view does not know all that keeps an object alive, such as an index
    ("core.bigFileThreshold", str(LARGE_FILE)),
)
# Shared with the repository. A link may dangle: a file that git makes later is then made in the repository.
_LINKED: Final = ("objects", "refs", "packed-refs", "shallow", "reftable", "worktrees", "logs")
_MAY_DANGLE: Final = frozenset({"packed-refs", "shallow"})
_MOST_BYTES: Final = 8192


@dataclass(frozen=True, slots=True)
class LocalRepository:
    """Where the parts of a repository are, and its own settings (names in lower case)."""

    folder: Path
    git_dir: Path
    common_dir: Path
    """Other than ``git_dir`` in a linked worktree: where objects, refs and hooks are."""
    settings: Mapping[str, str]

    def make_view(self, view: Path, *, for_push: bool) -> None:
        """Make ``view`` (absent yet) a git directory that is this repository, as said above.

        For a push HEAD is that of the main worktree, so that git refuses what is checked out there, too.
        """
        view.mkdir(mode=0o700)
        head = _read_line((self.common_dir if for_push else self.git_dir) / "HEAD")
        (view / "HEAD").write_bytes(os.fsencode(head) + b"\n")
        for name in _LINKED:
            if name in _MAY_DANGLE or (self.common_dir / name).exists():
                (view / name).symlink_to(self.common_dir / name)
        (view / "config").write_text(config_text(self._view_settings()), encoding="utf-8")

    def checked_out(self) -> frozenset[str]:
        """The refs that work trees have checked out, and that ``receive-pack`` therefore does not move in a
        view; none where ``receive.denyCurrentBranch`` allows it."""
        view = {key.lower(): value.lower() for key, value in self._view_settings()}
        if view.get("receive.denycurrentbranch") in _ALLOWING:
            return frozenset()
        heads = [] if view.get("core.bare") == "true" else [self.common_dir / "HEAD"]
        heads += sorted((self.common_dir / "worktrees").glob("*/HEAD"))
        targets = (_read_line(head) for head in heads if head.is_file())
        return frozenset(
            target.removeprefix("ref:").strip() for target in targets if target.startswith("ref:")
        )

    def check_writable(self) -> None:
        """Raises ConfigurationError where a push could not store anything, as far as modes tell it.

        A container has the repository mounted for reading until it pushes: that says nothing of the push.
        """
        rooms = [self.common_dir / name for name in ("objects", "refs")]
        closed = [
            room
            for room in rooms
            if not os.access(room, os.W_OK | os.X_OK) and not os.statvfs(room).f_flag & os.ST_RDONLY
        ]
        if closed:
            raise ConfigurationError(
                f"{closed[0]} cannot be written, so nothing can be pushed there.",
                remedy="Ask its owner for permission to write, or run with --push none.",
            )

    def unrun_hooks(self) -> tuple[str, ...]:
        """The hooks that a push of git would run, and that are not run. Raises ConfigurationError for one
        that may refuse a push."""
        there = [name for name in (*_DECIDING, *_TELLING) if _is_program(self._hooks() / name)]
        deciding = [name for name in there if name in _DECIDING]
        if deciding:
            raise ConfigurationError(
                f"{self.folder} has the hook {deciding[0]}, which could refuse a push. Stepherd "
                "runs no hooks "
                "of a repository on this machine, and does not push past one.",
                remedy=Remedy(
                    "Run with --push none, bring the work into another clone with '",
                    ("pull", RUN),
                    "' and push it with git; or remove the hook, and start again.",
                ),
            )
        return tuple(there)

    def _view_settings(self) -> list[tuple[str, str]]:
        found = {name: self.settings.get(name, "") for name in _TAKEN_OVER}
        found["core.bare"] = found["core.bare"] or str(self.common_dir == self.folder).lower()
        taken = [
            (key, found[key]) for key, form in _TAKEN_OVER.items() if re.fullmatch(form, found[key], re.I)
        ]
        version = "1" if any(key.startswith("extensions.") for key, _ in taken) else "0"
        return [("core.repositoryFormatVersion", version), *taken, *_OURS]

    def _hooks(self) -> Path:
        path = self.settings.get("core.hookspath", "")
        if path.startswith("~/"):
            return own_home() / path[2:]
        return self.git_dir / path if path else self.common_dir / "hooks"


def open_local(folder: Path, git: Git) -> LocalRepository:
    """The repository whose top is ``folder``. Git reads its configuration, which runs nothing of it.

    Raises ConfigurationError when it belongs to somebody whom git does not trust (safe.directory), and
    DataError when it cannot be read.
    """
    found = replace(git, git_dir=folder, discover=True)
    ceiling = {"GIT_CEILING_DIRECTORIES": str(folder.parent)}
    finished = found.attempt(
        "Reading the settings", "config", "--local", "--includes", "--null", "--list", environment=ceiling
    )
    if finished.code != 0:
        # Its own words are about the option alone: this command says what is wrong with the repository.
        found.run("Opening", "rev-parse", "--git-dir", environment=ceiling)
    try:
        git_dir = _git_dir(folder)
        common = git_dir / _read_line(git_dir / "commondir") if (git_dir / "commondir").is_file() else git_dir
        return LocalRepository(folder, git_dir, Path(os.path.realpath(common)), _parse(finished.out))
    except OSError as error:
        raise DataError(f"The repository {folder} cannot be read: {error.strerror}.") from error


def _git_dir(folder: Path) -> Path:
    inside = folder / ".git"
    if inside.is_file():
        inside = folder / _read_line(inside).removeprefix("gitdir:").strip()
    elif not inside.is_dir():
        inside = folder
    return Path(os.path.realpath(inside))


def _read_line(path: Path) -> str:
    with path.open("rb") as file:
        return os.fsdecode(file.read(_MOST_BYTES).partition(b"\n")[0])


def _parse(listing: bytes) -> dict[str, str]:
    """Settings of ``git config --null --list``; of several values the last, a setting without '=' is true."""
    entries = (entry.partition("\n") for entry in listing.decode("utf-8", "replace").split("\0") if entry)
    return {key: value if separator else "true" for key, separator, value in entries}


def _is_program(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)
