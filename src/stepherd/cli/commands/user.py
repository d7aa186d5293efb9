"""``stepherd user``: the names that the agents' own CLIs have for the same."""

from __future__ import annotations

import click

from stepherd.cli.invocation import Invocation
from stepherd.cli.options import group as declared

__all__ = ["command"]


@declared(
    "user",
    subcommands={"export-token": ("stepherd.cli.commands.export_token", "Print a login's token as JSON.")},
)
def command(call: Invocation) -> int:  # noqa: ARG001
    """Commands under the names that the agents' own CLIs use."""
    click.echo(click.get_current_context().get_help())
    return 0
