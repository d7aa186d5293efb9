"""The report's account of work that an agent left beside its files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from stepherd.remedies import Command, Remedy, joined
from stepherd.text.enumeration import first_of

__all__ = ["kept_lines", "no_changes", "with_kept", "work_notes"]

_SHOWN: Final = 5


def kept_lines(facts: Mapping[str, Any], *, superseded: bool = False) -> list[Mapping[str, Any]]:
    """The lines of work that the bundle keeps: or with ``superseded``, what the agent replaced or went back
    behind."""
    found = [line for line in facts.get("kept") or () if isinstance(line, Mapping) and line.get("name")]
    return [line for line in found if bool(line.get("superseded")) == superseded]


def no_changes(facts: Mapping[str, Any], run_id: str) -> str:
    """The summary of a run that succeeded and pushes nothing."""
    if lines := kept_lines(facts):
        return Remedy(
            f"Nothing was pushed: the agent left the files unchanged, and its work in {_places(lines)}. "
            "Fetch it with: ",
            _pull(run_id, lines[0]),
        )
    if lines := kept_lines(facts, superseded=True):
        return Remedy(
            "Nothing was pushed: the files are unchanged. The commits that the agent made on the "
            "way are kept; "
            "fetch them with: ",
            _pull(run_id, lines[0]),
        )
    if facts.get("commits"):
        return (
            f"Nothing was pushed: {_count(facts)} of the agent's led back to unchanged files. The "
            "run's bundle keeps the commits made on the way."
        )
    return f"The agent succeeded with no changes.{_ignored(facts)}"


def with_kept(facts: Mapping[str, Any], summary: str) -> str:
    """``summary`` of what was pushed, with where it came from and what else there is."""
    adopted = f"It is what the agent left in: {facts['adopted']}." if facts.get("adopted") else ""
    lines = kept_lines(facts)
    return joined(summary, adopted, f"Other work is kept: {_places(lines)}." if lines else "")


def work_notes(facts: Mapping[str, Any], run_id: str) -> Iterator[str]:
    """Notes: what could not be read, what was left out, which earlier states the bundle has."""
    yield from (str(remark) for remark in facts.get("remarks") or ())
    if lines := kept_lines(facts, superseded=True):
        yield Remedy(
            f"The bundle also has commits that the agent reset or replaced, in {_places(lines)}. "
            "Fetch it with: ",
            _pull(run_id, lines[0]),
        )


def _places(lines: list[Mapping[str, Any]]) -> str:
    return first_of(lines, _SHOWN, lambda line: f"{line.get('from')} ({line['name']})")


def _pull(run_id: str, line: Mapping[str, Any]) -> Command:
    return ("pull", run_id, "--kept", str(line["name"]))


def _count(facts: Mapping[str, Any]) -> str:
    number = len(facts["commits"]) + int(facts.get("more_commits") or 0)
    return f"{number} commit{'' if number == 1 else 's'}"


def _ignored(facts: Mapping[str, Any]) -> str:
    ignored = facts.get("ignored")
    if not isinstance(ignored, Mapping) or not ignored.get("count"):
        return ""
    names = [str(name) for name in ignored.get("names") or ()]
    more = f" and {ignored['count'] - len(names)} more" if ignored["count"] > len(names) else ""
    return f" Left out, because git ignores it: {', '.join(names)}{more}."
