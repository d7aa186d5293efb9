"""Fault 76: files of any size take bounded memory; what is too large is not read, a bomb not unpacked."""

from __future__ import annotations

import random
import resource
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.integration.repositories.origin import ENVIRONMENT, Origin, Run, git

from stepherd.errors import DataError
from stepherd.repositories import bundle, large_files, odd_files, push_room, scan, set_aside, tree_size
from stepherd.repositories.git import LARGE_FILE, Git, Limits
from stepherd.repositories.known_secrets import KnownSecrets
from stepherd.repositories.raw_changes import list_raw_changes
from stepherd.repositories.scan import LARGEST_FILE, ChangesBlocked
from stepherd.repositories.tree_size import check_tree_size
from stepherd.repositories.unpack import UnpackLimits

pytestmark = pytest.mark.exhaustive

SECRET = "AKIA" + "IOSFODNN7" + "EXAMPLQ"
MEMORY = 80 << 20
"""Bytes of address space for one process of git."""


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    return Origin.create(tmp_path / "origin")


@pytest.fixture
def run(tmp_path: Path, origin: Origin) -> Run:
    return Run(tmp_path / "run", origin.repository)


def _grow(path: Path, size: int, line: str = "") -> None:
    """A file of ``size`` bytes of different lines, whose last one is ``line``."""
    block = random.Random(7).randbytes(2 << 20)  # Nothing that could be packed.
    left = size - len(line) - 1
    with path.open("wb") as file:
        while left > 0:
            left -= file.write(block[: min(left, len(block))])
        file.write(f"\n{line}".encode())


@pytest.fixture
def small_limit(monkeypatch: pytest.MonkeyPatch) -> int:
    """A lower limit for files, for tests that have one in a repository that is too large."""
    for module in (scan, set_aside):
        monkeypatch.setattr(module, "LARGEST_FILE", 2 * LARGE_FILE)
    monkeypatch.setattr(odd_files, "LARGE", LARGE_FILE)
    return 2 * LARGE_FILE


@pytest.fixture
def no_content_of(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Object ids whose content no git may be asked for; each call's words are looked at."""
    forbidden: list[str] = []
    attempt = Git.attempt

    def watched(self: Git, doing: str, *words: str, **more: object) -> object:
        assert not (words[0] == "cat-file" and set(words) & set(forbidden)), words
        return attempt(self, doing, *words, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(Git, "attempt", watched)
    return forbidden


def test_a_tracked_file_that_grew_too_large_is_not_even_added(run: Run) -> None:
    run.clone()
    size = LARGEST_FILE + (900 << 20)
    with (run.workspace / "README.md").open("r+b") as file:
        file.truncate(size)
    (run.workspace / "kept.txt").write_text("kept\n", encoding="utf-8")
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_inblock
    with pytest.raises(ChangesBlocked) as caught:
        run.record()
    assert [(each.path, each.what) for each in caught.value.findings] == [("README.md", "too large")]
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_inblock - before < size / 512 / 2
    # AND the rest of the work is kept, without it
    listed = git(run.folder, "bundle", "list-heads", str(run.bundle))
    assert "refs/stepherd/changes" in listed
    assert run.bundle.stat().st_size < 100_000


def test_a_large_file_of_the_base_that_did_not_change_is_no_finding(
    origin: Origin, run: Run, small_limit: int
) -> None:
    _grow(origin.work / "large.bin", small_limit + 1000)
    origin.commit({"small": "x"})
    run.work({"new.txt": "new\n"})
    assert run.push().created


def test_a_large_file_that_changed_without_growing_is_found_and_not_read(
    origin: Origin, run: Run, small_limit: int, no_content_of: list[str]
) -> None:
    _grow(origin.work / "large.bin", small_limit + 1000)
    origin.commit({"small": "x"})
    run.clone()
    with (run.workspace / "large.bin").open("r+b") as file:
        file.write(SECRET.encode())
    no_content_of.append(git(run.workspace, "hash-object", "large.bin"))
    with pytest.raises(ChangesBlocked) as caught:
        run.record()
    assert [(each.path, each.what) for each in caught.value.findings] == [("large.bin", "too large")]


@pytest.mark.parametrize("tracked", [True, False])
def test_a_secret_at_the_end_of_a_large_file_is_found_with_its_line(
    origin: Origin, run: Run, tracked: bool
) -> None:
    if tracked:
        origin.commit({"large.txt": "small yet\n"})
    run.clone()
    _grow(run.workspace / "large.txt", LARGE_FILE + 5_000, SECRET)
    lines = (run.workspace / "large.txt").read_bytes().count(b"\n") + 1
    with pytest.raises(ChangesBlocked) as caught:
        run.record()
    assert [(each.path, each.line, each.what) for each in caught.value.findings] == [
        ("large.txt", lines, "secret")
    ]


def test_what_a_large_file_had_already_is_no_finding(origin: Origin, run: Run) -> None:
    _grow(origin.work / "large.txt", LARGE_FILE + 5_000, SECRET)
    origin.commit({"small": "x"})
    run.clone()
    with (run.workspace / "large.txt").open("a", encoding="utf-8") as file:
        file.write("\nand one line more\n")
    run.record()
    assert run.push().created


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    old=st.lists(st.sampled_from(["a", "b", SECRET, f"x {SECRET} y", ""]), max_size=6),
    new=st.lists(st.sampled_from(["a", "c", SECRET, f"z {SECRET}", ""]), min_size=1, max_size=6),
    threshold=st.sampled_from([0, 30, 1 << 20]),
)
def test_both_ways_of_scanning_find_the_same_new_lines(
    tmp_path_factory: pytest.TempPathFactory, old: list[str], new: list[str], threshold: int
) -> None:
    """A stream finds nothing that git's diff does not find, and passes over nothing but moved lines."""
    origin = Origin.create(tmp_path_factory.mktemp("scan"), {"f": "\n".join(old), "other": "x\n"})
    git_ = Git(origin.folder, origin.bare)
    (origin.work / "f").write_text("\n".join(new), encoding="utf-8")
    git(origin.work, "add", "-A")
    tree = git(origin.work, "write-tree")
    git(
        origin.work,
        "push",
        "-q",
        str(origin.bare),
        git(origin.work, "commit-tree", "-m", "x", tree) + ":refs/heads/x",
    )
    raw = list_raw_changes(git_, "main", tree)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scan, "LARGE_FILE", threshold)
        streamed = {each.line for each in scan.scan_changes(git_, "main", tree, raw, known=KnownSecrets())}
    plain = {each.line for each in scan.scan_changes(git_, "main", tree, raw, known=KnownSecrets())}
    expected = {number for number, line in enumerate(new, 1) if SECRET in line and line not in old}
    assert expected <= streamed <= plain
    assert expected <= plain


OWN = "gw-Zk3v9QpL0xT7nR2s"


@pytest.mark.parametrize(
    ("old", "new", "lines"),
    [
        ("a\n", f"a\nb {OWN} c\n", [2]),
        ("a\n", f"a\n{OWN[:9]}\n{OWN[9:]}\n", [2]),
        ("a\n", "x" * (3 << 20) + OWN, [1]),
        (f"{OWN}\n", f"{OWN}\nb\n", []),
        (f"{OWN}\n", f"{OWN}\n{OWN} b\n", [1, 2]),
    ],
    ids=["in a line", "over two lines", "behind a long line", "in the base already", "once more"],
)
def test_a_secret_of_the_run_is_found_in_a_large_file(
    old: str, new: str, lines: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scan, "LARGE_FILE", 1)
    origin = Origin.create(tmp_path / "own", {"f": old})
    (origin.work / "f").write_text(new, encoding="utf-8")
    git(origin.work, "add", "-A")
    tree = git(origin.work, "write-tree")
    commit = git(origin.work, "commit-tree", "-m", "x", tree)
    git(origin.work, "push", "-q", str(origin.bare), f"{commit}:refs/heads/x")
    git_ = Git(origin.folder, origin.bare)
    raw = list_raw_changes(git_, "main", tree)
    found = scan.scan_changes(git_, "main", tree, raw, known=KnownSecrets([OWN]))
    assert [finding.line for finding in found] == lines


def test_a_line_without_an_end_and_a_flood_of_findings_take_bounded_memory(origin: Origin) -> None:
    blob = git(origin.bare, "hash-object", "-w", "--stdin", stdin=b"x" * (3 << 20) + SECRET.encode())
    flood = git(origin.bare, "hash-object", "-w", "--stdin", stdin=f"{SECRET}\n".encode() * 5_000)
    longest = 0

    def judge(line: bytes) -> str | None:
        nonlocal longest
        longest = max(longest, len(line))
        return "a key" if SECRET.encode() in line else None

    found = large_files.judge_new_lines(Git(origin.folder, origin.bare), None, blob, judge)
    assert found == [(1, "a key")]
    assert longest < (1 << 20) + (1 << 17)
    assert len(large_files.judge_new_lines(Git(origin.folder, origin.bare), None, flood, judge)) == 100


def _bomb(origin: Origin, levels: int, width: int = 10) -> None:
    """A tree that holds itself ``width`` times at each of its ``levels``: a few hundred bytes of objects."""
    blob = git(origin.bare, "hash-object", "-w", "--stdin", stdin=b"boom\n")
    kind, child = "100644 blob", blob
    for _ in range(levels):
        listing = "".join(f"{kind} {child}\td{number}\n" for number in range(width))
        child = git(origin.bare, "mktree", stdin=listing.encode())
        kind = "040000 tree"
    commit = git(origin.bare, "commit-tree", "-m", "boom", child)
    git(origin.bare, "update-ref", "refs/heads/main", commit)


def test_a_tree_that_holds_itself_is_stopped_before_it_is_checked_out(
    origin: Origin, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    _bomb(origin, 4)
    monkeypatch.setattr(tree_size, "UnpackLimits", lambda: UnpackLimits(entries=1_000))
    with pytest.raises(DataError, match="has more than 1,000 files, so it is not checked out") as caught:
        run.clone()
    assert caught.value.remedy
    assert not run.workspace.exists()


def test_an_endless_tree_is_measured_to_the_limit_and_no_further(origin: Origin, tmp_path: Path) -> None:
    _bomb(origin, 12)
    git_ = Git(origin.folder, origin.bare, limits=Limits(local_seconds=120))
    with pytest.raises(DataError, match="has more than 50,000 files"):
        check_tree_size(git_, "main", tmp_path, UnpackLimits(entries=50_000))


def test_a_small_pack_with_huge_files_is_stopped_before_it_is_checked_out(origin: Origin, run: Run) -> None:
    with (origin.work / "zeros").open("wb") as file:
        file.truncate(80 << 20)
    origin.commit({"x": "x"})
    with pytest.raises(DataError, match="more than 200 times its"):
        run.clone()
    assert not run.workspace.exists()


def test_a_tree_is_held_against_the_limits_and_the_disk(
    origin: Origin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git_ = Git(origin.folder, origin.bare)
    check_tree_size(git_, "main", tmp_path, UnpackLimits(entries=2, total_bytes=100))
    with pytest.raises(DataError, match="more than 1 files"):
        check_tree_size(git_, "main", tmp_path, UnpackLimits(entries=1))
    with pytest.raises(DataError, match="more than 0 GB"):
        check_tree_size(git_, "main", tmp_path, UnpackLimits(total_bytes=10))
    full = type("Usage", (), {"free": 5})
    monkeypatch.setattr(tree_size.shutil, "disk_usage", lambda _folder: full)
    with pytest.raises(DataError, match="does not fit on the disk"):
        check_tree_size(git_, "main", tmp_path)


@pytest.mark.parametrize("step", ["grow", "shrink"])
def test_git_works_on_a_large_file_with_the_memory_of_a_small_one(
    origin: Origin, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """Every git of a run gets an address space that the file does not fit into."""
    size = MEMORY - (20 << 20)
    if step == "shrink":
        _grow(origin.work / "large.txt", size)
    origin.commit({"small": "x"})
    _limit_memory(tmp_path, monkeypatch)
    run.clone()
    if step == "shrink":
        (run.workspace / "large.txt").write_text("small\n", encoding="utf-8")
    else:
        _grow(run.workspace / "large.txt", size)
    run.record()
    assert run.push().created


def _limit_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wrapper = tmp_path / "bin" / "git"
    wrapper.parent.mkdir()
    path = ENVIRONMENT["PATH"]
    # One arena: each thread of git's would reserve 64 MB of addresses for one of its own.
    wrapper.write_text(
        f"#!/bin/sh\nulimit -v {MEMORY // 1024}\nMALLOC_ARENA_MAX=1\nPATH={path}\n"
        'export MALLOC_ARENA_MAX PATH\nexec git "$@"\n',
        encoding="utf-8",
    )
    wrapper.chmod(0o755)
    monkeypatch.setenv("PATH", f"{wrapper.parent}:{path}")


def test_of_more_than_a_push_may_have_the_largest_stay_behind_and_the_rest_arrives(
    run: Run, origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(push_room, "LARGEST_PUSH", 13 << 19)
    monkeypatch.setattr(bundle, "LARGEST_BUNDLE", 7 << 20)
    run.clone()
    random_bytes = random.Random(1).randbytes
    for number, size in enumerate((3, 3, 2, 1)):
        (run.workspace / f"{number}.bin").write_bytes(random_bytes(size << 20))
    (run.workspace / "copy.bin").write_bytes((run.workspace / "0.bin").read_bytes())
    (run.workspace / "work.txt").write_text("the work\n")
    changes = run.recorded()
    gone = {finding.path for finding in changes.left_out}
    assert gone in ({"0.bin", "copy.bin"}, {"1.bin"})
    assert all("2 GiB" in finding.detail for finding in changes.left_out)
    run.pushed()
    assert origin.show(run.branch, "work.txt") == "the work"
    assert {file.path for file in changes.files} | gone == {
        *(f"{number}.bin" for number in range(4)),
        "copy.bin",
        "work.txt",
    }


def test_new_files_that_git_could_not_compress_in_time_are_not_all_given_to_it(
    run: Run, origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(set_aside, "_MOST_NEW", 5 << 20)
    run.clone()
    for number, size in enumerate((3, 3, 1)):
        (run.workspace / f"{number}.bin").write_bytes(bytes(size << 20))
    changes = run.recorded()
    assert [finding.what for finding in changes.left_out] == ["too large"]
    assert {file.path for file in changes.files} >= {"2.bin"}
    assert len(changes.files) == 2
