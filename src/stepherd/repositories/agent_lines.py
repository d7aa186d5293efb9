"""The lines of work that an agent made beside its files: each is the result, or is kept under a name.

The files of the workspace are the result. Only where they are those of the base, and one line of work stands
alone, that line is it. Every other line goes into the bundle, so nothing that was committed is lost.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from stepherd.errors import StepherdError
from stepherd.repositories.agent_transfer import make_commit
from stepherd.repositories.agent_work import AgentWork, Line
from stepherd.repositories.bundle import COMMITS_REF, KEPT_PREFIX, RESERVED_NAMES
from stepherd.repositories.git import Git
from stepherd.repositories.raw_changes import list_raw_changes
from stepherd.text.plain import one_paragraph

__all__ = ["KeptLine", "OtherWork", "OwnCommit", "settle_lines"]

_MOST_REFS: Final = 40
_UNTELLING: Final = ("reflog", "")
_GITLINK: Final = "160000"
_TAB: Final = "\t"
_EARLIER: Final = "earlier"
_LONGEST: Final = 200
_MOST_COMMITS: Final = 200


@dataclass(frozen=True, slots=True)
class KeptLine:
    """A line of work in the bundle, below KEPT_PREFIX.

    ``superseded`` says that the agent itself continued from it or went back behind it: an amended or dropped
    commit, or one whose files are those of the result.
    """

    name: str
    commit: str
    subject: str
    source: str
    """Where the agent had it: "branch fix", "worktree x", "stash", "the reflog of HEAD"."""
    superseded: bool
    warning: str = ""
    """The findings in it that must not be pushed, in words; empty for none."""


@dataclass(frozen=True, slots=True)
class OwnCommit:
    """One of the agent's commits that led to the result."""

    commit: str
    subject: str


@dataclass(frozen=True, slots=True)
class OtherWork:
    """``tree`` is the result; ``refs`` are the bundle's. ``adopted`` says which line the result is, when it
    is one. ``commits`` lead to it, the oldest first, ``more_commits`` of them are not listed."""

    tree: str
    refs: dict[str, str]
    kept: tuple[KeptLine, ...] = ()
    adopted: str = ""
    commits: tuple[OwnCommit, ...] = ()
    more_commits: int = 0
    notes: tuple[str, ...] = ()
    unfit: str = ""
    """Why ``commits`` cannot be pushed as they are; only looked for where that was asked for."""


def settle_lines(
    git: Git, work: AgentWork, base: str, tree: str, *, is_secret: Callable[[str], bool]
) -> OtherWork:
    """Decide about the lines of ``work``, where the files of the workspace are ``tree``.

    A name that ``is_secret`` is not used. Changes the index of ``git``.
    """
    base_tree = git.run("Reading the base", "rev-parse", "--verify", "--end-of-options", f"{base}^{{tree}}")
    alone = _alone(work, base_tree) if tree == base_tree else None
    if alone is not None:
        tree = _adopted(git, alone, work, base) or base_tree
        alone = None if tree == base_tree else alone
    led = alone.tip if alone is not None else work.head
    through = work.history(led) if led is not None else []
    same, inside = {base_tree, tree}, {commit.id for commit in through}
    lines = [line for line in work.lines if line.tip.id not in inside]
    all_count = tree == base_tree and not any(_tells(line, same) for line in lines)
    lines.sort(key=lambda line: _is_superseded(line, same, all_count))
    kept = tuple(_kept(line, same, all_count) for line in lines)
    kept = tuple(_named(git, kept, tree, is_secret))
    refs = {f"{KEPT_PREFIX}{line.name}": line.commit for line in kept}
    if led is not None:
        refs[COMMITS_REF] = led.id
    listed = [OwnCommit(commit.id, _shown(commit.subject)) for commit in through]
    return OtherWork(
        tree,
        refs,
        kept,
        "" if alone is None else _source(alone),
        tuple(listed[-_MOST_COMMITS:]),
        max(0, len(listed) - _MOST_COMMITS),
        tuple(work.notes),
    )


def _alone(work: AgentWork, base_tree: str) -> Line | None:
    """The only line of work that there is. Lines with a name of their own count before those that only a
    reflog knows; the latter do not count where the agent's own commits have led back to the base."""
    telling = [line for line in work.lines if _tells(line, {base_tree})]
    if not telling and work.head is None:
        telling = [line for line in work.lines if line.tip.tree != base_tree]
    return telling[0] if len(telling) == 1 else None


def _adopted(git: Git, line: Line, work: AgentWork, base: str) -> str | None:
    """The tree of a line that can be the result. A tree that holds itself has no end, and no files."""
    try:
        tree = _tree_of(git, line, work)
        list_raw_changes(git, base, tree)
    except StepherdError as error:
        work.notes.append(f"The work in {_source(line)} is kept, but is not the result. {error.message}")
        return None
    return tree


def _tells(line: Line, same: Container[str]) -> bool:
    return line.name.kind not in _UNTELLING and line.tip.tree not in same


def _is_superseded(line: Line, same: Container[str], all_count: bool) -> bool:
    return line.tip.tree in same or not (all_count or _tells(line, same))


def _kept(line: Line, same: Container[str], all_count: bool) -> KeptLine:
    superseded = _is_superseded(line, same, all_count)
    return KeptLine(_ref_name(line), line.tip.id, _shown(line.tip.subject), _source(line), superseded)


def _named(
    git: Git, kept: Sequence[KeptLine], tree: str, is_secret: Callable[[str], bool]
) -> Iterator[KeptLine]:
    """Each with a name of its own; what is too much for the bundle's list, below one commit."""
    rest = kept[_MOST_REFS:] if len(kept) > _MOST_REFS + 1 else ()
    taken = set[str]()
    for number, line in enumerate(kept[: len(kept) - len(rest)]):
        plain = line.name if not is_secret(line.name) else f"line-{number + 1}"
        name, count = plain, 1
        # Not by case alone either: where the system makes no difference, one would be written over the other.
        while name.lower() in taken or RESERVED_NAMES.fullmatch(name):
            count += 1
            name = f"{plain}-{count}"
        taken.add(name.lower())
        yield replace(line, name=name)
    if rest:
        subject = f"{len(rest)} more lines of the agent's work: the parents of this commit"
        joined = make_commit(git, tree, [line.commit for line in rest], subject)
        yield KeptLine(_EARLIER, joined, subject, "several places", all(line.superseded for line in rest))


def _ref_name(line: Line) -> str:
    """A name that git takes, and that is no folder for another (git-check-ref-format)."""
    text = line.name.text if line.name.kind not in _UNTELLING else f"commit-{line.tip.id[:8]}"
    plain = re.sub(r"[^A-Za-z0-9_]+", "-", text.removeprefix("refs/"))
    return plain.strip("-")[:60] or f"commit-{line.tip.id[:8]}"


def _source(line: Line) -> str:
    kind, text = line.name.kind, line.name.text
    return _shown(f"branch {text}" if kind == "branch" else text)


def _shown(text: str) -> str:
    return one_paragraph(text, _LONGEST)


def _tree_of(git: Git, line: Line, work: AgentWork) -> str:
    """The files of a line. A stash has the untracked ones in a commit beside it (git-stash). A linked
    worktree that was added by mistake, as a commit of another repository, is not one of them."""
    parents = line.tip.parents
    untracked = work.commits.get(parents[2]) if line.name.kind == "stash" and len(parents) == 3 else None
    more = [] if untracked is None or untracked.parents else _entries(git, untracked.tree)
    links = [entry for entry in _entries(git, line.tip.tree) if _is_link_to_own(entry, work)]
    if not more and not links:
        return line.tip.tree
    git.run("Reading a commit", "read-tree", "--end-of-options", line.tip.tree)
    none = "0" * len(line.tip.id)
    listing = "".join(
        f"{entry}\0" for entry in [*more, *(f"0 {none}\t{link.partition(_TAB)[2]}" for link in links)]
    )
    asked = ("update-index", "-z", "--replace", "--index-info")
    git.run("Restoring the files", *asked, stdin=listing.encode("utf-8", "surrogateescape"))
    return git.run("Writing the tree", "write-tree")


def _entries(git: Git, tree: str) -> list[str]:
    out = git.run("Reading a commit", "ls-tree", "-r", "-z", "--full-tree", "--end-of-options", tree)
    return [entry for entry in out.split("\0") if entry]


def _is_link_to_own(entry: str, work: AgentWork) -> bool:
    mode, _, rest = entry.partition(" ")
    return mode == _GITLINK and rest.split()[1] in work.known
