"""Fault 84: archives that write elsewhere, hold devices, or are bombs are refused, and leave nothing."""

from __future__ import annotations

import io
import tarfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stepherd.errors import DataError
from stepherd.repositories.workspace import UnpackLimits, pack, unpack
from stepherd.services.removal import remove_tree

Build = Callable[[tarfile.TarFile], None]


def archive_of(path: Path, build: Build) -> Path:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        build(tar)
    path.write_bytes(zstandard.ZstdCompressor().compress(buffer.getvalue()))
    return path


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "", body: bytes = b"") -> Build:
    def build(tar: tarfile.TarFile) -> None:
        info = tarfile.TarInfo(name)
        info.type, info.linkname, info.size = kind, link, len(body)
        tar.addfile(info, io.BytesIO(body))

    return build


def several(*builds: Build) -> Build:
    def build(tar: tarfile.TarFile) -> None:
        for one in builds:
            one(tar)

    return build


LINK, HARD, FOLDER = tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE
HOSTILE: dict[str, tuple[Build, str]] = {
    "up": (member("../evil", body=b"x"), "'..'"),
    "up inside": (member("a/../../evil", body=b"x"), "'..'"),
    "up long": (member("a/" * 100 + "../" * 102 + "evil", body=b"x"), "'..'"),
    "absolute": (member("/tmp/evil", body=b"x"), "absolute"),
    "absolute folder": (member("/", FOLDER), "absolute"),
    "dot": (member("a/./b", body=b"x"), "'.'"),
    "empty part": (member("a//b", body=b"x"), "empty"),
    "hard link": (member("a", HARD, "/etc/passwd"), "hard link"),
    "hard link inside": (several(member("a", body=b"x"), member("b", HARD, "a")), "hard link"),
    "character device": (member("a", tarfile.CHRTYPE), "device"),
    "block device": (member("a", tarfile.BLKTYPE), "device"),
    "pipe": (member("a", tarfile.FIFOTYPE), "pipe"),
    "contiguous": (member("a", tarfile.CONTTYPE), "device"),
    "link absolute": (member("a", LINK, "/etc"), "leads outside"),
    "link up": (member("a", LINK, ".."), "leads outside"),
    "link up deep": (member("d/e/a", LINK, "../../../x"), "leads outside"),
    "link to itself up": (several(member("d", LINK, "."), member("e", LINK, "d/..")), "leads outside"),
    "link chain": (several(member("a/b/c", LINK, "../.."), member("z", LINK, "a/b/c/..")), "leads outside"),
    "write through": (several(member("a", LINK, "/tmp"), member("a/evil", body=b"x")), "twice"),
    "write through inside": (several(member("a", LINK, "b"), member("a/x", body=b"x")), "twice"),
    "twice": (several(member("a", body=b"x"), member("a", body=b"y")), "twice"),
    "file then folder": (several(member("a", body=b"x"), member("a", FOLDER)), "something else"),
    "file then below": (several(member("a", body=b"x"), member("a/b", body=b"x")), "something else"),
    "folder then file": (several(member("a", FOLDER), member("a", body=b"x")), "twice"),
    "long part": (member("a" * 256, body=b"x"), "overlong"),
    "long name": (member("a/" * 3000 + "b", body=b"x"), "name"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_archive_is_refused_and_leaves_nothing(tmp_path: Path, case: str) -> None:
    build, reason = HOSTILE[case]
    archive = archive_of(tmp_path / "a.tar.zst", build)
    with pytest.raises(DataError, match=reason):
        unpack(archive, tmp_path / "in" / "out")
    assert list((tmp_path / "in").iterdir()) == []
    assert not Path("/tmp/evil").exists()


def test_a_bomb_is_refused_before_it_fills_the_disk(tmp_path: Path) -> None:
    def build(tar: tarfile.TarFile) -> None:
        info = tarfile.TarInfo("zeros")
        info.size = 400 << 20

        class Zeros(io.RawIOBase):
            def readable(self) -> bool:
                return True

            def read(self, size: int = -1) -> bytes:
                return bytes(size)

        tar.addfile(info, Zeros())  # type: ignore[arg-type]

    with (
        (tmp_path / "a.tar.zst").open("wb") as file,
        zstandard.ZstdCompressor().stream_writer(file) as packed,
        tarfile.open(fileobj=packed, mode="w|") as tar,
    ):
        build(tar)
    assert (tmp_path / "a.tar.zst").stat().st_size * 1000 < 400 << 20
    started = time.monotonic()
    with pytest.raises(DataError, match="200 times its size"):
        unpack(tmp_path / "a.tar.zst", tmp_path / "out")
    assert time.monotonic() - started < 5
    assert [path.name for path in tmp_path.iterdir()] == ["a.tar.zst"]


def test_too_many_entries_and_too_many_bytes_are_refused(tmp_path: Path) -> None:
    archive = archive_of(
        tmp_path / "a.tar.zst", several(*(member(f"f{n}", body=b"12345") for n in range(50)))
    )
    with pytest.raises(DataError, match="more than 49 entries"):
        unpack(archive, tmp_path / "out", UnpackLimits(entries=49))
    with pytest.raises(DataError, match="more than 249 bytes"):
        unpack(archive, tmp_path / "out", UnpackLimits(total_bytes=249))
    unpack(archive, tmp_path / "out", UnpackLimits(entries=50, total_bytes=250))
    assert UnpackLimits().entries == 10**6


@pytest.mark.exhaustive
def test_a_million_empty_folders_are_refused(tmp_path: Path) -> None:
    """10^6 entries in a few kilobytes are a bomb before they are too many."""
    block = tarfile.TarInfo("d").tobuf(tarfile.USTAR_FORMAT)[:512]
    long_name = tarfile.TarInfo("x" * 150).tobuf(tarfile.GNU_FORMAT)
    assert len(long_name) > len(block)
    with (tmp_path / "a.tar.zst").open("wb") as file, zstandard.ZstdCompressor().stream_writer(file) as out:
        for _ in range(1000):
            out.write(long_name[:1024] * 1000)  # long names without an entry: an endless header
    with pytest.raises(DataError):
        unpack(tmp_path / "a.tar.zst", tmp_path / "out")


def test_a_cut_or_flipped_archive_is_refused_or_whole(tmp_path: Path) -> None:
    """A few bits of the format carry no meaning; whatever is unpacked is what was packed."""
    body = bytes(range(256)) * 400
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "a").write_bytes(body)
    pack(tmp_path / "tree", tmp_path / "good.tar.zst")
    good = (tmp_path / "good.tar.zst").read_bytes()
    bad = [good[:length] for length in (0, 3, 20, len(good) // 2, len(good) - 5)]
    bad += [good[:place] + bytes([good[place] ^ 0x10]) + good[place + 1 :] for place in range(len(good))]
    refused = 0
    for number, data in enumerate(bad):
        (tmp_path / "bad").write_bytes(data)
        out = tmp_path / f"out{number}"
        try:
            unpack(tmp_path / "bad", out)
        except DataError:
            refused += 1
            assert not out.exists()
        else:
            assert (out / "a").read_bytes() == body
    assert refused >= len(bad) - 4


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=2000))
def test_any_bytes_are_refused_or_unpacked_inside(tmp_path: Path, data: bytes) -> None:
    archive = tmp_path / "a.tar.zst"
    archive.write_bytes(zstandard.ZstdCompressor().compress(data))
    with pytest.raises(DataError):
        unpack(archive, tmp_path / "out")
    archive.write_bytes(data)
    with pytest.raises(DataError):
        unpack(archive, tmp_path / "out")


def test_a_frame_that_wants_too_much_memory_is_refused(tmp_path: Path) -> None:
    parameters = zstandard.ZstdCompressionParameters(window_log=30, enable_ldm=False)
    compressor = zstandard.ZstdCompressor(compression_params=parameters)
    with (tmp_path / "a.tar.zst").open("wb") as file, compressor.stream_writer(file) as out:
        out.write(bytes(1 << 20))
    with pytest.raises(DataError, match="damaged"):
        unpack(tmp_path / "a.tar.zst", tmp_path / "out")


def test_an_archive_never_brings_a_set_user_id_bit(tmp_path: Path) -> None:
    def build(tar: tarfile.TarFile) -> None:
        info = tarfile.TarInfo("a")
        info.mode, info.uid = 0o6777, 0
        tar.addfile(info, io.BytesIO(b""))

    unpack(archive_of(tmp_path / "a.tar.zst", build), tmp_path / "out")
    assert (tmp_path / "out" / "a").stat().st_mode & 0o7777 == 0o777


def _with(info: tarfile.TarInfo, **records: str) -> Build:
    def build(tar: tarfile.TarFile) -> None:
        info.pax_headers = records
        tar.addfile(info)

    return build


def test_numbers_of_any_length_are_refused_or_bounded(tmp_path: Path) -> None:
    """Python refuses to read a number of more than 4300 digits, and times that the system cannot hold."""
    archive = archive_of(tmp_path / "a", _with(tarfile.TarInfo("a"), size="9" * 5000))
    with pytest.raises(DataError, match="extended header"):
        unpack(archive, tmp_path / "refused")
    late = tarfile.TarInfo("late")
    late.mtime = 1 << 80
    body = late.tobuf(tarfile.GNU_FORMAT) + bytes(1024)
    archive.write_bytes(zstandard.ZstdCompressor().compress(body))
    unpack(archive, tmp_path / "folder")
    assert (tmp_path / "folder/late").exists()


def test_a_path_deeper_than_python_s_stack_is_unpacked(tmp_path: Path) -> None:
    name = "/".join("a" * 1900)
    try:
        unpack(archive_of(tmp_path / "a", _with(tarfile.TarInfo(name))), tmp_path / "folder")
        assert (tmp_path / "folder" / name).exists()
    finally:
        assert remove_tree(tmp_path / "folder")  # The removal of the tests' folders cannot do it.
