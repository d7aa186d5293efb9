"""Texts that people read, told apart by kind."""

from __future__ import annotations

from pathlib import Path

import click
from tests.unit.tools.shape.conftest import Write
from tools.shape.texts import data_texts, doc_texts, help_texts, source_texts

_CODE = '''"""A module."""

LIMIT = 1
"""Of something."""


class Tides:
    """A class."""

    @declared("x", examples=("an example",))
    @option("--a", help="A long help.")
    def command(self, firstWord):
        """Shown as help."""
        raise Error("The first part " f"of {self.x}, and more.", key="word")
'''


def test_strings_of_code_are_messages_docstrings_or_help(write: Write) -> None:
    texts = list(source_texts(write({"one.py": _CODE})))
    by_kind = {
        kind: [t.words for t in texts if t.kind == kind] for kind in ("docstrings", "messages", "names")
    }
    assert by_kind == {
        "docstrings": ["A module.", "Of something.", "A class."],
        "messages": ["The first part of …, and more."],
        "names": ["one", "limit", "tides", "command", "self", "first_word"],
    }
    assert [text.line for text in texts if text.kind == "messages"] == [14]


def test_help_is_that_of_every_command_in_whole_lines() -> None:
    long = "word " * 60

    @click.group()
    def group() -> None:
        """A group."""

    group.add_command(click.Command("inner", help=long))
    texts = {text.where: text.words for text in help_texts(group, "tide")}
    assert list(texts) == ["tide --help", "tide inner --help"]
    assert "A group." in texts["tide --help"]
    assert long.strip() in texts["tide inner --help"]


def test_pages_and_data_are_read_where_they_are(tmp_path: Path) -> None:
    for name, text in {
        "README.md": "Top",
        "docs/decisions/0001.md": "Deep",
        "statemachines/a.json": "{}",
        "template.yaml": "# who\nA: b#c # who\n",
        "other.md": "Not ours",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert [text.words for text in doc_texts(tmp_path)] == ["Top", "Deep"]
    assert [text.words for text in data_texts(tmp_path)] == ["{}", "\nA: b#c \n"]
