"""The lists of --help are whole, and it is quick."""

from __future__ import annotations

import re
import subprocess
import sys
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
def test_no_line_of_help_ends_within_a_name_that_has_hyphens(name: str) -> None:
    """At 80 columns, such as ``us-`` and ``east-1``: whoever copies that copies half of it."""
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    shown = command.get_help(click.Context(command, info_name=f"stepherd {name}", terminal_width=78))
    assert [line for line in shown.splitlines() if re.search(r"\w-$", line)] == []


@pytest.mark.parametrize("name", list(COMMANDS))
def test_a_command_has_a_context_where_it_may_choose_one(name: str) -> None:
    """The engine is this machine's: an option that takes one value alone would be none."""
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    options = {parameter.name for parameter in command.params}
    without = {"engine", "prune", "agents", "init", "configure", "destroy", "context", "keys"}
    assert ("context" in options) == (name not in without)


def test_every_help_and_the_client_are_there_without_boto3() -> None:
    """It is an extra: what needs it says so in words."""
    program = (
        "import sys\n"
        "sys.modules['boto3'] = sys.modules['botocore'] = None\n"
        "import click, stepherd\n"
        "from stepherd.cli.main import COMMANDS, cli\n"
        "for name in COMMANDS:\n"
        "    command = cli.get_command(click.Context(cli), name)\n"
        "    command.get_help(click.Context(command, info_name=name))\n"
        "    for each in getattr(command, 'list_commands', lambda _: ())(click.Context(command)):\n"
        "        command.get_command(click.Context(command), each)\n"
        "[getattr(stepherd, name) for name in stepherd.__all__]\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


_HEAVY = ("asyncio", "http.client", "sqlite3", "ssl", "stepherd.repositories.git", "stepherd.runs.request")
_LIGHT = {
    *("configure", "context", "destroy", "doctor", "history", "init", "keys", "list", "login", "logs"),
    *("pull", "redrive", "status", "stop", "user", "watch"),
}
"""Commands whose help loads nothing of the kind. It then takes a third of the time."""


def test_the_help_of_light_commands_loads_nothing_for_their_work() -> None:
    """Each command has a process of its own, because modules stay loaded."""
    program = (
        "import os, sys\n"
        "import click\n"
        "from stepherd.cli.main import COMMANDS, cli\n"
        "for name in COMMANDS:\n"
        "    if os.fork() == 0:\n"
        "        command = cli.get_command(click.Context(cli), name)\n"
        "        command.get_help(click.Context(command, info_name=name))\n"
        f"        loaded = [module for module in {_HEAVY} if module in sys.modules]\n"
        "        os.write(1, ' '.join([name, *loaded, '\\n']).encode())\n"
        "        os._exit(0)\n"
        "    assert os.wait()[1] == 0\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = {name: modules for name, *modules in map(str.split, done.stdout.splitlines())}
    assert set(loaded) == set(COMMANDS)
    assert {name: loaded[name] for name in _LIGHT if loaded[name]} == {}
