"""Object keys: what cannot leave the store, and is refused before anything is touched (faults 19, 93)."""

import pytest

from stepherd.errors import UsageError
from stepherd.services.store.keys import check_key, check_prefix


@pytest.mark.parametrize(
    "key",
    [
        "request.json",
        "runs/run_20261121T101500Z_3fa9c1/clone/result.json",
        "instructions/.env.example",
        "a b/ü/日本.md",
        "100%25.txt",
        "..a/b..",
        "é" * 512,
    ],
)
def test_a_relative_key_is_taken_as_it_is(key: str) -> None:
    assert check_key(key) == key


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("", "is empty"),
        ("/etc/passwd", "empty part"),
        ("a//b", "empty part"),
        ("a/", "empty part"),
        ("../a", "leads elsewhere"),
        ("a/../b", "leads elsewhere"),
        ("a/.", "leads elsewhere"),
        ("a\0b", "control character"),
        ("a\nb", "control character"),
        ("a\x1b[31m", "control character"),
        ("a\x85b", "control character"),
        ("é" * 513, "1,026 bytes"),
        ("\ud800", "not valid Unicode"),
        ("a/.stepherd-0011", "reserved"),
    ],
)
def test_a_key_that_could_mislead_is_refused_with_the_reason(key: str, reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        check_key(key)


def test_a_prefix_may_be_empty_or_end_with_a_slash() -> None:
    assert [check_prefix(prefix) for prefix in ("", "runs/", "runs/run_1")] == ["", "runs/", "runs/run_1"]


def test_a_prefix_cannot_lead_elsewhere() -> None:
    with pytest.raises(UsageError):
        check_prefix("../")
