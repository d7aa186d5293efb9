"""report.md: the outcome of a run for people. Foreign text is escaped in it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from stepherd.text.durations import seconds_text
from stepherd.text.plain import one_paragraph, plain

if TYPE_CHECKING:
    from stepherd.runs.report import Report

__all__ = ["escaped", "render_report", "usage_text"]

_MOST_FILES: Final = 200
_ENDED_FROM_OUTSIDE: Final = {"stopped": "stopped", "timeout": "timed out"}
_WHERE: Final = (
    "The commands on this page are for runs of the default home. For another home add `--home PATH`, for a "
    "stack `--context NAME`."
)
_MARKDOWN: Final = re.compile(r"([\\`*{}\[\]<>#|~!]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9]))")


def escaped(text: str) -> str:
    """Text of others as one paragraph of Markdown in which nothing is a mark."""
    return _text(text)


def render_report(report: Report, address: str) -> str:
    """The page. ``address`` is where report.json lies."""
    parts = [
        f"# Run {report.run_id}: {_ended(report)}",
        _text(report.summary),
        *(_failure(report) if report.error else ()),
        _outcome(report),
        *_said(report),
        *_files(report),
        *_left_out(report),
        *_kept(report),
        *_commits(report),
        *_verify(report),
        *_times(report),
        *_attempts(report),
        *_notes(report),
        _logs(report, address),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _ended(report: Report) -> str:
    """How the run ended, as the command line says it: one that was stopped has no state that failed."""
    if report.error is None or report.error.state:
        return report.status
    return _ENDED_FROM_OUTSIDE.get(report.error.category, report.status)


def usage_text(usage: Mapping[str, Any] | None) -> str | None:
    """An agent's usage in words, if there is any: "3 turns, 12,345 tokens in, 678 out, 0.12 USD"."""
    if not usage:
        return None
    taken = [usage.get(f"{name}_tokens") for name in ("input", "cache_read", "cache_write")]
    words = [
        f"{usage['turns']:,} turn{'' if usage['turns'] == 1 else 's'}" if "turns" in usage else "",
        f"{sum(count or 0 for count in taken):,} tokens in" if any(taken) else "",
        f"{usage['output_tokens']:,} out" if usage.get("output_tokens") else "",
        f"{usage['cost_usd']:.4g} USD" if "cost_usd" in usage else "",
        f"{usage['credits']:g} credits" if "credits" in usage else "",
    ]
    return ", ".join(word for word in words if word) or None


def _failure(report: Report) -> tuple[str, ...]:
    assert report.error is not None
    error = report.error
    return (
        "## Error",
        f"{_text(error.message)}\n"
        + (f"\n- State: {_text(error.state)}" if error.state else "")
        + f"\n- Kind: {_text(error.category)}"
        + (f"\n- Remedy: {_text(error.remedy)}" if error.remedy else "")
        + f"\n- Next: {_code(error.next)}",
        *(("### Message of the server", _indented(error.details)) if error.details else ()),
    )


def _indented(text: str) -> str:
    """As it stands: in an indented block (CommonMark 4.4), which nothing in it can end."""
    return "\n".join(f"    {line}" for line in plain(text).split("\n"))


def _outcome(report: Report) -> str:
    rows = [
        ("Repository", report.repository, False),
        ("Base", report.base, True),
        ("Base commit", report.base_commit, True),
        ("Branch", report.branch, True),
        ("Commit", report.commit, True),
        ("Partial", "yes, not all of the work" if report.partial else None, False),
        ("Compare", report.compare, False),
        ("Bundle", report.bundle if report.commit is None else None, True),
        ("Agent", report.agent, True),
        ("Used", usage_text(report.usage), False),
        ("Time", f"{seconds_text(report.seconds)}, {report.started} to {report.finished}", False),
    ]
    shown = [f"| {name} | {_code(value) if code else _text(value)} |" for name, value, code in rows if value]
    return "\n".join(["| | |", "|---|---|", *shown])


def _said(report: Report) -> tuple[str, ...]:
    return ("## Last words of the agent", _text(report.said)) if report.said else ()


def _files(report: Report) -> tuple[str, ...]:
    if not report.files_changed:
        return ()
    rows = [
        f"| {_code(str(file['path']))} | {_status(file)} | {_count(file['added'])} | "
        f"{_count(file['deleted'])} |"
        for file in report.files_changed[:_MOST_FILES]
    ]
    totals = report.totals
    more = totals.get("files", len(report.files_changed)) - len(rows)
    rest = f"\n\nand {more} more" if more > 0 else ""
    counts = f"+{totals.get('added', 0)} -{totals.get('deleted', 0)}"
    head = f"## Files changed: {totals.get('files', len(rows))} ({counts})"
    return (head, "\n".join(["| file | | + | - |", "|---|---|---|---|", *rows]) + rest)


def _status(file: Mapping[str, Any]) -> str:
    origin = file.get("renamed_from")
    return f"{file['status']}, renamed from {_code(str(origin))}" if origin else str(file["status"])


def _kept(report: Report) -> tuple[str, ...]:
    lines = [line for line in report.kept if not line.get("superseded")]
    if not lines:
        return ()
    rows = [
        f"| {_text(str(line.get('from')))} | {_code(str(line.get('commit'))[:12])} | "
        f"{_text(str(line.get('subject')))} | {_code(str(line.get('name')))} | "
        f"{_text(str(line.get('warning') or ''))} |"
        for line in lines[:_MOST_FILES]
    ]
    take = _code(f"stepherd pull {report.run_id} --kept NAME")
    head = f"## Other work, which was not pushed: {len(lines)}"
    table = "\n".join(["| from | commit | subject | name | |", "|---|---|---|---|---|", *rows])
    return (head, table, f"Take it with {take}.")


def _commits(report: Report) -> tuple[str, ...]:
    if not report.commits:
        return ()
    rows = [
        f"- {_code(str(commit.get('commit'))[:12])} {_text(str(commit.get('subject')))}"
        for commit in report.commits[:_MOST_FILES]
    ]
    return ("## The agent's commits", "\n".join(rows))


def _left_out(report: Report) -> tuple[str, ...]:
    if not report.left_out:
        return ()
    rows = [
        f"| {_code(str(each['path']))} | {'' if each.get('line') is None else each['line']} | "
        f"{_text(str(each['detail']))} |"
        for each in report.left_out[:_MOST_FILES]
    ]
    more = report.left_out_total - len(rows)
    rest = f"\n\nand {more} more" if more > 0 else ""
    words = (
        f"Not pushed. {_code(f'stepherd pull {report.run_id}')} brings all of the work that git can "
        "hold into "
        "your clone."
    )
    return ("## Left out", words, "\n".join(["| path | line | why |", "|---|---|---|", *rows]) + rest)


def _verify(report: Report) -> tuple[str, ...]:
    if report.verify is None:
        return ()
    verify = report.verify
    # A line may hold another one, behind a carriage return: every one is indented, so that all is code.
    printed = [part for line in verify.get("last_lines", []) for part in plain(str(line)).split("\n")]
    lines = "\n".join(f"    {part}" for part in printed)
    return (
        f"## Verify: {verify['status']}",
        f"{_code(str(verify['command']))} ended with exit code {verify['exit_code']} "
        f"after {seconds_text(verify['seconds'])}{_rounds(verify)}.",
        lines,
    )


def _rounds(verify: Mapping[str, Any]) -> str:
    rounds = verify.get("rounds")
    return (
        f", after {rounds} round{'' if rounds == 1 else 's'} of the agent on what it said" if rounds else ""
    )


def _times(report: Report) -> tuple[str, ...]:
    if not report.states:
        return ()
    rows = [
        f"| {state.name} | {state.status} | {seconds_text(state.seconds)} | {state.attempts} |"
        for state in report.states
    ]
    return ("## Time", "\n".join(["| state | | time | attempts |", "|---|---|---|---|", *rows]))


def _attempts(report: Report) -> tuple[str, ...]:
    if not report.attempts:
        return ()
    rows = [
        f"| {one['number']} | {_text(str(one['status']))} | {_text(usage_text(one['usage']) or '')} | "
        f"{_code(str(one['bundle'])) if one['bundle'] else ''} |"
        for one in report.attempts
    ]
    words = "Each attempt began with the work of the one before it, and left its own bundle of all changes."
    return ("## Attempts", words, "\n".join(["| attempt | | used | bundle |", "|---|---|---|---|", *rows]))


def _notes(report: Report) -> tuple[str, ...]:
    return ("## Also", "\n".join(f"- {_text(note)}" for note in report.notes)) if report.notes else ()


def _logs(report: Report, address: str) -> str:
    lines = [f"- {name}: {_code(where)}" for name, where in {**report.logs, "json": address}.items()]
    return "\n".join(["## Logs and files", "", *lines, "", _WHERE])


def _count(value: int | None) -> str:
    return "binary" if value is None else str(value)


def _text(text: str) -> str:
    return _MARKDOWN.sub(r"\\\1", one_paragraph(text, 2000))


def _code(text: str) -> str:
    """In code quotes that the text cannot close (CommonMark 6.1), without the bar that ends a table cell."""
    inner = one_paragraph(text, 500).replace("|", "\\|")
    quotes = "`" * (max((len(run) for run in re.findall("`+", inner)), default=0) + 1)
    pad = " " if inner.startswith("`") or inner.endswith("`") else ""
    return f"{quotes}{pad}{inner}{pad}{quotes}"
