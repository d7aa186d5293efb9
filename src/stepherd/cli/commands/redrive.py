"""The command ``stepherd redrive``."""

from __future__ import annotations

from typing import Any

import click

from stepherd.backends.kept_work import look, until_kept
from stepherd.backends.redriving import Continuation, plan_redrive
from stepherd.backends.sources import Source
from stepherd.cli.follow.follow import follow, follow_beginning
from stepherd.cli.invocation import Invocation
from stepherd.cli.number_options import Amount, Seconds, WholeNumber
from stepherd.cli.options import command as declared
from stepherd.cli.options import run_argument

__all__ = ["command"]


@declared(
    "redrive",
    examples=("stepherd redrive RUN", "stepherd redrive RUN --timeout 7200 --max-cost 5"),
    names_run=True,
)
@run_argument
@click.option("--timeout", "timeout_seconds", metavar="TIME", type=Seconds(), help="A new time limit.")
@click.option("--max-turns", metavar="N", type=WholeNumber(), help="A new limit of turns, over all attempts.")
@click.option(
    "--max-cost",
    "max_cost_usd",
    metavar="USD",
    type=Amount(),
    help="A new limit of cost, over all attempts.",
)
@click.option("--branch", metavar="NAME", help="A new branch to push to.")
@click.option(
    "--allow",
    metavar="PATH",
    multiple=True,
    help="Push this path in spite of the scan's findings. Repeatable.",
)
def command(call: Invocation, run_id: str, **given: Any) -> int:
    """Run again what a failed, stopped or timed out run left undone, and follow it to its end.

    States that succeeded do not run again, so an agent's work is never paid for twice. The options apply
    from here on. If a redrive cannot apply them, a new run, RUN.2, continues this one with its work.
    """
    given["allow"] = ",".join(given["allow"]) or None
    plan = plan_redrive(
        call.backend, run_id, {name: value for name, value in given.items() if value is not None}
    )
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
