"""``stepherd doctor``."""

from __future__ import annotations

import sys
from collections import Counter

from stepherd.cli.checkup import Check, Finding, examine
from stepherd.cli.options import command as declared
from stepherd.cli.output import Output
from stepherd.cli.terminal_text import one_line

__all__ = ["all_checks", "command"]

_MARKS = {"ok": ("✓", "+", "green"), "warning": ("!", "!", "yellow"), "problem": ("✗", "x", "red")}
PROBLEM = 78
"""The exit code when something must be mended first."""


@declared(
    "doctor", examples=("stepherd doctor", "stepherd doctor --json | jq '.findings[] | select(.remedy)'")
)
def command(output: Output) -> int:
    """Check this machine, the home, agents and logins; each thing that is amiss comes with its remedy.

    Nothing is changed. Exit code: 0, or 78 when there is a problem; warnings do not count.
    """
    findings = examine(all_checks(), output.home)
    counted: Counter[str] = Counter(finding.status for finding in findings)
    code = PROBLEM if counted["problem"] else 0
    if output.as_json:
        output.json({"ok": code == 0, "findings": [finding.to_json() for finding in findings]})
        return code
    column = max(len(finding.name) for finding in findings)
    for finding in findings:
        _show(output, finding, column)
    output.note(", ".join(f"{counted[status]} {status}" for status in _MARKS if counted[status]))
    return code


def all_checks() -> tuple[Check, ...]:
    """What is looked at, in the order in which it is shown."""
    from stepherd.cli.checks_of_home import HOME_CHECKS
    from stepherd.cli.checks_of_machine import MACHINE_CHECKS

    return (*MACHINE_CHECKS, *HOME_CHECKS)


def _show(output: Output, finding: Finding, column: int) -> None:
    mark, plain, colour = _MARKS[finding.status]
    mark = mark if (sys.stdout.encoding or "").lower().startswith("utf") else plain
    how = {} if finding.status == "ok" else {"fg": colour}
    output.data(f"{mark} {finding.name:<{column}}  {one_line(finding.text)}", **how)
    if finding.remedy:
        output.data(f"  {'':<{column}}  → {one_line(output.advice(finding.remedy))}")
