"""How a run ended, shown."""

from __future__ import annotations

from typing import Any

from stepherd.backends.client import Call, EngineGone
from stepherd.backends.sources import learn
from stepherd.cli.invocation import Invocation
from stepherd.client.outcome import EXIT_CODES, describe
from stepherd.client.outcome_text import HANG, outcome_lines
from stepherd.history.progress import Progress

__all__ = ["described", "finish", "looked_up"]


def described(call: Invocation, ask: Call, run_id: str, progress: Progress) -> dict[str, Any]:
    """The object that ``--json`` prints for a run; suggested commands have this call's home and context."""
    return describe(call.backend, ask, run_id, progress, advise=call.advice, tell=call.output.note)


def looked_up(call: Invocation, run_id: str) -> tuple[Progress, dict[str, Any]]:
    """How a run stands, without following it."""
    progress = Progress()
    with call.backend.reading() as ask:
        learn(ask, call.backend.execution_arn(run_id), progress)
        return progress, described(call, ask, run_id, progress)


def finish(call: Invocation, ask: Call, run_id: str, progress: Progress) -> int:
    """Show how a run ended; the exit code."""
    try:
        fields = described(call, ask, run_id, progress)
    except EngineGone:  # It ended with the run.
        with call.backend.reading() as journal:
            fields = described(call, journal, run_id, progress)
    if call.output.as_json:
        call.output.json(fields)
    else:
        for text, how in outcome_lines(call, fields):
            call.output.note(text, hang=HANG, **how)
        if call.output.is_read and fields["status"] == "SUCCEEDED":
            call.output.data(str(fields["branch"] or fields["run_id"]))
    return EXIT_CODES[fields["status"]]
