"""The facts of the agent's step about what the agent made beside its files."""

from __future__ import annotations

from typing import Any

from stepherd.repositories.agent_lines import KeptLine, OtherWork

__all__ = ["other_facts"]


def other_facts(other: OtherWork | None) -> dict[str, Any]:
    """``kept``: lines of work in the bundle {name, commit, subject, from, superseded, warning}; ``adopted``:
    the line that the result is; ``commits``: the agent's own that led to it {commit, subject}, with
    ``more_commits`` of them not listed; ``commits_unfit``: why they cannot be pushed as they are;
    ``remarks``: what could not be read, for the report. Only what there is."""
    if other is None:
        return {}
    facts: dict[str, Any] = {
        "kept": [_kept(line) for line in other.kept],
        "adopted": other.adopted,
        "commits": [{"commit": commit.commit, "subject": commit.subject} for commit in other.commits],
        "more_commits": other.more_commits,
        "commits_unfit": other.unfit,
        "remarks": list(other.notes),
    }
    return {name: value for name, value in facts.items() if value}


def _kept(line: KeptLine) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "name": line.name,
        "commit": line.commit,
        "subject": line.subject,
        "from": line.source,
    }
    if line.superseded:
        fields["superseded"] = True
    if line.warning:
        fields["warning"] = line.warning
    return fields
