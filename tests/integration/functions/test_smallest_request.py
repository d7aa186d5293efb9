"""``aws stepfunctions start-execution`` with nothing but instructions and a repository."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.integration.repositories.origin import git

from stepherd.backends.client import execution_arn, machine_arn
from stepherd.backends.home.engines import parameters_of
from stepherd.engine.local import LocalEngine, base_environment

ROOT = Path(__file__).parents[3]
TOLD = "# Add a greeting\n\n```python file=greet.py\nprint('hello')\n```\n"


def _origin(folder: Path) -> Path:
    work = folder / "work"
    work.mkdir()
    git(work, "init", "-q", "-b", "main")
    (work / "README.md").write_text("Hello.\n")
    git(work, "add", "-A")
    git(work, "commit", "-qm", "first")
    git(folder, "clone", "-q", "--bare", str(work), str(folder / "origin.git"))
    return folder / "origin.git"


def _start(engine: LocalEngine, request: dict[str, Any], home: Path) -> None:
    program = shutil.which("aws")
    if program is None:
        assert os.environ.get("STEPHERD_REQUIRE_ALL") != "1", "the AWS CLI must be there in this run"
        pytest.skip("no AWS CLI on PATH")
    subprocess.run(
        [
            *(program, "stepfunctions", "start-execution", "--state-machine-arn", machine_arn()),
            *("--name", "run_1", "--input", json.dumps(request)),
        ],
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "AWS_ACCESS_KEY_ID": engine.access_key,
            "AWS_SECRET_ACCESS_KEY": "any",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": engine.endpoint,
        },
        check=True,
        capture_output=True,
    )


async def _ran(home: Path, request: dict[str, Any], **parameters: str) -> dict[str, Any]:
    engine = LocalEngine(
        home,
        ROOT / "template.yaml",
        {**parameters_of(home), **parameters},
        environment={**base_environment(), "PYTHONPATH": str(ROOT / "src")},
    )
    assert engine.acquire()
    engine.open()
    try:
        await asyncio.to_thread(_start, engine, request, home)
        await engine.engine.ended(execution_arn("run_1"))
        described: dict[str, Any] = engine.api.call(
            "DescribeExecution", {"executionArn": execution_arn("run_1")}
        )
        return described
    finally:
        await engine.close()


def test_it_runs_with_the_stack_s_agent(tmp_path: Path) -> None:
    origin, told = _origin(tmp_path), tmp_path / "told.md"
    told.write_text(TOLD)
    request = {"instructions": str(told), "repo": str(origin)}
    done = asyncio.run(_ran(tmp_path / "home", request, DefaultAgent="apply"))
    assert done["status"] == "SUCCEEDED", (done.get("error"), done.get("cause"))
    assert json.loads(done["output"])["branch"] == "stepherd/run_1"
    assert git(origin, "show", "stepherd/run_1:greet.py") == "print('hello')"


def test_on_a_laptop_an_agent_has_to_be_named(tmp_path: Path) -> None:
    origin, told = _origin(tmp_path), tmp_path / "told.md"
    told.write_text(TOLD)
    request = {"instructions": str(told), "repo": str(origin)}
    done = asyncio.run(_ran(tmp_path / "home", request))
    assert done["status"] == "FAILED"
    assert "No agent is named" in done["cause"]
