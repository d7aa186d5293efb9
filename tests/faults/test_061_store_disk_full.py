"""Fault 61 (store): the disk is full, over quota or read-only at any call of a write.

Expected: an error that names the path and the way out; the old object whole; no litter; and the
next write succeeds once there is room.
"""

import errno
import fcntl
import os
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from stepherd.errors import CredentialsError, StorageError
from stepherd.services.notices.opening import open_notices
from stepherd.services.queues.opening import open_queue
from stepherd.services.store.opening import open_store


def fail_nth(
    monkeypatch: pytest.MonkeyPatch, module: ModuleType, name: str, number: int, nth: int
) -> Callable[[], int]:
    """Let the nth call of ``module.name`` fail with errno ``number``; returns how often it was called."""
    real = getattr(module, name)
    calls = 0

    def call(*arguments: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == nth:
            raise OSError(number, os.strerror(number))
        return real(*arguments, **named)

    monkeypatch.setattr(module, name, call)
    return lambda: calls


FAULTS = [
    (os, "open", errno.ENOSPC, "the disk is full"),  # out of inodes says the same
    (os, "open", errno.EROFS, "read-only"),
    (os, "open", errno.EMFILE, "too many files"),
    (os, "write", errno.ENOSPC, "the disk is full"),
    (os, "write", errno.EDQUOT, "quota"),
    (os, "write", errno.EIO, "input/output"),
    (os, "fsync", errno.ENOSPC, "the disk is full"),
    (os, "fsync", errno.EIO, "input/output"),
    (os, "rename", errno.ENOSPC, "the disk is full"),
    (os, "rename", errno.EROFS, "read-only"),
    (fcntl, "flock", errno.ENOLCK, "has no locks"),
]


@pytest.mark.parametrize(("module", "name", "number", "words"), FAULTS)
def test_a_write_that_the_disk_refuses_leaves_the_old_object(
    module: ModuleType, name: str, number: int, words: str, tmp_path: Path
) -> None:
    store = open_store(str(tmp_path))
    store.put("runs/r1/result", b"old")
    for nth in range(1, 20):
        with pytest.MonkeyPatch.context() as monkeypatch:
            calls = fail_nth(monkeypatch, module, name, number, nth)
            try:
                store.put("runs/r1/result", b"new" * 10)
            except StorageError as error:
                assert words in error.message
                assert "runs/r1/result" in error.message
                assert error.remedy
                assert error.exit_code == 74
            if calls() < nth:
                break
        assert list((tmp_path / "runs" / "r1").iterdir()) == [tmp_path / "runs/r1/result"]
        body = store.get("runs/r1/result").body
        # a failure after the rename (fsync of the folder, the unlocking) leaves the new one, whole
        assert body == b"old" or (name in {"fsync", "flock"} and nth == 2)
        store.put("runs/r1/result", b"old")
    assert nth > 1


def test_a_full_disk_at_an_upload_or_download_names_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store(str(tmp_path / "home"))
    (tmp_path / "source").write_bytes(b"new")
    (tmp_path / "copy").write_bytes(b"old")
    store.put("a", b"object")
    fail_nth(monkeypatch, os, "write", errno.ENOSPC, 1)
    with pytest.raises(StorageError, match=r"home/b.*disk is full.*df"):
        store.upload(tmp_path / "source", "b")
    fail_nth(monkeypatch, os, "write", errno.ENOSPC, 1)
    with pytest.raises(StorageError, match=r"copy.*disk is full"):
        store.download("a", tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == b"old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy", "home", "source"]
    assert [info.key for info in store.list()] == ["a"]


def test_a_store_that_belongs_to_somebody_else_is_an_error_about_rights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store(str(tmp_path))
    fail_nth(monkeypatch, os, "open", errno.EACCES, 2)
    with pytest.raises(CredentialsError, match=r"not permitted.*ls -ld"):
        store.put("a", b"x")


def test_a_full_disk_at_a_notice_or_a_new_queue_names_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_nth(monkeypatch, os, "write", errno.ENOSPC, 1)
    with pytest.raises(StorageError, match=r"notices\.jsonl.*disk is full"):
        open_notices(f"console:{tmp_path}/notices.jsonl").publish("a", "b", None)
    fail_nth(monkeypatch, os, "open", errno.EROFS, 1)
    with pytest.raises(StorageError, match=r"queues\.db.*read-only"):
        open_queue(f"sqlite://{tmp_path}/queues.db#input")
