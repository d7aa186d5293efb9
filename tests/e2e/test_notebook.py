"""The notebooks of examples/, executed with a real engine that runs a real pipeline."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.place import ROOT, Place
from tests.integration.repositories.origin import git

NOTEBOOK = ROOT / "examples" / "notebook.ipynb"
OF_CLIENT = ROOT / "examples" / "client.ipynb"
ARN = "arn:aws:states:us-east-1:000000000000:stateMachine:stepherd-pipeline"
INSTRUCTIONS = """# Write a word

```text file=word.txt
word
```
"""


@contextmanager
def engine(place: Place) -> Iterator[dict[str, str]]:
    """``stepherd engine --keep``, and the environment in which its callers find it."""
    child = place.start("engine", "--keep", "--json")
    assert child.stdout is not None
    lines: list[str] = []
    while not lines or lines[-1] != "}":
        lines.append(child.stdout.readline().decode().rstrip("\n"))
        assert child.poll() is None
    address = json.loads("\n".join(lines))
    try:
        yield {
            "AWS_ENDPOINT_URL_SFN": address["endpoint"],
            "AWS_ACCESS_KEY_ID": address["access_key_id"],
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_DEFAULT_REGION": address["region"],
        }
    finally:
        child.send_signal(signal.SIGTERM)
        assert place.end_of(child).code == 0


def executed(
    program: str, place: Place, environment: dict[str, str], notebook: Path = NOTEBOOK
) -> dict[str, Any]:
    """The notebook's cells by their ids, as they are after all of them ran in the environment of the tool."""
    copy = place.root / "notebook.ipynb"
    copy.write_bytes(notebook.read_bytes())
    inherited = {name: text for name, text in place.environment.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [program, "--inplace", "--timeout=90", str(copy)],
        env={**inherited, "PATH": os.environ["PATH"], **environment},
        cwd=place.root, capture_output=True, text=True, check=False, timeout=150,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return {cell["id"]: cell for cell in json.loads(copy.read_text())["cells"]}


def shown(cell: dict[str, Any], form: str = "text/plain") -> str:
    """The text that a cell has printed, and that it has shown in a form."""
    texts = [output.get("text") or output.get("data", {}).get(form, "") for output in cell["outputs"]]
    return "".join(part for text in texts for part in text)


@pytest.mark.exhaustive
@pytest.mark.slow
@pytest.mark.timeout(240)
def test_the_notebook_starts_a_run_follows_it_and_shows_its_result_and_history(
    place: Place, require: Callable[[str], str]
) -> None:
    program = require("jupyter-execute")
    given = {
        "STATE_MACHINE_ARN": ARN,
        "INSTRUCTIONS": str(place.instructions(INSTRUCTIONS)),
        "REPO": str(place.origin.bare),
    }
    before = place.origin.refs()
    with engine(place) as environment:
        cells = executed(program, place, {**given, **environment})

    (branch,) = set(place.origin.refs()) - set(before)
    run_id = branch.rpartition("/")[2]
    assert git(place.origin.bare, "show", f"{branch}:word.txt") == "word"
    assert "PrepareRun, " in shown(cells["attach"])
    assert f":{run_id}" in shown(cells["start"])
    followed = shown(cells["follow"])
    states = [line.split("  ")[1] for line in followed.splitlines()[:-1]]
    assert [states[0], states[-1]] == ["PrepareRun", "ReportRun"]
    assert {"CloneRepository", "RunAgent", "CommitAndPush"} <= set(states)
    assert len(states) == len(set(states))
    assert followed.endswith(f"{run_id} has ended: SUCCEEDED\n")
    assert f"stepherd/{run_id}" in shown(cells["result"])
    assert "ExecutionSucceeded" in shown(cells["history"]).splitlines()[-1]
    assert run_id in shown(cells["past"], "text/html")


@pytest.mark.exhaustive
@pytest.mark.slow
@pytest.mark.timeout(240)
def test_the_notebook_of_the_client_starts_a_run_follows_it_and_shows_its_result(
    place: Place, require: Callable[[str], str]
) -> None:
    program = require("jupyter-execute")
    given = {"INSTRUCTIONS": str(place.instructions(INSTRUCTIONS)), "REPO": str(place.origin.bare)}
    given["PYTHONPATH"] = str(
        ROOT / "src"
    )  # The environment of the tool has Stepherd as it was installed there.
    cells = executed(program, place, given, OF_CLIENT)
    run_id = shown(cells["start"]).strip("'")
    assert git(place.origin.bare, "show", f"stepherd/{run_id}:word.txt") == "word"
    followed = [line.split() for line in shown(cells["follow"]).splitlines()]
    assert (followed[0], followed[-1]) == (["PrepareRun", "RUNNING"], ["ReportRun", "SUCCEEDED"])
    assert ["RunAgent", "SUCCEEDED"] in followed
    assert f"'stepherd/{run_id}'" in shown(cells["result"])
    assert "['word.txt']" in shown(cells["result"])
    assert "RunAgent" in shown(cells["log"])
    assert f"('{run_id}', 'SUCCEEDED')" in shown(cells["past"])


@pytest.mark.parametrize("path", [NOTEBOOK, OF_CLIENT], ids=lambda path: path.name)
def test_a_notebook_is_kept_without_output(path: Path) -> None:
    notebook = json.loads(path.read_text())
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert cells
    assert [(cell["outputs"], cell["execution_count"]) for cell in cells] == [([], None)] * len(cells)
