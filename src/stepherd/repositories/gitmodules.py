"""The list of submodules (gitmodules): which folders it names, and where they come from."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from stepherd.repositories.git import Git

__all__ = ["GITMODULES", "Module", "read_modules"]

GITMODULES: Final = ".gitmodules"
_KEYS: Final = r"^submodule\..*\.(path|url|update)$"
_MOST_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Module:
    """One entry: its name, its folder, and its address as it is written (None: it has none)."""

    name: str
    path: str
    url: str | None
    update: str | None

    @property
    def objection(self) -> str | None:
        """Why git, or git's check of objects on a server, would refuse the entry; None when it would not."""
        if self.url is None:
            return "its entry has no url"
        if any(part in {"", ".", ".."} for part in self.path.split("/")) or self.path.startswith("-"):
            return "its path is not allowed for a submodule"
        if ".." in re.split(r"[/\\]", self.name):
            return "its name is not allowed for a submodule"
        if self.url.startswith("-") or re.search(r"[\x00-\x1f]|%0[ad]", self.url, re.IGNORECASE):
            return "its url is not allowed for a submodule"
        if (self.update or "").startswith("!"):
            return "it asks for a command at each update"
        return None


def read_modules(git: Git, blob: str | None) -> Mapping[str, Module] | None:
    """The entries of ``blob`` by their paths. Without a blob there are none; None: git cannot read it.

    Of several entries for one path the last counts, as for git.
    """
    if blob is None:
        return {}
    size = git.attempt("Measuring a file", "cat-file", "-s", blob)
    if size.code != 0 or int(size.out) > _MOST_BYTES:
        return None
    words = ("config", f"--blob={blob}", "--null", "--get-regexp", _KEYS)
    finished = git.attempt("Reading the submodules", *words)
    if finished.code == 1 and not finished.err:
        return {}  # no such key
    if finished.code != 0:
        return None
    return _parsed(finished.out.decode("utf-8", "surrogateescape"))


def _parsed(listing: str) -> Mapping[str, Module]:
    values: dict[str, dict[str, str]] = {}
    for entry in listing.split("\0"):
        key, _, value = entry.partition("\n")
        if key:
            name, _, setting = key.removeprefix("submodule.").rpartition(".")
            values.setdefault(name, {})[setting] = value
    modules = (
        Module(name, found["path"].rstrip("/"), found.get("url") or None, found.get("update"))
        for name, found in values.items()
        if found.get("path")
    )
    return {module.path: module for module in modules}
