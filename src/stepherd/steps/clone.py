"""The step ``clone``: the repository as an archive of a shallow clone, so the agent needs no credentials."""

from __future__ import annotations

from stepherd.repositories.address import parse_repository
from stepherd.repositories.branch_room import PushTarget
from stepherd.repositories.clone import clone
from stepherd.repositories.workspace import pack
from stepherd.runs.folder import WORKSPACE, RunFolder
from stepherd.runs.result import Result
from stepherd.steps.contract import Done, StepContext
from stepherd.steps.credentials import git_credentials

__all__ = ["holds", "work"]


def work(step: StepContext) -> Done:
    """Clone, pack and upload; what the push would meet is found here, before an agent is paid.

    Facts: base_commit, base_ref, default_branch, archive_bytes.
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
        }
    )


def holds(_before: Result, _folder: RunFolder) -> bool:
    """Always: a run works on one base, however often it is redriven."""
    return True
