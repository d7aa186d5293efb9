"""Promises of the store on disk alone: privacy, links, strange files and several processes."""

import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from stepherd.errors import StorageError
from stepherd.services.store import folder_etags
from stepherd.services.store.contract import ObjectNotFound
from stepherd.services.store.opening import open_store


def test_files_and_folders_are_private_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        open_store(str(tmp_path / "home")).put("runs/r1/a", b"x")
    finally:
        os.umask(before)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "home").rglob("*")}
    assert modes == {"runs": 0o700, "r1": 0o700, "a": 0o600}
    assert stat.S_IMODE((tmp_path / "home").stat().st_mode) == 0o700


def test_a_downloaded_file_is_private(tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "home"))
    store.put("a", b"x")
    store.download("a", tmp_path / "out")
    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == 0o600


@pytest.fixture
def linked(tmp_path: Path) -> Path:
    """A store with links that lead out of it: a folder and a file."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text("canary")
    home = tmp_path / "home"
    (home / "inner").mkdir(parents=True)
    (home / "folder").symlink_to(outside)
    (home / "inner" / "file").symlink_to(outside / "secret")
    return home


@pytest.mark.parametrize("key", ["folder/secret", "inner/file"])
def test_no_link_inside_the_store_is_followed(linked: Path, key: str, tmp_path: Path) -> None:
    store = open_store(str(linked))
    (tmp_path / "source").write_text("overwritten")
    for call in (
        lambda: store.get(key),
        lambda: store.download(key, tmp_path / "out"),
        lambda: store.exists(key),
    ):
        with pytest.raises(StorageError, match="symbolic link"):
            call()
    assert not (tmp_path / "out").exists()


def test_no_write_goes_through_a_link(linked: Path, tmp_path: Path) -> None:
    store = open_store(str(linked))
    with pytest.raises(StorageError, match="symbolic link"):
        store.put("folder/secret", b"overwritten")
    with pytest.raises(StorageError, match="symbolic link"):
        store.put("folder/new/deep", b"x")
    with pytest.raises(StorageError, match="symbolic link"):
        store.delete("folder/secret")
    store.put("inner/file", b"replaces the link, not what it points to")
    assert sorted(path.name for path in (tmp_path / "outside").iterdir()) == ["secret"]
    assert (tmp_path / "outside" / "secret").read_text() == "canary"


def test_a_listing_shows_nothing_behind_links(linked: Path) -> None:
    store = open_store(str(linked))
    store.put("inner/real", b"x")
    assert [info.key for info in store.list()] == ["inner/real"]
    with pytest.raises(StorageError, match="symbolic link"):
        list(store.list("folder/"))


def test_a_link_that_leads_to_the_store_is_the_users_choice(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "home").symlink_to(tmp_path / "disk")
    open_store(str(tmp_path / "home")).put("a", b"x")
    assert (tmp_path / "disk" / "a").read_bytes() == b"x"


def test_a_pipe_in_the_store_is_no_object_and_holds_nobody_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    store = open_store(str(tmp_path))
    assert list(store.list()) == []
    with pytest.raises(ObjectNotFound):
        store.get("pipe")


def test_a_file_with_a_name_that_is_no_key_is_reported_not_hidden(tmp_path: Path) -> None:
    (tmp_path / "line\nbreak").write_text("x")
    with pytest.raises(StorageError, match="control character"):
        list(open_store(str(tmp_path)).list())


def test_a_folder_in_the_place_of_an_object_is_reported(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    store.put("a/b", b"x")
    with pytest.raises(StorageError, match="folder with that name"):
        store.put("a", b"y")
    with pytest.raises(StorageError, match="not a folder"):
        store.put("a/b/c", b"y")
    assert [info.key for info in store.list()] == ["a/b"]


def test_a_listing_reads_no_content_that_it_knows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = open_store(str(tmp_path))
    etag = store.put("a", b"x" * 1000)
    if "user.stepherd.etag" not in os.listxattr(tmp_path / "a"):
        pytest.skip("this file system keeps no attributes")
    monkeypatch.setattr(folder_etags, "computed_etag", lambda file: pytest.fail("content was read"))
    assert [info.etag for info in store.list()] == [etag]


def test_a_listing_notices_an_edit_in_place(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    store.put("a", b"before")
    (tmp_path / "a").write_bytes(b"after!")
    os.utime(tmp_path / "a", ns=(1, 1))
    assert [info.etag for info in store.list()] == [store.get("a").etag]


def test_files_that_people_put_there_are_objects(tmp_path: Path) -> None:
    (tmp_path / "instructions").mkdir()
    (tmp_path / "instructions" / "instructions.md").write_text("do it")
    store = open_store(str(tmp_path))
    (info,) = store.list("instructions/")
    assert store.put(info.key, b"done", if_match=info.etag)


def test_an_unfinished_file_is_never_shown_and_swept_after_a_day(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    store.put("a", b"x")
    young, old = tmp_path / ".stepherd-young", tmp_path / ".stepherd-old"
    young.write_text("half")
    old.write_text("half")
    os.utime(old, (1, 1))
    assert [info.key for info in store.list()] == ["a"]
    assert young.exists()
    assert not old.exists()


def open_descriptors() -> int:
    return len(list(Path("/dev/fd").iterdir()))


def test_an_abandoned_listing_keeps_no_folder_open(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    for number in range(3):
        store.put(f"a/b/{number}", b"x")
    before = open_descriptors()
    listing = store.list()
    next(listing)
    del listing
    assert open_descriptors() == before


COUNT_UP = """
import sys
from stepherd.services.store.opening import open_store
from stepherd.services.store.contract import PreconditionFailed
store, key = open_store(sys.argv[1]), sys.argv[2]
for _ in range(int(sys.argv[3])):
    while True:
        found = store.get(key)
        try:
            store.put(key, str(int(found.body) + 1).encode(), if_match=found.etag)
            break
        except PreconditionFailed:
            continue
"""

CLAIM = """
import sys
from stepherd.services.store.opening import open_store
from stepherd.services.store.contract import PreconditionFailed
store, me = open_store(sys.argv[1]), sys.argv[4]
sys.stdin.read()
for number in range(int(sys.argv[3])):
    try:
        store.put(f"{sys.argv[2]}{number}", me.encode(), if_none_match=True)
        print(number)
    except PreconditionFailed:
        pass
"""


def start(script: str, *arguments: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.Popen(
        [sys.executable, "-c", script, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )


def test_no_update_is_lost_between_processes_that_opened_the_store_at_different_depths(
    tmp_path: Path,
) -> None:
    store = open_store(str(tmp_path))
    store.put("runs/r1/counter", b"0")
    places = [(store.reference, "runs/r1/counter"), (store.child("runs/r1").reference, "counter")] * 2
    processes = [start(COUNT_UP, reference, key, "50") for reference, key in places]
    for process in processes:
        process.communicate()
        assert process.returncode == 0
    assert store.get("runs/r1/counter").body == b"200"


def test_of_several_processes_exactly_one_makes_each_object(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    places = [(store.reference, "leases/"), (store.child("leases").reference, "")] * 2
    processes = [
        start(CLAIM, reference, prefix, "40", str(me)) for me, (reference, prefix) in enumerate(places)
    ]
    for process in processes:  # closing their standard input starts them all
        assert process.stdin
        process.stdin.close()
        process.stdin = None
    won = [[int(line) for line in process.communicate()[0].split()] for process in processes]
    assert sorted(number for numbers in won for number in numbers) == list(range(40))
    for me, numbers in enumerate(won):
        assert all(store.get(f"leases/{number}").body == str(me).encode() for number in numbers)


def test_readers_see_whole_objects_while_writers_write(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    bodies = [letter * 300_000 for letter in (b"a", b"b", b"c")]
    store.put("x", bodies[0])
    done = threading.Event()

    def write() -> None:
        for _ in range(10):
            for body in bodies:
                store.put("x", body)
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    while not done.is_set():
        assert store.get("x").body in bodies
    writer.join()
