"""The Lambda handlers, called as AWS's own runtime client calls them."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest

from stepherd.errors import DataError
from stepherd.runs.folder import WORKSPACE, run_folder
from stepherd.runs.proof import SuccessNotProven
from stepherd.runs.request import InvalidRequest
from stepherd.runs.result import Failure, Result
from stepherd.services.store.opening import open_store

ROOT = Path(__file__).parents[3]
Handler = Callable[[dict[str, Any], Any], dict[str, Any]]
NAMES = ("prepare_run", "report_run", "report_failure", "check_login", "start_login", "complete_login")
START = "2026-11-21T10:00:00.000Z"


@dataclass
class Context:
    """The context that awslambdaric gives to a handler, as far as Powertools reads it."""

    function_name: str = "function"
    memory_limit_in_mb: int = 512
    invoked_function_arn: str = "arn:aws:lambda:us-east-1:123456789012:function:function"
    aws_request_id: str = "6d7a3b1e-0000-4000-8000-000000000000"


@pytest.fixture
def handlers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Handler]:
    monkeypatch.setenv("STORE_URI", (tmp_path / "store").as_uri())
    return {name: _load(name) for name in NAMES}


def _load(name: str) -> Handler:
    spec = importlib.util.spec_from_file_location(f"app_{name}", ROOT / "functions" / name / "app.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    handler: Handler = module.handler
    return handler


def event(tmp_path: Path, **request: Any) -> dict[str, Any]:
    sample: dict[str, Any] = json.loads((ROOT / "events" / "prepare_run.json").read_text())
    path = tmp_path / "instructions.md"
    path.write_text("# Do\n")
    sample["request"].update({"instructions": str(path), **request})
    return sample


def test_prepare_run_answers_with_what_the_machine_reads(
    handlers: dict[str, Handler], tmp_path: Path
) -> None:
    facts = handlers["prepare_run"](event(tmp_path), Context())
    machine = (ROOT / "statemachines" / "pipeline.asl.json").read_text()
    for name in ("folder", "push", "agent_task_seconds", "run_id", "agent"):
        assert f"$run.{name}" in machine
        assert name in facts
    assert facts["login"] == {"needed": False, "kind": "", "database": ""}


def test_prepare_run_raises_an_error_whose_name_the_machine_does_not_retry(
    handlers: dict[str, Handler], tmp_path: Path
) -> None:
    machine = json.loads((ROOT / "statemachines" / "pipeline.asl.json").read_text())
    retried = {
        name for retrier in machine["States"]["PrepareRun"]["Retry"] for name in retrier["ErrorEquals"]
    }
    assert {"TemporaryError", "UnavailableError"} <= retried
    with pytest.raises(InvalidRequest) as caught:
        handlers["prepare_run"](event(tmp_path, push="force"), Context())
    assert type(caught.value).__name__ not in retried
    with pytest.raises(DataError):
        handlers["prepare_run"](event(tmp_path, instructions=str(_empty(tmp_path))), Context())


def _empty(tmp_path: Path) -> Path:
    path = tmp_path / "empty.md"
    path.touch()
    return path


def test_report_run_writes_the_report_and_returns_its_outline(
    handlers: dict[str, Handler], tmp_path: Path
) -> None:
    given = event(tmp_path)
    handlers["prepare_run"](given, Context())
    folder = run_folder(open_store(str(tmp_path / "store")), given["run_id"])
    folder.store.put(WORKSPACE, b"packed")
    folder.write_result(Result("agent", "0.0", 1, "succeeded", START, START))
    outline = handlers["report_run"]({"run_id": given["run_id"], "started": START}, Context())
    assert outline["status"] == "succeeded"
    assert folder.read_report() is not None
    assert not folder.store.exists(WORKSPACE)
    assert outline["report"] == folder.address_of("report.json")


def test_report_run_fails_when_the_results_do_not_prove_a_success(
    handlers: dict[str, Handler], tmp_path: Path
) -> None:
    given = event(tmp_path)
    facts = handlers["prepare_run"](given, Context())
    folder = run_folder(open_store(str(tmp_path / "store")), given["run_id"])
    bundle = {"bundle": "agent/changes.bundle"}
    folder.write_result(Result("agent", "0.0", 1, "succeeded", START, START, None, bundle))
    ended = {"run_id": given["run_id"], "started": START, "request_digest": facts["request_digest"]}
    with pytest.raises(SuccessNotProven, match="no result of a push of the agent's work"):
        handlers["report_run"](ended, Context())
    assert folder.read_report() is None


def test_the_sample_event_of_a_failure_is_reported_in_words(
    handlers: dict[str, Handler], tmp_path: Path
) -> None:
    sample = json.loads((ROOT / "events" / "report_failure.json").read_text())
    with pytest.raises(Exception, match="ran out of memory"):
        handlers["report_failure"](sample, Context())


def test_report_failure_writes_the_report_and_fails_with_it(
    handlers: dict[str, Handler], tmp_path: Path
) -> None:
    folder = run_folder(open_store(str(tmp_path / "store")), "run_1")
    why = Failure("usage", "No repository is named.", "Give it.")
    folder.write_result(Result("prepare", "", 1, "failed", START, START, why))
    failure = {"state": "PrepareRun", "error": "InvalidRequest", "cause": "{}", "redrives": 0}
    given = {"run_id": "run_1", "started": START, "failure": failure, "redriven": False}
    with pytest.raises(Exception, match=r"PrepareRun failed: No repository is named\.") as caught:
        handlers["report_failure"](given, Context())
    assert type(caught.value).__name__ == "RunFailed"
    report = folder.read_report()
    assert report is not None
    assert report["status"] == "failed"
    assert handlers["report_failure"]({**given, "redriven": True}, Context()) == {"continue": "PrepareRun"}


def test_every_log_line_is_json_and_has_the_run_id_and_there_are_no_others(tmp_path: Path) -> None:
    """As a process of its own, without a network: what a laptop shows is what the handler logged."""
    given = event(tmp_path)
    code = (
        "import json, sys, types; import app; "
        "context = types.SimpleNamespace(**json.loads(sys.argv[2])); "
        "app.handler(json.loads(sys.argv[1]), context)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, json.dumps(given), json.dumps(asdict(Context()))],
        env={
            **_environment("prepare_run"),
            "STORE_URI": (tmp_path / "store").as_uri(),
            "LAMBDA_TASK_ROOT": "/x",
        },
        check=True,
        capture_output=True,
        text=True,
    )
    logs, measures = [], []
    for line in map(json.loads, done.stdout.splitlines()):
        (measures if "_aws" in line else logs).append(line)
    assert [line["run_id"] for line in logs] == [given["run_id"]]
    assert measures == []  # AWS counts runs itself.
    assert done.stderr == ""


def _environment(name: str) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "PYTHONPATH": f"{ROOT / 'src'}:{ROOT / 'functions' / name}"}


@pytest.mark.parametrize("name", NAMES)
def test_a_handler_is_short_and_loads_nothing_heavy(name: str) -> None:
    """How long it takes is measured by ``make bench``."""
    source = (ROOT / "functions" / name / "app.py").read_text()
    assert len(source.splitlines()) <= 30
    code = (
        "import sys, app; print(*sorted({n.partition('.')[0] for n in sys.modules} & "
        "{'boto3', 'jsonschema', 'yaml', 'aws_xray_sdk', 'zstandard'}))"
    )
    loaded = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env=_environment(name),
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    # Modules that every invocation needs are loaded at init, and no other heavy ones.
    assert loaded == ""
