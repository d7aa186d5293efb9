"""Warnings about the lines of work that a bundle keeps: content that must not be pushed."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from stepherd.errors import StepherdError
from stepherd.repositories.agent_lines import KeptLine, OtherWork
from stepherd.repositories.commit_plan import Judge, objection_to
from stepherd.repositories.git import Git
from stepherd.repositories.known_secrets import KnownSecrets
from stepherd.repositories.parting import Rules
from stepherd.repositories.raw_changes import list_raw_changes
from stepherd.repositories.scan import scan_changes

__all__ = ["warn_of_kept"]

_SHOWN: Final = 3


def warn_of_kept(git: Git, base: str, other: OtherWork, known: KnownSecrets) -> OtherWork:
    """``other`` with a warning at each line whose last commit the scan objects to.

    Only here the run's own secrets are known; a bundle does not leave the run folder by itself.
    """
    return replace(
        other, kept=tuple(replace(line, warning=_warning(git, base, line, known)) for line in other.kept)
    )


def _warning(git: Git, base: str, line: KeptLine, known: KnownSecrets) -> str:
    try:
        raw = list_raw_changes(git, base, line.commit)
        found = Rules(known).named(scan_changes(git, base, line.commit, raw, known=known))
        if not found and not line.superseded:
            # Content that a later commit took out again is still in the history that a person takes.
            said = objection_to(Judge(git, Rules(known)), base, line.commit)
            return said if said.startswith(("in ", "the message ")) else ""
    except StepherdError as error:
        return f"it could not be scanned: {error.message}"
    more = f"; and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return "; ".join(str(finding) for finding in found[:_SHOWN]) + more
