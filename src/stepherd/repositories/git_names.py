"""Names that git refuses, because some file system takes them for ``.git`` or ``.gitmodules`` (path.c and
utf8.c of git: is_ntfs_dotgit, is_hfs_dotgit, is_ntfs_dotgitmodules, is_hfs_dotgitmodules).
"""

from __future__ import annotations

import os
import re
import zlib
from typing import Final

__all__ = ["imitates_git", "imitates_modules", "other_name"]

_IGNORED_BY_HFS: Final = re.compile("[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]")
_NOT_PLAIN: Final = re.compile(r"\.(?=(git|mailmap)[^/]*/)|[^A-Za-z0-9._/ -]|[. ]+(?=/)", re.IGNORECASE)
_SHORT: Final = re.compile(r"git~[0-9]+")
_SHORT_MODULES: Final = re.compile(r"gitmod~[1-4]")
_HASHED_MODULES: Final = "gi7eba"


def imitates_git(name: str) -> bool:
    """Whether ``name``, one part of a path, stands for ``.git`` somewhere: by other case, as a short name,
    with dots and spaces behind it, with characters in it that are not seen, or behind a backslash."""
    return any(plain == ".git" or bool(_SHORT.fullmatch(plain)) for plain in _read_by_others(name))


def imitates_modules(name: str) -> bool:
    """Whether ``name`` stands for ``.gitmodules`` somewhere; so does that name itself. For links alone, which
    git refuses under it."""
    return any(
        plain == ".gitmodules" or bool(_SHORT_MODULES.fullmatch(plain)) or _is_hashed(plain)
        for plain in _read_by_others(name)
    )


def other_name(path: str) -> str:
    """A path that git takes and no other has, for what cannot be held under its own."""
    plain = _NOT_PLAIN.sub("_", path)
    return f"{plain}.refused" if plain == path else f"{plain}.{zlib.crc32(os.fsencode(path)):08x}.refused"


def _is_hashed(plain: str) -> bool:
    stem, tilde, number = plain.partition("~")
    return bool(tilde) and len(plain) == 8 and _HASHED_MODULES.startswith(stem) and number.isdigit()


def _read_by_others(name: str) -> list[str]:
    seen = _IGNORED_BY_HFS.sub("", name).lower()
    return [part.split(":")[0].rstrip(". ") for part in (seen, *name.lower().split("\\"))]
