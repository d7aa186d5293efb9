"""A command with commands of its own, loaded when they are asked for."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import click

from stepherd.errors import UsageError

__all__ = ["Subcommands"]


class Subcommands(click.Group):
    """``modules`` names the module of each subcommand, ``words`` what it does in a few words."""

    def __init__(self, name: str, *, modules: dict[str, tuple[str, str]], **how: Any) -> None:
        super().__init__(name, **how)
        self._modules = modules

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(self._modules)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:  # noqa: ARG002
        if name not in self._modules:
            return None
        module, words = self._modules[name]
        command: click.Command = import_module(module).command
        command.short_help = words
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, words) for name, (_, words) in self._modules.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in self._modules and not args[0].startswith("-") and not ctx.resilient_parsing:
            known = ", ".join(self._modules)
            meant = self._option_for(args[0])
            raise UsageError(
                f"'{ctx.command_path}' has no command '{args[0]}'.",
                remedy=f"Did you mean: {ctx.command_path} {meant}"
                if meant
                else f"Its commands: {known}. See: {ctx.command_path} --help",
            )
        return super().resolve_command(ctx, args)

    def _option_for(self, word: str) -> str:
        """The option that takes ``word``, with it; empty where none lists it among its values."""
        for option in self.params:
            if isinstance(option.type, click.Choice) and word in option.type.choices:
                return f"{option.opts[0]} {word}"
        return ""
