"""What --help lists is whole."""

from __future__ import annotations

from collections.abc import Iterator

import click
import pytest

from stepherd.cli.main import COMMANDS, cli


def groups() -> Iterator[tuple[str, click.Group]]:
    context = click.Context(cli)
    for name in COMMANDS:
        command = cli.get_command(context, name)
        if isinstance(command, click.Group):
            yield name, command


@pytest.mark.parametrize(("name", "group"), list(groups()))
def test_no_summary_of_a_subcommand_is_cut(name: str, group: click.Group) -> None:
    context = click.Context(group, info_name=name)
    for each in group.list_commands(context):
        command = group.get_command(context, each)
        assert command is not None
        words = command.get_short_help_str()
        assert words, each
        assert not words.endswith("..."), words


@pytest.mark.parametrize("name", list(COMMANDS))
def test_a_command_has_a_context_where_it_may_choose_one(name: str) -> None:
    """The engine is this machine's: an option that takes one value alone would be none."""
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    options = {parameter.name for parameter in command.params}
    without = {"engine", "agents", "init", "configure", "destroy", "context", "keys"}
    assert ("context" in options) == (name not in without)
