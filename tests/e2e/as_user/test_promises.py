"""The table of docs/security.md, for an ordinary user: on the process runner and in the sandbox."""

from __future__ import annotations

import pytest
from tests.e2e.place import Place
from tests.e2e.promises import hunted, promised


@pytest.mark.parametrize("runner", ["process", "sandbox"])
def test_what_is_said_to_be_held_is_held_and_what_is_not_is_not(place: Place, runner: str) -> None:
    options = ("--runner", runner, "--git-credentials", "env:GIT_TOKEN")
    found = hunted(place, lambda command: place.run(command, *options))
    assert found == {row: promised()[row][runner] for row in found}
