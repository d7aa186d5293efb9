"""The command ``stepherd configure``."""

from __future__ import annotations

import click

from stepherd.cli.deploy.target import Target, choose_target, target_options
from stepherd.cli.invocation import Invocation
from stepherd.cli.options import command as declared
from stepherd.cloud.account import own_stacks
from stepherd.cloud.contexts import DEFAULT_STACK, keep_context, read_contexts
from stepherd.cloud.stack import Stack, find_stack
from stepherd.cloud.waiting import telling_of_waits
from stepherd.errors import ConfigurationError, NotFoundError, UsageError
from stepherd.remedies import Remedy

__all__ = ["command"]

_NEEDED = ("PipelineArn", "StoreUri", "LoginArn")


@declared(
    "configure",
    examples=(
        "stepherd configure --region eu-west-1",
        "stepherd configure --stack-name test --name test",
    ),
    contexts=False,
)
@target_options
@click.option("--list", "listing", is_flag=True, help="List the stacks in the region and change nothing.")
def command(
    call: Invocation,
    name: str | None,
    stack: str | None,
    region: str | None,
    profile: str | None,
    listing: bool,
) -> int:
    """Find a deployed stack and save it as a context. Changes nothing on AWS."""
    with telling_of_waits(call.output.note):
        target = choose_target(call.home, name, stack, region, profile)
        if listing:
            return _list(call, target)
        if stack is None and target.context not in read_contexts(call.home).known:
            stack = _only_one(target, [str(found["StackName"]) for found in own_stacks(target.region)])
            target = choose_target(call.home, name, stack, target.region, profile)
        found = find_stack(target.stack, target.region)
    _check(found)
    return _keep(call, target, found)


def _keep(call: Invocation, target: Target, found: Stack) -> int:
    keep_context(call.home, target.to_context(), default=True)
    if call.output.as_json:
        where = {"stack": found.name, "region": found.region, "account": found.account}
        call.output.json(
            {"context": target.context, **where, "status": found.status, "outputs": dict(found.outputs)}
        )
        return 0
    where_text = f"{found.region}, account {found.account}"
    call.output.note(f"{target.context} is the stack {found.name} ({found.status}) in {where_text}.")
    call.output.note(f"It is now the default, by {call.home / 'config.yaml'}.")
    call.output.note("  next     stepherd run --repo URL --instructions FILE --agent NAME")
    call.output.note("           stepherd doctor")
    return 0


def _list(call: Invocation, target: Target) -> int:
    stacks = list(own_stacks(target.region))
    if call.output.as_json:
        rows = [{"stack": found["StackName"], "status": found["StackStatus"]} for found in stacks]
        call.output.json({"region": target.region, "account": target.caller.account, "stacks": rows})
        return 0
    for found in stacks:
        call.output.data(f"{found['StackName']}  {found['StackStatus']}")
    if not stacks:
        call.output.note(f"{_nowhere(target).message} Deploy one: stepherd init")
    return 0


def _only_one(target: Target, names: list[str]) -> str:
    """The stack that is meant where none is named: the only one, or the one with the default name."""
    if DEFAULT_STACK in names or len(names) == 1:
        return DEFAULT_STACK if DEFAULT_STACK in names else names[0]
    if not names:
        raise _nowhere(target)
    there_are = ", ".join(sorted(names))
    raise UsageError(
        f"There are {len(names)} stacks in {target.region}: {there_are}.",
        remedy=Remedy("Choose one: ", ("configure", "--stack-name", "NAME")),
    )


def _nowhere(target: Target) -> NotFoundError:
    return NotFoundError(
        f"No stack in {target.region} of the account {target.caller.account} has the tag "
        "Application=stepherd.",
        remedy=Remedy("Look in another region with --region, or deploy one: ", ("init",)),
    )


def _check(stack: Stack) -> None:
    """Raises ConfigurationError for a stack that is not Stepherd's, or not whole."""
    missing = [output for output in _NEEDED if output not in stack.outputs]
    if missing:
        raise ConfigurationError(
            f"The stack {stack.name} ({stack.status}) has no output {missing[0]}.",
            remedy=Remedy("If it is one of Stepherd's, run: ", ("init", "--stack-name", stack.name)),
        )
