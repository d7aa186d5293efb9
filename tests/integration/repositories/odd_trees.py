"""Workspaces with odd files, made by chance, and whether all that is in them is recorded or named.

As a program it checks the seeds FIRST to LAST-1 with folders below FOLDER, by whatever rights it has.
"""

from __future__ import annotations

import hashlib
import os
import random
import socket
import stat
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.integration.repositories.origin import Origin, Run, git

from stepherd.repositories.bundle import take_bundle
from stepherd.repositories.git import Git, Limits
from stepherd.services.removal import remove_tree

BASE = {
    "README.md": "hello\n",
    "a": "a\n",
    "d/x": "x\n",
    "d/e/y": "y\n",
    ".gitignore": "ignored*\n",
    ".gitattributes": "*.txt text\n",
    "lists/.gitignore": "# nothing\n",
}
MOST_SECONDS = 90.0
LIMITS = Limits(local_seconds=18)
LONG = "a" * 200
NAMES = (
    *(
        "one",
        "two.txt",
        "with space",
        "-x",
        ":(top)a",
        "*",
        "new\nline",
        "tab\there",
        "la\udcfftin",
        "dots. . .",
        "ü",
    ),
    *(
        "no space left on device",
        'quo"te',
        "back\\slash",
        "ignored-1",
        "ignored-2",
        LONG,
        "b" * 255,
        "node_modules",
    ),
    *("error: open", "aux", "a.lock", "~1", "HEAD", ".mailmap", "git~2", "a", "d", "x", "e"),
    *(
        ".gitignore",
        ".gitattributes",
        ".gitmodules",
        ".git",
        ".GIT",
        "git~1",
        ".git.",
        ".git ",
        ".git::$INDEX_ALLOCATION",
    ),
    *(
        ".g\u200cit",
        ".git\\config",
        "x\\.git",
        ".gitm\u200dodules",
        "gitmod~1",
        "GI7EBA~1",
        "gi7d29~1",
        ".GitAttributes",
    ),
)
LINES = (
    *(
        "*.o",
        "build/",
        "!ignored-1",
        "# words",
        "",
        "**/node_modulez/**",
        "[",
        "\\",
        "a\\",
        "***z",
        "/nothing",
    ),
    *(
        "* text eol=crlf",
        "* -text",
        "* working-tree-encoding=UTF-16",
        "* working-tree-encoding=none",
        "*.txt text",
    ),
    *(
        "*.z filter=other",
        "[attr]binary -diff",
        "* ident",
        "x" * 3000,
        '[submodule "../x"]',
        "\tpath = q",
        "\turl = -foo",
    ),
    "**/" + "*a" * 10 + "*b text",
)
MODES = (0o000, 0o200, 0o400, 0o444, 0o644, 0o755, 0o111)
FOLDER_MODES = (0o000, 0o200, 0o300, 0o444, 0o500, 0o755, 0o755)


@dataclass
class OddTree:
    """Odd files put into a workspace, and a record of how."""

    top: Path
    chance: random.Random
    done: list[str] = field(default_factory=list)
    folders: list[str] = field(default_factory=lambda: ["", "d", "d/e", "lists"])

    def fill(self, steps: int) -> None:
        """Put in some things, and close some of them."""
        for _ in range(steps):
            parent = self.chance.choice(self.folders)
            path = f"{parent}/{self.chance.choice(NAMES)}".lstrip("/")
            if path != ".git" and not os.path.lexists(self.top / path) and self.chance.random() < 0.9:
                self._make(path)
            elif self.chance.random() < 0.3:
                self._remove(self.chance.choice(("a", "d/x", "d/e/y", ".gitignore", ".gitattributes")))
        if self.chance.random() < 0.1:
            self._deep()
        for path in [*self.folders, *self.done]:
            self._close(path.split(" ", 1)[-1] if path in self.done else path)

    def _make(self, path: str) -> None:
        place, kind = self.top / path, self.chance.randrange(12)
        try:
            if kind < 3:
                place.mkdir()
                self.folders.append(path)
            elif kind == 3:
                os.mkfifo(place)
            elif kind == 4:
                _socket(place)
            elif kind == 5:
                place.symlink_to(self.chance.choice(("a", "nowhere", "../a", "d", "/etc/passwd", "x")))
            else:
                place.write_bytes(self._content())
        except OSError:
            return
        self.done.append(f"{kind} {path}")

    def _content(self) -> bytes:
        if self.chance.random() < 0.5:
            lines = self.chance.sample(LINES, self.chance.randrange(6))
            return "".join(f"{line}\n" for line in lines).encode()
        return b"\0" + self.chance.randbytes(self.chance.choice((0, 1, 20, 5000))).replace(b"*", b"+")

    def _remove(self, path: str) -> None:
        if (self.top / path).is_file():
            (self.top / path).unlink()
            kind = self.chance.randrange(3)
            if kind == 0:
                os.mkfifo(self.top / path)
            elif kind == 1:
                (self.top / path).mkdir()
                self.folders.append(path)

    def _deep(self) -> None:
        here = os.open(self.top, os.O_RDONLY | os.O_DIRECTORY)
        for number in range(25):
            name = "deep" * 50
            os.mkdir(name, dir_fd=here)
            below = os.open(name, os.O_RDONLY | os.O_DIRECTORY, dir_fd=here)
            os.close(here)
            here = below
            file = os.open(f"f{number}", os.O_CREAT | os.O_WRONLY, dir_fd=here)
            os.write(file, b"deep\n")
            os.close(file)
        os.close(here)

    def _close(self, path: str) -> None:
        place = self.top / path
        if self.chance.random() < 0.25 and os.path.lexists(place) and not place.is_symlink():
            place.chmod(self.chance.choice(FOLDER_MODES if place.is_dir() else MODES))


def _socket(place: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        before = os.open(".", os.O_RDONLY)
        try:
            os.chdir(place.parent)
            made.bind(place.name)
        finally:
            os.fchdir(before)
            os.close(before)


def _written(top: Path) -> dict[str, tuple[str, str]]:
    """Everything that is in a workspace: its kind, and of a file or link the digest of what it holds.

    Closed folders and files are opened for it, and closed again.
    """
    found: dict[str, tuple[str, str]] = {}
    waiting = [(os.open(_opened(top), os.O_RDONLY), "")]
    while waiting:
        here, prefix = waiting.pop()
        for name in sorted(os.listdir(here)):  # noqa: PTH208 - of a descriptor
            path, facts = prefix + name, os.stat(name, dir_fd=here, follow_symlinks=False)
            if path == ".git":
                continue
            if stat.S_ISLNK(facts.st_mode):
                target = os.readlink(name, dir_fd=here)
                found[path] = ("link", hashlib.sha256(os.fsencode(target)).hexdigest())
            elif stat.S_ISREG(facts.st_mode):
                found[path] = ("file", _digest(_content(name, here, facts)))
            elif stat.S_ISDIR(facts.st_mode):
                os.chmod(name, 0o700, dir_fd=here)
                inner = os.open(name, os.O_RDONLY, dir_fd=here)
                waiting.append((inner, f"{path}/"))
                found[path] = ("folder", str(facts.st_mode))
            else:
                found[path] = ("special", "")
        os.close(here)
    for path, (kind, mode) in sorted(found.items(), reverse=True):
        if kind == "folder" and len(path) < 3000:
            (top / path).chmod(stat.S_IMODE(int(mode)))
    return found


def _digest(data: bytes) -> str:
    """Of what is left when git has converted the ends of lines."""
    return hashlib.sha256(data.replace(b"\r\n", b"\n")).hexdigest()


def _opened(top: Path) -> Path:
    top.chmod(0o700)
    return top


def _content(name: str, here: int, facts: os.stat_result) -> bytes:
    os.chmod(name, 0o600, dir_fd=here)
    with os.fdopen(os.open(name, os.O_RDONLY, dir_fd=here), "rb") as file:
        data = file.read()
    os.chmod(name, stat.S_IMODE(facts.st_mode), dir_fd=here)
    return data


def check(origin: Origin, folder: Path, seed: int) -> None:
    """Make the workspace of ``seed``, record it, and look for all of it. Raises AssertionError."""
    run = Run(folder, origin.repository)
    run.clone()
    (run.workspace / "good.txt").write_text("good\n")
    tree = OddTree(run.workspace, random.Random(seed))
    tree.fill(25)
    wanted = _written(run.workspace)
    start = time.monotonic()
    changes = run.recorded(limits=LIMITS)
    seconds = time.monotonic() - start
    named = {finding.path: finding.detail for finding in changes.left_out}
    held = _held(run, origin)
    story = f"seed {seed}: {tree.done}; named {named}; notes {changes.notes}"
    lost = {path for path, what in wanted.items() if not _is_accounted(path, what, held, set(named))}
    assert not lost, f"{sorted(lost)} of {story}"
    everything = {digest for digests in held.values() for digest in digests}
    kept = {path for path, detail in named.items() if "is not kept" not in detail and path in wanted}
    gone = {path for path in kept if wanted[path][0] == "file" and wanted[path][1] not in everything}
    assert not gone, f"not kept, but not said so: {sorted(gone)} of {story}"
    assert held.get("good.txt"), story
    assert seconds < MOST_SECONDS, f"{seconds:.0f} s for {story}"


def _is_accounted(path: str, what: tuple[str, str], held: dict[str, set[str]], named: set[str]) -> bool:
    parts = path.split("/")
    above = {"/".join(parts[: number + 1]) for number in range(len(parts))}
    if what[0] in {"folder", "special"} or any(part.startswith("ignored") for part in parts) or above & named:
        return True
    return what[1] in held.get(path, set())


def _held(run: Run, origin: Origin) -> dict[str, set[str]]:
    """The files of the recorded tree: digests of what they hold."""
    fresh = Git(run.scratch, run.folder / "fresh.git")
    git(run.folder, "clone", "-q", "--bare", str(origin.bare), str(fresh.git_dir))
    assert run.facts is not None
    commits = [run.facts.base_commit]
    if run.bundle.exists():
        work = take_bundle(fresh, run.bundle, commits[0])
        commits = [*work.kept.values(), work.most or commits[0]]
    held: dict[str, set[str]] = {}
    for commit in commits:
        for entry in filter(None, fresh.run("Listing", "ls-tree", "-r", "-z", commit).split("\0")):
            head, path = entry.split("\t", 1)
            data = fresh.run("Reading", "cat-file", "blob", head.split(" ")[2]) if "blob" in head else ""
            raw = os.fsencode(data)
            held[path] = {_digest(raw), _digest(raw + b"\n")}
    return held


def check_closed(origin: Origin, folder: Path) -> None:
    """Files and folders that their owner has closed are recorded like others. Raises AssertionError."""
    run = Run(folder, origin.repository)
    run.clone()
    run.write({"good.txt": "good\n", "f": "f\n", "new/f": "new\n", "d/x": "changed\n"})
    wanted = _written(run.workspace)
    for path in ("f", "a", "new/f", "new", "d/x", "d", ".git", "."):
        (run.workspace / path).chmod(0o000)
    changes = run.recorded(limits=LIMITS)
    assert changes.left_out == changes.notes == (), changes
    held = _held(run, origin)
    assert all(what[1] in held[path] for path, what in wanted.items() if what[0] == "file")
    modes = git(run.folder / "fresh.git", "ls-tree", "-r", str(changes.commit)).splitlines()
    assert {line.split(" ")[0] for line in modes} == {"100644"}


def main(folder: Path, first: int, last: int) -> None:
    """Check some seeds, and say how many."""
    folder.mkdir()
    origin = Origin.create(folder / "origin", BASE)
    check_closed(origin, folder / "closed")
    for seed in range(first, last):
        check(origin, folder / str(seed), seed)
        remove_tree(folder / str(seed))
    print(f"{last - first} trees as user {os.geteuid()}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
