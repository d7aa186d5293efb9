"""``stepherd open``: the page of a run's branch, or its report."""

from __future__ import annotations

from pathlib import Path

from stepherd.cli.invocation import Invocation
from stepherd.cli.options import command as declared
from stepherd.cli.options import run_argument
from stepherd.cli.terminal.browser import can_open, open_own_page
from stepherd.errors import NotFoundError, StepherdError, TemporaryError
from stepherd.remedies import Remedy

__all__ = ["command"]


@declared("open", examples=("stepherd open RUN", "stepherd open latest"))
@run_argument
def command(call: Invocation, run_id: str) -> int:
    """Print the address of the page that compares a run's branch with its base, and open it in the browser.

    If the forge is not known, or nothing was pushed, print the path of the run's report instead. The browser
    is only opened from a terminal.
    """
    client = call.client
    told, page = client.report(run_id), client.page(run_id)
    report = str(Path(told.path).with_name("report.md")) if told.path else None
    if page is None and report is None:
        raise _nothing(run_id, running=told.status == "RUNNING")
    if call.output.as_json:
        call.output.json({"run_id": run_id, "page": page, "report": report})
        return 0
    call.output.data(page or str(report))
    if page is None:
        why = "No page is known for this repository" if told.branch else "Nothing was pushed"
        call.output.note(f"{why}, so this is the run's report.")
    elif call.output.columns and can_open():
        open_own_page(page)
        call.output.note("Opened in your browser.")
    return 0


def _nothing(run_id: str, *, running: bool) -> StepherdError:
    if running:
        words = f"Run {run_id} is still running: it has no branch and no report yet."
        return TemporaryError(words, remedy=Remedy("Wait until it ends: ", ("watch", run_id)))
    words = f"Run {run_id} has no branch and no report."
    return NotFoundError(words, remedy=Remedy("See why: ", ("status", run_id)))
