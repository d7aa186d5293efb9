"""The step ``clone``: the repository as an archive of a shallow clone, so the agent needs no credentials."""

from __future__ import annotations

from typing import Any, Final

from stepherd.repositories.address import parse_repository
from stepherd.repositories.branch_room import PushTarget
from stepherd.repositories.clone import clone
from stepherd.repositories.clone_submodules import clone_submodules, list_submodules
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
    were not cloned.
    """
    request = step.request
    workspace = step.scratch / "workspace"
    private = step.scratch / "git"
    private.mkdir()
    credentials = git_credentials(request)
    step.redactor.learn(credentials.secrets)
    facts = clone(
        parse_repository(request.repo, allow_local=step.allow_local),
        workspace,
        base=request.base,
        credentials=credentials,
        scratch=private,
        target=PushTarget(request.branch, request.run_id) if request.push == "branch" else None,
        # The agent's step has them from its .git; those of submodules are only here.
        files=request.submodules,
    )
    known = parse_repository(request.repo, allow_local=step.allow_local)
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
            **({} if request.submodules or not submodules else _empty(submodules)),
        }
    )


def _empty(submodules: tuple[str, ...]) -> dict[str, Any]:
    """Facts about submodules that were not cloned, for the agent and for the reader of the report."""
    named = first_of(submodules, _MOST_NAMED, lambda path: one_paragraph(path, 200))
    note = f"These submodules are not cloned, and their folders are empty: {named}. --submodules clones them."
    return {"empty_submodules": named, "note": note}


def holds(_before: Result, _folder: RunFolder) -> bool:
    """Always: a run works on one base, however often it is redriven."""
    return True
