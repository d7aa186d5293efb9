"""Settings of a run as YAML: the head of instructions.md between two lines of three dashes, or a file."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from stepherd.services.front_matter import InvalidFrontMatter, head_and_body
from stepherd.services.number_text import read_seconds
from stepherd.text.plain import one_paragraph

if TYPE_CHECKING:
    from stepherd.services.yaml_text import Entry

__all__ = ["SETTINGS", "read_settings", "split_front_matter"]

_MOST_CHARACTERS: Final = 16_384
SETTINGS: Final = {
    "repo": "repo",
    "branch": "branch",
    "base": "base",
    "agent": "agent",
    "command": "command",
    "message": "message",
    "timeout": "timeout_seconds",
    "push": "push",
    "verify": "verify",
    "verify_required": "verify_required",
    "verify_rounds": "verify_rounds",
    "model": "model",
    "max_turns": "max_turns",
    "max_cost_usd": "max_cost_usd",
    "silence": "silence_seconds",
    "automation_changes": "automation_changes",
    "submodules": "submodules",
    "commits": "commits",
    "network": "network",
    "allow": "allow",
}
"""The name in front matter, and the field of a request that it sets."""
_SWITCHES: Final = frozenset({"network"})
"""Fields of words: YAML reads a plain "on" and "off" as true and false."""
_DURATIONS: Final = frozenset({"timeout", "silence"})
"""Fields in seconds: people write 10m, too."""
_REMEDY: Final = f"Its keys are {', '.join(SETTINGS)}, one to a line, between two lines of '---'."


@dataclass(frozen=True, slots=True)
class _Source:
    """Where settings stand, for messages."""

    name: str
    file: str
    first_line: int
    remedy: str

    def refusal(self, words: str, remedy: str = "") -> InvalidFrontMatter:
        return InvalidFrontMatter(f"The {words}.", remedy=remedy or self.remedy)


_HEAD: Final = _Source("front matter", "front matter of instructions.md", 2, _REMEDY)


def split_front_matter(text: str) -> tuple[dict[str, Any], str]:
    """The request fields that the head of ``text`` sets, and the text below it.

    Without a first line of ``---`` there are none. Raises InvalidFrontMatter, naming the line or key.
    """
    head, body = head_and_body(text, remedy=_HEAD.remedy)
    return ({} if head is None else _fields_of(head, _HEAD)), body


def read_settings(text: str, name: str) -> dict[str, Any]:
    """The request fields that a file of settings sets, such as run.yaml: the keys of front matter.

    Raises InvalidFrontMatter, naming the file and the line or key.
    """
    remedy = f"Its keys are {', '.join(SETTINGS)}, one to a line."
    return _fields_of(text.removeprefix("\ufeff"), _Source(name, name, 1, remedy))


def _fields_of(head: str, source: _Source) -> dict[str, Any]:
    if len(head) > _MOST_CHARACTERS:
        raise source.refusal(f"{source.file} is longer than {_MOST_CHARACTERS:,} characters")
    fields: dict[str, Any] = {}
    for entry in _entries_of(head, source):
        if isinstance(entry.value, list | dict):
            line = entry.line - 1 + source.first_line
            raise source.refusal(
                f"{source.name} value in line {line} of {source.file.rpartition(' ')[2]} is not a scalar",
                "Write each value on one line, in quotes if it contains ': ' or '#'.",
            )
        if entry.key not in SETTINGS:
            raise source.refusal(f"{source.name} key '{_shown(entry.key)}' is unknown")
        if SETTINGS[entry.key] in fields:
            raise source.refusal(f"{source.name} key '{entry.key}' appears twice", "Keep one of them.")
        fields[SETTINGS[entry.key]] = _meant(entry.key, entry.value)
    return fields


def _meant(key: str, value: Any) -> Any:
    """A value as its field takes it, where people write it otherwise; what is wrong stays, to be refused."""
    if key in _SWITCHES and isinstance(value, bool):
        return "on" if value else "off"
    if key in _DURATIONS and isinstance(value, str):
        with suppress(ValueError):
            return read_seconds(value)
    return value


def _entries_of(head: str, source: _Source) -> list[Entry]:
    # Only now: few instructions have a head, and YAML takes its time to load.
    from stepherd.services.yaml_text import UnreadableYaml, read_entries

    try:
        entries = read_entries(head)
    except UnreadableYaml as error:
        where = "" if error.line is None else f" (line {error.line - 1 + source.first_line})"
        words = f"{source.file} is not readable YAML{where}: {_shown(error.reason)}"
        raise source.refusal(words) from None
    if entries is None:
        raise source.refusal(f"{source.file} is not a mapping")
    return entries


def _shown(text: str) -> str:
    return one_paragraph(text, 60)
