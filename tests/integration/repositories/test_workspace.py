from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest

from stepherd.errors import CannotCreateError, DataError, NotFoundError
from stepherd.repositories.workspace import UnpackLimits, pack, unpack


def make_tree(root: Path) -> None:
    (root / "empty" / "below").mkdir(parents=True)
    (root / "deep" / ("d" * 120) / ("e" * 120)).mkdir(parents=True)
    (root / "deep" / ("d" * 120) / ("e" * 120) / ("f" * 200)).write_text("long name")
    (root / "run.sh").write_text("#!/bin/sh\n")
    (root / "run.sh").chmod(0o755)
    (root / "secret").write_bytes(b"")
    (root / "secret").chmod(0o600)
    (root / "big").write_bytes(os.urandom(3_000_001))
    (root / "link").symlink_to("run.sh")
    (root / "deep" / "up").symlink_to("../empty")
    (root / "long-link").symlink_to("deep/" + "d" * 120 + "/" + "e" * 120)
    (root / "new\nline \x07 ümlaut").write_text("x")
    (Path(os.fsdecode(os.fsencode(root) + b"/bytes-\xff"))).write_text("no UTF-8")
    for path in root.rglob("*"):  # whole seconds: tarfile rounds others up as well as down
        os.utime(path, (1_700_000_000, 1_700_000_000), follow_symlinks=False)


def facts_of(root: Path) -> dict[str, tuple[int, int, bytes]]:
    found: dict[str, tuple[int, int, bytes]] = {}
    for path in root.rglob("*"):
        facts = path.lstat()
        if path.is_symlink():
            found[str(path.relative_to(root))] = (0, 0, os.fsencode(path.readlink()))
        else:
            body = path.read_bytes() if path.is_file() else b""
            mtime = int(facts.st_mtime) if path.is_file() else 0
            found[str(path.relative_to(root))] = (facts.st_mode, mtime, body)
    return found


def test_a_folder_comes_back_with_modes_links_times_and_empty_folders(tmp_path: Path) -> None:
    make_tree(tmp_path / "tree")
    facts = pack(tmp_path / "tree", tmp_path / "a.tar.zst")
    unpack(tmp_path / "a.tar.zst", tmp_path / "back")
    assert facts_of(tmp_path / "back") == facts_of(tmp_path / "tree")
    assert facts.entries == len(facts_of(tmp_path / "tree"))
    assert facts.left_out == ()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.tar.zst", "back", "tree"]


def test_archives_are_read_by_tarfile_and_those_of_tarfile_are_read(tmp_path: Path) -> None:
    import zstandard

    make_tree(tmp_path / "tree")
    pack(tmp_path / "tree", tmp_path / "a.tar.zst")
    with (tmp_path / "a.tar.zst").open("rb") as file, (tmp_path / "a.tar").open("wb") as plain:
        zstandard.ZstdDecompressor().copy_stream(file, plain)
    with tarfile.open(tmp_path / "a.tar") as archive:
        # Python 3.11.2, as some distributions have it, knows no filters yet.
        how: dict[str, Any] = {"filter": "tar"} if hasattr(tarfile, "tar_filter") else {}
        archive.extractall(tmp_path / "theirs", **how)
    assert facts_of(tmp_path / "theirs") == facts_of(tmp_path / "tree")
    for dialect in (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT):
        with tarfile.open(tmp_path / "b.tar", "w", format=dialect) as archive:
            archive.add(tmp_path / "tree", ".")
        (tmp_path / "b.tar.zst").write_bytes(
            zstandard.ZstdCompressor().compress((tmp_path / "b.tar").read_bytes())
        )
        unpack(tmp_path / "b.tar.zst", tmp_path / f"back{dialect}")
        assert facts_of(tmp_path / f"back{dialect}") == facts_of(tmp_path / "tree")


@pytest.mark.skipif(
    shutil.which("zstd") is None and os.environ.get("STEPHERD_REQUIRE_ALL") != "1", reason="zstd is missing"
)
def test_tar_and_zstd_read_the_archive(tmp_path: Path) -> None:
    make_tree(tmp_path / "tree")
    pack(tmp_path / "tree", tmp_path / "a.tar.zst")
    (tmp_path / "out").mkdir()
    subprocess.run(["tar", "--zstd", "-xf", tmp_path / "a.tar.zst", "-C", tmp_path / "out"], check=True)
    assert facts_of(tmp_path / "out") == facts_of(tmp_path / "tree")


def test_sockets_and_pipes_are_left_out_and_named(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    os.mkfifo(tmp_path / "tree" / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        here = Path.cwd()
        os.chdir(tmp_path / "tree")  # the path of a socket is short
        try:
            listener.bind("socket")
        finally:
            os.chdir(here)
        assert pack(tmp_path / "tree", tmp_path / "a.tar.zst").left_out == ("pipe", "socket")


def test_links_outwards_are_kept_where_the_caller_says_so(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "null").symlink_to("/dev/null")
    pack(tmp_path / "tree", tmp_path / "a.tar.zst")
    with pytest.raises(DataError, match="leads outside"):
        unpack(tmp_path / "a.tar.zst", tmp_path / "back")
    assert not (tmp_path / "back").exists()
    unpack(tmp_path / "a.tar.zst", tmp_path / "back", UnpackLimits(outside_links=True))
    assert (tmp_path / "back" / "null").readlink() == Path("/dev/null")


def test_a_missing_folder_or_archive_and_a_full_destination_are_clear_errors(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        pack(tmp_path / "none", tmp_path / "a.tar.zst")
    with pytest.raises(NotFoundError):
        unpack(tmp_path / "none", tmp_path / "back")
    (tmp_path / "back").mkdir(exist_ok=True)
    (tmp_path / "back" / "x").write_text("x")
    with pytest.raises(CannotCreateError):
        unpack(tmp_path / "none", tmp_path / "back")
