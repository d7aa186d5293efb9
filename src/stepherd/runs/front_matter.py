"""Settings of a run as YAML: the head of instructions.md between two lines of three dashes, or a file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from stepherd.errors import DataError

if TYPE_CHECKING:
    import yaml

__all__ = ["SETTINGS", "InvalidFrontMatter", "read_settings", "split_front_matter"]

_MOST_CHARACTERS: Final = 16_384
_MOST_BRACKETS: Final = 500
"""Values are scalars. PyYAML's time grows with the square of what is opened: 5,000 take 10 seconds."""
_MARK: Final = "---"
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
    "model": "model",
    "max_turns": "max_turns",
    "max_cost_usd": "max_cost_usd",
    "silence": "silence_seconds",
    "network": "network",
}
"""The name in front matter, and the field of a request that it sets."""
_WORDS: Final = frozenset({"network"})
"""What is taken as it is written: YAML 1.1 reads "on" and "off" as true and false."""
_REMEDY: Final = f"Its keys are {', '.join(SETTINGS)}, one to a line, between two lines of '---'."


class InvalidFrontMatter(DataError):
    """The head of instructions.md, or a file of settings, cannot be read; trying again does not help."""


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
    lines = text.removeprefix("\ufeff").splitlines(keepends=True)
    if not lines or lines[0].rstrip() != _MARK:
        return {}, text
    for index, line in enumerate(lines[1:], start=1):
        if line.rstrip() == _MARK:
            return _fields_of("".join(lines[1:index]), _HEAD), "".join(lines[index + 1 :])
    raise _HEAD.refusal(f"{_HEAD.file} has no closing line of '---'")


def read_settings(text: str, name: str) -> dict[str, Any]:
    """The request fields that a file of settings sets, such as run.yaml: the keys of front matter.

    Raises InvalidFrontMatter, naming the file and the line or key.
    """
    remedy = f"Its keys are {', '.join(SETTINGS)}, one to a line."
    return _fields_of(text.removeprefix("\ufeff"), _Source(name, name, 1, remedy))


def _fields_of(head: str, source: _Source) -> dict[str, Any]:
    if len(head) > _MOST_CHARACTERS:
        raise source.refusal(f"{source.file} is longer than {_MOST_CHARACTERS:,} characters")
    if head.count("[") + head.count("{") > _MOST_BRACKETS:
        raise source.refusal(f"{source.file} opens more than {_MOST_BRACKETS} brackets")
    fields: dict[str, Any] = {}
    for key, value in _pairs_of(head, source):
        if key not in SETTINGS:
            raise source.refusal(f"{source.name} key '{_shown(key)}' is unknown")
        if SETTINGS[key] in fields:
            raise source.refusal(f"{source.name} key '{key}' is there twice", "Keep one of them.")
        fields[SETTINGS[key]] = value
    return fields


def _pairs_of(head: str, source: _Source) -> list[tuple[str, Any]]:
    """The pairs of the mapping, duplicates kept. Aliases are refused: by them a small YAML grows huge."""
    import yaml

    try:
        if any(isinstance(token, yaml.AliasToken) for token in yaml.scan(head, Loader=yaml.SafeLoader)):
            raise source.refusal(f"{source.file} uses an alias (*name)")
        node = yaml.compose(head, Loader=yaml.SafeLoader)
        if node is None:
            return []
        if not isinstance(node, yaml.MappingNode):
            raise source.refusal(f"{source.file} is not a mapping")
        return [(str(key.value), _value_of(key, value, source)) for key, value in node.value]
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise source.refusal(f"{source.file} is not readable YAML{_place_of(error, source)}") from None


def _value_of(key: yaml.Node, node: yaml.Node, source: _Source) -> Any:
    import yaml

    if not isinstance(node, yaml.ScalarNode):
        line = node.start_mark.line + source.first_line
        raise source.refusal(
            f"{source.name} value in line {line} of {source.file.rpartition(' ')[2]} is not a scalar",
            "Write each value on one line, in quotes when it holds ': ' or '#'.",
        )
    if key.value in _WORDS:
        return node.value
    return yaml.SafeLoader("").construct_object(node, deep=True)


def _place_of(error: Exception, source: _Source) -> str:
    mark = getattr(error, "problem_mark", None)
    return f" (line {mark.line + source.first_line})" if mark is not None else ""


def _shown(text: str) -> str:
    from stepherd.services.plain_text import one_paragraph

    return one_paragraph(text, 60)
