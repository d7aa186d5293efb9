"""A store that is listed once: the same answers, fewer questions; and others' writes once ours fail."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepherd.services.store.contract import ObjectInfo, ObjectNotFound, PreconditionFailed
from stepherd.services.store.folder import FolderStore
from stepherd.services.store.listed import ListedStore

_KEYS = ["a", "a.json", "b/a.json", "b/c", "b/c.json", "bb/c"]
_DOINGS = [
    "get",
    "get_from",
    "put",
    "put_first",
    "put_over",
    "list",
    "delete",
    "exists",
    "child_get",
    "child_put",
]


class Asked(FolderStore):
    """Notes what it is asked."""

    calls: list[str] = []  # noqa: RUF012 - of one test each, which empties it

    def get(self, key: str) -> Any:
        self.calls.append(f"get {key}")
        return super().get(key)

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        self.calls.append("list")
        return super().list(prefix)

    def exists(self, key: str) -> bool:
        self.calls.append(f"exists {key}")
        return super().exists(key)


@pytest.fixture
def plain(tmp_path: Path) -> Asked:
    Asked.calls.clear()
    return Asked(tmp_path)


def _do(store: FolderStore | ListedStore, doing: str, key: str) -> object:
    """The answer, or the kind of error, without times."""
    try:
        match doing:
            case "get":
                return store.get(key)
            case "get_from":
                return store.get_from(key, 1)
            case "put":
                return store.put(key, f"{key} once".encode())
            case "put_first":
                return store.put(key, b"first", if_none_match=True)
            case "put_over":
                return store.put(key, b"over", if_match=store.get(key).etag)
            case "list":
                return [(info.key, info.size, info.etag) for info in store.list(key)]
            case "delete":
                return store.delete(key)
            case "exists":
                return store.exists(key)
            case "child_get":
                return store.child("b").get(key)
        return store.child("b").put(key, b"child")
    except (ObjectNotFound, PreconditionFailed) as error:
        return type(error)


@given(st.lists(st.tuples(st.sampled_from(_DOINGS), st.sampled_from(_KEYS)), max_size=20))
def test_it_answers_as_the_store_itself(doings: list[tuple[str, str]]) -> None:
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        plain, listed = FolderStore(Path(one)), ListedStore(FolderStore(Path(other)))
        for store in (plain, listed):
            store.put("b/a.json", b"{}")
        for doing, key in doings:
            assert _do(listed, doing, key) == _do(plain, doing, key), (doing, key)


def test_what_is_not_there_is_not_asked_for_and_what_is_small_is_read_once(plain: Asked) -> None:
    plain.put("a.json", b"{}")
    plain.put("large", b"1")
    store = ListedStore(plain)
    for _ in range(2):
        assert store.get("a.json").body == b"{}"
        assert store.get("large").body == b"1"
        assert store.child("b").exists("c") is False
        with pytest.raises(ObjectNotFound, match=r"no 'b/c' in file://"):
            store.get("b/c")
    assert plain.calls == ["list", "get a.json", "get large", "get large"]


def test_another_writer_is_seen_once_a_condition_does_not_hold(plain: Asked) -> None:
    plain.put("a.json", b"mine")
    store = ListedStore(plain)
    etag = store.get("a.json").etag
    plain.put("a.json", b"another's")
    plain.put("b.json", b"another's")
    for key, condition in (("a.json", {"if_match": etag}), ("b.json", {"if_none_match": True})):
        with pytest.raises(PreconditionFailed):
            store.put(key, b"new", **condition)  # type: ignore[arg-type]
        assert store.get(key).body == b"another's"
