"""Where a command line is started by schedulers, scripts and people in a hurry: words, never a traceback."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.e2e.place import Done, Place

pytestmark = pytest.mark.exhaustive


def _refused(done: Done, code: int, *words: str) -> None:
    assert done.code == code, done.err
    assert done.err.count("\n") == 1, done.err
    assert all(word in done.err for word in words), done.err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
@pytest.mark.parametrize("asked", ["agents", "list --json", "list --help", "--help", "run --json"])
def test_an_answer_that_found_no_room_in_its_file_is_an_error(place: Place, asked: str) -> None:
    """The exit code must not say that the answer is there."""
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "stepherd.cli", *asked.split()],
            env=place.environment, stdout=full, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    said = Done(done.returncode, "", done.stderr)
    if asked == "run --json":  # Refused for something else, which only standard error can tell.
        _refused(said, 64, "--instructions")
    else:
        _refused(said, 74, "Writing 'standard output' failed: the disk is full.")


@pytest.mark.parametrize("closed", [(0,), (1,), (2,), (0, 1, 2)], ids=str)
def test_a_run_is_the_same_with_closed_descriptors(place: Place, closed: tuple[int, ...]) -> None:
    """Else the first that is opened, a journal or a socket, would be what its children print to."""

    def close() -> None:
        for number in closed:
            os.close(number)

    words = place.run_words("sh -c 'echo new >new.txt'")
    place.end_of(place.start(*words, before_exec=close)).ok()
    assert place.origin.show("stepherd/run_1", "new.txt") == "new"
    assert place.status()["status"] == "SUCCEEDED"


def test_a_folder_that_is_not_there_any_more_is_named_so(place: Place) -> None:
    gone = place.root / "gone"
    gone.mkdir()
    words = ["run", "--repo", str(place.origin.bare), "--instructions", "task.md", "--command", "true"]
    done = place.end_of(place.start(*words, cwd=gone, before_exec=lambda: shutil.rmtree(gone)))
    _refused(done, 64, "current folder no longer exists", "cd")
    assert not (place.home / "journal.sqlite3").exists()


def test_an_engine_that_cannot_say_where_it_listens_is_no_fault_of_ours(place: Place) -> None:
    """GIVEN a home in which the journal fits, and nothing after it, THEN the disk is named."""
    place.run("true").ok()
    (place.home / "engine.new").mkdir()
    done = place.run("true", name="run_2")
    _refused(done, 74, str(place.home), "Choose another name")


LOADING = """
import builtins, os, signal
before = builtins.__import__
def imported(name, *given, **how):
    if name == "click":
        os.kill(os.getpid(), signal.SIGINT)
    return before(name, *given, **how)
builtins.__import__ = imported
from stepherd.cli.entry import program
program()
"""


@pytest.mark.parametrize("ignored", [False, True])
def test_ctrl_c_while_the_program_loads_ends_it_without_a_word(place: Place, ignored: bool) -> None:
    """But for one that is not to hear it: a shell starts its background jobs so."""

    def prepare() -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN if ignored else signal.SIG_DFL)

    done = subprocess.run(
        [sys.executable, "-c", LOADING], env=place.environment, capture_output=True, text=True, check=False,
        preexec_fn=prepare,
    )  # fmt: skip
    assert done.stderr == ""
    assert done.returncode == (0 if ignored else -signal.SIGINT)


def test_no_module_of_the_folder_that_one_is_in_is_imported(place: Place) -> None:
    """It may be a clone of a stranger's repository: what is started from there is Stepherd's alone."""
    folder = place.root / "clone"
    folder.mkdir()
    noted = place.root / "imported"
    for name in (*sys.stdlib_module_names, "stepherd", "click", "yaml", "uvicorn", "h11", "awslambdaric"):
        told = f"open({str(noted)!r}, 'a').write(__name__ + chr(10))\nraise ImportError(__name__)\n"
        (folder / f"{name}.py").write_text(told)

    def stepherd(*words: str) -> Done:
        child = subprocess.Popen(
            [sys.executable, "-P", "-m", "stepherd.cli", *words],  # as the installed program begins
            env=place.environment, cwd=folder, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
        place.started.append(child)
        return place.end_of(child)

    started = stepherd(*place.run_words("sh -c 'echo new >new.txt'", "--detach"))
    assert not noted.exists(), noted.read_text()
    started.ok()
    stepherd("watch", "run_1").ok()
    stepherd(*place.run_words("true", name="run_2")).ok()
    for words in (("doctor",), ("agents",), ("list",)):
        stepherd(*words)
    assert not noted.exists(), noted.read_text()
    assert place.origin.show("stepherd/run_1", "new.txt") == "new"
