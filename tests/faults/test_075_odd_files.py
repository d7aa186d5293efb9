"""Fault 75: a file that git cannot hold, cannot read or waits for costs nothing but itself, and is named."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest
from tests.integration.repositories.odd_trees import BASE, LIMITS, check
from tests.integration.repositories.origin import Origin, Run, git

from stepherd.repositories import safe_add
from stepherd.repositories.changes import Changes
from stepherd.repositories.git import Git
from stepherd.services.removal import remove_tree

pytestmark = pytest.mark.exhaustive

# Root without the right to read what is closed to it: an ordinary user on files of its own.
ORDINARY = (
    (
        "setpriv",
        "--bounding-set=-dac_override,-dac_read_search",
        "--inh-caps=-dac_override,-dac_read_search",
        "--",
    )
    if os.geteuid() == 0
    else ()
)
LONG = "a" * 200
SLOW = "**/" + "*a" * 10 + "*b"


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Origin:
    return Origin.create(tmp_path_factory.mktemp("origin") / "origin", BASE)


@pytest.fixture
def run(origin: Origin, tmp_path: Path) -> Run:
    run = Run(tmp_path / "run", origin.repository)
    run.clone()
    run.write({"good.txt": "good\n"})
    return run


def pipe(path: str) -> Callable[[Path], None]:
    def make(top: Path) -> None:
        (top / path).unlink(missing_ok=True)
        (top / path).parent.mkdir(parents=True, exist_ok=True)
        os.mkfifo(top / path)

    return make


def unix_socket(top: Path) -> None:
    (top / "a").unlink()
    with socket.socket(socket.AF_UNIX) as made:
        # Its own path may be too long for one.
        handle = os.open(top, os.O_RDONLY)
        made.bind(f"/proc/self/fd/{handle}/a")
        os.close(handle)


def text(path: str, content: str) -> Callable[[Path], None]:
    def make(top: Path) -> None:
        (top / path).parent.mkdir(parents=True, exist_ok=True)
        (top / path).write_text(content)

    return make


def link(path: str) -> Callable[[Path], None]:
    return lambda top: (top / path).symlink_to("a")


LEFT_OUT: dict[str, tuple[Callable[[Path], None], str, str]] = {
    "pipe for a file": (pipe("a"), "a", "odd kind"),
    "socket for a file": (unix_socket, "a", "odd kind"),
    "pipe for the list of ignored files": (pipe(".gitignore"), ".gitignore", "odd kind"),
    "pipe for the list of attributes": (pipe(".gitattributes"), ".gitattributes", "odd kind"),
    "name for HFS": (text(".g\u200cit/config", "x"), ".g\u200cit/config", "forbidden name"),
    "name with a backslash": (text(".git\\config", "x"), ".git\\config", "forbidden name"),
    "name behind a backslash": (text("x\\.git", "x"), "x\\.git", "forbidden name"),
    "link for modules": (link(".gitmodules"), ".gitmodules", "forbidden name"),
    "link for modules on HFS": (link("d/.gitm\u200dodules"), "d/.gitm\u200dodules", "forbidden name"),
    "link for modules on NTFS": (link("gitmod~1"), "gitmod~1", "forbidden name"),
    "link by a hashed name": (link("GI7EBA~1"), "GI7EBA~1", "forbidden name"),
    "a .git that is no repository": (text("n/.git/f", "x"), "n/.git", "nested repository"),
    "a long list of attributes": (
        text(".gitattributes", "#\n" * 700_000),
        ".gitattributes",
        "refused by git",
    ),
    "a long line of attributes": (
        text("d/.gitattributes", "*.x " + "y" * 3000),
        "d/.gitattributes",
        "submodule",
    ),
    "a folder for attributes": (text(".gitmodules/f", "x"), ".gitmodules/f", "submodule"),
    "a module's name": (
        text(".gitmodules", '[submodule "../x"]\npath = q\nurl = u\n'),
        ".gitmodules",
        "submodule",
    ),
    "slow attributes": (text("d/.gitattributes", f"{SLOW} text\n"), "d/.gitattributes", "refused by git"),
}


@pytest.mark.parametrize("name", LEFT_OUT)
def test_what_git_refuses_is_named_and_all_else_is_recorded(run: Run, origin: Origin, name: str) -> None:
    make, path, what = LEFT_OUT[name]
    make(run.workspace)
    run.write({f"d/{LONG}/{LONG}/c": "long\n", "ignored.txt": "x\n"})
    changes = run.recorded(limits=LIMITS if name == "slow attributes" else None)
    assert [(each.path, each.what) for each in changes.left_out] == [(path, what)]
    recorded = {file.path for file in changes.files}
    assert {"good.txt", f"d/{LONG}/{LONG}/c"} <= recorded
    assert "ignored.txt" not in recorded
    # Files left out are as the base has them: no deletion of them is recorded.
    assert all(file.status == "A" for file in changes.files)
    json.dumps([asdict(each) for each in changes.left_out]).encode()
    assert run.pushed().commit


@pytest.mark.parametrize(
    "path", ["pipe", "s/.gitignore", "s/t/.gitattributes", "n/.git/HEAD", ".gitmodules", "d/.gitignore"]
)
def test_a_pipe_where_the_base_has_nothing_is_told_in_a_note(run: Run, path: str) -> None:
    (run.workspace / "n/.git/objects").mkdir(parents=True)
    (run.workspace / "n/.git/refs").mkdir(parents=True)
    (run.workspace / "n/f").write_text("x")
    pipe(path)(run.workspace)
    changes = run.recorded()
    assert [each.path for each in changes.left_out] == ["n/.git"]
    assert f"{path} is a pipe, which git cannot hold." in changes.notes
    assert {file.path for file in changes.files} == {"good.txt", "n/f"}
    assert (run.workspace / path).is_fifo(), "the workspace is as the agent left it"


def test_pipes_that_git_ignores_are_no_matter(run: Run) -> None:
    pipe("ignored/.gitignore")(run.workspace)
    changes = run.recorded()
    assert changes.left_out == changes.notes == ()


def test_lines_that_git_takes_too_long_for_are_not_followed_and_the_others_are(run: Run) -> None:
    text(".gitignore", f"ignored*\n{SLOW}\nb?ild*\n")(run.workspace)
    text("build.o", "x\n")(run.workspace)
    text(f"{LONG}/{LONG}/c", "x\n")(run.workspace)
    text("ignored.txt", "x\n")(run.workspace)
    start = time.monotonic()
    changes = run.recorded(limits=LIMITS)
    assert time.monotonic() - start < 60
    assert {file.path for file in changes.files} == {".gitignore", "good.txt", f"{LONG}/{LONG}/c"}
    assert git(run.workspace, "hash-object", ".gitignore") in _listing(run, changes)
    assert any("it did not follow lines in .gitignore" in note for note in changes.notes)


def test_a_repository_elsewhere_at_which_git_would_wait_is_not_opened(run: Run, tmp_path: Path) -> None:
    (tmp_path / "evil/objects").mkdir(parents=True)
    (tmp_path / "evil/refs").mkdir()
    os.mkfifo(tmp_path / "evil/HEAD")
    run.write({"n/.git": f"gitdir: {tmp_path}/evil\n", "n/f": "x\n"})
    changes = run.recorded(limits=LIMITS)
    assert [each.path for each in changes.left_out] == ["n/.git"]
    assert {file.path for file in changes.files} == {"good.txt", "n/f"}


def test_a_list_of_ignored_files_of_gigabytes_is_followed_as_far_as_its_first_lines(run: Run) -> None:
    text(".gitignore", "ignored*\nsecret.env\n")(run.workspace)
    os.truncate(run.workspace / ".gitignore", 3 << 30)
    text("secret.env", "x")(run.workspace)
    changes = run.recorded()
    assert [(each.path, each.what) for each in changes.left_out] == [(".gitignore", "too large")]
    assert {file.path for file in changes.files} == {"good.txt"}


def test_a_path_that_is_too_long_is_named_and_what_is_above_it_is_recorded(run: Run) -> None:
    here = os.open(run.workspace, os.O_RDONLY | os.O_DIRECTORY)
    for _ in range(40):
        os.close(os.open("f", os.O_CREAT | os.O_WRONLY, dir_fd=here))
        os.mkdir(LONG, dir_fd=here)
        below = os.open(LONG, os.O_RDONLY | os.O_DIRECTORY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)
    changes = run.recorded()
    remove_tree(run.workspace / LONG)
    (left,) = changes.left_out
    assert "its path is longer than 4095 bytes" in left.detail
    assert f"{left.path.rpartition('/')[0]}/f" in {file.path for file in changes.files}


def test_hundreds_of_lists_with_one_that_is_refused_cost_that_one(run: Run) -> None:
    run.write({f"l/{number}/.gitattributes": "* text\n" for number in range(300)})
    run.write({"l/299/.gitattributes": "*.x " + "y" * 3000})
    changes = run.recorded()
    assert [each.path for each in changes.left_out] == ["l/299/.gitattributes"]
    assert run.pushed().commit


def test_what_git_refuses_inside_what_is_kept_beside_does_not_cost_the_bundle(run: Run) -> None:
    run.write({"n/.gitattributes": "*.x " + "y" * 3000, "n/f": "x\n"})
    git(run.workspace / "n", "init", "-q")
    git(run.workspace / "n", "commit", "-q", "--allow-empty", "-m", "x")
    changes = run.recorded()
    assert {each.path for each in changes.left_out} == {"n", "n/.gitattributes"}
    assert changes.everything is not None
    assert "n/f" in _listing(run, changes, "refs/stepherd/all")
    assert run.pushed().commit


class _Refusing:
    """Git that cannot add some paths, for a reason that no one has foreseen."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, bad: str) -> None:
        attempt = Git.attempt

        def refuse(git: Git, doing: str, *arguments: str, **more: object) -> object:
            given = more.get("stdin", b"")
            if "add" in arguments[:3]:
                arguments = ("add", "--no-such-option")
            elif arguments[0] == "update-index" and isinstance(given, bytes) and bad.encode() in given:
                arguments = ("update-index", "--no-such-option")
            return attempt(git, doing, *arguments, **more)  # type: ignore[arg-type]

        monkeypatch.setattr(Git, "attempt", refuse)


def test_what_git_cannot_add_for_any_reason_is_found_and_named(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    run.write(
        {f"many/{number}": f"{number}\n" for number in range(50)} | {"bad one": "x\n", "a": "changed\n"}
    )
    (run.workspace / "d/x").unlink()
    _Refusing(monkeypatch, "bad one")
    changes = run.recorded()
    assert [(each.path, each.what) for each in changes.left_out] == [("bad one", "refused by git")]
    assert len(changes.files) == 53
    assert {file.path: file.status for file in changes.files}["d/x"] == "D"


def test_a_folder_of_which_git_only_warns_is_named() -> None:
    said = b"warning: could not open directory 'a b/c/': Permission denied\nwarning: LF will be replaced\n"
    (found,) = safe_add._unopened(said, [])
    assert (found.path, found.what) == ("a b/c", "unreadable")
    assert safe_add._unopened(said, ["a b"]) == []


def _listing(run: Run, changes: Changes, ref: str = "refs/stepherd/changes") -> str:
    bare = run.folder / "listing.git"
    git(run.folder, "clone", "-q", "--bare", str(run.repository.path), str(bare))
    git(bare, "fetch", "-q", str(run.bundle), f"{ref}:refs/heads/listed")
    assert changes.left_out or changes.commit
    return git(bare, "ls-tree", "-r", "refs/heads/listed")


@pytest.mark.parametrize("seed", [18, 50, 153, 233])
def test_whatever_lies_in_a_workspace_is_recorded_or_named(origin: Origin, tmp_path: Path, seed: int) -> None:
    check(origin, tmp_path / "run", seed)
    remove_tree(tmp_path / "run")


def test_the_same_for_who_may_not_read_what_is_closed(tmp_path: Path) -> None:
    _check_as_ordinary_user(tmp_path / "trees", 0, 4)


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("block", range(3))
def test_hundreds_of_workspaces_lose_nothing(origin: Origin, tmp_path: Path, block: int) -> None:
    for seed in range(1000 + 40 * block, 1040 + 40 * block):
        check(origin, tmp_path / str(seed), seed)
        remove_tree(tmp_path / str(seed))


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("block", range(3))
def test_hundreds_of_workspaces_of_an_ordinary_user_lose_nothing(tmp_path: Path, block: int) -> None:
    _check_as_ordinary_user(tmp_path / "trees", 2000 + 40 * block, 2040 + 40 * block)


def _check_as_ordinary_user(folder: Path, first: int, last: int) -> None:
    words = (
        sys.executable,
        "-m",
        "tests.integration.repositories.odd_trees",
        str(folder),
        str(first),
        str(last),
    )
    done = subprocess.run([*ORDINARY, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-5000:]


def test_files_that_are_added_by_name_are_those_that_patterns_would_add(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where very much is left out, git would compare each file with each of it for hours."""
    trees = {}
    for most in (200, 0):
        monkeypatch.setattr(safe_add, "_MOST_PATTERNS", most)
        run = Run(tmp_path / f"run-{most}", Origin.create(tmp_path / f"origin-{most}").repository)
        run.clone()
        for number in range(30):
            run.write({f"d{number}/.Git": "x", f"d{number}/file": "x", f"d{number}/.gitignore": "*.log\n"})
        (run.workspace / "README.md").unlink()
        run.write({"README.md/now a folder": "x", "d1/x.log": "ignored", "-n": "x", ":(top)": "x"})
        (run.workspace / "src/app.py").chmod(0o755)
        (run.workspace / "link").symlink_to("d1")
        changes = run.recorded()
        trees[most] = (changes.tree, changes.left_out)
    assert trees[200] == trees[0]
    assert len(trees[0][1]) == 30
