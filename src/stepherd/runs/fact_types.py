"""The types of an agent's step's facts, checked when they are read.

With the plain process runner an agent can write such a result itself, so a reader must not meet values that
no step writes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

__all__ = ["misfit"]

_Check = Callable[[Any], bool]


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _maybe(check: _Check) -> _Check:
    return lambda value: value is None or check(value)


def _list(check: _Check) -> _Check:
    return lambda value: isinstance(value, list) and all(map(check, value))


def _fields(needed: Mapping[str, _Check], **others: _Check) -> _Check:
    """Of an object: the fields that it must have, and what those are that it may have."""
    known = {**needed, **others}
    return lambda value: (
        isinstance(value, dict)
        and needed.keys() <= value.keys()
        and all(name not in known or known[name](found) for name, found in value.items())
    )


def _only(needed: Mapping[str, _Check]) -> _Check:
    inner = _fields(needed)
    return lambda value: inner(value) and value.keys() == needed.keys()


_FINDING: Final = _only({"path": _text, "line": _maybe(_number), "what": _text, "detail": _text})
_FILE: Final = _fields({"path": _text, "status": _text, "added": _maybe(_number), "deleted": _maybe(_number)})
_LINE: Final = _fields({"name": _text, "commit": _text}, subject=_text, warning=_text)
_FACTS: Final[Mapping[str, _Check]] = {
    **dict.fromkeys(("base_commit", "base_ref", "bundle", "transcript", "note", "adopted"), _text),
    **dict.fromkeys(("attempt", "left_out_total", "more_commits"), _number),
    **dict.fromkeys(("left_out", "blocked"), _list(_FINDING)),
    "files": _list(_FILE),
    "totals": lambda value: isinstance(value, dict) and all(map(_number, value.values())),
    "kept": _list(_LINE),
    "commits": _list(_fields({"commit": _text, "subject": _text})),
    "remarks": _list(_text),
    "automation": _list(lambda value: isinstance(value, dict) and all(map(_text, value.values()))),
    "agent": _fields({}),
    "verify": _fields({"status": _text}),
}


def misfit(facts: Mapping[str, Any]) -> str | None:
    """The name of a fact that no agent's step writes so; None when there is none."""
    return next((name for name, value in facts.items() if name in _FACTS and not _FACTS[name](value)), None)
