"""The command's files are its user's alone, whatever the umask is and whatever the home lets others do."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import stepherd

pytestmark = pytest.mark.exhaustive

OTHERS = 0o077
STRANGER = 65_534
# Prints what it can list or read below a folder.
PROBE = """
import os, sys
for where, folders, files in os.walk(sys.argv[1]):
    print(where)
    for name in files:
        try:
            open(os.path.join(where, name), "rb").read(1)
        except OSError:
            continue
        print(os.path.join(where, name))
"""


@pytest.fixture
def shared(place: Any) -> Iterator[Any]:
    """A place whose home is there already, where others may enter it and list what is in it."""
    folder = Path(tempfile.mkdtemp(prefix="stepherd-shared-"))
    folder.chmod(0o755)
    place.home = folder / "home"
    place.home.mkdir()
    place.home.chmod(0o755)
    (place.home / "readable").write_text("by all\n")
    (place.home / "readable").chmod(0o644)
    place.environment["STEPHERD_HOME"] = str(place.home)
    yield place
    shutil.rmtree(folder)


def _open_to_others(home: Path) -> list[str]:
    """Whatever below a home others may read, write or enter, of what was not there before.

    Files of git and of an agent have the user's own modes, in a closed folder of the step that is removed.
    """
    found = []
    for path in sorted(home.rglob("*")):
        inside = path.relative_to(home)
        if "tasks" in inside.parts[:1] and any(part.startswith("stepherd-") for part in inside.parts[:-1]):
            continue
        mode = path.lstat().st_mode
        if not stat.S_ISLNK(mode) and mode & OTHERS and path.name != "readable":
            found.append(f"{inside} {stat.S_IMODE(mode):o}")
    return found


def _read_by_a_stranger(home: Path) -> list[str]:
    """The files that a user without any rights can read there, by a real attempt; needs root."""
    # The interpreter of the tests may be out of a stranger's reach.
    python = next(path for path in ("/usr/bin/python3", sys.executable) if Path(path).exists())
    done = subprocess.run(
        [python, "-I", "-c", PROBE, str(home)],
        user=STRANGER, group=STRANGER, extra_groups=[], cwd="/", text=True, capture_output=True, check=True,
    )  # fmt: skip
    return [str(Path(line).relative_to(home)) for line in done.stdout.splitlines()]


def _check_closed(home: Path) -> None:
    assert _open_to_others(home) == []
    if os.geteuid() == 0:
        assert _read_by_a_stranger(home) == [".", "readable"]


def test_under_umask_0_in_a_home_that_all_may_enter_nothing_is_open_to_others(shared: Any) -> None:
    def command(*words: str) -> str:
        process = shared.start(*words, umask=0)
        out, err = process.communicate(timeout=60)
        assert process.returncode in (0, 77, 78), err  # nobody is logged in
        return str(out)

    run = shared.start(
        *shared.run_words(f"touch {shared.path}/begun; {shared.gated()}; echo hi >new"), umask=0
    )
    shared.until(lambda: (shared.path / "begun").exists(), "the agent works", 60)
    # While it works there are a database's companions, the address, the lock, workspaces and sockets, too.
    there = {path.name for path in shared.home.iterdir()}
    assert {"journal.sqlite3-wal", "journal.sqlite3-shm", "engine.json", "engine.lock"} <= there
    _check_closed(shared.home)
    shared.open()
    _, err = run.communicate(timeout=60)
    assert run.returncode == 0, err
    run_id = json.loads(command("list", "--json"))["runs"][0]["run_id"]
    detached = ["run", "--detach", *shared.run_words("exit 1")[1:]]
    of_run = [[name, run_id] for name in ("status", "logs", "history")]
    for words in (*of_run, ["login", "status"], ["doctor"], ["agents"], ["context"], detached):
        command(*words)
        _check_closed(shared.home)
    shared.until(
        lambda: not (shared.home / "engine.json").exists(), "the engine in the background has ended", 60
    )
    engine = shared.start("engine", "--keep", umask=0)
    shared.until(lambda: (shared.home / "engine.json").exists(), "an engine listens", 60)
    _check_closed(shared.home)
    engine.terminate()
    engine.communicate(timeout=60)
    command("stop", run_id)
    made = {path.relative_to(shared.home).parts[0] for path in shared.home.rglob("*")}
    assert {"journal.sqlite3", "logs", "store", "tasks"} <= made
    _check_closed(shared.home)


@pytest.mark.parametrize(
    ("umask", "file", "folder"), [(0o022, "644", "755"), (0o002, "664", "775"), (0o077, "600", "700")]
)
def test_what_works_for_the_user_has_the_users_own_umask(
    place: Any, umask: int, file: str, folder: str
) -> None:
    said = place.path / "said"
    script = f"mkdir d; touch d/f; stat -c %a README.md d d/f >{said}; umask >>{said}"
    run = place.start(*place.run_words(script), "--push", "none", umask=umask)
    assert run.wait(60) == 0, run.communicate()
    assert said.read_text().split() == [file, folder, file, f"{umask:04o}"]

    run_id = json.loads(place.stepherd("list", "--json").stdout)["runs"][0]["run_id"]
    pulled = place.start("pull", run_id, "--into", str(place.path / "work"), "--branch", "tried", umask=umask)
    assert pulled.wait(60) == 0, pulled.communicate()
    branch = place.path / "work/.git/refs/heads/tried"
    assert f"{stat.S_IMODE(branch.stat().st_mode):o}" == file


def test_what_an_earlier_version_left_open_is_closed(shared: Any) -> None:
    assert shared.stepherd(*shared.run_words("echo hi >new")).returncode == 0
    for path in [shared.home / "journal.sqlite3", *shared.home.rglob("logs"), shared.home / "store"]:
        path.chmod(0o777 if path.is_dir() else 0o666)
    theirs = shared.home / "notes-of-my-own"
    theirs.write_text("mine\n")
    theirs.chmod(0o644)
    assert shared.stepherd(*shared.run_words("echo ho >new")).returncode == 0
    assert _open_to_others(shared.home) == ["notes-of-my-own 644"]


@pytest.mark.parametrize("mode", [0o777, 0o775, 0o757, 0o1777])
def test_a_home_that_others_can_write_to_is_refused_and_doctor_says_why(shared: Any, mode: int) -> None:
    shared.home.chmod(mode)
    done = shared.stepherd("list")
    assert done.returncode == 78
    assert "can write to the home" in done.stderr
    assert f"chmod go-w {shared.home}" in done.stderr
    assert done.stderr.count("\n") == 1
    findings = json.loads(shared.stepherd("doctor", "--json").stdout)["findings"]
    found = next(one for one in findings if one["name"] == "home")
    assert (found["status"], found["remedy"]) == (
        "problem",
        f"If you trust what is in it: chmod go-w {shared.home}",
    )
    assert [path.name for path in shared.home.iterdir()] == ["readable"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_home_of_another_user_is_refused_to_root_as_well(shared: Any) -> None:
    os.chown(shared.home, STRANGER, STRANGER)
    for words in (["list"], shared.run_words("true"), ["engine"]):
        done = shared.stepherd(*words)
        assert done.returncode == 78
        assert "belongs to another user" in done.stderr
    assert [path.name for path in shared.home.iterdir()] == ["readable"]


@pytest.mark.parametrize("program", ["steps", "container"])
def test_a_program_that_no_engine_started_makes_private_files_as_well(tmp_path: Path, program: str) -> None:
    """In a container the umask is the image's. Here a step has no folder and a request is wrong: both end."""
    script = "\n".join([
        "import os, runpy, sys, stepherd.leaving",
        "stepherd.leaving.leave = sys.exit",
        f"try: runpy.run_module('stepherd.{program}', run_name='__main__', alter_sys=True)",
        "finally: print(oct(os.umask(0)), os.environ['STEPHERD_UMASK'])",
    ])  # fmt: skip
    environment = {"PYTHONPATH": str(Path(stepherd.__file__).parents[1]), "PROCESS_REQUIREMENTS": "true"}
    done = subprocess.run(
        [sys.executable, "-c", script], env={**environment, "STEPHERD_HOME": str(tmp_path / "home")},
        text=True, capture_output=True, check=False, umask=0o027,
    )  # fmt: skip
    assert done.stdout.splitlines() == ["0o77 0027"], done.stderr
