"""Reading an agent's object folder gives only objects that are what their names say, and only so much."""

from __future__ import annotations

import hashlib
import os
import zlib
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.integration.repositories.origin import git

from stepherd.repositories.agent_objects import ImportLimits, bring_in
from stepherd.repositories.git import Git, create_repository
from stepherd.repositories.untrusted import open_untrusted


@dataclass
class Bench:
    """An agent's repository, and the empty one that its objects are brought into."""

    agent: Path
    own: Git

    def plant(self, data: bytes, *, name: str = "") -> str:
        object_id = name or hashlib.sha1(data, usedforsecurity=False).hexdigest()
        path = self.agent / ".git/objects" / object_id[:2] / object_id[2:]
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(zlib.compress(data))
        return object_id

    def bring(self, **limits: float) -> tuple[set[str], str]:
        """The ids of what came in, and the notes."""
        nothing = self.own.scratch / "nothing"
        with open_untrusted(self.agent / ".git/objects") as folder:
            notes = bring_in(folder, self.own, nothing, 40, ImportLimits(**limits))  # type: ignore[arg-type]
        every = ("cat-file", "--batch-all-objects", "--batch-check=%(objectname)")
        return set(git(self.own.git_dir, *every).split()), " ".join(notes)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    agent, scratch = tmp_path / "agent", tmp_path / "scratch"
    agent.mkdir()
    scratch.mkdir()
    git(agent, "init", "-q")
    own = Git(scratch, scratch / "own.git")
    create_repository(own)
    return Bench(agent, own)


def test_objects_come_in_loose_and_packed(bench: Bench) -> None:
    (bench.agent / "a").write_text("a")
    git(bench.agent, "add", "-A")
    git(bench.agent, "commit", "-qm", "packed")
    git(bench.agent, "gc", "-q")
    git(bench.agent, "commit", "-q", "--allow-empty", "-m", "loose")
    every = git(bench.agent, "cat-file", "--batch-all-objects", "--batch-check=%(objectname)").split()
    assert bench.bring() == (set(every), "")


@pytest.mark.parametrize(
    "data",
    [
        b"blob 5\0other",  # sound, under another's name
        b"blob 9\0short",
        b"blob 1\0long",
        b"blob 01\0x",
        b"blob -1\0x",
        b"blob 99999999999999999999\0x",
        b"link 1\0x",
        b"",
        b"no header at all, and more of it than a header ever has",
    ],
)
def test_what_is_not_what_its_name_says_stays_out(bench: Bench, data: bytes) -> None:
    good = bench.plant(b"blob 4\0good")
    bench.plant(data, name="ab" * 20)
    assert bench.bring() == ({good}, "1 object of the agent's repository could not be read.")


def test_a_file_that_goes_on_after_its_object_stays_out(bench: Bench) -> None:
    object_id = bench.plant(b"blob 1\0x")
    with (bench.agent / ".git/objects" / object_id[:2] / object_id[2:]).open("ab") as file:
        file.write(b"more")
    assert bench.bring()[0] == set()


def test_what_inflates_beyond_the_bound_stays_out(bench: Bench) -> None:
    good = bench.plant(b"blob 4\0good")
    large = bench.plant(b"blob 67108864\0" + bytes(64 << 20))
    came, notes = bench.bring(inflated_bytes=1 << 20)
    assert large not in came
    assert good in came or "2 objects" in notes
    assert "could not be read" in notes
    assert bench.bring()[0] == {good, large}


def test_more_loose_objects_than_are_read_are_said(bench: Bench) -> None:
    for number in range(20):
        bench.plant(b"blob 2\0%02d" % number)
    came, notes = bench.bring(loose=5)
    assert len(came) == 5
    assert "more than 5 loose objects" in notes


def test_no_time_is_no_crash(bench: Bench) -> None:
    bench.plant(b"blob 4\0good")
    came, notes = bench.bring(seconds=-1)
    assert came == set()
    assert "stopped after" in notes


def test_what_was_there_before_is_not_read_again(bench: Bench, tmp_path: Path) -> None:
    object_id = bench.plant(b"blob 4\0good")
    git_objects = bench.agent / ".git/objects"
    with open_untrusted(git_objects) as folder:
        assert bring_in(folder, bench.own, git_objects, 40, ImportLimits()) == []
    assert not (bench.own.git_dir / "objects" / object_id[:2]).exists()


def test_links_and_pipes_are_no_objects(bench: Bench, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_bytes(zlib.compress(b"blob 6\0secret"))
    name = hashlib.sha1(b"blob 6\0secret", usedforsecurity=False).hexdigest()
    folder = bench.agent / ".git/objects" / name[:2]
    folder.mkdir()
    (folder / name[2:]).symlink_to(elsewhere)
    os.mkfifo(folder / ("0" * 38))
    assert bench.bring() == (set(), "2 objects of the agent's repository could not be read.")
