"""Work that an agent left inside submodules: it belongs into other repositories, so it is not pushed, but
kept in the bundle under names of its own.

Of a submodule that was cloned, only what differs from the commit that the base names is kept. That commit's
files are looked for in the copy of the clone from before the agent, and in the packs of the submodule's own
``.git``, which are read as data: ``git index-pack`` names each object by its content. Where they are in
neither, all files are kept.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Final

from stepherd.errors import StepherdError
from stepherd.repositories.conversion import added_safely
from stepherd.repositories.filtered import open_inside
from stepherd.repositories.git import Git, create_repository
from stepherd.repositories.raw_changes import list_raw_changes
from stepherd.repositories.untrusted import open_untrusted
from stepherd.text.plain import one_paragraph

__all__ = ["SubmoduleWork", "keep_submodule_work"]

_GIT_FILE: Final = re.compile(rb"gitdir: ([^\0\n]{1,4000})\n?")
_PACK: Final = re.compile(r"pack-[0-9a-f]{40,64}\.pack")
_MOST_PACKS: Final = 100
_MOST_BYTES: Final = 1 << 30
"""Of the packs that are read, and of the files that are kept, of one submodule."""
_MOST_OF_REFS: Final = 4 << 20
_MOST_REFS: Final = 2_000
_MOST_NAMES: Final = 20_000
_LARGEST: Final = 100 * 1000 * 1000
_MOST_SUBMODULES: Final = 50
_SUBMODULE: Final = "160000"
_INSIDE: Final = ".inside"


@dataclass(frozen=True, slots=True)
class SubmoduleWork:
    """Commits for the bundle by the names of their refs, whose they are, and what to say about each.

    A commit adds the files to the base, in a folder beside that of the submodule: ``sub.inside``.
    """

    commits: dict[str, str]
    paths: Mapping[str, str]
    notes: tuple[str, ...]


def keep_submodule_work(
    git: Git, workspace: Path, private_git: Path, base: str, submodules: Mapping[str, Sequence[str]]
) -> SubmoduleWork:
    """Look into the folders of ``submodules``: path, and the commits that the base and the agent name."""
    made: dict[str, str] = {}
    paths: dict[str, str] = {}
    notes: list[str] = []
    for number, (path, commits) in enumerate(submodules.items(), 1):
        shown = one_paragraph(path, 200)
        if number > _MOST_SUBMODULES:
            notes.append(
                f"There are more than {_MOST_SUBMODULES} submodules with files; the rest is not kept."
            )
            break
        try:
            kept = _One(git, workspace, private_git, base, path, number).keep(commits)
        except (StepherdError, OSError) as error:
            what = error.message if isinstance(error, StepherdError) else (error.strerror or str(error))
            notes.append(f"The agent's work inside the submodule {shown} is not kept. {what}")
            continue
        notes += kept.notes
        if kept.commit is not None:
            name = f"submodule-{number}"
            made[name], paths[name] = kept.commit, shown
            notes.append(_words(kept.files, shown, name))
    return SubmoduleWork(made, paths, tuple(notes))


def _words(files: int, path: str, name: str) -> str:
    count = f"{files} changed file{'s' if files != 1 else ''}"
    return (
        f"The agent left {count} inside the submodule {path}. They belong in its own repository and "
        f"are not pushed; they are kept in the bundle, as {name}."
    )


@dataclass(frozen=True, slots=True)
class _Kept:
    commit: str | None
    files: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _One:
    git: Git
    workspace: Path
    private_git: Path
    base: str
    path: str
    number: int

    def keep(self, commits: Sequence[str]) -> _Kept:
        folder = self.git.scratch / f"submodule-{self.number}.git"
        bounded = replace(self.git, limits=self.git.limits.of_hostile())
        create_repository(bounded.within(folder), commit_id=self.base)
        there = bounded.within(folder, self.workspace / self.path)
        known = self._known_tree(there, self._published(commits))
        if known is not None:
            there.run("Reading a submodule", "read-tree", known)
        with added_safely(there):
            left_out = [*self._add(there)]
        tree = there.run("Writing the tree", "write-tree")
        before = known or there.run("Writing the tree", "hash-object", "-t", "tree", "-w", os.devnull)
        changes = list_raw_changes(there, before, tree)
        added = [each for each in changes if each.status != "D" and each.mode != _SUBMODULE]
        gone = [each.path for each in changes if each.status == "D"]
        notes = [f"Not kept from inside it: {', '.join(left_out[:10])}."] if left_out else []
        if not added and not gone:
            return _Kept(None, 0, tuple(notes))
        self._lend(there)
        entries = [f"{each.mode} {each.object_id}\t{self.path}{_INSIDE}/{each.path}" for each in added]
        text = f"Work inside the submodule {self.path}\n\n" + "".join(f"deleted: {path}\n" for path in gone)
        return _Kept(self._commit(entries, text), len(changes), tuple(notes))

    def _published(self, commits: Sequence[str]) -> str | None:
        """The commit to compare with: that of the agent's choice if the submodule's remote has it, as its own
        git folder says; else the base's."""
        first, *later = [*commits, None]
        folder = self._git_folder()
        if folder is None or not any(later):
            return first
        named = set(self._remote_ids(folder))
        return next((each for each in later if each and each in named), first)

    def _remote_ids(self, folder: str) -> Iterator[str]:
        """Object ids that the git folder has for the remote's branches and for tags."""
        for line in self._start_of(f"{folder}/packed-refs", _MOST_OF_REFS).split(b"\n"):
            if b" refs/heads/" not in line:
                yield line.partition(b" ")[0].decode("ascii", "replace")
        for root in ("refs/remotes/origin", "refs/tags"):
            for name in self._names_in(f"{folder}/{root}")[:_MOST_REFS]:
                yield self._start_of(f"{folder}/{root}/{name}", 80).decode("ascii", "replace").strip()

    def _start_of(self, path: str, most: int) -> bytes:
        file = open_inside(self.workspace, path)
        if file is None:
            return b""
        with file:
            return file.read(most)

    def _names_in(self, path: str) -> list[str]:
        """The names in a folder of the workspace; none where a link is on the way."""
        try:
            with ExitStack() as stack:
                folder = stack.enter_context(open_untrusted(self.workspace))
                for part in path.split("/"):
                    folder = stack.enter_context(folder.folder(part))
                return folder.names(_MOST_NAMES)[0]
        except OSError:
            return []

    def _known_tree(self, there: Git, commit: str | None) -> str | None:
        """The tree of ``commit``, if all of it can be had."""
        if commit is None:
            return None
        places = [self.private_git / "modules" / name / "objects" for name in self._names()]
        alternates = [place for place in places if place.is_dir()]
        if alternates:
            (there.git_dir / "objects" / "info" / "alternates").write_bytes(
                b"".join(os.fsencode(place.absolute()) + b"\n" for place in alternates)
            )
        asked = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{commit}^{{tree}}")
        found = there.attempt("Looking for a commit", *asked)
        if found.code != 0:
            for pack in self._packs():
                # Whatever it is: only what hashes to the names that we look for is used.
                there.attempt("Reading a pack", "index-pack", "--stdin", "--threads=1", stdin=pack)
            found = there.attempt("Looking for a commit", *asked)
        if found.code != 0:
            return None
        tree = found.out.decode("ascii").strip()
        complete = there.attempt("Looking for files", "rev-list", "--objects", "--quiet", f"{tree}")
        return tree if complete.code == 0 else None

    def _names(self) -> Iterator[str]:
        """The submodule's name, as far as it is known: git keeps it below modules/NAME."""
        yield self.path
        folder = self._git_folder()
        if folder is not None and folder.startswith(".git/modules/"):
            yield folder.removeprefix(".git/modules/")

    def _git_folder(self) -> str | None:
        """The submodule's git folder below the workspace, where its file ``.git`` names one there."""
        if (self.workspace / self.path / ".git").is_dir():
            return f"{self.path}/.git"
        file = open_inside(self.workspace, f"{self.path}/.git")
        if file is None:
            return None
        with file:
            match = _GIT_FILE.fullmatch(file.read(5000))
        if match is None:
            return None
        named = os.fsdecode(match[1])
        root = os.path.realpath(self.workspace)
        target = os.path.relpath(os.path.normpath(Path(root, self.path, named)), root)
        return None if target.startswith("..") else target

    def _packs(self) -> Iterator[IO[bytes]]:
        folder = self._git_folder()
        names = self._names_in(f"{folder}/objects/pack") if folder else []
        left = _MOST_BYTES
        for name in [name for name in names if _PACK.fullmatch(name)][:_MOST_PACKS]:
            file = open_inside(self.workspace, f"{folder}/objects/pack/{name}")
            if file is None:
                continue
            with file:
                left -= os.fstat(file.fileno()).st_size
                if left >= 0:
                    yield file

    def _add(self, there: Git) -> Iterator[str]:
        """Add all files that git does not ignore, but for those that are too large or repositories."""
        listed = there.run("Looking for files", "ls-files", "-z", "--others", "--exclude-standard")
        others = [path for path in listed.split("\0") if path]
        folder, left = self.workspace / self.path, _MOST_BYTES
        wanted: list[str] = []
        for path in others:
            size = 0 if path.endswith("/") else (folder / path).lstat().st_size
            if path.endswith("/") or size > _LARGEST or size > left:
                yield one_paragraph(path, 200)
            else:
                left -= size
                wanted.append(path)
        there.run("Adding the files", "add", "-u", "--", ".")
        self._put(there, wanted)

    def _put(self, there: Git, paths: Iterable[str]) -> None:
        listing = "".join(f":(top,literal){path}\0" for path in paths).encode("utf-8", "surrogateescape")
        if listing:
            words = ("add", "--pathspec-from-file=-", "--pathspec-file-nul")
            there.run("Adding the files", *words, stdin=listing)

    def _lend(self, there: Git) -> None:
        """Let the repository of the recording see what was added."""
        info = self.git.git_dir / "objects" / "info" / "alternates"
        before = info.read_bytes() if info.exists() else b""
        own = there.git_dir / "objects" / "info" / "alternates"
        more = os.fsencode((there.git_dir / "objects").absolute()) + b"\n"
        info.write_bytes(before + more + (own.read_bytes() if own.exists() else b""))

    def _commit(self, entries: Iterable[str], text: str) -> str:
        own = {"GIT_INDEX_FILE": str(self.git.scratch / f"submodule-{self.number}.index")}
        listing = "".join(f"{entry}\0" for entry in entries).encode("utf-8", "surrogateescape")
        self.git.run("Reading the base", "read-tree", "--end-of-options", self.base, environment=own)
        words = ("update-index", "-z", "--add", "--replace", "--index-info")
        self.git.run("Keeping what is inside a submodule", *words, stdin=listing, environment=own)
        tree = self.git.run("Writing the tree", "write-tree", environment=own)
        who = "Stepherd <stepherd@localhost.invalid> 0 +0000"
        commit = f"tree {tree}\nparent {self.base}\nauthor {who}\ncommitter {who}\n\n{text}".replace("\0", "")
        data = commit.encode("utf-8", "surrogateescape")
        return self.git.run("Making a commit", "hash-object", "-t", "commit", "-w", "--stdin", stdin=data)
