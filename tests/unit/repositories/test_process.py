from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest
from tests.processes import gone_soon

from stepherd.errors import ConfigurationError
from stepherd.repositories.own import read_own_settings
from stepherd.repositories.process import (
    CUT,
    MOST_WORDS,
    Finished,
    OutputTooLong,
    TimeExpired,
    run_bounded,
)
from stepherd.services.program_path import absolute_path


def run(
    script: str,
    folder: Path,
    *,
    seconds: float = 20,
    limit: int = 1 << 20,
    memory: int | None = None,
    file_size: int | None = None,
) -> Finished:
    with Path(os.devnull).open("rb") as nothing:
        return run_bounded(
            ["sh", "-c", script],
            environment={"PATH": os.environ["PATH"]},
            folder=folder,
            stdin=nothing,
            seconds=seconds,
            output_limit=limit,
            memory=memory,
            file_size=file_size,
        )


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux keeps such a limit")
def test_memory_is_bounded_for_the_process_and_what_it_starts(tmp_path: Path) -> None:
    script = f"{sys.executable} -c 'print(len(bytearray(300 << 20)))'"
    assert run(script, tmp_path, memory=1 << 30).out == b"%d\n" % (300 << 20)
    assert b"MemoryError" in run(f'sh -c "exec {script}"', tmp_path, memory=200 << 20).err


def test_the_size_of_each_file_is_bounded_and_the_process_may_say_so(tmp_path: Path) -> None:
    script = f"head -c 300000 /dev/zero > {tmp_path}/file; echo $?"
    assert run(script, tmp_path, file_size=1 << 20).out == b"0\n"
    done = run(f"sh -c '{script}'", tmp_path, file_size=100 << 10, memory=1 << 30)
    assert done.out == b"1\n"
    assert b"File too large" in done.err
    assert (tmp_path / "file").stat().st_size == 100 << 10


def test_output_and_exit_code_are_returned(tmp_path: Path) -> None:
    assert run("echo out; echo err >&2; exit 3", tmp_path) == Finished(3, b"out\n", b"err\n")


def test_a_process_in_its_own_session_cannot_read_a_terminal(tmp_path: Path) -> None:
    session = int(run("cut -d' ' -f6 /proc/self/stat", tmp_path).out) if Path("/proc").exists() else -1
    assert session != os.getsid(0)


def test_time_up_kills_the_whole_group(tmp_path: Path) -> None:
    started = time.monotonic()
    with pytest.raises(TimeExpired) as caught:
        run(f"sleep 60 & echo $! > {tmp_path}/pid; echo waiting >&2; wait", tmp_path, seconds=0.5)
    assert time.monotonic() - started < 5
    assert caught.value.err == b"waiting\n"
    assert gone_soon(int((tmp_path / "pid").read_text()))


def test_a_group_that_ignores_the_polite_signal_is_killed(tmp_path: Path) -> None:
    with pytest.raises(TimeExpired):
        run(f"trap '' TERM; echo $$ > {tmp_path}/pid; while :; do sleep 60; done", tmp_path, seconds=0.3)
    assert gone_soon(int((tmp_path / "pid").read_text()))


def test_a_child_left_behind_with_open_pipes_does_not_hold_up_and_does_not_survive(
    tmp_path: Path,
) -> None:
    started = time.monotonic()
    finished = run(f"sleep 60 & echo $! > {tmp_path}/pid; echo done", tmp_path)
    assert finished == Finished(0, b"done\n", b"")
    assert time.monotonic() - started < 5
    assert gone_soon(int((tmp_path / "pid").read_text()))


def test_endless_output_is_cut_off(tmp_path: Path) -> None:
    with pytest.raises(OutputTooLong):
        run("yes", tmp_path, limit=100_000)


def test_the_first_and_the_last_of_long_messages_are_kept(tmp_path: Path) -> None:
    script = "{ echo first; yes err | head -c 1000000; echo last; } >&2"
    said = run(script, tmp_path).err
    assert len(said) == MOST_WORDS + len(CUT)
    assert said.startswith(b"first\nerr\n")
    assert said.endswith(b"err\nlast\n")
    assert said.count(CUT) == 1
    whole = run("{ echo first; yes err | head -c 80000; echo last; } >&2", tmp_path).err
    assert (len(whole), whole.count(CUT)) == (80011, 0)


def test_closed_pipes_do_not_end_the_wait(tmp_path: Path) -> None:
    finished = run(f"exec >&- 2>&-; sleep 0.3; touch {tmp_path}/late; exit 4", tmp_path)
    assert finished.code == 4
    assert (tmp_path / "late").exists()


def test_path_loses_its_relative_entries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", ".::/usr/bin:bin:/bin")
    assert absolute_path() == "/usr/bin:/bin"
    monkeypatch.setenv("PATH", ".")
    assert absolute_path() == os.defpath


def test_a_program_that_is_not_there_is_named_whatever_it_is_run_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """GIVEN a PATH without git WHEN the settings of a person are read, first of all, THEN git is named."""
    with monkeypatch.context() as without:
        without.setenv("PATH", str(tmp_path))
        with pytest.raises(ConfigurationError, match="'git' was not found on PATH") as refused:
            read_own_settings(tmp_path, tmp_path)
    assert refused.value.remedy.startswith("Install git")
    # A folder that is not there is no missing program.
    with pytest.raises(FileNotFoundError):
        run("true", tmp_path / "absent")
