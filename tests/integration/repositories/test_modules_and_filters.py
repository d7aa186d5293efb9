"""Whatever an agent does with submodules and attributes: what is pushed is whole, and nothing is lost."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import pytest
from tests.integration.repositories.origin import Origin, Run, git

from stepherd.errors import NotFoundError
from stepherd.repositories.filtered import Content
from stepherd.repositories.lfs_pointer import Pointer, read_pointer
from stepherd.repositories.scan import ChangesBlocked

LOCAL = ("-c", "protocol.file.allow=always")
ATTRIBUTES = "*.bin filter=lfs -text\n*.key filter=git-crypt\n"
OLD = b"old content of a.bin"


def pointer(content: bytes) -> str:
    return str(Pointer(sha256(content).hexdigest(), len(content)))


@dataclass
class World:
    """An agent at work; ``written`` are the contents that it left in files, all different."""

    chance: random.Random
    origin: Origin
    inner: Origin
    run: Run
    count: int = 0
    kept: dict[str, bytes] = field(default_factory=dict)

    @property
    def workspace(self) -> Path:
        return self.run.workspace

    def agent(self, *arguments: str) -> None:
        git(self.workspace, *LOCAL, *arguments, check=False)

    def some(self, *names: str) -> str:
        return self.chance.choice(names)

    def fresh(self) -> bytes:
        self.count += 1
        return f"fresh {self.count} of the agent".encode()

    def keep(self, content: Content) -> None:
        self.kept[content.pointer.oid] = (self.workspace / content.path).read_bytes()

    def fetch(self, oid: str, path: Path) -> None:
        if oid not in self.kept:
            raise NotFoundError(oid)
        path.write_bytes(self.kept[oid])


def write(world: World) -> None:
    path = world.workspace / world.some(
        "a.bin", "n.bin", "in/m.bin", "s.key", "new.key", "README.md", "x.txt"
    )
    if not path.is_dir() and path.parent.is_dir():
        path.write_bytes(world.fresh())


def fetch_content(world: World) -> None:
    (world.workspace / "a.bin").write_bytes(OLD)


def delete(world: World) -> None:
    (world.workspace / world.some("a.bin", "s.key", "in/b.bin", "README.md")).unlink(missing_ok=True)


def move(world: World) -> None:
    old, new = world.some("a.bin", "s.key", "in/b.bin"), world.some("z.bin", "z.key", "z.txt")
    if (world.workspace / old).is_file():
        (world.workspace / old).rename(world.workspace / new)


def attributes(world: World) -> None:
    patterns = ("*.bin", "*.key", "*.txt", "in/*")
    values = ("filter=lfs", "-filter", "filter=other", "!filter", "text", "eol=crlf")
    lines = [f"{world.some(*patterns)} {world.some(*values)}\n" for _ in range(world.chance.randint(0, 3))]
    place = world.workspace / world.some(".gitattributes", "in/.gitattributes")
    if place.parent.is_dir():
        place.write_text("".join(lines))


def remove_submodule(world: World) -> None:
    world.agent(*world.some("rm -q -f sub", "rm -q -f --cached sub", "rm -q -r -f lib").split())


def add_submodule(world: World) -> None:
    world.agent("submodule", "add", "-q", "-f", str(world.inner.bare), world.some("lib", "sub2", "in/sub"))


def bump(world: World) -> None:
    path = world.some("sub", "lib")
    world.agent("update-index", "--cacheinfo", f"160000,{world.chance.randbytes(20).hex()},{path}")


def fill(world: World) -> None:
    folder = world.workspace / world.some("sub", "lib")
    if folder.is_dir():
        (folder / "inside.txt").write_bytes(world.fresh())


def empty(world: World) -> None:
    folder = world.workspace / world.some("sub", "lib")
    if folder.is_dir():
        shutil.rmtree(folder)


def initialise(world: World) -> None:
    world.agent("submodule", "update", "-q", "--init")


def edit_list(world: World) -> None:
    other = '[submodule "sub"]\n\tpath = sub\n\turl = ../other\n\tignore = all\n'
    refused = '[submodule "y"]\n\tpath = y\n\turl = -x\n'
    (world.workspace / ".gitmodules").write_text(world.some("", "[[[", other, refused))


def stage(world: World) -> None:
    world.agent("add", "-A")


def commit(world: World) -> None:
    world.agent("commit", "-q", "-m", "work")


def reset(world: World) -> None:
    world.agent("reset", "-q", world.some("--mixed", "--soft"), "HEAD")


ACTS: list[Callable[[World], None]] = [
    *(write, write, write, fetch_content, delete, move, attributes),
    *(remove_submodule, add_submodule, bump, fill, empty, initialise, edit_list),
    *(stage, commit, reset),
]


def modules_of(world: World, tree: str) -> set[str]:
    words = ("config", f"--blob={tree}:.gitmodules", "--get-regexp", r"\.path$")
    out = git(world.origin.bare, *words, check=False)
    return {line.split(" ", 1)[1] for line in out.splitlines()}


def entries_of(world: World, tree: str) -> dict[str, tuple[str, str]]:
    out = git(world.origin.bare, "ls-tree", "-r", "-z", tree)
    entries = (entry.split("\t", 1) for entry in out.split("\0") if entry)
    return {path: (head.split(" ")[0], head.split(" ")[2]) for head, path in entries}


def filters_of(world: World, tree: str, paths: list[str]) -> dict[str, str]:
    """By real git, in a checkout of nothing but the attributes."""
    index = {"GIT_INDEX_FILE": str(world.run.folder / "look.index")}
    git(world.origin.bare, "read-tree", tree, **index)
    words = ("-c", "core.attributesFile=/dev/null", "check-attr", "--cached", "-z", "--stdin", "filter")
    listing = "".join(f"{path}\0" for path in paths).encode()
    fields = git(world.origin.bare, *words, stdin=listing, **index).split("\0")
    found = zip(fields[0::3], fields[2::3], strict=False)
    return {path: value for path, value in found if value not in {"unspecified", "unset", "set"}}


def check_pushed(world: World, base: str) -> None:
    before, now = entries_of(world, base), entries_of(world, world.run.branch)
    links_before = {path for path, (mode, _) in before.items() if mode == "160000"}
    links = {path for path, (mode, _) in now.items() if mode == "160000"}
    listed_before, listed = modules_of(world, base), modules_of(world, world.run.branch)
    for path in links | links_before | listed | listed_before:
        state = (path in links, path in listed)
        assert state[0] == state[1] or state == (path in links_before, path in listed_before), path
    changed = [
        path for path, entry in now.items() if before.get(path) != entry and entry[0].startswith("100")
    ]
    known = {blob for _, blob in before.values()}
    by_base, by_new = filters_of(world, base, changed), filters_of(world, world.run.branch, changed)
    for path in changed:
        text = git(world.origin.bare, "cat-file", "blob", now[path][1]) + "\n"
        if by_new.get(path) == "lfs":
            found = read_pointer(text)
            assert found is not None, path
            oid = found.oid
            place = world.origin.bare / "lfs" / "objects" / oid[:2] / oid[2:4] / oid
            assert now[path][1] in known or sha256(place.read_bytes()).hexdigest() == oid
        names = {by_base.get(path), by_new.get(path)} - {None, "lfs"}
        assert not names or now[path][1] in known, path


def everything_kept(world: World) -> bytes:
    """All that can be had after the run: the bundle, the contents, the branch."""
    look = world.run.folder / "everything.git"
    git(world.run.folder, "clone", "-q", "--bare", str(world.origin.bare), str(look))
    if world.run.bundle.exists():
        git(look, "fetch", "-q", str(world.run.bundle), "refs/*:refs/kept/*")
    found = git(look, "cat-file", "--batch-all-objects", "--batch", "--unordered")
    return found.encode("utf-8", "surrogateescape") + b"\n".join(world.kept.values())


def left_in_files(world: World) -> dict[bytes, str]:
    """The agent's contents and where they are at its end."""
    found = {}
    for path in world.workspace.rglob("*"):
        if path.is_file() and ".git" not in path.relative_to(world.workspace).parts:
            content = path.read_bytes()
            if content.startswith(b"fresh "):
                found[content] = str(path.relative_to(world.workspace))
    return found


def live(folder: Path, seed: int) -> None:
    inner = Origin.create(folder / "inner")
    files = {".gitattributes": ATTRIBUTES, "README.md": "hello\n", "a.bin": pointer(OLD)}
    files |= {"in/b.bin": "raw\n", "s.key": "hidden"}
    origin = Origin.create(folder / "origin", files)
    for path in ("sub", "lib"):
        git(origin.work, *LOCAL, "submodule", "add", "-q", str(inner.bare), path)
    base = origin.commit({}, message="submodules")
    chance = random.Random(seed)
    world = World(chance, origin, inner, Run(folder / "run", origin.repository))
    world.run.clone()
    acts = [chance.choice(ACTS) for _ in range(chance.randint(2, 9))]
    for act in acts:
        act(world)
    said = ""
    try:
        changes = world.run.record(keep=world.keep)
        said = " ".join(changes.notes)
        if changes.commit is not None:
            facts = world.run.push(fetch=world.fetch)
            said += " ".join(map(str, facts.left_out))
            check_pushed(world, base)
    except ChangesBlocked as blocked:
        said = " ".join(map(str, blocked.findings))
        assert origin.tip(world.run.branch) is None
    kept = everything_kept(world)
    for content, path in left_in_files(world).items():
        assert content in kept or path in said or path.partition("/")[0] in said, (path, content)


@pytest.mark.parametrize("seed", range(6))
def test_what_is_pushed_is_whole_and_nothing_is_lost(tmp_path: Path, seed: int) -> None:
    live(tmp_path, seed)


@pytest.mark.exhaustive
@pytest.mark.parametrize("seed", range(100, 160))
def test_what_is_pushed_is_whole_and_nothing_is_lost_with_many_seeds(tmp_path: Path, seed: int) -> None:
    live(tmp_path, seed)
