"""The examples of docs/how-to-use-the-client.md and of the page on notebooks, run as they stand there."""

from __future__ import annotations

import ast
import asyncio
import inspect
import re
from pathlib import Path
from typing import Any

import pytest
from mypy import api as mypy
from tests.e2e.place import ROOT, Place
from tests.integration.repositories.origin import git

from stepherd import Client, Request

pytestmark = pytest.mark.exhaustive

WORD = "# Write a word\n\n```text file=word.txt\nword\n```\n"


def examples(page: str) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", (ROOT / "docs" / page).read_text("utf-8"), re.M | re.S)


def cell(text: str) -> None:
    """Run a block, with await at its top as in a notebook."""
    code = compile(text, "example", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)

    async def awaited() -> None:
        result: Any = eval(code, {})
        if inspect.isawaitable(result):
            await result

    if code.co_flags & inspect.CO_COROUTINE:
        asyncio.run(awaited())
    else:
        eval(code, {})


@pytest.fixture
def project(place: Place, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A folder as the page has it: a clone with instructions in it, and two runs, one of which has failed."""
    clone = place.root / "clone"
    git(place.root, "clone", "--quiet", str(place.origin.bare), str(clone))
    (clone / "task.md").write_text(WORD)
    monkeypatch.chdir(clone)
    with Client() as client:
        request = Request(repo=place.origin.bare, instructions="task.md", agent="apply")
        assert client.wait(client.start(request, run_id="run_1")).succeeded
        failing = Request(repo=place.origin.bare, instructions="task.md", command="sh -c 'echo no; exit 3'")
        assert not client.wait(client.start(failing, run_id="run_2")).succeeded
    return place


def test_every_example_does_what_the_page_says(project: Place, capsys: pytest.CaptureFixture[str]) -> None:
    waiting, following, looking, refused = examples("how-to-use-the-client.md")
    cell(waiting)
    assert "stepherd/" in (said := capsys.readouterr().out)
    assert said.endswith("has 1 changed file(s)\n")
    cell(following)
    assert "CommitAndPush SUCCEEDED " in capsys.readouterr().out
    cell(looking)
    said = capsys.readouterr().out
    assert said.startswith("run_2 ")
    assert "\nno\n" in said
    cell(refused)
    assert "nowhere.md" in capsys.readouterr().out


def test_the_examples_have_the_types_that_the_page_promises(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    programs = [tmp_path / f"example_{number}.py" for number in range(4)]
    for program, text in zip(programs, examples("how-to-use-the-client.md"), strict=True):
        program.write_text(text, "utf-8")
    said, wrong, code = mypy.run(["--strict", *map(str, programs)])
    assert code == 0, said + wrong


def test_the_cells_of_the_page_on_notebooks_run(project: Place, capsys: pytest.CaptureFixture[str]) -> None:
    cell("\n".join(examples("how-to-use-a-notebook.md")))
    said = capsys.readouterr().out
    assert "RunAgent SUCCEEDED" in said
    assert "word.txt" in said
