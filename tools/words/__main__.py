"""``python -m tools.words``: print how often each habit occurs; ``--help`` says what else."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from tools.shape.sources import Source, read_sources
from tools.shape.texts import Text, doc_texts, help_texts, source_texts
from tools.words.habits import HABITS, KINDS, find

from stepherd.cli.main import cli

__all__ = ["all_texts", "counts", "main"]

_ROOT = Path(__file__).parents[2]
_BEFORE = Path(__file__).with_name("before.json")


def main() -> int:
    """Count the habits, or show where they are, as the options say; returns exit code 0."""
    parser = argparse.ArgumentParser(prog="python -m tools.words", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--show", choices=[*HABITS, "all"], metavar="HABIT", help="print where a habit is")
    parser.add_argument("--kind", choices=KINDS, help="with --show: in such texts alone")
    parser.add_argument("--in", dest="within", default="", metavar="PATH", help="with --show: below a path")
    asked = parser.parse_args()
    texts = all_texts()
    if asked.show:
        shown = [
            text for text in texts if asked.kind in {None, text.kind} and text.where.startswith(asked.within)
        ]
        print("\n".join(_lines(shown, asked.show)))
        return 0
    now = counts(texts)
    print(json.dumps(now, indent=1, ensure_ascii=False) if asked.json else _table(now))
    return 0


def all_texts() -> list[Text]:
    """Messages, docstrings and comments of src and functions, the help of every command, and the pages.

    The history of changes is left out: it is not written again.
    """
    sources = [*read_sources(_ROOT / "src" / "stepherd", _ROOT), *read_sources(_ROOT / "functions", _ROOT)]
    pages = [text for text in doc_texts(_ROOT) if text.where != "CHANGELOG.md"]
    found = [*source_texts(sources), *_comments(sources), *help_texts(cli, "stepherd"), *pages]
    return [text for text in found if text.kind in KINDS]


def _comments(sources: Sequence[Source]) -> Iterator[Text]:
    """Comments, one text for lines that follow each other."""
    for source in sources:
        start, lines = 0, list[str]()
        for number, words in sorted(source.comments.items()):
            if lines and number != start + len(lines):
                yield Text("comments", source.path, start, "\n".join(lines))
                lines = []
            if not lines:
                start = number
            lines.append(words)
        if lines:
            yield Text("comments", source.path, start, "\n".join(lines))


def counts(texts: Sequence[Text]) -> dict[str, dict[str, int]]:
    """Uses of each habit by kind of text."""
    found = Counter((use.habit, use.text.kind) for text in texts for use in find(text))
    return {habit: {kind: found[habit, kind] for kind in KINDS} for habit in HABITS}


def _lines(texts: Sequence[Text], habit: str) -> Iterator[str]:
    for text in texts:
        for use in find(text):
            if habit in {use.habit, "all"}:
                yield f"{text.where}:{use.line} ({text.kind}, {use.habit}) {use.words}"


def _table(now: dict[str, dict[str, int]]) -> str:
    before = json.loads(_BEFORE.read_text(encoding="utf-8"))
    lines = ["".join([f"{'':<18}", *(f"{kind:>14}" for kind in KINDS)])]
    for habit, row in now.items():
        cells = (f"{before[habit][kind]} → {row[kind]}" for kind in KINDS)
        lines.append("".join([f"{habit:<18}", *(f"{cell:>14}" for cell in cells)]))
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
