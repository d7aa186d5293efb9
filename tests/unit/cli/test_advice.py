"""Every command that a remedy names is one of ours, and is printed with the home and context given."""

from __future__ import annotations

import ast
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepherd.cli.advice import completing
from stepherd.cli.invocation import Invocation
from stepherd.cli.main import cli
from stepherd.errors import StepherdError
from stepherd.remedies import RUN, Command, Remedy, command_text, commands_in, completed

ROOT = Path(__file__).parents[3]
SOURCES = sorted([*(ROOT / "src").rglob("*.py"), *(ROOT / "functions").rglob("*.py")])
OURS = sorted(cli.list_commands(click.Context(cli)))
SHOWN = {
    "RUN": "run_1", "NAME": "name", "MORE": "9", "REF": "env:KEY", "URL": "https://h/o/n", "FILE": "task.md",
}  # fmt: skip
"""The words that a person puts for those in capitals."""
UNKNOWN = {"flag": "--max-turns", "scope": "runs:read"}
"""Parts of a command that only running code knows, by their names there; everything else is a name."""


def _remedies(tree: ast.Module) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Remedy":
            yield node


def _word(node: ast.expr) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    name = ast.unparse(node).rpartition(".")[2]
    if isinstance(node, ast.JoinedStr) and "=" in ast.unparse(node):
        return "claude=env:KEY"
    return RUN if name in ("RUN", "run_id", "_run_id") else UNKNOWN.get(name, "q")


def _commands() -> Iterator[tuple[str, Command]]:
    for path in SOURCES:
        for call in _remedies(ast.parse(path.read_text(encoding="utf-8"))):
            for part in call.args:
                if isinstance(part, ast.Tuple):
                    yield (
                        f"{path.relative_to(ROOT)}:{part.lineno}",
                        tuple(SHOWN.get(_word(word), _word(word)) for word in part.elts),
                    )


COMMANDS = dict(_commands())


def _found(command: Command) -> tuple[click.Command, list[str]]:
    """The command as click knows it, and what it is given."""
    found: click.Command = cli
    rest = list(command)
    while rest and isinstance(found, click.Group) and rest[0] in found.list_commands(click.Context(found)):
        inner = found.get_command(click.Context(found), rest.pop(0))
        assert inner is not None
        found = inner
    return found, rest


def _takes(command: Command) -> set[str]:
    """The options that the command has by which it is said where runs are."""
    options = {option for given in _found(command)[0].params for option in given.opts}
    return options & {"--home", "--context"}


@pytest.mark.parametrize("where", COMMANDS)
def test_it_parses_and_names_home_and_context(where: str, tmp_path: Path) -> None:
    given = COMMANDS[where]
    assert given[0] in OURS, given
    whole = completing(given, tmp_path, "aws")
    takes = _takes(given)
    assert ("--home" in whole) == ("--home" in takes), whole
    assert "--context" in whole or "--context" not in takes
    assert "--context" in takes or "--context" not in whole
    # AND its text is what a shell takes apart into the same words, which are a command line
    assert shlex.split(command_text(whole)) == ["stepherd", *whole]
    try:
        found, rest = _found(whole)
        found.make_context(whole[0], rest)
    except click.exceptions.Exit:
        assert "--help" in whole
    except click.MissingParameter:
        assert len(given) <= 2, "a command that is named with its options has all that it needs"


def test_there_are_commands_of_many_kinds() -> None:
    assert len(COMMANDS) > 80
    assert len({command[0] for command in COMMANDS.values()}) >= 12


def test_no_remedy_names_a_command_in_prose() -> None:
    """A text would be printed without the home and the context."""
    found = []
    for path in SOURCES:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        values: list[ast.expr] = [
            node.value for node in ast.walk(tree) if isinstance(node, ast.keyword) and node.arg == "remedy"
        ]
        values += [part for call in _remedies(tree) for part in call.args if not isinstance(part, ast.Tuple)]
        for value in values:
            for node in ast.walk(value):
                text = node.value if isinstance(node, ast.Constant) else None
                if isinstance(text, str) and any(f"stepherd {name}" in text for name in OURS):
                    found.append(f"{path.relative_to(ROOT)}:{node.lineno}: {text}")
    assert found == []


words = st.text(min_size=1, max_size=12)
commands = st.builds(
    lambda first, rest: (first, *rest), st.sampled_from(["redrive", "list", "logs", "pull"]),
    st.lists(words, max_size=3),
)  # fmt: skip


@given(before=st.text(max_size=20), command=commands, after=st.text(max_size=20), name=words)
def test_whatever_is_given_is_in_the_printed_command_and_the_rest_stays(
    before: str, command: Command, after: str, name: str
) -> None:
    home = Path("/homes") / name.replace("/", "_").replace("\0", "_")
    remedy = Remedy(before, command, after)
    told = completed(remedy, lambda one: completing(one, home, "aws"))
    assert told.startswith(before)
    assert told.endswith(after)
    assert commands_in(told) == (completing(command, home, "aws"),)
    assert str(home) in commands_in(told)[0] or "--home" in command
    assert command_text(commands_in(told)[0]) in told


def test_a_plain_text_is_printed_as_it_is(tmp_path: Path) -> None:
    text = "Look at the log of 'stepherd list', which somebody else has quoted."
    assert Invocation(tmp_path, context="aws").advice(text) == text


def test_the_command_to_find_a_stack_again_names_the_home(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call = Invocation(tmp_path, context="nope")
    with pytest.raises(StepherdError) as refused:
        _ = call.backend
    call.output.error(refused.value)
    assert f"stepherd configure --home {tmp_path}" in capsys.readouterr().err
