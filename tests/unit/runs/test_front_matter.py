"""Settings at the head of instructions.md."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepherd.runs.front_matter import split_front_matter
from stepherd.services.front_matter import InvalidFrontMatter


def test_every_key_sets_its_field() -> None:
    fields, text = split_front_matter(
        "---\nrepo: https://h/r.git\nbranch: b\nbase: main\nagent: apply\ncommand: make it\nmessage: 'a: b'\n"
        "timeout: 60\npush: none\nverify: make test\nverify_required: true\n---\n# Do\n"
    )
    assert fields == {
        "repo": "https://h/r.git",
        "branch": "b",
        "base": "main",
        "agent": "apply",
        "command": "make it",
        "message": "a: b",
        "timeout_seconds": 60,
        "push": "none",
        "verify": "make test",
        "verify_required": True,
    }
    assert text == "# Do\n"


@pytest.mark.parametrize(
    "text", ["# Do\n", "", "\n---\na: b\n---\n", "--- \x20x\n", "text\n---\nrepo: x\n---\n"]
)
def test_without_a_first_line_of_dashes_there_is_none(text: str) -> None:
    assert split_front_matter(text) == ({}, text)


@pytest.mark.parametrize(
    "text", ["---\n---\nDo\n", "\ufeff---\r\n---\r\nDo\n", "---\n# only a comment\n---\nDo\n"]
)
def test_an_empty_head_sets_nothing(text: str) -> None:
    fields, rest = split_front_matter(text)
    assert fields == {}
    assert rest == "Do\n"


@pytest.mark.parametrize(
    ("head", "words"),
    [
        ("repo: a\nrepo: b", "'repo' appears twice"),
        ("token: abc", "'token' is unknown. Its keys are repo, branch"),
        ("- a\n- b", "is not a mapping"),
        ("repo: [a", "is not readable YAML (line 3)"),
        ("repo: {a: b}", "value in line 2 of instructions.md is not a scalar"),
        ("a: &x 1\nrepo: *x", "is not readable YAML (line 3): an alias (*name)"),
        ("repo: !!python/object/apply:os.system [id]", "a tag that is not known"),
        ("repo: !!python/name:os.system x", "is not readable YAML"),
        ("repo: \x01", "is not readable YAML"),
        ("x: " + "y" * 20_000, "is longer than 16,384 characters"),
        ("a: " + "[" * 400, "is not readable YAML"),
        ("a: " + "[" * 5_000, "nested deeper than 20 levels"),
        ("verify_required: !!bool maybe", "neither true nor false"),
        ('repo: "\\UFFFFFFFF"', "is not readable YAML"),
    ],
)
def test_a_head_that_cannot_be_read_is_refused(head: str, words: str) -> None:
    with pytest.raises(InvalidFrontMatter) as caught:
        split_front_matter(f"---\n{head}\n---\nDo\n")
    assert words in str(caught.value)


def test_a_head_without_an_end_is_refused() -> None:
    with pytest.raises(InvalidFrontMatter, match="no closing line"):
        split_front_matter("---\nrepo: x\n")


@given(st.text(max_size=200))
def test_any_head_is_read_or_refused(head: str) -> None:
    try:
        fields, _ = split_front_matter(f"---\n{head}\n---\nDo\n")
    except InvalidFrontMatter:
        return
    assert isinstance(fields, dict)
