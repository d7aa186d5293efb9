"""How a run stands or ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Failure", "FileChange", "Report"]


@dataclass(frozen=True, slots=True)
class FileChange:
    """A file that the agent changed."""

    path: str
    added: int | None
    """Lines; None for a binary file."""
    deleted: int | None


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a run did not succeed."""

    category: str
    message: str
    remedy: str = ""
    """Advice on how to fix it; empty where nothing more is known."""
    state: str | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """How a run stands or ended."""

    run_id: str
    status: str
    seconds: float
    branch: str | None = None
    """The branch that was pushed; None where none was."""
    commit: str | None = None
    base_commit: str | None = None
    compare: str | None = None
    """A page of the forge that compares the branch with its base."""
    partial: bool = False
    """Whether the branch has partial work, of a run that failed or was stopped."""
    summary: str | None = None
    files: tuple[FileChange, ...] = ()
    error: Failure | None = None
    path: str | None = None
    """Where report.json is: a path, or s3://…; report.md lies beside it."""
    fields: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """All of it, as ``stepherd status --json`` prints it."""

    @property
    def succeeded(self) -> bool:
        """Whether the run has ended well."""
        return self.status == "SUCCEEDED"

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> Report:
        """The report of what ``describe`` says."""
        error = fields["error"]
        return cls(
            run_id=fields["run_id"],
            status=fields["status"],
            seconds=fields["seconds"],
            branch=fields["branch"],
            commit=fields["commit"],
            base_commit=fields["base_commit"],
            compare=fields["compare"],
            partial=bool(fields["partial"]),
            summary=fields["summary"],
            files=tuple(
                FileChange(str(one["path"]), one.get("added"), one.get("deleted"))
                for one in fields["files_changed"] or ()
            ),
            error=None if error is None else _failure(error),
            path=fields["report"],
            fields=fields,
        )


def _failure(error: Mapping[str, Any]) -> Failure:
    return Failure(
        str(error.get("category") or ""),
        str(error.get("message") or ""),
        str(error.get("remedy") or ""),
        error.get("state"),
    )
