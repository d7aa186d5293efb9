"""Work of a run that is nowhere but in its run folder: removing the folder would lose it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from stepherd.errors import DataError, NotFoundError
from stepherd.runs.folder import LFS_CONTENTS, REPORT
from stepherd.services.json_text import read_json
from stepherd.services.store.contract import ObjectNotFound

if TYPE_CHECKING:
    from stepherd.runs.folder import RunFolder

__all__ = ["sole_work"]


def sole_work(folder: RunFolder) -> str:
    """Say which work the folder has that no remote has; empty where nothing would be lost.

    In doubt there is such work: a folder whose report cannot be read, or of several attempts.
    """
    keys = [info.key for info in folder.store.list()]
    bundles = [key for key in keys if key.endswith(".bundle")]
    if not bundles and not any(key.startswith(f"{LFS_CONTENTS}/") for key in keys):
        return ""
    report = _report(folder)
    several = len(report.get("commits") or ()) > 1
    found = {
        "its work was not pushed": not report.get("commit") or not report.get("branch"),
        "part of its work was left out of the push": bool(report.get("left_out")),
        "it has work beside its branch": bool(report.get("kept")),
        "its commits were pushed as one": several and not _keeps_commits(folder),
        "it has the work of several attempts": len(bundles) > 1,
    }
    return next((words for words, holds in found.items() if holds), "")


def _report(folder: RunFolder) -> Mapping[str, Any]:
    try:
        report = read_json(folder.store.get(REPORT).body)
    except (ObjectNotFound, ValueError):
        return {}
    return report if isinstance(report, dict) else {}


def _keeps_commits(folder: RunFolder) -> bool:
    try:
        return folder.read_request().commits == "keep"
    except (DataError, NotFoundError):
        return False
