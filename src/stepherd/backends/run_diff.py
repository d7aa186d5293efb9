"""The changes of a run, as git shows them: its bundle against the commit that it began with."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from stepherd.backends.prepared import request_digest
from stepherd.backends.pulling import no_work, top_of
from stepherd.cloud.contexts import LOCAL
from stepherd.errors import NotFoundError, StepherdError
from stepherd.remedies import joined
from stepherd.repositories.address import Repository, parse_repository
from stepherd.repositories.bundle import take_bundle
from stepherd.repositories.credentials import GitCredentials
from stepherd.repositories.git import Git, create_repository
from stepherd.repositories.handed_base import take_packs
from stepherd.repositories.push import base_named
from stepherd.repositories.refs import is_commit_id
from stepherd.repositories.remote import open_remote
from stepherd.repositories.scratch import private_folder
from stepherd.runs.attempts import read_agent
from stepherd.runs.folder import RunFolder, run_folder
from stepherd.runs.ids import check_run_id
from stepherd.services.secrets.opening import read_secret
from stepherd.steps.left_out import left_out_of
from stepherd.steps.push import base_of

if TYPE_CHECKING:
    from stepherd.backends.backend import Backend

__all__ = ["DiffFacts", "show_diff"]

_PLAIN: Final = ("--no-color", "--no-ext-diff", "--no-textconv", "--find-renames", "--submodule=short")
_IN_A_CLONE: Final = "Change into a clone of the repository that has it, then give the same command."


@dataclass(frozen=True, slots=True)
class DiffFacts:
    """The commit that a run began with, and what of its work is not in the diff, in words."""

    base_commit: str
    left_out: tuple[str, ...] = ()


def show_diff(
    backend: Backend, home: Path, run_id: str, sink: Callable[[bytes], None], *, stat: int | None = None
) -> DiffFacts | None:
    """Give the diff of a run against its base to ``sink``, in pieces of bytes; with ``stat`` a line for each
    file, in so many columns. None for a run that changed nothing.

    Git compares in a repository of its own. The base is taken from the run's clone while that is kept, else
    from the clone that this process is in, or the run's repository. Raises NotFoundError where it is in none
    of them, and what ``no_work`` gives.
    """
    folder = run_folder(backend.store(), check_run_id(run_id))
    agent = read_agent(folder)
    if agent is None:
        raise no_work(backend, run_id)
    if not agent.facts.get("bundle"):
        return None
    base_commit, base_ref = base_of(agent, folder)
    with private_folder(home, "diff") as scratch:
        git = Git(scratch, scratch / "diff.git", place=f"the changes of {run_id}")
        git = replace(git, limits=git.limits.of_hostile())
        create_repository(git, commit_id=base_commit)
        _bring_base(git, folder, base_commit, base_ref, _sources(backend, folder, run_id))
        bundle = scratch / "changes.bundle"
        folder.store.download(str(agent.facts["bundle"]), bundle)
        work = take_bundle(git, bundle, base_commit)
        changed = work.changes or work.everything
        if changed is None:
            return None
        how = ("--patch",) if stat is None else (f"--stat={stat}", "--stat-count=1000", "--summary")
        git.run("Comparing", "diff", *_PLAIN, *how, "--end-of-options", base_commit, changed, sink=sink)
    return DiffFacts(base_commit, tuple(map(str, left_out_of(agent.facts))))


Source = Callable[[], tuple[Repository, GitCredentials]]
"""A repository that may have the base, opened when it is asked for. Raises StepherdError for one that cannot
be opened."""


def _bring_base(
    git: Git, folder: RunFolder, base_commit: str, base_ref: str, sources: Iterable[Source]
) -> None:
    said = ""
    if is_commit_id(base_commit):
        if take_packs(git, base_commit, folder.fetch_workspace):
            return
        for source in sources:
            try:
                repository, credentials = source()
                with open_remote(repository, credentials, git.scratch) as remote:
                    remote.fetch_commit(remote.git.within(git.git_dir), base_named(base_commit, base_ref))
                    return
            except StepherdError as error:
                said = error.message
    words = f"The commit {base_commit[:12]} that the run began with is not found."
    raise NotFoundError(joined(words, said), remedy=_IN_A_CLONE)


def _sources(backend: Backend, folder: RunFolder, run_id: str) -> Iterable[Source]:
    """Where the base may be, the nearest first."""

    def this_clone() -> tuple[Repository, GitCredentials]:
        return parse_repository(top_of(Path())), GitCredentials()

    def of_the_run() -> tuple[Repository, GitCredentials]:
        request = folder.read_request(request_digest(backend, run_id))
        here = backend.context == LOCAL  # A stack's secrets are not this machine's: git's own have to do.
        secret = read_secret(request.git_credentials or "") if here else None
        owner = (request.git_token_host,)
        return parse_repository(request.repo), GitCredentials.from_secret(secret, owner_hosts=owner)

    return this_clone, of_the_run
