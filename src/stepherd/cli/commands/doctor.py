"""The command ``stepherd doctor``."""

from __future__ import annotations

import sys
from collections import Counter
from typing import TYPE_CHECKING

from stepherd.cli.invocation import Invocation
from stepherd.cli.options import command as declared
from stepherd.cloud.contexts import LOCAL, read_contexts
from stepherd.doctor.checkup import Check, Finding, examine
from stepherd.errors import StepherdError
from stepherd.text.terminal import one_line

if TYPE_CHECKING:
    from stepherd.cloud.contexts import Context

__all__ = ["command"]

_MARKS = {"ok": ("✓", "+", "green"), "warning": ("!", "!", "yellow"), "problem": ("✗", "x", "red")}
PROBLEM = 78
"""The exit code when something must be fixed first."""


@declared(
    "doctor",
    any_home=True,
    examples=(
        "stepherd doctor",
        "stepherd doctor --context aws",
        "stepherd doctor --json | jq '.findings[] | select(.remedy)'",
    ),
)
def command(call: Invocation) -> int:
    """Check this machine, and the home or the stack where runs are; each problem comes with its remedy.

    Locally: the home, its engine, agents and logins. On a stack: credentials, images, secrets, mail, logins,
    keys, dead letters, alarms and quotas. Changes nothing. Exit code: 0, or 78 when there is a problem;
    warnings do not count.
    """
    # Only now: the checks load most of what there is, and --help needs none of it.
    from stepherd.doctor.all_checks import all_checks

    try:
        context = _context(call)
        checks = all_checks(call.home, context)
        if context:
            call.output.note(
                f"The stack '{context.stack}' of the context '{context.name}' ({call.choice.why}):"
            )
    except StepherdError as error:
        checks = (_broken_context(error), *all_checks(call.home))
    findings = examine(checks, call.home)
    counted: Counter[str] = Counter(finding.status for finding in findings)
    code = PROBLEM if counted["problem"] else 0
    if call.output.as_json:
        call.output.json({"ok": code == 0, "findings": [finding.to_json() for finding in findings]})
        return code
    column = max(len(finding.name) for finding in findings)
    for finding in findings:
        _show(call, finding, column)
    call.output.note(", ".join(_counted(counted[status], status) for status in _MARKS if counted[status]))
    return code


def _counted(count: int, status: str) -> str:
    return f"{count} {status}{'s' if count > 1 and status != 'ok' else ''}"


def _context(call: Invocation) -> Context | None:
    """The context whose stack is meant; None for the home."""
    name = call.choice.name
    return None if name == LOCAL else read_contexts(call.home).find(name)


def _broken_context(error: StepherdError) -> Check:
    return Check("context", lambda _: [Finding("context", "problem", error.message, error.remedy)])


def _show(call: Invocation, finding: Finding, column: int) -> None:
    mark, plain, colour = _MARKS[finding.status]
    mark = mark if (sys.stdout.encoding or "").lower().startswith("utf") else plain
    how = {} if finding.status == "ok" else {"fg": colour}
    call.output.data(f"{mark} {finding.name:<{column}}  {one_line(finding.text)}", hang=column + 4, **how)
    if finding.remedy:
        call.output.data(f"  {'':<{column}}  → {one_line(call.advice(finding.remedy))}", hang=column + 6)
