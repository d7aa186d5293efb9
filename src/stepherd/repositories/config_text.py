"""Settings as the text of a git configuration file (git-config: values in quotes, with backslash escapes)."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["config_text"]


def config_text(settings: Iterable[tuple[str, str]]) -> str:
    """The text for pairs of a setting, such as ``branch.main.remote``, and its value."""
    lines: list[str] = []
    for key, value in settings:
        section, _, rest = key.partition(".")
        middle, _, name = rest.rpartition(".")
        escaped = middle.replace("\\", "\\\\").replace('"', '\\"')
        lines.append(f'[{section} "{escaped}"]' if middle else f"[{section}]")
        text = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
        lines.append(f'\t{name} = "{text}"')
    return "".join(f"{line}\n" for line in lines)
