"""The contract of every store, on disk and on S3 alike."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from stepherd.errors import NotFoundError, StepherdError, UsageError
from stepherd.services.store.contract import ObjectNotFound, PreconditionFailed, Store
from stepherd.services.store.opening import open_store


@pytest.mark.parametrize("body", [b"", b"text", bytes(range(256)) * 20_000])
def test_what_was_put_is_read_again_with_the_same_etag(store: Store, body: bytes) -> None:
    etag = store.put("runs/r1/result.json", body)
    found = store.get("runs/r1/result.json")
    assert (found.body, found.etag) == (body, etag)
    assert etag
    assert '"' not in etag


def test_what_lies_behind_an_offset_is_read_alone(store: Store) -> None:
    store.put("a/b", b"0123456789")
    store.put("empty", b"")
    assert [store.get_from("a/b", offset) for offset in (0, 7, 10, 999)] == [b"0123456789", b"789", b"", b""]
    assert store.get_from("empty", 0) == b""
    with pytest.raises(ObjectNotFound, match="absent"):
        store.get_from("absent", 5)


def test_an_etag_changes_with_the_body(store: Store) -> None:
    assert store.put("a", b"one") != store.put("a", b"two")


@pytest.mark.parametrize("read", ["get", "download"])
def test_an_object_that_is_not_there_is_named(store: Store, read: str, tmp_path: Path) -> None:
    store.put("folder/inner", b"")
    for key in ("absent", "no/such/folder", "folder", "folder/inner/below"):
        with pytest.raises(ObjectNotFound, match=key) as caught:
            store.get(key) if read == "get" else store.download(key, tmp_path / "x")
        assert caught.value.exit_code == 66
        assert not store.exists(key)
    assert not (tmp_path / "x").exists()


def test_a_listing_is_by_text_prefix_and_sorted_by_key(store: Store) -> None:
    keys = ["a-b", "a/b", "a/b-c", "a/c/d", "a0", "run_1/x", "run_10/x", "ä"]
    for key in reversed(keys):
        store.put(key, key.encode())
    assert [info.key for info in store.list()] == keys
    assert [info.key for info in store.list("run_1")] == ["run_1/x", "run_10/x"]
    assert [info.key for info in store.list("run_1/")] == ["run_1/x"]
    assert [info.key for info in store.list("a/b")] == ["a/b", "a/b-c"]
    assert list(store.list("absent/")) == []


def test_a_listing_tells_size_etag_and_time(store: Store) -> None:
    etag = store.put("a/b", b"12345")
    (info,) = store.list("a/")
    assert (info.size, info.etag) == (5, etag)
    assert info.modified.tzinfo is UTC
    assert abs(datetime.now(UTC) - info.modified) < timedelta(minutes=1)


def test_a_listing_of_nothing_is_empty(store: Store) -> None:
    assert list(store.list()) == []


def test_deleting_twice_is_no_error(store: Store) -> None:
    store.put("a/b", b"1")
    store.put("a/c", b"2")
    for key in ("a/b", "a/b", "a", "absent/key", "a/c/d"):
        store.delete(key)
    assert [info.key for info in store.list()] == ["a/c"]


def test_a_child_sees_its_part_under_shorter_keys(store: Store) -> None:
    child = store.child("runs").child("r1/")
    child.put("clone/result.json", b"x")
    assert store.get("runs/r1/clone/result.json").body == b"x"
    assert [info.key for info in child.list()] == ["clone/result.json"]
    assert [info.key for info in child.list("clone/")] == ["clone/result.json"]
    assert child.reference == f"{store.reference}/runs/r1"
    assert open_store(child.reference).get("clone/result.json").body == b"x"
    assert store.child("").reference == store.reference


def test_files_travel_both_ways(store: Store, tmp_path: Path) -> None:
    body = bytes(range(251)) * 10_000
    (tmp_path / "in").write_bytes(body)
    etag = store.upload(tmp_path / "in", "agent/changes.bundle")
    assert store.download("agent/changes.bundle", tmp_path / "new" / "out") == etag
    assert (tmp_path / "new" / "out").read_bytes() == body
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["out"]


def test_a_download_replaces_what_was_there(store: Store, tmp_path: Path) -> None:
    (tmp_path / "out").write_bytes(b"much longer than the object")
    store.put("a", b"new")
    store.download("a", tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == b"new"


def test_uploading_a_file_that_is_not_there_is_an_error_with_its_path(store: Store, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="absent"):
        store.upload(tmp_path / "absent", "a")


def test_a_first_write_happens_once(store: Store, tmp_path: Path) -> None:
    store.put("lease", b"one", if_none_match=True)
    (tmp_path / "two").write_bytes(b"two")
    with pytest.raises(PreconditionFailed, match="another writer"):
        store.put("lease", b"two", if_none_match=True)
    with pytest.raises(PreconditionFailed):
        store.upload(tmp_path / "two", "lease", if_none_match=True)
    assert store.get("lease").body == b"one"


def test_a_write_over_what_was_read_happens_only_over_that(store: Store, tmp_path: Path) -> None:
    first = store.put("database", b"one")
    second = store.put("database", b"two", if_match=first)
    with pytest.raises(PreconditionFailed):
        store.put("database", b"three", if_match=first)
    (tmp_path / "three").write_bytes(b"three")
    assert store.upload(tmp_path / "three", "database", if_match=second)
    assert store.get("database").body == b"three"


def test_a_write_over_what_is_gone_fails_as_lost(store: Store) -> None:
    etag = store.put("database", b"one")
    store.delete("database")
    with pytest.raises(PreconditionFailed, match="no longer exists"):
        store.put("database", b"two", if_match=etag)
    assert not store.exists("database")


@pytest.mark.parametrize("key", ["../outside", "/etc/passwd", "a//b", "", "a\0b"])
def test_no_operation_takes_a_key_that_leads_elsewhere(store: Store, key: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for call in (
        lambda: store.get(key),
        lambda: store.put(key, b""),
        lambda: store.delete(key),
        lambda: store.exists(key),
        lambda: store.download(key, tmp_path / "out"),
        lambda: store.upload(tmp_path / "file", key),
        lambda: store.child(key or "..").get("x"),
        lambda: list(store.list(key or "../")),
    ):
        with pytest.raises(UsageError):
            call()


def test_a_key_that_is_too_long_below_its_prefix_is_refused(store: Store) -> None:
    with pytest.raises(StepherdError):
        store.child("p" * 200).put("/".join(["k" * 200] * 5), b"")
