"""The head of instructions.md, parted from what an agent is given."""

from __future__ import annotations

import pytest

from stepherd.services.front_matter import InvalidFrontMatter, body_of


@pytest.mark.parametrize(
    ("text", "body"),
    [
        ("Do it\n---\nand more\n", "Do it\n---\nand more\n"),
        ("---\nrepo: [not, read\n---\nDo it\n", "Do it\n"),
        ("\ufeff---\n---  \nDo it\n---\n", "Do it\n---\n"),
        ("", ""),
    ],
)
def test_an_agent_gets_what_is_below_the_head_whatever_the_head_says(text: str, body: str) -> None:
    assert body_of(text) == body


def test_a_head_without_an_end_has_no_body() -> None:
    with pytest.raises(InvalidFrontMatter, match="no closing line") as caught:
        body_of("---\nrepo: x\n")
    assert caught.value.remedy
