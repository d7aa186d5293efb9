"""Recording what an agent changed: a bundle in the run folder, and the facts about it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Final

from stepherd.errors import StepherdError
from stepherd.repositories.agent_lines import OtherWork
from stepherd.repositories.changes import Changes, record_changes
from stepherd.repositories.filtered import Content
from stepherd.repositories.scan import ChangesBlocked, Finding
from stepherd.runs.folder import LFS_CONTENTS
from stepherd.runs.result import Result
from stepherd.steps.agent_place import Place
from stepherd.steps.contract import Done, StepContext
from stepherd.steps.other_work import other_facts
from stepherd.text.plain import one_paragraph

__all__ = ["check_not_blocked", "keep_changes"]

_MOST_FILES: Final = 1000
_MOST_NOTES: Final = 20
_MOST_IGNORED: Final = 5


def keep_changes(step: StepContext, place: Place, base_commit: str, key: str) -> Done:
    """Record the workspace and upload the bundle as ``key``, also when it must not be pushed.

    Facts: bundle (its key, None without a change), files, totals {files, added, deleted}, automation (the
    changed files that run by themselves: path and what they are), and blocked: what must not be pushed, which
    only this step can tell where it is a secret of the agent's. Where the bundle has nothing that is to be
    pushed, nothing_to_push, and ignored {count, names}. And those of ``other_facts``.
    """
    bundle = place.private / "changes.bundle"

    def keep(content: Content) -> None:
        step.folder.store.upload(place.workspace / content.path, f"{LFS_CONTENTS}/{content.pointer.oid}")

    error: StepherdError | None = None
    other: OtherWork | None = None
    facts: dict[str, Any] = {"files": [], "totals": _totals(None)}
    try:
        changes = record_changes(
            place.workspace,
            place.private_git,
            base_commit,
            bundle,
            place.scratch,
            known_secrets=step.redactor.known,
            refuse_automation=step.request.automation_changes == "refuse",
            keep=keep,
            folders=place.seen_by_agent,
            keep_commits=step.request.commits == "keep",
        )
        other = changes.other
        facts = {"files": _files(changes), "totals": _totals(changes)}
        if changes.notes:
            facts["note"] = " ".join(changes.notes[:_MOST_NOTES])
        if changes.commit is None:
            facts |= _nothing_to_push(changes)
        if changes.automation:
            facts["automation"] = [asdict(found) for found in changes.automation[:_MOST_FILES]]
    except ChangesBlocked as blocked:
        error, other = blocked, blocked.other
        facts["blocked"] = [asdict(finding) for finding in blocked.findings]
    if bundle.exists():
        step.folder.store.upload(bundle, key)
        facts["bundle"] = key
    return Done({**facts, **other_facts(other)}, error)


def _nothing_to_push(changes: Changes) -> dict[str, Any]:
    facts: dict[str, Any] = {"nothing_to_push": True}
    if changes.ignored:
        names = [one_paragraph(name, 200) for name in changes.ignored[:_MOST_IGNORED]]
        facts["ignored"] = {"count": len(changes.ignored), "names": names}
    return facts


def check_not_blocked(agent: Result) -> None:
    """Raises ChangesBlocked when the agent's step found what must not be pushed.

    Whoever pushes or pulls knows the shapes of keys, but not the agent's own.
    """
    found = agent.facts.get("blocked") or ()
    # What a request refuses to push is no reason to keep it from a clone; the push looks for itself.
    findings = tuple(Finding(**finding) for finding in found if finding["what"] != "automation")
    if findings:
        raise ChangesBlocked(findings)


def _files(changes: Changes) -> list[dict[str, Any]]:
    return [
        {
            "path": one_paragraph(file.path, 1000),
            "status": file.status,
            "added": file.added,
            "deleted": file.deleted,
        }
        for file in changes.files[:_MOST_FILES]
    ]


def _totals(changes: Changes | None) -> dict[str, int]:
    files = changes.files if changes is not None else ()
    return {
        "files": len(files),
        "added": sum(file.added or 0 for file in files),
        "deleted": sum(file.deleted or 0 for file in files),
    }
