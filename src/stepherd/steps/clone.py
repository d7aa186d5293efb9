"""The step ``clone``: the repository as an archive of a shallow clone, so the agent needs no credentials."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, Final

from stepherd.repositories.address import Repository, parse_repository
from stepherd.repositories.branch_room import PushTarget
from stepherd.repositories.clone import clone
from stepherd.repositories.clone_submodules import clone_submodules, list_submodules
from stepherd.repositories.uncommitted import uncommitted, uncommitted_remark
from stepherd.repositories.workspace import pack
from stepherd.runs.folder import WORKSPACE, RunFolder
from stepherd.runs.result import Result
from stepherd.steps.contract import Done, StepContext
from stepherd.steps.credentials import git_credentials
from stepherd.text.enumeration import first_of
from stepherd.text.plain import one_paragraph

__all__ = ["holds", "work"]

_MOST_NAMED: Final = 20


def work(step: StepContext) -> Done:
    """Clone, pack and upload; what the push would meet is found here, before an agent is paid.

    Facts: base_commit, base_ref, default_branch, archive_bytes; and empty_submodules, the names of those that
    were not cloned, and note.
    """
    request = step.request
    workspace = step.scratch / "workspace"
    private = step.scratch / "git"
    private.mkdir()
    credentials = git_credentials(request)
    step.redactor.learn(credentials.secrets)
    known = parse_repository(request.repo, allow_local=step.allow_local)
    with ThreadPoolExecutor(1, "compare") as threads:  # Git compares the work tree while git clones.
        left_behind = _begun(threads, partial(_left_behind, known, step.scratch / "compare"))
        facts = clone(
            known,
            workspace,
            base=request.base,
            credentials=credentials,
            scratch=private,
            target=PushTarget(request.branch, request.run_id) if request.push == "branch" else None,
            # The agent's step has them from its .git; those of submodules are only here.
            files=request.submodules,
        )
    submodules = list_submodules(workspace, facts.base_commit, private)
    if request.submodules and submodules:
        clone_submodules(
            known,
            workspace,
            facts.base_commit,
            credentials=credentials,
            scratch=private,
            allow_local=step.allow_local,
        )
    archive = step.scratch / "workspace.tar.zst"
    pack(workspace, archive)
    step.folder.store.upload(archive, WORKSPACE)
    return Done(
        {
            "base_commit": facts.base_commit,
            "base_ref": facts.base_ref,
            "default_branch": facts.default_branch,
            "archive_bytes": archive.stat().st_size,
            **_noted(left_behind(), () if request.submodules else submodules),
        }
    )


def _begun(threads: ThreadPoolExecutor, work: Callable[[], str]) -> Callable[[], str]:
    """Begin ``work`` in a thread, and get its result; where none can be started it is done when asked for."""
    try:
        return threads.submit(work).result
    except RuntimeError:  # "can't start new thread"
        return work


def _left_behind(repository: Repository, scratch: Path) -> str:
    """A sentence about the files of a work tree on this machine that are not committed."""
    if repository.kind != "file":
        return ""
    scratch.mkdir()
    folder = Path(repository.path)
    return uncommitted_remark(uncommitted(folder, scratch), folder)


def _noted(left_behind: str, empty: tuple[str, ...]) -> dict[str, Any]:
    """Facts about these files and about submodules that were not cloned, for the agent and for the report."""
    if not empty:
        return {"note": left_behind} if left_behind else {}
    named = first_of(empty, _MOST_NAMED, lambda path: one_paragraph(path, 200))
    note = f"These submodules are not cloned, and their folders are empty: {named}. --submodules clones them."
    return {"empty_submodules": named, "note": f"{left_behind} {note}".lstrip()}


def holds(_before: Result, _folder: RunFolder) -> bool:
    """Always: a run works on one base, however often it is redriven."""
    return True
