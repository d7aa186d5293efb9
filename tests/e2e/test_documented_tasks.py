"""docs/how-to-run-on-aws.md: its commands, typed by somebody with a stack, do what the page says."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.e2e.cloud import STACK, Cloud
from tests.e2e.place import ROOT, Place

PAGE = (ROOT / "docs" / "how-to-run-on-aws.md").read_text(encoding="utf-8")
TESTED = re.findall(r"<!-- tested -->\n```sh\n(.*?)```", PAGE, re.DOTALL)
SHELL = re.findall(r"^```sh\n(.*?)```", PAGE, re.DOTALL | re.MULTILINE)
TASK = "# Write a word\n\n```text file=word.txt\nword\n```\n"


@pytest.mark.exhaustive
def test_what_is_marked_as_tested_runs_in_the_order_of_the_page(
    place: Place, require: Callable[[str], str]
) -> None:
    aws = require("aws")
    program = place.root / "bin" / "stepherd"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m stepherd.cli "$@"\n')
    program.chmod(0o755)
    (place.root / "task.md").write_text(TASK)
    with Cloud.at(place) as cloud:
        cloud.bind_token()
        path = os.pathsep.join([str(program.parent), str(Path(aws).parent), place.environment["PATH"]])
        environment = {**place.environment, "PATH": path, "REPO": cloud.repo, "PAGER": "cat"}
        # One shell, as at a keyboard: what one block defines, later ones use.
        script = "\n".join(TESTED).replace("STACK=stepherd", f"STACK={STACK}")
        done = subprocess.run(
            ["sh", "-eu", "-c", script],
            env=environment, cwd=place.root, capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        branches = {ref for ref in place.origin.refs() if "stepherd/" in ref}
    assert branches == {"refs/heads/stepherd/first", "refs/heads/stepherd/second"}
    assert "ExecutionSucceeded" in done.stdout


def test_every_snippet_is_a_shell_program_and_most_are_tested() -> None:
    for text in SHELL:
        subprocess.run(["sh", "-n", "-c", text], check=True)
    untested = [text for text in SHELL if text not in TESTED]
    # Tasks that install, ask at a terminal, deploy or remove have tests of their own.
    elsewhere = r"pip install|sam build|stepherd (doctor|login|destroy)|create-secret"
    assert [text for text in untested if not re.search(elsewhere, text)] == []
    assert len(TESTED) >= 3
