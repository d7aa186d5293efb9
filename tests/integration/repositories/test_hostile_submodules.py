"""Whatever an agent makes of a submodule's own git folder, the rest is recorded, and little is read of it."""

from __future__ import annotations

import os
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.integration.repositories.origin import Origin, Run, git

from stepherd.repositories.changes import Changes
from stepherd.repositories.git import Git
from stepherd.repositories.submodule_work import _One

OTHER = "a" * 40


@pytest.fixture
def run(tmp_path: Path) -> Run:
    origin, inner = Origin.create(tmp_path / "origin"), Origin.create(tmp_path / "inner")
    git(origin.work, "-c", "protocol.file.allow=always", "submodule", "add", "-q", str(inner.bare), "sub")
    origin.commit({}, message="a submodule")
    made = Run(tmp_path / "run", origin.repository)
    made.clone()
    own = made.workspace / "sub/.git"
    for folder in ("objects/pack", "refs/tags", "refs/remotes/origin"):
        (own / folder).mkdir(parents=True)
    git(made.workspace, "update-index", "--cacheinfo", f"160000,{OTHER},sub")
    made.write({"new.txt": "new\n", "sub/inside.txt": "inside\n"})
    return made


def _loop(path: Path) -> None:
    if path.is_dir():
        path.rmdir()
    path.symlink_to(path.name)


def _outwards(path: Path) -> None:
    path.rmdir()
    path.symlink_to("/proc/self/fd")


def _folders(path: Path) -> None:
    for name in ("v1", f"pack-{OTHER}.pack"):
        (path / name).mkdir()


def _pipes(path: Path) -> None:
    for name in ("v1", f"pack-{OTHER}.pack"):
        os.mkfifo(path / name)


def _closed(path: Path) -> None:
    path.chmod(0)


@pytest.mark.parametrize("place", ["objects/pack", "refs/tags", "refs/remotes/origin"])
@pytest.mark.parametrize(
    "make",
    [
        _loop,
        *(
            pytest.param(make, marks=pytest.mark.exhaustive)
            for make in (_outwards, _folders, _pipes, _closed)
        ),
    ],
)
def test_what_is_in_its_git_folder_costs_nothing_of_the_work(
    run: Run, make: Callable[[Path], None], place: str
) -> None:
    make(run.workspace / "sub/.git" / place)
    changes = run.recorded()
    check_whole(changes)


def check_whole(changes: Changes) -> None:
    assert [file.path for file in changes.files] == ["new.txt", "sub"]
    assert changes.other is not None
    assert [line.name for line in changes.other.kept] == ["submodule-1"]


def test_lists_of_refs_without_end_are_not_held_in_memory(run: Run) -> None:
    for number in range(100):
        with (run.workspace / f"sub/.git/refs/tags/v{number}").open("wb") as file:
            file.truncate(4 << 20)
    tracemalloc.start()
    try:
        check_whole(run.recorded())
        assert tracemalloc.get_traced_memory()[1] < 64 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("place", "text", "is_published"),
    [
        ("refs/tags/v1", f"{OTHER}\n", True),
        ("refs/remotes/origin/main", f"{OTHER}\n", True),
        ("packed-refs", f"# pack-refs with: peeled\n{OTHER} refs/tags/v1\n", True),
        ("packed-refs", f"{OTHER} refs/heads/own\n", False),
        ("refs/heads/own", f"{OTHER}\n", False),
    ],
)
def test_what_the_remote_has_is_told_from_the_agents_own(
    run: Run, place: str, text: str, is_published: bool
) -> None:
    file = run.workspace / "sub/.git" / place
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)
    base = "b" * 40
    one = _One(Git(run.scratch, run.scratch / "x.git"), run.workspace, run.private_git, base, "sub", 1)
    assert one._published((base, OTHER)) == (OTHER if is_published else base)


@pytest.mark.parametrize("text", ["* working-tree-encoding=UTF-16\n", "* filter=x text eol=crlf ident\n"])
def test_attributes_inside_do_not_keep_the_files_out(run: Run, text: str) -> None:
    (run.workspace / "sub/.gitattributes").write_text(text)
    check_whole(run.recorded())
