"""How a run ended, in words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, Protocol

from stepherd.client.run_text import INTERRUPTED, status_colour, status_text
from stepherd.runs.folder import REPORT_PAGE
from stepherd.text.durations import seconds_text
from stepherd.text.enumeration import first_of
from stepherd.text.terminal import one_line

__all__ = ["HANG", "Advisor", "outcome_lines"]

HANG: Final = 11
"""How far the values are from the margin."""


class Advisor(Protocol):
    """Knows which options the commands need that are suggested."""

    def command(self, *words: str) -> str:
        """A command line of Stepherd's own."""
        ...

    def advice(self, text: str) -> str:
        """``text`` with those options in the commands that it suggests."""
        ...


Line = tuple[str, dict[str, Any]]
"""A line and its style."""
_SHOWN_FILES = 6
_LEADS: Final = (
    "Continue with: ",
    "See what it did: ",
    "See its output: ",
    # As earlier versions wrote them into reports.
    "See what it did with: ",
    "See what it said with: ",
)
"""The beginnings of remedies that consist of a command and nothing else."""


def outcome_lines(advisor: Advisor, fields: Mapping[str, Any]) -> Iterator[Line]:
    """Yield the lines that tell a run's outcome, its error, and the next commands. ``fields`` may have
    ``abandoned``: whether no engine carries the run, which has not ended."""
    status = str(fields["status"])
    error = fields.get("error") or {}
    where = f" in {error['state']}" if error.get("state") else ""
    seconds = seconds_text(float(fields["seconds"]))
    head = f"{status_text(status).capitalize()}{where} after {seconds}"
    if fields.get("abandoned"):
        status, head = INTERRUPTED, f"Interrupted; it began {seconds} ago"
    yield head, {"fg": status_colour(status), "bold": True}
    for name, value in _facts(advisor, fields, error):
        if value:
            yield f"  {name:<8} {one_line(str(value))}", {}
    label = "next"
    for command in _next_commands(advisor, fields, error):
        yield f"  {label:<8} {command}", {}
        label = ""


def _facts(
    advisor: Advisor, fields: Mapping[str, Any], error: Mapping[str, Any]
) -> Iterator[tuple[str, object]]:
    yield "error", error.get("message")
    remedy = str(error.get("remedy") or "")
    yield "remedy", "" if _says_no_more(remedy, _next_commands(advisor, fields, error)) else remedy
    if not error and not fields.get("branch"):
        yield "result", fields.get("summary")
    yield "branch", fields.get("branch")
    yield "commit", fields.get("commit")
    yield "compare", fields.get("compare")
    yield "verify", _verify(fields.get("verify"))
    yield "files", _files(fields.get("files_changed") or [], fields.get("totals"))
    yield "look at", _automation(fields.get("automation") or [])
    yield "kept", _kept(fields.get("kept") or [])
    yield "left out", _left_out(fields.get("left_out") or [])
    report = str(fields.get("report") or "")
    yield "report", report and f"{report.rpartition('/')[0]}/{REPORT_PAGE}"
    yield "console", fields.get("console")


def _says_no_more(remedy: str, following: Iterable[str]) -> bool:
    """Whether a remedy is one of the commands that come under "next"."""
    return remedy in {f"{lead}{command}" for lead in _LEADS for command in following}


def _verify(verify: object) -> str:
    if not isinstance(verify, Mapping) or "exit_code" not in verify:
        return ""
    code = verify["exit_code"]
    return "passed" if code == 0 else f"failed with exit code {code}"


def _files(changed: list[Mapping[str, Any]], totals: object) -> str:
    """The first of them; a renamed file once. Only the first 1,000 are listed: ``totals`` counts all."""
    origins = {str(item["renamed_from"]) for item in changed if item.get("renamed_from")}
    shown = [item for item in changed if item.get("status") != "D" or item.get("path") not in origins]
    count = totals.get("files") if isinstance(totals, Mapping) else None
    unlisted = max(0, count - len(changed)) if isinstance(count, int) else 0
    more = len(shown[_SHOWN_FILES:]) + unlisted
    text = ", ".join(map(_file, shown[:_SHOWN_FILES]))
    return f"{text} and {more:,} more" if more else text


def _file(item: Mapping[str, Any]) -> str:
    origin = item.get("renamed_from")
    return f"{origin} → {item['path']} (renamed)" if origin else f"{item['path']} {_size(item)}"


def _size(item: Mapping[str, Any]) -> str:
    """How much of a file is changed. Git counts no lines of a binary one, and none where its mode alone is
    another."""
    added, deleted = item.get("added"), item.get("deleted")
    if added is None or deleted is None:
        return {"A": "(new, binary)", "D": "(deleted, binary)"}.get(str(item.get("status")), "(binary)")
    if item.get("status") == "M" and not added and not deleted:
        return "(mode)"
    lines = f"+{added} -{deleted}"
    return {"A": f"(new) {lines}", "D": f"(deleted) {lines}"}.get(str(item.get("status")), lines)


def _automation(found: list[Mapping[str, Any]]) -> str:
    """Changed files that run by themselves."""
    return first_of(found, _SHOWN_FILES, lambda item: f"{item['path']}, {item['what']}", separator="; ")


def _kept(lines: list[Mapping[str, Any]]) -> str:
    """Work that was not pushed."""
    shown = [line for line in lines if not line.get("superseded")]
    return first_of(shown, _SHOWN_FILES, lambda line: f"{line['name']} (from {line['from']})")


def _left_out(found: list[Mapping[str, Any]]) -> str:
    """Paths, each once: why is in the report."""
    return first_of([*dict.fromkeys(str(item["path"]) for item in found)], _SHOWN_FILES)


def _is_in_bundle_alone(fields: Mapping[str, Any]) -> bool:
    """Whether a run has work that is on no branch."""
    return bool(fields.get("bundle") and not fields.get("branch") and fields.get("files_changed"))


def _next_commands(advisor: Advisor, fields: Mapping[str, Any], error: Mapping[str, Any]) -> list[str]:
    run_id = str(fields["run_id"])
    if error:
        first = str(error.get("next") or advisor.command("redrive", run_id))
        work = [advisor.command("pull", run_id)] if _is_in_bundle_alone(fields) else []
        return list(dict.fromkeys([advisor.command("logs", run_id), first, *work]))
    if fields.get("abandoned"):
        return [advisor.command("resume", run_id), advisor.command("stop", run_id)]
    if fields["status"] == "RUNNING":
        return [advisor.command("watch", run_id), advisor.command("stop", run_id)]
    commands = []
    if _is_in_bundle_alone(fields):
        commands.append(advisor.command("pull", run_id))
    kept = [line for line in fields.get("kept") or () if not line.get("superseded")]
    if kept:
        commands.append(advisor.command("pull", run_id, "--kept", str(kept[0]["name"])))
    return commands
