"""A file that no one changed is unchanged, whatever its attributes; another differs by what was changed."""

from __future__ import annotations

import random
import subprocess
from pathlib import Path

import pytest
from tests.integration.repositories.origin import Origin, Run, files_below, git

from stepherd.repositories import odd_files
from stepherd.repositories.replay import replay_changes
from stepherd.repositories.scan import ChangesBlocked

pytestmark = pytest.mark.exhaustive

CRLF = b"one\r\ntwo\r\nthree\r\n"
MIXED = b"one\r\ntwo\nthree\r\n"
LF = b"one\ntwo\nthree\n"
EXPANDED = b"a\n$Id: 0123456789 $\nb\n"
BLOBS = {
    "crlf": CRLF,
    "mixed": MIXED,
    "lf": LF,
    "ident": b"a\n$Id$\nb\n",
    "expanded": EXPANDED,
    "wide": "one\ntwo\n".encode("utf-16"),
    "binary": b"\0\r\n\1\n",
    "no end": b"one\r\ntwo",
    "empty": b"",
    "not UTF-8": b"caf\xe9\r\n",
}
ATTRIBUTES = [
    "",
    "text",
    "text=auto",
    "text eol=crlf",
    "eol=lf",
    "text=auto eol=crlf",
    "-text",
    "crlf",
    "crlf=input",
    "ident",
    "ident text eol=crlf",
    "working-tree-encoding=UTF-16",
    "working-tree-encoding=no-such",
    "working-tree-encoding=UTF-16 text eol=crlf",
    "filter=lfs diff=lfs merge=lfs -text",
    "filter=no-such text eol=crlf ident",
    "binary",
]


def begin(folder: Path, blobs: dict[str, bytes], attributes: str) -> Run:
    """A clone of a repository that stores exactly these blobs and, beside them, the attributes."""
    origin = Origin.create(folder / "origin")
    listing = ""
    for name, data in {**blobs, ".gitattributes": attributes.encode()}.items():
        blob = git(origin.bare, "hash-object", "-w", "--stdin", stdin=data)
        listing += f"100644 {blob}\t{name}\n"
    index = {"GIT_INDEX_FILE": str(folder / "index")}
    git(origin.bare, "update-index", "--add", "--index-info", stdin=listing.encode(), **index)
    commit = git(origin.bare, "commit-tree", "-m", "x", git(origin.bare, "write-tree", **index))
    git(origin.bare, "update-ref", "refs/heads/main", commit)
    run = Run(folder / "run", origin.repository)
    run.clone()
    return run


def numbers(run: Run) -> dict[str, tuple[int | None, int | None]]:
    return {file.path: (file.added, file.deleted) for file in run.record().files}


@pytest.mark.parametrize("attributes", ATTRIBUTES)
def test_an_agent_that_does_nothing_changes_nothing(tmp_path: Path, attributes: str) -> None:
    run = begin(tmp_path, {f"{name}.txt": data for name, data in BLOBS.items()}, f"*.txt {attributes}\n")
    recorded = run.record()
    assert recorded.files == ()
    assert recorded.commit is None
    # AND files that were written again with what they hold are no change either
    for path in files_below(run.workspace):
        if ".git" not in path.parts:
            path.write_bytes(path.read_bytes())
    assert run.record().commit is None


@pytest.mark.parametrize(
    ("blob", "attributes"),
    [
        ("crlf", "text"),
        ("crlf", "text eol=crlf"),
        ("crlf", "text=auto"),
        ("crlf", ""),
        ("lf", "text eol=crlf"),
        ("lf", "text"),
        ("no end", "text"),
        ("not UTF-8", "text"),
        ("lf", "working-tree-encoding=UTF-16"),
        ("not UTF-8", "working-tree-encoding=UTF-16"),
    ],
)
def test_a_change_of_one_line_is_a_change_of_one_line(tmp_path: Path, blob: str, attributes: str) -> None:
    run = begin(tmp_path, {"a.txt": BLOBS[blob]}, f"*.txt {attributes}\n")
    path = run.workspace / "a.txt"
    wide = "16" in attributes and blob == "lf"
    new = "more\r\n" if "eol=crlf" in attributes or b"\r\n" in BLOBS[blob] else "more\n"
    if wide:
        path.write_bytes(("more\n" + path.read_bytes().decode("utf-16")).encode("utf-16"))
    else:
        path.write_bytes(new.encode() + path.read_bytes())
    assert numbers(run) == {"a.txt": (1, 0)}


def test_a_new_file_is_stored_as_git_would_store_it(tmp_path: Path) -> None:
    run = begin(tmp_path, {"lf.txt": LF}, "* text=auto\n*.u16 working-tree-encoding=UTF-16LE\n")
    (run.workspace / "new.txt").write_bytes(CRLF)
    (run.workspace / 'odd\n"name\\\r').write_bytes(CRLF)
    (run.workspace / "new.u16").write_bytes(LF.decode().encode("utf-16-le"))
    (run.workspace / "bytes").write_bytes(b"\0\r\n")
    (run.workspace / "lf.txt").write_bytes(LF.replace(b"\n", b"\r\n") + b"four\r\n")
    recorded = run.record()
    git(run.workspace, "bundle", "unbundle", str(run.bundle))
    tree = {name: data.encode().replace(b"\\r", b"\r") for name, data in shown(run, recorded.tree).items()}
    assert tree["new.txt"] == LF
    assert tree['odd\n"name\\\r'] == LF
    assert tree["new.u16"] == LF
    assert tree["bytes"] == b"\0\r\n"
    assert tree["lf.txt"] == LF + b"four\n"


def shown(run: Run, tree: str) -> dict[str, str]:
    """The changed files of the bundle, by their bytes."""
    names = git(run.workspace, "ls-tree", "-r", "-z", "--name-only", tree).split("\0")
    return {name: blob_of(run, tree, name) for name in names if name}


def blob_of(run: Run, tree: str, name: str) -> str:
    words = ["git", "cat-file", "blob", f"{tree}:{name}"]
    return subprocess.run(words, cwd=run.workspace, capture_output=True, check=True).stdout.decode("latin-1")


def test_a_file_that_git_cannot_convert_keeps_its_bytes_and_the_rest_goes_on(tmp_path: Path) -> None:
    run = begin(tmp_path, {"a.txt": LF}, "")
    odd = b"\xd8\x00x"  # no UTF-16
    run.write({".gitattributes": "* working-tree-encoding=UTF-16\n.gitattributes !working-tree-encoding\n"})
    for number in range(30):
        (run.workspace / f"new{number}").write_bytes(odd)
    (run.workspace / "zz").write_bytes("fine\n".encode("utf-16"))
    recorded = run.record()
    git(run.workspace, "bundle", "unbundle", str(run.bundle))
    tree = shown(run, recorded.tree)
    assert {tree[f"new{number}"].encode("latin-1") for number in range(30)} == {odd}
    assert tree["a.txt"].encode() == LF


def test_an_agent_that_marks_files_as_text_changes_only_the_attributes(tmp_path: Path) -> None:
    run = begin(tmp_path, {"a.txt": CRLF, "b.txt": MIXED}, "")
    run.write({".gitattributes": "* text eol=crlf\n"})
    (run.workspace / "a.txt").write_bytes(CRLF + b"four\r\n")
    assert numbers(run) == {".gitattributes": (1, 0), "a.txt": (1, 0)}


def test_attributes_that_are_taken_away_change_no_other_file(tmp_path: Path) -> None:
    run = begin(tmp_path, {"a.txt": LF, "id.c": b"$Id$\n"}, "*.txt text eol=crlf\n*.c ident\n")
    (run.workspace / ".gitattributes").unlink()
    assert [file.path for file in run.record().files] == [".gitattributes"]


def test_a_mode_is_a_change_and_keeps_the_stored_bytes(tmp_path: Path) -> None:
    run = begin(tmp_path, {"a.sh": LF, "b.sh": CRLF}, "*.sh text eol=crlf\n")
    for name in ("a.sh", "b.sh"):
        (run.workspace / name).chmod(0o755)
    assert numbers(run) == {"a.sh": (0, 0), "b.sh": (0, 0)}
    git(run.workspace, "bundle", "unbundle", str(run.bundle))


def test_no_filter_runs_whatever_the_workspace_names(tmp_path: Path) -> None:
    run = begin(tmp_path, {"a.txt": LF}, "* filter=evil\n")
    ran = tmp_path / "ran"
    for word in ("clean", "smudge", "process"):
        git(run.workspace, "config", f"filter.evil.{word}", f"touch {ran}")
    run.write({"a.txt": "changed\n", "new": "x\n"})
    with pytest.raises(ChangesBlocked) as caught:
        run.record()
    assert {finding.path for finding in caught.value.findings} == {"a.txt", "new"}
    assert not ran.exists()


def test_a_large_file_is_not_converted_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(odd_files, "LARGE", 100)
    run = begin(tmp_path, {"a.txt": LF * 20}, "* text eol=crlf\n")
    assert run.record().commit is None
    odd = "a [*]?\\ 'x\".txt"
    for name in ("new.txt", odd):
        (run.workspace / name).write_bytes(CRLF * 20)
    (run.workspace / "small.txt").write_bytes(CRLF)
    tree = run.record().tree
    git(run.workspace, "bundle", "unbundle", str(run.bundle))
    assert shown(run, tree)["new.txt"].encode() == shown(run, tree)[odd].encode() == CRLF * 20
    assert shown(run, tree)["small.txt"].encode() == LF


def any_attributes(chance: random.Random) -> str:
    patterns = ["*", "*.txt", "*.c", "/sub/*", "a*", "b*"]
    # A file that a filter should have changed is not pushed: that has a property of its own.
    kinds = [each for each in ATTRIBUTES if "filter=" not in each]
    lines = [f"{chance.choice(patterns)} {chance.choice(kinds)}" for _ in range(chance.randint(0, 4))]
    return "".join(f"{line}\n" for line in lines)


def any_bytes(chance: random.Random) -> bytes:
    if chance.random() < 0.5:
        return chance.choice([*BLOBS.values()])
    ends = [b"\n", b"\r\n", b"\r", b"$Id$\n", b"\0\n"]
    return b"".join(bytes([chance.choice(b"ab")]) + chance.choice(ends) for _ in range(chance.randint(0, 6)))


def any_name(chance: random.Random) -> str:
    return (
        chance.choice(["", "sub/", "a/b/"]) + chance.choice("abc") + chance.choice([".txt", ".c", "", ' "\t'])
    )


def look(seed: int, folder: Path) -> None:
    """Nothing, then random edits: each path that was not touched stays, each other one arrives."""
    chance = random.Random(seed)
    blobs = {any_name(chance): any_bytes(chance) for _ in range(chance.randint(1, 8))}
    quoted = {name: data for name, data in blobs.items() if '"' not in name}
    run = begin(folder, quoted, any_attributes(chance))
    assert run.record().commit is None
    before = contents(run)
    edit(run, chance)
    after = contents(run)
    recorded = run.record()
    changed = {file.path for file in recorded.files}
    touched = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    assert changed <= touched
    assert after.keys() - before.keys() <= changed
    assert before.keys() - after.keys() <= changed
    if recorded.commit is None:
        return
    # AND put back into a fresh workspace it is the same work
    again = Run(folder / "again", run.repository)
    again.clone()
    assert again.facts is not None
    words = (again.workspace, again.private_git, again.facts.base_commit, run.bundle, again.scratch)
    replay_changes(*words)
    assert again.record().tree == recorded.tree


def edit(run: Run, chance: random.Random) -> None:
    for name in [*contents(run)]:
        path = run.workspace / name
        match chance.randint(0, 7):
            case 0:
                path.unlink()
            case 1:
                path.write_bytes(any_bytes(chance))
            case 2:
                path.write_bytes(path.read_bytes() + b"more\n")
            case 3:
                path.write_bytes(path.read_bytes())
            case _:
                pass
    for _ in range(chance.randint(0, 3)):
        path = run.workspace / any_name(chance)
        if not path.is_dir() and not any(parent.is_file() for parent in path.parents):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(any_bytes(chance))
    if chance.random() < 0.3:
        run.write({".gitattributes": any_attributes(chance)})


def contents(run: Run) -> dict[str, bytes]:
    names = (path.relative_to(run.workspace) for path in files_below(run.workspace))
    return {str(name): (run.workspace / name).read_bytes() for name in names if name.parts[0] != ".git"}


@pytest.mark.parametrize("seed", range(6))
def test_random_trees_attributes_and_edits(tmp_path: Path, seed: int) -> None:
    look(seed, tmp_path)


@pytest.mark.parametrize("first", range(1000, 1100, 20))
def test_many_random_trees_attributes_and_edits(tmp_path: Path, first: int) -> None:
    for seed in range(first, first + 20):
        look(seed, tmp_path / str(seed))
