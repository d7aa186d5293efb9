"""Every command line of Stepherd's in the documentation names commands and options that there are."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from stepherd.agents.fences import blocks_of
from stepherd.cli.main import cli
from stepherd.runs.front_matter import SETTINGS

ROOT = Path(__file__).parents[3]
PAGES = [
    ROOT / "README.md",
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "examples").rglob("*.md")),
]
_BLOCKS = re.compile(r"^ *```(?:sh|console)\n(.*?)^ *```", re.DOTALL | re.MULTILINE)
_CALLS = re.compile(r"(?:^|[|;&(]|\$ )\s*(?:[A-Z_]+=\S+ )*stepherd (.*)")


def calls(page: Path) -> Iterator[list[str]]:
    """The words after ``stepherd`` of each call, in blocks of shell and within the text."""
    text = page.read_text(encoding="utf-8")
    yield from (words(call) for call in re.findall(r"`stepherd ([^`\n]+)`", text))
    for block in _BLOCKS.findall(text):
        for line in block.replace("\\\n", " ").splitlines():
            found = _CALLS.search(line)
            if found:
                yield words(found[1])


def words(text: str) -> list[str]:
    """Without comments, and without what other programs get."""
    lexer = shlex.shlex(text, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    taken: list[str] = []
    for word in lexer:
        if set(word) <= set("|&;<>()"):
            break
        taken.append(word)
    return taken


def unknown(call: list[str]) -> list[str]:
    """The words of a call that are neither a command nor an option."""
    command: click.Command = cli
    context = click.Context(cli)
    rest = call[: call.index("--")] if "--" in call else list(call)
    while rest and isinstance(command, click.Group) and not rest[0].startswith("-"):
        inner = command.get_command(context, rest[0])
        if inner is None:
            return [] if command is not cli else [rest[0]]
        command = inner
        rest.pop(0)
    known = {name for one in command.params for name in (*one.opts, *one.secondary_opts)}
    known |= {"-h", "--help", "--version"}
    return [word for word in rest if re.match(r"--?[a-z]", word) and word.partition("=")[0] not in known]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_and_options_exist(page: Path) -> None:
    assert [(call, wrong) for call in calls(page) if (wrong := unknown(call))] == []


def test_calls_are_found_and_wrong_ones_told() -> None:
    assert sum(len(list(calls(page))) for page in PAGES) > 80
    assert unknown(["run", "--no-such"]) == ["--no-such"]
    assert unknown(["runn"]) == ["runn"]
    assert unknown(["login", "status", "--agent", "q", "--json"]) == []
    assert words("doctor --json | jq '.findings' # all") == ["doctor", "--json"]


def test_the_keys_of_front_matter_are_told_and_no_others() -> None:
    text = (ROOT / "docs/how-to-run.md").read_text(encoding="utf-8")
    told = re.search(r"Front matter may hold (.*?);", text, re.DOTALL)
    assert told
    assert set(re.findall(r"`([a-z_]+)`", told[1])) == set(SETTINGS)


def test_the_block_that_is_shown_for_apply_is_one() -> None:
    text = (ROOT / "docs/how-to-use-agents.md").read_text(encoding="utf-8")
    shown = re.search(r"^````markdown\n(.*?)^````$", text, re.DOTALL | re.MULTILINE)
    assert shown
    assert [(block.kind, block.path) for block in blocks_of(shown[1])] == [("file", "src/greet.py")]
