"""A machine that starts no more processes or threads is said in one line, not by a traceback."""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from stepherd.cli.invocation import Invocation
from stepherd.cli.options import command as declared
from stepherd.steps.clone import _begun


def _no_thread() -> int:
    raise RuntimeError("can't start new thread")


def _no_process() -> int:
    raise OSError(errno.EAGAIN, "Resource temporarily unavailable")


@pytest.mark.parametrize("fail", [_no_thread, _no_process])
def test_a_shortage_is_told_with_what_helps(
    fail: Callable[[], int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def body(_call: Invocation) -> int:
        return fail()

    code = declared("try")(body).main(["--home", str(tmp_path)], standalone_mode=False)
    told = capsys.readouterr().err
    assert code == 74
    assert "no more processes or threads can be started. End some programs, or raise the limit" in told
    assert told.count("\n") == 1


def test_another_fault_stays_one(tmp_path: Path) -> None:
    def body(_call: Invocation) -> int:
        raise RuntimeError("something else")

    with pytest.raises(RuntimeError, match="something else"):
        declared("try")(body).main(["--home", str(tmp_path)], standalone_mode=False)


def test_a_clone_compares_by_itself_where_no_thread_can_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading.Thread, "start", lambda _self: _no_thread())
    with ThreadPoolExecutor(1) as threads:
        assert _begun(threads, lambda: "said")() == "said"
