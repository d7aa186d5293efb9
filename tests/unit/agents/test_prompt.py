from __future__ import annotations

from pathlib import Path

import pytest

from stepherd.agents.contract import AgentContext
from stepherd.agents.prompt import prompt_of


@pytest.mark.parametrize("again", [False, True])
def test_an_agent_is_told_of_submodules_that_are_empty(tmp_path: Path, again: bool) -> None:
    (tmp_path / "instructions.md").write_text("# Do it\n")
    told = prompt_of(AgentContext("run_1", tmp_path, tmp_path, empty_submodules="sub, libs/two"), again=again)
    assert "they are empty, and nothing in them is pushed: sub, libs/two\n" in told
    assert told.endswith("\n\n# Do it\n")
    assert "empty" not in prompt_of(AgentContext("run_1", tmp_path, tmp_path), again=again)
