"""Fault 79 (store): the writer is killed around each system call, in the middle of writes too.

Expected: the object is the old one or the new one, whole; no lock is left; no listing shows litter.
"""

import fcntl
import os
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from stepherd.services.store.folder import FolderStore

pytestmark = pytest.mark.exhaustive

OLD, NEW = b"old " * 5_000, b"new " * 700_000
CALLS = {os: ["open", "mkdir", "write", "setxattr", "fsync", "rename", "close", "unlink"], fcntl: ["flock"]}


class Killer:
    """Kills this process at the nth system call: before it, in the middle of a write, or after it."""

    def __init__(self, nth: int, moment: str) -> None:
        self.left = nth
        self.moment = moment

    def around(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            self.left -= 1
            if self.left != 0:
                return real(*arguments, **named)
            try:
                if self.moment == "after":
                    real(*arguments, **named)
                elif self.moment == "amid" and name == "write":
                    real(arguments[0], bytes(arguments[1])[: len(arguments[1]) // 2])
            finally:
                os.kill(os.getpid(), signal.SIGKILL)

        return call


def killed(work: Callable[[], object], nth: int, moment: str) -> bool:
    """Run ``work`` in a forked process with the fault; whether the fault came before the end."""
    child = os.fork()
    if child == 0:
        killer = Killer(nth, moment)
        for module, names in CALLS.items():
            for name in names:
                if hasattr(module, name):
                    setattr(module, name, killer.around(name, getattr(module, name)))
        try:
            work()
            os._exit(0)
        finally:
            os._exit(1)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in {0, -signal.SIGKILL}
    return status != 0


@pytest.mark.parametrize("moment", ["before", "amid", "after"])
@pytest.mark.parametrize("operation", ["put", "conditional put", "upload"])
def test_a_killed_write_leaves_the_old_or_the_new_object(operation: str, moment: str, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(NEW)
    seen: list[bytes] = []
    for nth in range(1, 200):
        store = FolderStore.open(str(tmp_path / str(nth)))
        etag = store.put("runs/r1/result", OLD)
        work: dict[str, Callable[[], object]] = {
            "put": partial(store.put, "runs/r1/result", NEW),
            "conditional put": partial(store.put, "runs/r1/result", NEW, if_match=etag),
            "upload": partial(store.upload, source, "runs/r1/result"),
        }
        was_killed = killed(work[operation], nth, moment)
        found = store.get("runs/r1/result")
        assert found.body in {OLD, NEW}
        assert [(info.key, info.etag) for info in store.list()] == [("runs/r1/result", found.etag)]
        assert store.put("runs/r1/result", b"next", if_match=found.etag)  # the dead writer's lock is gone
        seen.append(found.body)
        if not was_killed:
            break
    assert len(seen) > 12
    assert seen == sorted(seen, key=[OLD, NEW].index)  # one moment of change, then never back
    assert {seen[0], seen[-1]} == {OLD, NEW}


@pytest.mark.parametrize("moment", ["before", "amid", "after"])
def test_a_killed_first_write_leaves_nothing_or_the_whole_object(moment: str, tmp_path: Path) -> None:
    for nth in range(1, 200):
        store = FolderStore.open(str(tmp_path / str(nth)))
        was_killed = killed(partial(store.put, "a/b/c", NEW, if_none_match=True), nth, moment)
        found = [store.get(info.key).body for info in store.list()]
        assert found in ([], [NEW])
        if not found:
            store.put("a/b/c", NEW, if_none_match=True)
        if not was_killed:
            break
    assert found == [NEW]


@pytest.mark.parametrize("moment", ["before", "amid", "after"])
def test_a_killed_download_leaves_the_old_or_the_new_file(moment: str, tmp_path: Path) -> None:
    store = FolderStore.open(str(tmp_path / "store"))
    store.put("database", NEW)
    for nth in range(1, 200):
        path = tmp_path / f"copy{nth}"
        path.write_bytes(OLD)
        was_killed = killed(partial(store.download, "database", path), nth, moment)
        assert path.read_bytes() in {OLD, NEW}
        if not was_killed:
            break
    assert path.read_bytes() == NEW
