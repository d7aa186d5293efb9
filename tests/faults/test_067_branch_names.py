"""Fault 67: hostile branch and ref names are refused."""

from __future__ import annotations

import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepherd.errors import UsageError
from stepherd.repositories.refs import check_branch, check_ref, run_branch

BAD = [
    "",
    "-x",
    "--force",
    "..",
    "a..b",
    "@{",
    "a@{1}",
    "@",
    "refs/heads/x.lock",
    "x.lock",
    "x.LOCK",
    "x.lock/y",
    "a" * 300,
    "ü" * 101,
    "a\nb",
    "a\x00b",
    "a\x7fb",
    "a\u202eb",
    "a\u200bb",
    "a b",
    "a~1",
    "a^",
    "a:b",
    "+a:b",
    "a?",
    "a*",
    "a[b",
    "a\\b",
    "/a",
    "a/",
    "a//b",
    "a.",
    ".a",
    "a/.b",
]


@pytest.mark.parametrize("name", BAD)
def test_a_bad_name_is_no_branch_and_no_base(name: str) -> None:
    for check in (check_branch, check_ref):
        with pytest.raises(UsageError) as caught:
            check(name)
        assert caught.value.remedy
        assert len(caught.value.message) < 300


@pytest.mark.parametrize("name", ["HEAD", "refs/heads/main", "refs/remotes/x", "a" * 40])
def test_names_that_git_reads_otherwise_are_no_branches(name: str) -> None:
    with pytest.raises(UsageError):
        check_branch(name)
    assert check_ref(name) == name


@pytest.mark.parametrize("name", ["main", "feature/x-1", "v1.2.3", "stepherd/run_1", "größe", "a@b", "a+b"])
def test_usual_names_are_taken(name: str) -> None:
    assert check_branch(name) == name


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet="ab/.-@{}~^:?*[\\ lock\x1f", min_size=1, max_size=12))
def test_what_is_taken_is_taken_by_git_as_well(name: str) -> None:
    try:
        check_branch(name)
    except UsageError:
        return
    subprocess.run(["git", "check-ref-format", "--branch", name], check=True, capture_output=True)


def test_a_runs_branch_is_named_after_it() -> None:
    assert run_branch("run_20261121T101500Z_3fa9c1") == "stepherd/run_20261121T101500Z_3fa9c1"
    for bad in ("", "a" * 81, "a b", "-a", "a/b", "ü", "a\n"):
        with pytest.raises(UsageError):
            run_branch(bad)
