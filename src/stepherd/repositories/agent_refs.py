"""The names in a repository that an agent owned, read as text: refs, HEAD, worktrees, reflogs.

They say what a line of work is called and no more: which commits there are is asked of the objects, so a name
that cannot be read loses nothing (gitrepository-layout, git-worktree).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from stepherd.repositories.bundle import COMMITS_REF, KEPT_PREFIX
from stepherd.repositories.refs import is_commit_id
from stepherd.repositories.untrusted import UntrustedFolder

__all__ = ["AgentRefs", "Name", "Worktree", "read_refs"]

_MOST_REFS: Final = 20_000
_MOST_FILES: Final = 50_000
_DEEPEST: Final = 24
_MOST_WORKTREES: Final = 200
_LINE: Final = 4096
_PACKED_BYTES: Final = 8 << 20
_LOG_BYTES: Final = 1 << 20
_MOST_LOGS: Final = 500
_SYMREFS: Final = 5
_LOG_LINE: Final = re.compile(rb"([0-9a-f]{40,64}) ([0-9a-f]{40,64}) [^\n]*?(?:\t([^\n]*))?(?:\n|$)")
_PACKED: Final = re.compile(r"([0-9a-f]{40,64}) (refs/\S.*)")
_ID: Final = re.compile(r"([0-9a-f]{40}|[0-9a-f]{64})(?:\s|$)")


@dataclass(frozen=True, slots=True)
class Name:
    """A name of a commit: its kind, and its text as a person would say it."""

    kind: str
    """branch, worktree, stash, head, ref or reflog."""
    text: str


@dataclass(frozen=True, slots=True)
class Worktree:
    """A linked worktree: its id, where it says that it lies, the commit that it stands on, and its branch."""

    name: str
    path: str
    commit: str | None
    branch: str | None


@dataclass(slots=True)
class AgentRefs:
    """``names`` by commit, the most telling first; ``fetched`` are ids that came from elsewhere."""

    head: str | None = None
    branch: str | None = None
    """The branch that HEAD names."""
    names: dict[str, list[Name]] = field(default_factory=dict)
    fetched: set[str] = field(default_factory=set)
    worktrees: list[Worktree] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, object_id: str, kind: str, text: str) -> None:
        self.names.setdefault(object_id, []).append(Name(kind, text))


def read_refs(folder: UntrustedFolder) -> AgentRefs:
    """Read the names in the git folder ``folder``. Unreadable ones are left out or noted, never raised."""
    found = AgentRefs()
    refs = {**_packed(folder, found), **_loose(folder, found)}
    found.branch, found.head = _resolved(_text(folder, "HEAD"), refs)
    for name, value in sorted(refs.items()):
        object_id = _resolved(value, refs)[1]
        if object_id is not None:
            _classify(found, name, object_id)
    if found.head is not None and found.branch is None:
        found.add(found.head, "head", "the detached HEAD")
    _worktrees(folder, refs, found)
    _fetched(folder, found)
    _logs(folder, found)
    return found


def _classify(found: AgentRefs, name: str, object_id: str) -> None:
    if name.startswith("refs/remotes/"):
        found.fetched.add(object_id)
    elif name.startswith("refs/tags/"):
        # A tag may be the agent's own; whether its commit is, is asked of the commit's date.
        found.fetched.add(object_id)
        found.add(object_id, "ref", f"tag {name.removeprefix('refs/tags/')}")
    elif name.startswith("refs/heads/"):
        found.add(object_id, "branch", name.removeprefix("refs/heads/"))
    elif name == COMMITS_REF:
        # Of an earlier attempt, whose files the workspace began with.
        found.add(object_id, "reflog", "an earlier attempt")
    elif name.startswith(KEPT_PREFIX):
        found.add(object_id, "ref", name.removeprefix(KEPT_PREFIX))
    elif name == "refs/stash":
        found.add(object_id, "stash", "stash")
    else:
        found.add(object_id, "ref", name)


def _text(folder: UntrustedFolder, name: str) -> str:
    try:
        return folder.read(name, _LINE).decode("utf-8", "surrogateescape").strip()
    except OSError:
        return ""


def _resolved(value: str, refs: dict[str, str]) -> tuple[str | None, str | None]:
    """The branch that a ref's text names, if it does, and the object at its end."""
    branch = None
    for _ in range(_SYMREFS):
        if not value.startswith("ref:"):
            match = _ID.match(value)
            return branch, match[1] if match else None
        name = value.removeprefix("ref:").strip()
        branch = branch or (name.removeprefix("refs/heads/") if name.startswith("refs/heads/") else None)
        value = refs.get(name, "")
    return branch, None


def _packed(folder: UntrustedFolder, found: AgentRefs) -> dict[str, str]:
    try:
        data = folder.read("packed-refs", _PACKED_BYTES)
    except FileNotFoundError:
        return {}
    except OSError:
        found.notes.append("The file packed-refs of the agent's repository could not be read.")
        return {}
    refs: dict[str, str] = {}
    for line in data.decode("utf-8", "surrogateescape").split("\n"):
        match = _PACKED.fullmatch(line.rstrip("\r"))
        if match and is_commit_id(match[1]) and len(refs) < _MOST_REFS:
            refs[match[2]] = match[1]
    return refs


def _loose(folder: UntrustedFolder, found: AgentRefs) -> dict[str, str]:
    refs: dict[str, str] = {}
    for name, inside, file in _files(folder, "refs", found, _MOST_FILES):
        if len(refs) == _MOST_REFS:
            found.notes.append(
                f"The agent's repository has more than {_MOST_REFS:,} refs: not all have a name here."
            )
            break
        if text := _text(inside, file):
            refs[name] = text
    return refs


def _files(
    folder: UntrustedFolder, path: str, found: AgentRefs, most: int, depth: int = 0
) -> Iterator[tuple[str, UntrustedFolder, str]]:
    """The files below ``path``: their names from there, and their folder, which stays open meanwhile."""
    if depth > _DEEPEST:
        return
    try:
        with folder.folder(path.rpartition("/")[2]) as inside:
            names, whole = inside.names(most)
            if not whole:
                found.notes.append(
                    f"{path} of the agent's repository holds too many files: not all have a name here."
                )
            for name in names:
                below = f"{path}/{name}"
                if inside.is_folder(name):
                    yield from _files(inside, below, found, most, depth + 1)
                else:
                    yield below, inside, name
    except FileNotFoundError:
        return
    except OSError:
        found.notes.append(f"{path} of the agent's repository could not be read.")


def _worktrees(folder: UntrustedFolder, refs: dict[str, str], found: AgentRefs) -> None:
    try:
        with folder.folder("worktrees") as all_of_them:
            for name in all_of_them.names(_MOST_WORKTREES)[0]:
                if all_of_them.is_folder(name):
                    with all_of_them.folder(name) as one:
                        _worktree(one, name, refs, found)
    except FileNotFoundError:
        return
    except OSError:
        found.notes.append("The worktrees of the agent's repository could not all be read.")


def _worktree(folder: UntrustedFolder, name: str, refs: dict[str, str], found: AgentRefs) -> None:
    branch, commit = _resolved(_text(folder, "HEAD"), refs)
    path = _text(folder, "gitdir").removesuffix("/.git")
    found.worktrees.append(Worktree(name, path, commit, branch))
    if commit is not None:
        found.add(commit, "worktree", f"worktree {name}")
    try:
        with folder.folder("logs") as logs:
            _log(logs, "HEAD", f"worktree {name}", found)
    except OSError:
        return


def _fetched(folder: UntrustedFolder, found: AgentRefs) -> None:
    try:
        lines = folder.read("FETCH_HEAD", _PACKED_BYTES).decode("utf-8", "replace").split("\n")
    except OSError:
        return
    found.fetched.update(match[1] for line in lines[:_MOST_REFS] if (match := _ID.match(line)))


def _logs(folder: UntrustedFolder, found: AgentRefs) -> None:
    try:
        with folder.folder("logs") as logs:
            _log(logs, "HEAD", "HEAD", found)
            count = 0
            for name, inside, file in _files(logs, "refs", found, _MOST_FILES):
                if name.startswith("refs/remotes/"):
                    continue
                count += 1
                if count > _MOST_LOGS:
                    return
                _log(inside, file, _short(name), found)
    except OSError:
        return


def _short(name: str) -> str:
    return name.removeprefix("refs/heads/").removeprefix("refs/")


def _log(folder: UntrustedFolder, file: str, of: str, found: AgentRefs) -> None:
    """Each line of a reflog names what was there; the last of them, when it is long."""
    try:
        data = folder.read_last(file, _LOG_BYTES)
    except OSError:
        return
    kind, what = ("stash", "stash") if of == "stash" else ("reflog", f"the reflog of {of}")
    for match in _LOG_LINE.finditer(data):
        for object_id in (match[1].decode(), match[2].decode()):
            if (
                is_commit_id(object_id)
                and object_id.strip("0")
                and (object_id not in found.names or kind == "stash")
            ):
                found.add(object_id, kind, what)
