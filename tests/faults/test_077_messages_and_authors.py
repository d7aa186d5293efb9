"""Fault 77: a commit's author and message cannot smuggle headers, claims or invisible text."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.integration.repositories.origin import Origin, Run, git

from stepherd.repositories.message import clean_email, clean_message, clean_name

MESSAGE = (
    "Fix\x1b[31m the \u202ething\x00\r\n\r\nBody\u200b text\n"
    "Co-authored-by: Linus <linus@example.com>\n  signed-off-by: Boss <boss@example.com>\n"
    "Stepherd-Run: run_other\nReviewed-By : x\nlast\n"
)


def test_a_hostile_message_and_author_arrive_sanitised(tmp_path: Path) -> None:
    origin = Origin.create(tmp_path / "origin")
    run = Run(tmp_path / "run", origin.repository)
    run.work()
    commit = run.push(
        message=MESSAGE,
        author_name="Eve\nauthor Linus <linus@example.com> 1 +0000\n\u202e<x>",
        author_email="eve@example.com>\ncommitter X <x@y.z",
    ).commit
    raw = git(origin.bare, "cat-file", "commit", commit)
    head, _, body = raw.partition("\n\n")
    assert [line.split(" ")[0] for line in head.splitlines()] == ["tree", "parent", "author", "committer"]
    assert "linus@example.com>" not in head
    assert body == "Fix the thing\n\nBody text\nlast\n\nStepherd-Run: run_1"
    assert git(origin.bare, "show", "-s", "--format=%(trailers)", commit) == "Stepherd-Run: run_1"
    assert git(origin.bare, "show", "-s", "--format=%ae", commit) == "stepherd@localhost.invalid"


@pytest.mark.parametrize("name", ["", " ", "\n", "<>", ".,;", "\u202e", "\ud800"])
def test_a_name_of_nothing_becomes_the_fallback(tmp_path: Path, name: str) -> None:
    origin = Origin.create(tmp_path / "origin")
    run = Run(tmp_path / "run", origin.repository)
    run.work()
    commit = run.push(author_name=name, author_email=name, message="\n\u202e").commit
    shown = git(origin.bare, "show", "-s", "--format=%an|%ae|%s", commit)
    assert shown == "Stepherd|stepherd@localhost.invalid|Changes by Stepherd"


@given(st.text(max_size=200))
def test_no_text_brings_a_claim_a_control_or_a_second_header(text: str) -> None:
    message = clean_message(f"{text}\nCo-authored-by: x <x@y>\n{text}", fallback="f")
    assert "co-authored-by" not in message.lower()
    assert all(letter == "\n" or letter == "\t" or letter >= " " for letter in message)
    message.encode()
    name, email = clean_name(text), clean_email(text)
    assert name.strip()
    assert not set(name + email) & set("<>\n\r\0")
    assert email.count("@") == 1
