"""The submodules of a workspace, cloned as the workspace was: by our own git, without a hook, a filter or any
setting of theirs (not by ``git submodule``, which does what .gitmodules says).

A token or key goes to the hosts that it is for, and to no other that .gitmodules names: those are asked
without credentials.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from stepherd.errors import DataError, StepherdError, UsageError
from stepherd.repositories.address import Repository, parse_repository
from stepherd.repositories.binding import allowed_hosts, token_host
from stepherd.repositories.config_text import config_text
from stepherd.repositories.credentials import Access, GitCredentials
from stepherd.repositories.git import Git, Limits, create_repository
from stepherd.repositories.gitlinks import submodules_of
from stepherd.repositories.gitmodules import Module, read_modules
from stepherd.repositories.remote import Base, open_remote
from stepherd.repositories.retries import PAUSES, retrying
from stepherd.repositories.tree_size import check_tree_size
from stepherd.text.plain import one_paragraph

__all__ = ["ALLOW_LOCAL", "clone_submodules", "list_submodules"]

ALLOW_LOCAL: Final = "STEPHERD_ALLOW_LOCAL_SUBMODULES"
"""Set to 1 by a person, it allows submodules that lie on this machine, in repositories that do."""
_MOST: Final = 100
_DEEPEST: Final = 4
_PLAIN: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,80}")
_REMEDY: Final = "Run without --submodules, or correct .gitmodules."


def list_submodules(workspace: Path, commit: str, scratch: Path) -> tuple[str, ...]:
    """The folders of the submodules of ``commit``, which is checked out in ``workspace``."""
    git = Git(scratch, workspace / ".git", place="the workspace")
    return tuple(submodules_of(git, commit)[0])


def clone_submodules(
    repository: Repository,
    workspace: Path,
    commit: str,
    *,
    credentials: GitCredentials,
    scratch: Path,
    allow_local: bool,
    limits: Limits | None = None,
    pauses: Sequence[float] = PAUSES,
) -> tuple[str, ...]:
    """Clone the submodules of ``commit`` into their empty folders in ``workspace``, and theirs, down to four
    levels and a hundred in all. Returns their paths.

    ``allow_local`` allows one on this machine, where ``repository`` is on it, too. Raises DataError for one
    that cannot be cloned by its entry, and the errors of ``failures``.
    """
    cloning = _Cloning(workspace, credentials, scratch, limits or Limits(), pauses)
    # A submodule may name any private repository of this machine: git, too, asks for consent
    # (CVE-2022-39253).
    local = allow_local and repository.kind == "file" and os.environ.get(ALLOW_LOCAL) == "1"
    cloning.all_of(_Place(repository, workspace / ".git", "", commit), local, 1)
    return tuple(cloning.done)


@dataclass(frozen=True, slots=True)
class _Place:
    """A repository, where its git folder is, and where below the workspace its files are."""

    repository: Repository
    git_dir: Path
    path: str
    commit: str


@dataclass(slots=True)
class _Cloning:
    workspace: Path
    credentials: GitCredentials
    scratch: Path
    limits: Limits
    pauses: Sequence[float]
    done: list[str] = field(default_factory=list)

    def all_of(self, place: _Place, allow_local: bool, depth: int) -> None:
        git = Git(self.scratch, place.git_dir, None, Access(), self.limits, place.repository.display)
        for path, commit, module in _entries(git, place.commit):
            where = f"{place.path}{path}"
            if len(self.done) >= _MOST or depth > _DEEPEST:
                raise DataError(
                    f"There are more than {_MOST} submodules, or some are nested deeper than "
                    f"{_DEEPEST} levels.",
                    remedy=_REMEDY,
                )
            repository = _address(where, place.repository, module, allow_local)
            below = _Place(repository, self._git_dir(place, module), f"{where}/", commit)
            self._one(below, where)
            _register(place, module, repository)
            self.done.append(where)
            self.all_of(below, allow_local and repository.kind == "file", depth + 1)

    def _git_dir(self, place: _Place, module: Module) -> Path:
        """Below the git folder of the repository around it. A name that could lead elsewhere, or into the
        folder of another, is replaced."""
        plain = _PLAIN.fullmatch(module.name) and not module.name.lower().endswith(".git")
        digest = hashlib.sha256(module.name.encode("utf-8", "surrogateescape")).hexdigest()
        return place.git_dir / "modules" / (module.name if plain else f"{digest[:24]}-")

    def _one(self, place: _Place, where: str) -> None:
        folder = self.workspace / where
        _check_empty(self.workspace, where)

        def attempt() -> None:
            with open_remote(
                place.repository, self._credentials(place.repository), self.scratch, self.limits
            ) as remote:
                git = remote.git.within(place.git_dir)
                if not (place.git_dir / "HEAD").exists():
                    local = replace(git, access=Access())
                    create_repository(local, commit_id=place.commit)
                remote.fetch_commit(git, Base(place.commit, place.commit, (), None))

        try:
            retrying(attempt, self.pauses)
        except StepherdError as error:
            error.message = f"The submodule {one_paragraph(where, 200)} cannot be cloned. {error.message}"
            raise
        local = Git(self.scratch, place.git_dir, folder, Access(), self.limits, place.repository.display)
        check_tree_size(local, place.commit, self.workspace)
        self._check_out(local, place, where)

    def _check_out(self, git: Git, place: _Place, where: str) -> None:
        levels = len(place.git_dir.relative_to(self.workspace).parts)
        settings = [("core.bare", "false"), ("core.worktree", "../" * levels + where)]
        with (place.git_dir / "config").open("a", encoding="utf-8", errors="surrogateescape") as config:
            config.write(config_text(settings))
        git.run(
            "Checking out a submodule",
            "checkout",
            "--quiet",
            "--force",
            "--no-recurse-submodules",
            "--detach",
            place.commit,
            "--",
        )
        back = "../" * len(Path(where).parts) + str(place.git_dir.relative_to(self.workspace))
        (self.workspace / where / ".git").write_text(f"gitdir: {back}\n", encoding="utf-8")

    def _credentials(self, repository: Repository) -> GitCredentials:
        """The run's, where they are for that host; else none at all. A person's own are git's to choose."""
        given = self.credentials
        if given.own or (repository.kind == "ssh" and given.ssh_key is not None):
            return given
        host = token_host(repository)
        if given.token is not None and host in allowed_hosts(given.token, given.hosts, given.owner_hosts):
            return given
        return GitCredentials.none()


def _entries(git: Git, commit: str) -> Iterator[tuple[str, str, Module]]:
    links, blob = submodules_of(git, commit)
    if not links:
        return
    modules = read_modules(git, blob)
    for path, linked in links.items():
        module = (modules or {}).get(path)
        reason = "it has no entry in .gitmodules" if module is None else module.objection
        if module is None or reason is not None:
            shown = one_paragraph(path, 200)
            raise DataError(f"The submodule {shown} cannot be cloned: {reason}.", remedy=_REMEDY)
        yield path, linked, module


def _address(where: str, above: Repository, module: Module, allow_local: bool) -> Repository:
    """Where the submodule is; an address that begins with ./ or ../ stands on that of the one above."""
    url = module.url or ""
    if url.startswith(("./", "../")):
        url = _joined(above.url, url)
    try:
        repository = parse_repository(url, allow_local=allow_local)
    except UsageError as error:
        raise DataError(
            f"The submodule {one_paragraph(where, 200)} cannot be cloned. {error.message}", remedy=_REMEDY
        ) from None
    return repository


def _joined(base: str, relative: str) -> str:
    base = base.rstrip("/")
    while relative.startswith(("./", "../")):
        if relative.startswith("../"):
            head, slash, _ = base.rpartition("/")
            if not slash or head.endswith((":/", "/")) or not head:
                scp, colon, _ = base.rpartition(":")
                if not colon or slash:
                    return relative  # It leads out of everything, and is refused as it is.
                base, relative = f"{scp}:", relative[3:]
                continue
            base = head
            relative = relative[3:]
        else:
            relative = relative[2:]
    return f"{base}{relative}" if base.endswith(":") else f"{base}/{relative}"


def _check_empty(workspace: Path, where: str) -> None:
    """The way to the folder leads over no link, and nothing is in it."""
    here = workspace
    for part in Path(where).parts:
        here = here / part
        if here.is_symlink() or not here.is_dir():
            break
    else:
        if not any(here.iterdir()):
            return
    shown = one_paragraph(where, 200)
    raise DataError(f"The folder of the submodule {shown} does not exist or is not empty.", remedy=_REMEDY)


def _register(place: _Place, module: Module, repository: Repository) -> None:
    """So that ``git submodule`` in the workspace knows of it. A folder on this machine is not named."""
    settings = [(f"submodule.{module.name}.active", "true")]
    if repository.kind != "file":
        settings.append((f"submodule.{module.name}.url", repository.display))
    with (place.git_dir / "config").open("a", encoding="utf-8", errors="surrogateescape") as config:
        config.write(config_text(settings))
