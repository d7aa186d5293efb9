"""A shallow workspace of one commit: no hooks, no template, no submodules, no filters, no tags."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stepherd.errors import CannotCreateError, StorageError
from stepherd.repositories.address import Repository
from stepherd.repositories.branch_room import PushTarget
from stepherd.repositories.config_text import config_text
from stepherd.repositories.credentials import Access, GitCredentials
from stepherd.repositories.git import Git, Limits
from stepherd.repositories.push_right import checking_push_right
from stepherd.repositories.refs import check_ref
from stepherd.repositories.remote import Base, Remote, open_remote
from stepherd.repositories.retries import PAUSES, retrying
from stepherd.repositories.tree_size import check_tree_size
from stepherd.services.removal import remove_tree

__all__ = ["CloneFacts", "clone"]

# An agent that pushes by itself reads this in git's error.
_NO_PUSH: Final = "/dev/null/stepherd-pushes-when-the-agent-is-done"
# A repository on this machine is named, for agents that ask what they work on, but not where it is.
_NOWHERE: Final = "/dev/null"


@dataclass(frozen=True, slots=True)
class CloneFacts:
    """The commit checked out, the branch, tag or id that named it, and the remote's default branch."""

    base_commit: str
    base_ref: str
    default_branch: str | None


def clone(
    repository: Repository,
    destination: Path,
    *,
    base: str | None,
    credentials: GitCredentials,
    scratch: Path,
    target: PushTarget | None = None,
    limits: Limits | None = None,
    pauses: Sequence[float] = PAUSES,
    files: bool = True,
) -> CloneFacts:
    """Clone ``base`` (None: the default branch) into ``destination``, which must be absent or empty.

    A transfer that dies is tried again after each of ``pauses`` (seconds), every time into a clean folder;
    ``destination`` appears only when it is whole. With a ``target`` a push that would be refused is refused
    now: its refs are asked for together with the base, its right while the commit is fetched. Without
    ``files`` there is only the ``.git``, and no index in it (``base_copy`` writes both). Raises the
    errors of ``failures`` and of ``PushTarget.check``, and CannotCreateError when ``destination`` holds
    something.
    """
    if destination.exists() and any(destination.iterdir()):
        raise CannotCreateError(f"The folder {destination} is not empty.", remedy="Give a fresh folder.")
    if base is not None:
        check_ref(base)
    partial = destination.with_name(destination.name + ".partial")

    def attempt() -> CloneFacts:
        remove_tree(partial)
        with open_remote(repository, credentials, scratch, limits) as remote:
            return _clone_once(remote, partial, base, target, files=files)

    try:
        facts = retrying(attempt, pauses)
        if destination.exists():
            destination.rmdir()
        partial.rename(destination)
    except OSError as error:
        raise StorageError(
            f"The workspace {destination} could not be written: {error.strerror}.",
            remedy="Free some space, or point STEPHERD_HOME at another disk.",
        ) from error
    finally:
        remove_tree(partial)
    return facts


def _clone_once(
    remote: Remote, folder: Path, base: str | None, target: PushTarget | None, *, files: bool
) -> CloneFacts:
    found, listing = remote.find_base(base, *(target.refs if target else ()))
    if target is not None:
        target.check(remote, listing, found)
    git = remote.git.within(folder / ".git", folder)
    _create(git, folder, found)
    with checking_push_right(remote) if target is not None else nullcontext():
        remote.fetch_commit(git, found)
    # From here on git needs no remote: without access, nothing in the tree can make it reach for one.
    local = Git(git.scratch, git.git_dir, folder, Access(), git.limits, git.place)
    check_tree_size(local, found.commit, folder)
    _check_out(local, remote.repository, found, files=files)
    return CloneFacts(found.commit, found.name, found.default_branch)


def _create(git: Git, folder: Path, base: Base) -> None:
    kind = "sha256" if len(base.commit) == 64 else "sha1"
    folder.mkdir(parents=True)
    git.run(
        "Making the workspace",
        "init",
        "--quiet",
        "--template=",
        "--initial-branch=stepherd-empty",
        f"--object-format={kind}",
        str(folder),
    )


def _origin(repository: Repository) -> str:
    if repository.kind != "file":
        return repository.display
    return f"{_NOWHERE}/{Path(repository.path).name}"


def _check_out(git: Git, repository: Repository, base: Base, *, files: bool) -> None:
    settings = [("remote.origin.url", _origin(repository)), ("remote.origin.pushurl", _NO_PUSH)]
    ref = base.refs[0] if base.refs else ""
    if ref.startswith("refs/heads/"):
        git.run("Naming the base", "update-ref", f"refs/remotes/origin/{base.name}", base.commit)
        settings += [
            ("remote.origin.fetch", f"+{ref}:refs/remotes/origin/{base.name}"),
            (f"branch.{base.name}.remote", "origin"),
            (f"branch.{base.name}.merge", ref),
        ]
        place = ["-B", base.name, base.commit]
        heads = [["symbolic-ref", "HEAD", ref], ["update-ref", "HEAD", base.commit]]
    else:
        place = ["--detach", base.commit]
        heads = [["update-ref", "--no-deref", "HEAD", base.commit]]
    with (git.git_dir / "config").open("a", encoding="utf-8", errors="surrogateescape") as config:
        config.write(config_text(settings))
    if files:
        git.run("Checking out", "checkout", "--quiet", "--force", "--no-recurse-submodules", *place, "--")
        return
    for words in heads:
        git.run("Naming the base", *words)
