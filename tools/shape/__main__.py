"""``python -m tools.shape``: print the figures; ``--help`` says what else."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tools.shape.entered import entered_section
from tools.shape.graph import import_sections
from tools.shape.habits import HABITS, habit_section, places
from tools.shape.sizes import size_sections
from tools.shape.sources import Source, read_sources
from tools.shape.start_up import start_up_section
from tools.shape.table import Section, section_lines, to_json
from tools.shape.texts import Text, data_texts, doc_texts, help_texts, source_texts

from stepherd.cli.main import cli

_ROOT = Path(__file__).parents[2]


def main() -> int:
    """Measure the sources and print the sections that the options ask for; returns exit code 0."""
    asked = _arguments()
    sources = read_sources(_ROOT / "src" / "stepherd", _ROOT)
    if asked.show:
        habit = next(habit for habit in HABITS if habit.name == asked.show)
        print("\n".join(places(habit, _texts(sources))))
        return 0
    sections = list(_sections(sources, asked.static))
    if asked.json:
        print(json.dumps(to_json(sections), indent=1, ensure_ascii=False))
        return 0
    for section in sections:
        print("\n".join(section_lines(section, asked.against)), end="\n\n")
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tools.shape", description="The shape of the code, in figures."
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument(
        "--against", type=_earlier, metavar="FILE", help="show what differs from an earlier --json"
    )
    parser.add_argument("--static", action="store_true", help="leave out what must run Stepherd")
    parser.add_argument(
        "--show", choices=[habit.name for habit in HABITS], metavar="HABIT", help="print where a habit is"
    )
    return parser.parse_args()


def _earlier(name: str) -> Any:
    try:
        earlier = json.loads(Path(name).read_text(encoding="utf-8"))
        for section in earlier.values():
            section["rows"].items()
    except (OSError, ValueError, AttributeError, KeyError, TypeError) as error:
        raise argparse.ArgumentTypeError(f"{name} holds no earlier figures: {error}") from None
    return earlier


def _sections(sources: Sequence[Source], static: bool) -> Iterator[Section]:
    yield from size_sections(sources)
    yield from import_sections(sources)
    if not static:
        yield entered_section(_ROOT)
        yield start_up_section()
    yield habit_section(_texts(sources))


def _texts(sources: Sequence[Source]) -> list[Text]:
    functions = read_sources(_ROOT / "functions", _ROOT)
    return [
        *help_texts(cli, "stepherd"),
        *doc_texts(_ROOT),
        *data_texts(_ROOT),
        *source_texts([*sources, *functions]),
    ]


sys.exit(main())
