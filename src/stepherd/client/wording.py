"""Errors in a program's own words: what their text calls by a flag of the command line, by its parameter."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from stepherd.errors import StepherdError
from stepherd.remedies import command_text, commands_in, known_remedy

__all__ = ["by_parameters", "in_own_words"]

_OTHERWISE: Final = {
    "timeout": "timeout_seconds",
    "silence": "silence_seconds",
    "max-cost": "max_cost_usd",
    "secret": "secrets",
    "name": "run_id",
}
"""Flag → parameter, where it is not the same word."""
_SAME: Final = (
    *("instructions", "repo", "agent", "command", "base", "branch", "message", "model", "max-turns", "push"),
    *("submodules", "commits", "verify", "verify-required", "verify-rounds", "automation-changes", "allow"),
    *("git-credentials", "agent-credentials", "env", "network", "runner", "image", "home", "context"),
    *("license", "identity-provider", "region", "profile", "database", "force"),
)
_SWITCHES: Final = ("submodules", "verify-required", "force")
_WORDS: Final = (
    *("branch", "none", "one", "keep", "report", "refuse", "off", "local", "pro", "free"),
    *("podman", "docker", "process", "sandbox"),
)
"""Values that flags take, which would be words of the sentence otherwise."""
_FLAG: Final = re.compile(
    rf"""
    (?P<foreign>\b(?:aws|git)\ [a-z-]+\ [^;]*)  # Another program has flags of its own.
    | --(?P<flag>{"|".join(sorted((*_SAME, *_OTHERWISE), key=len, reverse=True))})(?![\w-])
      (?: (?:(?<=--base)|(?<=--agent)|(?<=--network))\ (?P<name>'[^']*'|[\w.*:/,-]*\w)
        | [ =](?P<value>
            '[^']*' | "[^"]*" | \d+[smhdw]?(?!\w|:\S)
            | [A-Z_]+(?:[=,:][\w:/.,-]*\w)?(?![a-z])  # Such as NAME, NAME=REF or HOST,HOST.
            | [a-z0-9_]+:[^\s,;]*[^\s,;.)]  # A reference or an address.
            | (?:{"|".join(_WORDS)})\b
          )
      )?
    """,
    re.VERBOSE,
)


@contextmanager
def in_own_words() -> Iterator[None]:
    """Within it, an error of ours names the parameters of the client instead of flags."""
    try:
        yield
    except StepherdError as error:
        error.message, error.remedy = by_parameters(error.message), by_parameters(error.remedy)
        error.args = (error.message,)
        raise


def by_parameters(text: str) -> str:
    """``text``, a message or a remedy, with parameters in place of flags; its commands of ours stay."""
    whole = [command_text(command) for command in commands_in(text)]
    if not whole:
        return _FLAG.sub(_parameter, text)
    parts = re.split("(" + "|".join(map(re.escape, sorted(whole, key=len, reverse=True))) + ")", text)
    changed = "".join(part if part in whole else _FLAG.sub(_parameter, part) for part in parts)
    return known_remedy(changed, commands_in(text))


def _parameter(found: re.Match[str]) -> str:
    flag, value = found["flag"], found["value"] or found["name"]
    if flag is None:
        return found[0]
    name = _OTHERWISE.get(flag, flag.replace("-", "_"))
    if flag in _SWITCHES:
        return f"{name}=True"
    if value is None:
        return name
    if flag in ("env", "secret"):
        key, equals, rest = value.partition("=")
        return f"{name}={{{key!r}: {rest if equals else f'env:{key}'!r}}}"
    shown = value if value.isupper() or value.isdigit() or value[0] in "\"'" else repr(value)
    return f"{name}=[{shown}]" if flag == "allow" else f"{name}={shown}"
