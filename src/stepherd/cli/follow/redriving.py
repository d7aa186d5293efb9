"""Redriving a run, or continuing it by another one, and following that to its end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stepherd.backends.kept_work import look, until_kept
from stepherd.backends.redriving import Continuation, plan_redrive
from stepherd.backends.sources import Source
from stepherd.cli.follow.follow import follow, follow_beginning
from stepherd.cli.invocation import Invocation

__all__ = ["redrive"]


def redrive(call: Invocation, run_id: str, amendment: Mapping[str, Any]) -> int:
    """Redrive a run with ``amendment``, the fields that change, and return its exit code.

    Where a redrive cannot apply them, a new run continues the old one. Raises the errors of ``plan_redrive``.
    """
    plan = plan_redrive(call.backend, run_id, dict(amendment))
    if isinstance(plan, Continuation):
        call.output.note(
            f"A redrive of {run_id} cannot apply these options: {plan.run_id} continues it, with its work."
        )
        runner = call.backend.runner_of(run_id)
        with call.backend.prepare(plan.run_id, plan.request, runner, detach=False) as beginning:
            return follow_beginning(call, beginning)

    async def before(source: Source) -> None:
        kept = look(source.call, call.backend, run_id)
        if kept is not None and not kept.over:
            call.output.note("Its work is still being kept; the redrive begins when it is.")
            await until_kept(source.call, call.backend, run_id, source.changed, source.unfinished)

    # Events that are known already are no news: only what follows the redrive is shown as such.
    return follow(call, plan, progress=plan.progress, before=before)
