"""docs/how-to-use-the-engine.md says what the tests show, and all of it."""

from __future__ import annotations

import re

from tests.differences import PAGE, differences, filled, quotas

from stepherd.engine.api.members import MEMBERS


def test_the_page_has_every_difference_and_limit_that_a_test_shows() -> None:
    page = PAGE.read_text(encoding="utf-8")

    assert page == filled(page), "run: python -m tests.differences"
    assert len(differences()) == len(set(differences())) >= 9
    assert len(quotas()) >= 19


def test_the_page_names_the_operations_that_are_served() -> None:
    part = PAGE.read_text(encoding="utf-8").partition("## Operations")[2].partition("Every member")[0]

    assert set(re.findall(r"[A-Z][A-Za-z]+", part)) == set(MEMBERS)
