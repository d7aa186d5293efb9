"""Names of branches, tags and commits, judged before git sees them (git-check-ref-format, and stricter)."""

from __future__ import annotations

import re
from typing import Final

from stepherd.errors import UsageError
from stepherd.text.plain import is_unsafe, one_paragraph
from stepherd.text.run_ids import is_run_id

__all__ = ["check_branch", "check_ref", "is_commit_id", "run_branch"]

_LONGEST: Final = 200  # bytes; a loose ref is a file name, and forges cut names above 244
_FORBIDDEN: Final = re.compile(r"[ ~^:?*\[\\]")
_COMMIT: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


def check_branch(name: str) -> str:
    """``name`` when it can be a branch (without ``refs/heads/``); UsageError with the reason otherwise."""
    reason = _objection(name)
    if reason is None and name.startswith("refs/"):
        reason = "it starts with 'refs/': use the short name"
    if reason is None and name in {"HEAD", "FETCH_HEAD", "ORIG_HEAD", "MERGE_HEAD"}:
        reason = "git uses that name itself"
    if reason is None and is_commit_id(name):
        reason = "it looks like a commit id"
    if reason is not None:
        raise UsageError(
            f"The branch name '{one_paragraph(name, 60)}' is not acceptable: {reason}.",
            remedy="Choose a name of letters, digits, '-', '_', '.' and '/', for example 'feature/login'.",
        )
    return name


def check_ref(name: str) -> str:
    """``name`` when it can be a base: a branch, a tag, a full commit id, or a ref under ``refs/``."""
    reason = _objection(name)
    if reason is not None:
        raise UsageError(
            f"The base '{one_paragraph(name, 60)}' is not acceptable: {reason}.",
            remedy="Use a branch, a tag or a full commit id.",
        )
    return name


def run_branch(run_id: str) -> str:
    """The branch that a run pushes to when no other was asked for: ``stepherd/<run id>``."""
    if not is_run_id(run_id):
        raise UsageError(
            f"The run id '{one_paragraph(run_id, 90)}' is not acceptable: it must be 1 to 80 letters, "
            "digits, '-' and '_', starting with a letter or digit.",
            remedy="Choose another --name.",
        )
    return f"stepherd/{run_id}"


def is_commit_id(name: str) -> bool:
    """Whether ``name`` is a full object id, SHA-1 or SHA-256, in lower case."""
    return bool(_COMMIT.fullmatch(name))


def _objection(name: str) -> str | None:
    parts = name.split("/")
    rules = (
        (not name, "it is empty"),
        (is_unsafe(name), "it contains a control or invisible character"),
        (len(name.encode("utf-8", "replace")) > _LONGEST, f"it is longer than {_LONGEST} bytes"),
        (name.startswith("-"), "it starts with '-', as an option does"),
        (bool(_FORBIDDEN.search(name)), "it contains a space or one of ~ ^ : ? * [ \\"),
        (any(piece in name for piece in ("..", "@{", "//")), "it holds '..', '@{' or '//'"),
        (name == "@" or name.startswith("/"), "it is '@' or starts with '/'"),
        (name.endswith(("/", ".")), "it ends in '/' or '.'"),
        (any(part.startswith(".") for part in parts), "a part of it starts with '.'"),
        (any(part.lower().endswith(".lock") for part in parts), "a part of it ends in '.lock'"),
    )
    return next((reason for broken, reason in rules if broken), None)
