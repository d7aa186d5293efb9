"""Recording what an agent changed: a bundle in the run folder, and the facts about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from stepherd.errors import DataError
from stepherd.remedies import RUN, Remedy
from stepherd.repositories.allow import parse_allow
from stepherd.repositories.changes import Changes, record_changes
from stepherd.repositories.filtered import Content
from stepherd.repositories.known_secrets import KnownSecrets
from stepherd.repositories.parting import Rules
from stepherd.repositories.reparting import part_again
from stepherd.repositories.scan import ChangesBlocked, Finding
from stepherd.runs.folder import LFS_CONTENTS
from stepherd.runs.result import Result
from stepherd.steps.agent_folders import AgentFolders
from stepherd.steps.contract import StepContext
from stepherd.steps.left_out import facts_of_left_out, left_out_of
from stepherd.steps.other_work import other_facts
from stepherd.text.plain import one_paragraph

__all__ = ["check_not_blocked", "keep_changes", "part_changes"]

_MOST_FILES: Final = 1000
_MOST_NOTES: Final = 20
_MOST_IGNORED: Final = 5
_OF_PARTING: Final = frozenset({"left_out", "left_out_total", "nothing_to_push", "automation"})


def keep_changes(step: StepContext, folders: AgentFolders, base_commit: str, key: str) -> dict[str, Any]:
    """Record the workspace and upload the bundle as ``key``.

    Facts: bundle (its key, absent without a change), files, totals {files, added, deleted}, automation (the
    changed files that run by themselves: path and what they are), and left_out: what must not be pushed,
    which only this step can tell where it is a secret of the agent's. Where the bundle has nothing that is
    to be pushed, nothing_to_push, and ignored {count, names}. And those of ``other_facts``.
    """
    bundle = folders.private / "changes.bundle"

    def keep(content: Content) -> None:
        step.folder.store.upload(folders.workspace / content.path, f"{LFS_CONTENTS}/{content.pointer.oid}")

    changes = record_changes(
        folders.workspace,
        folders.private_git,
        base_commit,
        bundle,
        folders.scratch,
        known_secrets=step.redactor.known,
        refuse_automation=step.request.automation_changes == "refuse",
        allow=parse_allow(step.request.allow),
        keep=keep,
        folders=folders.seen_by_agent,
        keep_commits=step.request.commits == "keep",
    )
    return {**_facts_of(step, changes, bundle, key), **other_facts(changes.other)}


def part_changes(
    step: StepContext, folders: AgentFolders, base_commit: str, before: Mapping[str, Any], key: str
) -> dict[str, Any]:
    """Part work that was recorded ``before``, and has these facts, by what the request allows now."""
    earlier, bundle = folders.private / "earlier.bundle", folders.private / "changes.bundle"
    step.folder.store.download(str(before["bundle"]), earlier)
    rules = Rules(
        KnownSecrets(step.redactor.known),
        step.request.automation_changes == "refuse",
        parse_allow(step.request.allow),
    )
    found = left_out_of(before)
    if int(before.get("left_out_total", 0)) > len(found) and found[-1].what == "own secret":
        raise DataError(
            "More secrets of the run were left out than could be named: nothing more can be let through.",
            remedy=Remedy("Fetch the work with: ", ("pull", RUN)),
        )
    changes = part_again(folders.private_git, base_commit, earlier, bundle, folders.scratch, rules, found)
    old = {name: value for name, value in before.items() if name not in _OF_PARTING}
    return {**old, **_facts_of(step, changes, bundle, key)}


def _facts_of(step: StepContext, changes: Changes, bundle: Path, key: str) -> dict[str, Any]:
    facts: dict[str, Any] = {"files": _files(changes), "totals": _totals(changes)}
    facts |= facts_of_left_out(changes.left_out)
    if changes.notes:
        facts["note"] = " ".join(changes.notes[:_MOST_NOTES])
    if changes.commit is None:
        facts |= _nothing_to_push(changes)
    if changes.automation:
        facts["automation"] = [asdict(found) for found in changes.automation[:_MOST_FILES]]
    if bundle.exists():
        step.folder.store.upload(bundle, key)
        facts["bundle"] = key
    return facts


def _nothing_to_push(changes: Changes) -> dict[str, Any]:
    facts: dict[str, Any] = {"nothing_to_push": True}
    if changes.ignored:
        names = [one_paragraph(name, 200) for name in changes.ignored[:_MOST_IGNORED]]
        facts["ignored"] = {"count": len(changes.ignored), "names": names}
    return facts


def check_not_blocked(agent: Result) -> None:
    """Raises ChangesBlocked when an agent's step of an earlier version found what must not be pushed: its
    bundle holds that among the rest, and whoever pushes knows the shapes of keys, but not the agent's own.
    """
    found = agent.facts.get("blocked") or ()
    findings = tuple(Finding(**finding) for finding in found if finding["what"] != "automation")
    if findings:
        raise ChangesBlocked(findings, all_of_it=True)


def _files(changes: Changes) -> list[dict[str, Any]]:
    return [
        {
            "path": one_paragraph(file.path, 1000),
            "status": file.status,
            "added": file.added,
            "deleted": file.deleted,
            **({"renamed_from": one_paragraph(file.renamed_from, 1000)} if file.renamed_from else {}),
        }
        for file in changes.files[:_MOST_FILES]
    ]


def _totals(changes: Changes) -> dict[str, int]:
    files = changes.files
    return {
        "files": len(files),
        "added": sum(file.added or 0 for file in files),
        "deleted": sum(file.deleted or 0 for file in files),
    }
