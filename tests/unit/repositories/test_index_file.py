"""Submodules in an index that an agent wrote: its paths are no way out."""

from __future__ import annotations

from pathlib import Path

import pytest

from stepherd.repositories.index_file import staged_gitlinks

COMMIT = "11" * 20


def _index(path: bytes) -> bytes:
    entry = bytes(24) + (0o160000).to_bytes(4, "big") + bytes(12) + bytes.fromhex(COMMIT)
    entry += min(len(path), 0xFFF).to_bytes(2, "big") + path
    entry += bytes(8 - len(entry) % 8)
    return b"DIRC" + (2).to_bytes(4, "big") + (1).to_bytes(4, "big") + entry + bytes(20)


def _paths(folder: Path, path: bytes) -> list[str]:
    (folder / "index").write_bytes(_index(path))
    found = staged_gitlinks(folder, id_bytes=20)
    assert found is not None
    return list(found)


def test_a_submodule_is_found(tmp_path: Path) -> None:
    assert _paths(tmp_path, b"libs/one") == ["libs/one"]


@pytest.mark.parametrize(
    "path", [b"/etc", b"../up", b"a/../../up", b"a//b", b"a/.", b".git/modules", b"a/.GIT", b"a/"]
)
def test_a_path_that_git_would_refuse_is_none(tmp_path: Path, path: bytes) -> None:
    assert _paths(tmp_path, path) == []
