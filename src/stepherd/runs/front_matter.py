"""Settings at the head of instructions.md: a YAML mapping between two lines of three dashes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from stepherd.errors import DataError

if TYPE_CHECKING:
    import yaml

__all__ = ["InvalidFrontMatter", "split_front_matter"]

_MOST_CHARACTERS: Final = 16_384
_MARK: Final = "---"
# The name in front matter, and the field of a request that it sets.
_FIELDS: Final = {
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
}
_REMEDY: Final = f"Its keys are {', '.join(_FIELDS)}, one to a line, between two lines of '---'."


class InvalidFrontMatter(DataError):
    """The head of instructions.md cannot be read; trying again does not help."""


def split_front_matter(text: str) -> tuple[dict[str, Any], str]:
    """The request fields that the head of ``text`` sets, and the text below it.

    Without a first line of ``---`` there are none. Raises InvalidFrontMatter, naming the line or key.
    """
    lines = text.removeprefix("\ufeff").splitlines(keepends=True)
    if not lines or lines[0].rstrip() != _MARK:
        return {}, text
    for index, line in enumerate(lines[1:], start=1):
        if line.rstrip() == _MARK:
            return _fields_of("".join(lines[1:index])), "".join(lines[index + 1 :])
    raise InvalidFrontMatter(
        "The front matter of instructions.md has no closing line of '---'.", remedy=_REMEDY
    )


def _fields_of(head: str) -> dict[str, Any]:
    if len(head) > _MOST_CHARACTERS:
        raise InvalidFrontMatter(
            f"The front matter of instructions.md is longer than {_MOST_CHARACTERS:,} characters.",
            remedy=_REMEDY,
        )
    fields: dict[str, Any] = {}
    for key, value in _pairs_of(head):
        if key not in _FIELDS:
            raise InvalidFrontMatter(f"The front matter key '{_shown(key)}' is unknown.", remedy=_REMEDY)
        if _FIELDS[key] in fields:
            raise InvalidFrontMatter(
                f"The front matter key '{key}' is there twice.", remedy="Keep one of them."
            )
        fields[_FIELDS[key]] = value
    return fields


def _pairs_of(head: str) -> list[tuple[str, Any]]:
    """The pairs of the mapping, duplicates kept. Aliases are refused: by them a small YAML grows huge."""
    import yaml

    try:
        if any(isinstance(token, yaml.AliasToken) for token in yaml.scan(head, Loader=yaml.SafeLoader)):
            raise InvalidFrontMatter(
                "The front matter of instructions.md uses an alias (*name).", remedy=_REMEDY
            )
        node = yaml.compose(head, Loader=yaml.SafeLoader)
        if node is None:
            return []
        if not isinstance(node, yaml.MappingNode):
            raise InvalidFrontMatter("The front matter of instructions.md is not a mapping.", remedy=_REMEDY)
        return [(str(key.value), _value_of(value)) for key, value in node.value]
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InvalidFrontMatter(
            f"The front matter of instructions.md is not readable YAML{_place_of(error)}.", remedy=_REMEDY
        ) from None


def _value_of(node: yaml.Node) -> Any:
    import yaml

    if not isinstance(node, yaml.ScalarNode):
        raise InvalidFrontMatter(
            f"The front matter value in line {node.start_mark.line + 2} of instructions.md is not a scalar.",
            remedy="Write each value on one line, in quotes when it holds ': ' or '#'.",
        )
    return yaml.SafeLoader("").construct_object(node, deep=True)


def _place_of(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    return f" (line {mark.line + 2})" if mark is not None else ""


def _shown(text: str) -> str:
    from stepherd.services.plain_text import one_paragraph

    return one_paragraph(text, 60)
