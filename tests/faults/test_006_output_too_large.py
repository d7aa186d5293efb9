"""Fault 6: a state gives more than 256 KiB.

Expected: DataLimitExceeded, caught or FAILED, and nothing stuck.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.engine_bench import Scripted, branches, each, play, task

BIG = "{% $pad('', 200000, 'x') %}"


@pytest.mark.parametrize("where", ["task", "output", "map", "parallel"])
@pytest.mark.parametrize("caught", [True, False])
def test_too_large_a_result_ends_in_words(tmp_path: Path, where: str, caught: bool) -> None:
    fields = {"Catch": [{"ErrorEquals": ["States.ALL"], "Next": "N", "Output": "caught"}]} if caught else {}
    item = {"I": {"Type": "Pass", "Output": BIG}}
    states = {
        "task": task(**fields),
        "output": task(Output="{% $pad('', 300000, 'x') %}", **fields),
        "map": each(item, Items=[1, 2], **fields),
        "parallel": branches(item, {"J": {"Type": "Pass", "Output": BIG}}, **fields),
    }
    answer = "x" * 300_000 if where == "task" else 1

    after = {"N": {"Type": "Pass"}} if caught else {}
    done = play(tmp_path, {"S": states[where], **after}, integrations={"lambda": Scripted(answer)})

    if caught:
        assert done.output == "caught"
    else:
        assert done.description["error"] == "States.DataLimitExceeded"
