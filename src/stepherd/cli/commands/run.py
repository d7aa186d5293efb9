"""``stepherd run``: Validate → Execute → show → recommend."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

import click

from stepherd.agents.command_line import shell_line
from stepherd.cli.follow.follow import follow_beginning, left_running, say_which
from stepherd.cli.follow.outcome import described
from stepherd.cli.invocation import Invocation
from stepherd.cli.number_options import Amount, Seconds, WholeNumber
from stepherd.cli.options import command as declared
from stepherd.cli.runner_options import runner_options
from stepherd.cli.variable_options import env_of, secrets_of
from stepherd.cli.words_after import WordsAfter, words_after
from stepherd.client.request import Request
from stepherd.errors import NotFoundError, UsageError
from stepherd.history.progress import Progress
from stepherd.history.runs import events_after
from stepherd.runs.ids import check_run_id, new_run_id

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stepherd.backends.beginning import Beginning
    from stepherd.backends.client import Call

__all__ = ["command"]

_EXAMPLES = (
    "stepherd run --repo . --instructions task.md --command 'make fix && make'",
    "stepherd run --repo git@host:me/app.git --instructions task/ --agent apply",
    "stepherd run --repo . --instructions task.md --agent claude --max-cost 2",
    "stepherd run --repo . --instructions task.md -- ./agent 'two words'",
)


@declared("run", examples=_EXAMPLES, kind=WordsAfter)
@click.option("--repo", metavar="URL|PATH", help="The git repository to work in.")
@click.option(
    "--instructions", metavar="PATH|URI", required=True, help="A file, or a folder with instructions.md."
)
@click.option("--agent", metavar="NAME", help="The agent to run; 'stepherd agents' lists them.")
@click.option(
    "--command",
    "command_line",
    metavar="CMD",
    help="The command line of the agent 'command'; or give its words behind '--'.",
)
@click.option(
    "--base", metavar="REF", help="Branch, tag or commit to start from. Default: the default branch."
)
@click.option("--branch", metavar="NAME", help="Branch to push to. Default: stepherd/<run id>.")
@click.option("--message", metavar="TEXT", help="Commit message. Default: the instructions' title.")
@click.option("--model", metavar="NAME", help="The agent's model, by its own name for it.")
@click.option(
    "--timeout", metavar="TIME", type=Seconds(), help="Time limit of the agent: seconds, or 10m. Default: 1h."
)
@click.option(
    "--silence", metavar="TIME", type=Seconds(), help="Time limit for an agent that prints nothing."
)
@click.option("--max-turns", metavar="N", type=WholeNumber(), help="Limit of the agent's turns.")
@click.option("--max-cost", metavar="USD", type=Amount(), help="Limit of the agent's cost in US dollars.")
@click.option(
    "--push",
    type=click.Choice(["branch", "none"]),
    help="With 'none' the run leaves a bundle for 'stepherd pull'.",
)
@click.option("--submodules", is_flag=True, default=None, help="Clone the repository's submodules, too.")
@click.option(
    "--commits",
    type=click.Choice(["one", "keep"]),
    help="Push one commit, or keep the agent's own. Default: one.",
)
@click.option("--verify", metavar="CMD", help="Command to run in the workspace after the agent.")
@click.option("--verify-required", is_flag=True, default=None, help="A failing verify command fails the run.")
@click.option(
    "--verify-rounds",
    metavar="N",
    type=WholeNumber(),
    help="How many times a failing verify command goes back to the agent.",
)
@click.option(
    "--automation-changes",
    type=click.Choice(["report", "refuse"]),
    help="Changed workflows, hooks and the like: name them in the report, or do not push them. "
    "Default: report.",
)
@click.option(
    "--allow",
    metavar="PATH",
    multiple=True,
    help="Push this path in spite of the scan's findings: a path, a folder or a glob. Repeatable.",
)
@click.option(
    "--git-credentials", metavar="REF", help="Secret with the git token or key: an id, env:NAME or file:PATH."
)
@click.option(
    "--agent-credentials",
    metavar="REF",
    help="Secret with the agent's API key: an id, env:NAME or file:PATH.",
)
@click.option(
    "--env",
    "variables",
    metavar="NAME[=VALUE]",
    multiple=True,
    help="A variable for the agent and the verify command; without a value, as it is set here. Repeatable.",
)
@click.option(
    "--env-file", "env_files", metavar="PATH", multiple=True, help="A file of such variables, one to a line."
)
@click.option(
    "--secret",
    "secrets",
    metavar="NAME[=REF]",
    multiple=True,
    help="A variable whose value is a secret, which is masked: an id, env:NAME or file:PATH. Default: "
    "env:NAME. Repeatable.",
)
@click.option(
    "--network",
    metavar="on|off|HOST,…",
    help="The network that the agent can reach, in a sandbox. Default: on.",
)
@runner_options
@click.option("--name", metavar="RUN_ID", help="The run's id. Default: made from the time.")
@click.option("--detach", is_flag=True, help="Run in the background; print the run id and return.")
@click.option("--dry-run", is_flag=True, help="Check all that can be checked before a run; start nothing.")
def command(
    call: Invocation,
    detach: bool,
    dry_run: bool,
    name: str | None,
    runner: str | None,
    image: str | None,
    **given: Any,
) -> int:
    """Run an agent from written instructions to a pushed branch.

    Progress goes to standard error. Standard output, if not a terminal, gets the branch, or the run id if
    nothing was pushed. Flags take precedence over the instructions' front matter.
    """
    run_id = check_run_id(name) if name is not None else new_run_id()
    backend = call.backend
    with backend.prepare(
        run_id, _request(**given), backend.runner(runner, image), detach=detach
    ) as beginning:
        if dry_run:
            return _checked(call, beginning)
        return _leave(call, beginning) if detach else follow_beginning(call, beginning)


def _checked(call: Invocation, beginning: Beginning) -> int:
    """Say that a run could begin; what was loaded for it is released."""
    if beginning.remark:
        call.output.note(beginning.remark)
    call.output.note(
        "The request, its instructions, the repository, the branch and the secrets are in order."
    )
    call.output.note("Nothing was started.")
    if call.output.as_json:
        call.output.json({"run_id": beginning.run_id, "dry_run": True, "remark": beginning.remark or None})
    return 0


def _leave(call: Invocation, beginning: Beginning) -> int:
    """Begin a run, and say how to follow it."""
    ask = call.backend.begin(beginning)
    if call.backend.where:
        say_which(call, beginning.run_id)
    if beginning.remark:
        call.output.note(beginning.remark)
    left_running(call, beginning.run_id)
    if call.output.as_json:
        call.output.json(_begun(call, ask, beginning.run_id))
    else:
        call.output.data(beginning.run_id)
    return 0


def _begun(call: Invocation, ask: Call, run_id: str) -> dict[str, Any]:
    """The fields of a run that was started just now: AWS may not know it yet."""
    progress = Progress()
    try:
        progress.feed(events_after(ask, call.backend.execution_arn(run_id), 0))
        return described(call, ask, run_id, progress)
    except NotFoundError:
        return {"run_id": run_id, "status": "RUNNING", "console": call.backend.console(run_id)}


_FIELDS = {
    "command_line": "command",
    "timeout": "timeout_seconds",
    "silence": "silence_seconds",
    "max_cost": "max_cost_usd",
}
"""Of the flags that are called otherwise than their field."""


def _request(
    variables: Sequence[str], env_files: Sequence[str], secrets: Sequence[str], **given: Any
) -> dict[str, Any]:
    words = words_after()
    if words and given["command_line"] is not None:
        raise UsageError(
            "The agent's command is given twice, with --command and behind '--'.", remedy="Leave one out."
        )
    for name in ("command_line", "verify"):
        if given[name] is not None:
            given[name] = shell_line(given[name])
    if words:
        given["command_line"] = shlex.join(words)
    given |= {"env": env_of(variables, env_files), "secrets": secrets_of(secrets)}
    return Request(**{_FIELDS.get(name, name): value for name, value in given.items()}).to_json()
