"""However many odd paths an agent leaves, or however deep: time grows with their number, and no faster.

The tests measure the processor time of this process: it does not depend on what else the machine does.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepherd.repositories.allow import is_allowed
from stepherd.repositories.git import Git, create_repository
from stepherd.repositories.paths import is_within
from stepherd.repositories.raw_changes import read_blobs
from stepherd.repositories.set_aside import look_aside

MANY = 20_000


@contextmanager
def soon(seconds: float = 3.0) -> Iterator[None]:
    started = time.process_time()
    yield
    assert time.process_time() - started < seconds


@pytest.fixture
def git(tmp_path: Path) -> Git:
    made = Git(tmp_path, tmp_path / "x.git")
    create_repository(made)
    return made


def test_very_many_environments(git: Git, tmp_path: Path) -> None:
    others = [f"d{number}/{name}" for number in range(MANY) for name in ("pyvenv.cfg", "x.py")]
    with soon():
        found = look_aside(git, tmp_path, {}, others, [], [])
    assert len(found) == MANY
    assert found[0].paths == ("d0/pyvenv.cfg", "d0/x.py")


def test_of_an_environment_in_another_the_outer_is_named(git: Git, tmp_path: Path) -> None:
    others = ["a-b/pyvenv.cfg", "a/b/pyvenv.cfg", "a/b/x", "a/pyvenv.cfg", "ab/x"]
    found = {each.finding.path: each.paths for each in look_aside(git, tmp_path, {}, others, [], [])}
    assert found == {"a": ("a/b/pyvenv.cfg", "a/b/x", "a/pyvenv.cfg"), "a-b": ("a-b/pyvenv.cfg",)}


def test_very_many_contents(git: Git) -> None:
    blob = git.run("x", "hash-object", "-w", "--stdin", stdin=b"\xff\n" + b"x" * 300)
    with soon():
        found = list(read_blobs(git, [blob] * 30_000))
    assert found == ["\udcff\n" + "x" * 300] * 30_000


def test_a_deep_path_among_patterns_of_any_folders() -> None:
    path = "/".join([*["a"] * 1000, "y"])
    with soon():
        assert not is_allowed(path, ["**/a/**/a/**/zz"])
        assert is_allowed(path, ["**/a/**/a/**/y"])


PARTS = st.sampled_from(["a", "b", "ab"])
PATTERNS = st.sampled_from(["a", "b*", "*", "?b", "**", "**"])


@given(st.lists(PARTS, min_size=1, max_size=5), st.lists(PATTERNS, min_size=1, max_size=5))
def test_all_ways_at_once_are_each_of_them(parts: list[str], patterns: list[str]) -> None:
    def one_by_one(rest: Sequence[str], wanted: Sequence[str]) -> bool:
        if not wanted:
            return True  # A folder that is allowed, with what is in it.
        if wanted[0] == "**":
            return any(one_by_one(rest[start:], wanted[1:]) for start in range(len(rest) + 1))
        return bool(rest) and fnmatchcase(rest[0], wanted[0]) and one_by_one(rest[1:], wanted[1:])

    assert is_allowed("/".join(parts), ["/".join(patterns)]) == one_by_one(parts, patterns)


@given(
    st.lists(PARTS, min_size=1, max_size=4), st.sets(st.lists(PARTS, min_size=1, max_size=3).map("/".join))
)
def test_what_is_within_begins_with_a_folder(parts: list[str], folders: set[str]) -> None:
    path = "/".join(parts)
    expected = any(f"{path}/".startswith(f"{folder}/") for folder in folders)
    assert is_within(path, folders) == is_within(f"{path}/", folders) == expected
