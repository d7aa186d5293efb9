"""The pattern that a person is told to type to let a path through lets that path through and no other."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepherd.repositories.allow import is_allowed, parse_allow, pattern_of
from stepherd.repositories.scan import ChangesBlocked, Finding

NAMES = st.text(st.sampled_from("ab*?[]!,. /-\\{}~é\n\x1b"), min_size=1, max_size=12)


@given(path=NAMES, other=NAMES)
def test_the_pattern_of_a_path_is_that_path_alone(path: str, other: str) -> None:
    pattern = pattern_of(path)
    if pattern is not None:
        allowed = parse_allow(pattern)
        assert is_allowed(path, allowed)
        assert is_allowed(other, allowed) == f"{other}/".startswith(f"{path}/")


@pytest.mark.parametrize("path", ["plain.pem", "app/[id]/key.pem", "*", "**", "a?", "with space/x"])
def test_most_paths_have_one(path: str) -> None:
    pattern = pattern_of(path)
    assert pattern is not None
    assert is_allowed(path, parse_allow(pattern))
    assert not is_allowed("src/other.pem", parse_allow(pattern))


@pytest.mark.parametrize(
    "path", ["key.pem, src", "key.pem,src", "/x", "a/../b", "x\n", "***", "a/***.pem", " x"]
)
def test_what_would_stand_for_more_is_not_told(path: str) -> None:
    assert pattern_of(path) is None
    blocked = ChangesBlocked(
        [Finding(path, 1, "secret", "it holds a key"), Finding("x.pem", 1, "secret", "so")]
    )
    assert "--allow x.pem." in blocked.remedy
    assert "--allow" not in ChangesBlocked([Finding(path, 1, "secret", "it holds a key")]).remedy
