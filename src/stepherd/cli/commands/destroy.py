"""The command ``stepherd destroy``."""

from __future__ import annotations

import click

from stepherd.cli.deploy.progress import StackProgress
from stepherd.cli.deploy.removal import answer, show_holdings, show_remaining
from stepherd.cli.deploy.resume_hint import resume_hint, this_command
from stepherd.cli.deploy.target import Target, choose_target, target_options
from stepherd.cli.invocation import Invocation
from stepherd.cli.options import command as declared
from stepherd.cloud.contexts import forget_context, read_contexts
from stepherd.cloud.deployment import Deployer
from stepherd.cloud.holdings import holdings_of, made_by_stepherd
from stepherd.cloud.removal import Removal
from stepherd.errors import ConfigurationError, NotFoundError, UsageError
from stepherd.remedies import Remedy

__all__ = ["command"]


@declared(
    "destroy",
    examples=("stepherd destroy", "stepherd destroy --yes stepherd --region eu-west-1"),
    contexts=False,
)
@target_options
@click.option("--yes", "confirmed", metavar="STACK", help="The stack's name, instead of asking for it.")
@click.option("--force", is_flag=True, help="Do not ask.")
def command(
    call: Invocation,
    name: str | None,
    stack: str | None,
    region: str | None,
    profile: str | None,
    confirmed: str | None,
    force: bool,
) -> int:
    """Remove the stack with all runs, images, logins and secrets; shows what is left and what it cost.

    If interrupted, run it again: it continues where it stopped.
    """
    if confirmed is None and not force and not call.output.can_ask:
        raise UsageError(
            "destroy asks before it removes everything, but there is no terminal to ask at.",
            remedy=f"To go ahead without asking: {this_command('--yes', 'STACK')}",
        )
    if name is not None and stack is None:
        _need_context(call, name)
    with resume_hint(call.output):
        target = choose_target(call.home, name, stack, region, profile)
        if confirmed is not None and confirmed != target.stack:
            raise UsageError(
                f"--yes names '{confirmed}', and the stack is '{target.stack}'.",
                remedy="Give its name to both.",
            )
        return _carry_out(call, target, ask=confirmed is None and not force)


def _need_context(call: Invocation, name: str) -> None:
    """A context that is gone names no stack, and the default stack is not the one that was meant."""
    if name not in read_contexts(call.home).known:
        raise NotFoundError(
            f"There is no context '{name}', so it is not clear which stack to remove.",
            remedy=Remedy(
                "List the contexts: ", ("context",), ". For a stack without one, use --stack-name."
            ),
        )


def _carry_out(call: Invocation, target: Target, *, ask: bool) -> int:
    progress = StackProgress(call.output)
    deployer = Deployer(target.stack, target.region, progress, this_command())
    there = deployer.find()
    if there is not None and not made_by_stepherd(there):
        raise ConfigurationError(
            f"The stack {there.name} in {target.region} was not deployed by Stepherd; nothing was removed.",
            remedy=Remedy("List those that were: ", ("configure", "--list")),
        )
    try:
        found = deployer.settle()
    finally:
        progress.end()
    holdings = holdings_of(target.stack, target.region, target.caller.account, found)
    if holdings.nothing:
        if _forget(call, target):
            call.output.note(f"Nothing is left of the stack {target.stack}; its context is forgotten.")
            return 0
        raise NotFoundError(
            f"There is no stack '{target.stack}' in {target.region}, account {target.caller.account}.",
            remedy=Remedy("List the stacks: ", ("configure", "--list")),
        )
    show_holdings(call.output, target, holdings)
    if ask:
        _confirm(target.stack)
    removal = Removal(holdings, deployer, call.output.note)
    try:
        removal.run()
    finally:
        progress.end()
    failed = [each.error for each in removal.remaining if each.error is not None]
    if not failed:
        _forget(call, target)
    if call.output.as_json:
        call.output.json(answer(target, holdings, removal.remaining))
    else:
        show_remaining(call.output, holdings, removal.remaining, this_command())
    return failed[0].exit_code if failed else 0


def _confirm(stack: str) -> None:
    if click.prompt("Type the stack's name to remove it", err=True) != stack:
        raise UsageError("That is not the stack's name; nothing was removed.", remedy="Run it again.")


def _forget(call: Invocation, target: Target) -> bool:
    """Forget every context of this stack, whatever it is called; whether there was one."""
    found = False
    for context in list(read_contexts(call.home).known.values()):
        same = (context.stack, context.region, context.account)
        if same == (target.stack, target.region, target.caller.account):
            forget_context(call.home, context.name)
            found = True
    return found
