"""Patterns of ignored files and of attributes that keep git busy for too long.

To match a pattern with many stars, git (before 2.41) tries all ways to share a name among them. Which lines
do that depends on the names as well, so nothing is judged before git has taken too long.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Final

from stepherd.repositories.control_files import ControlFiles
from stepherd.repositories.git import Git, TooSlow

__all__ = ["check_attributes", "list_new"]

_SHARE: Final = 6
"""Git may take this part of its time before it is helped."""
_STARS: Final = re.compile(rb"\*+")
_MOST_STARS: Final = 2
_SIMPLE: Final = re.compile(rb"!?/?(\*|\*\*/)?[^*?\[\\]*(/\*\*|\*)?")
_MOST_SIMPLE: Final = 2_000
_LONG_LIST: Final = 1_000  # lines


def list_new(git: Git, lists: ControlFiles, inner_git: Iterable[str]) -> list[str]:
    """List the files of the workspace that are neither in git's index nor ignored.

    When it takes too long, it gets to see less that could be the reason: lines with many stars, the folders
    ``inner_git`` of other repositories (git opens what it thinks to be one), all lines but simple ones.
    """
    left = iter(range(_MOST_SIMPLE))
    is_simple = _SIMPLE.fullmatch
    steps: tuple[Callable[[], bool], ...] = (
        lambda: lists.ease(_has_few_stars),
        lambda: any([lists.put_aside_by_path(path) is not None for path in inner_git]),  # noqa: C419
        lambda: lists.ease(lambda line: bool(is_simple(line)) and next(left, None) is not None),
    )
    hasty = _hasty(git)
    try:
        return _listed(hasty)
    except TooSlow:
        pass
    helped = False
    for step in steps:
        if step():
            helped = True
            try:
                others = _listed(hasty)
                break
            except TooSlow:
                continue
    else:
        others = _listed(git)
    if helped:
        lists.notes.append(
            f"Git took more than {hasty.limits.local_seconds:.0f} s to look for new files. So it did not "
            "follow lines in .gitignore that are hard to match; files that only these ignore are recorded."
        )
    return others


def check_attributes(
    git: Git, lists: ControlFiles, tracked: Mapping[str, str], others: Iterable[str]
) -> None:
    """Leave out lists of attributes that the agent has changed, and that git cannot apply in time."""
    if not lists.changed_attributes(git, tracked, _is_suspect):
        return
    listing = "".join(f"{path}\0" for path in (*tracked, *others)).encode("utf-8", "surrogateescape")
    hasty = _hasty(git)
    for among in (_is_suspect, lambda _text: True):
        try:
            hasty.run("Reading attributes", "check-attr", "-z", "--stdin", "text", stdin=listing)
            return
        except TooSlow:
            reason = f"git took more than {hasty.limits.local_seconds:.0f} s to match its patterns"
            for path in lists.changed_attributes(git, tracked, among):
                lists.use_base(git, path, tracked, reason)


def _hasty(git: Git) -> Git:
    return replace(git, limits=replace(git.limits, local_seconds=git.limits.local_seconds / _SHARE))


def _listed(git: Git) -> list[str]:
    out = git.run("Looking for new files", "ls-files", "-z", "--others", "--exclude-standard")
    return [path for path in out.split("\0") if path]


def _has_few_stars(line: bytes) -> bool:
    return len(_STARS.findall(line)) <= _MOST_STARS


def _is_suspect(text: bytes) -> bool:
    lines = text.splitlines()
    return len(lines) > _LONG_LIST or not all(map(_has_few_stars, lines))
