"""Which stack a command means that makes, finds or removes one: by flags, context and environment."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from stepherd.cloud.account import Caller, caller
from stepherd.cloud.contexts import (
    DEFAULT_CONTEXT,
    DEFAULT_STACK,
    LOCAL,
    Context,
    profile_in_use,
    read_contexts,
    use_profile,
    use_region,
)
from stepherd.errors import CredentialsError, UsageError

if TYPE_CHECKING:
    from stepherd.cli.output import Output

__all__ = ["Target", "choose_target", "show_target", "target_options"]

_STACK: Final = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,39}")


@dataclass(frozen=True, slots=True)
class Target:
    """A stack that may or may not exist, and the AWS identity that asks for it."""

    stack: str
    caller: Caller
    profile: str
    context: str

    @property
    def region(self) -> str:
        """The region it is in."""
        return self.caller.region

    def to_context(self) -> Context:
        """As it is kept in the home."""
        return Context(self.context, self.stack, self.caller.region, self.caller.account, self.profile)


def show_target(output: Output, target: Target, state: str) -> None:
    """Where it is, and how it is there."""
    profile = f", profile {target.profile}" if target.profile else ""
    output.note(f"Account  {target.caller.account}{profile}")
    output.note(f"Region   {target.region}")
    output.note(f"Stack    {target.stack} ({state})")


def target_options(decorated: Callable[..., Any]) -> Callable[..., Any]:
    """--stack-name, --region, --profile and --name."""
    for option in (
        click.option("--name", metavar="NAME", help="The name of the stack's context."),
        click.option("--profile", metavar="NAME", help="Profile of the AWS configuration."),
        click.option("--region", metavar="REGION", help="Default: the context's, or your AWS "
        "settings' region."),
        click.option("--stack-name", "stack", metavar="NAME",
                     help=f"Default: that of the context, or {DEFAULT_STACK}."),
    ):  # fmt: skip
        decorated = option(decorated)
    return decorated


def choose_target(
    home: Path, name: str | None, stack: str | None, region: str | None, profile: str | None
) -> Target:
    """Find out which stack is meant, and let this process's AWS clients be of its profile and region.

    Raises UsageError for a name that no stack can have, ConfigurationError without boto3 or region,
    CredentialsError without credentials.
    """
    contexts = read_contexts(home)
    context = name or (contexts.default if contexts.default != LOCAL else DEFAULT_CONTEXT)
    known = contexts.known.get(context)
    wanted = stack or (known.stack if known else DEFAULT_STACK)
    if not _STACK.fullmatch(wanted):
        raise UsageError(
            f"'{wanted}' cannot be the name of a stack.",
            remedy="Use up to 40 letters, digits and '-', beginning with a letter.",
        )
    if known and known.stack != wanted:
        # A context is one stack: of another it says nothing, and is not written over unless it is named.
        context = name or wanted
        known = None if name else contexts.known.get(context)
    profile = profile or (known.profile if known else "")
    region = region or (known.region if known else None)
    if profile:
        use_profile(profile)
    found = caller(region)
    if known and found.account != known.account:
        raise CredentialsError(
            f"The context {context} is of account {known.account}, the credentials are of {found.account}.",
            remedy="Use others with --profile, or another context with --name.",
        )
    use_region(found.region)
    return Target(wanted, found, profile_in_use(), context)
