"""Faults 20 and 95: a run's output beside its input starts nothing, and an agent cannot start runs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.aws_grants import listed, written_statements
from tests.inbox_bench import BUCKET, Context, InboxBench, load_handler

from stepherd.runs.folder import run_folder
from stepherd.runs.result import Result
from stepherd.services.store.opening import open_store
from stepherd.services.template_text import read_template

ROOT = Path(__file__).parents[2]
START = "2026-11-21T10:00:00.000Z"


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[InboxBench]:
    with InboxBench.open(monkeypatch) as opened:
        yield opened


@pytest.mark.parametrize("key", ["inbox/a/instructions.md", "inbox/a.md"])
def test_a_run_is_answered_beside_its_input_and_none_of_its_objects_starts_another(
    bench: InboxBench, key: str
) -> None:
    # GIVEN a run from the inbox
    bench.deliver(bench.put(key))
    ((run_id, request),) = bench.runs().items()
    # WHEN its functions and steps have done their part
    load_handler("prepare_run")({"run_id": run_id, "request": request}, Context())
    agent = Result("agent", "0.0", 1, "succeeded", START, START, None, {})
    run_folder(open_store(f"s3://{BUCKET}"), run_id).write_result(agent)
    running = json.loads(bench.text("inbox/a/status.json"))
    load_handler("report_run")({"run_id": run_id, "started": START}, Context())
    # THEN
    status = json.loads(bench.text("inbox/a/status.json"))
    assert (running["status"], status["status"], status["run_id"]) == ("RUNNING", "SUCCEEDED", run_id)
    assert status["report"] == f"s3://{BUCKET}/runs/{run_id}/report.md"
    assert bench.text("inbox/a/report.md") == bench.text(f"runs/{run_id}/report.md")
    before = set(bench.keys(""))
    for written in before - {key}:
        bench.deliver(bench.put(written, bench.text(written)))
    assert list(bench.runs()) == [run_id]


def test_the_last_answer_is_not_part_of_the_next_instructions(bench: InboxBench) -> None:
    for name in ("report.md", "status.json", "picture.svg"):
        bench.put(f"inbox/a/{name}", "x")
    bench.deliver(bench.put("inbox/a/instructions.md"))
    ((run_id, request),) = bench.runs().items()
    load_handler("prepare_run")({"run_id": run_id, "request": request}, Context())
    frozen = [key.rpartition("/")[2] for key in bench.keys(f"runs/{run_id}/instructions/")]
    assert frozen == ["instructions.md", "picture.svg"]


@pytest.fixture(scope="module")
def resources() -> dict[str, Any]:
    found: dict[str, Any] = read_template((ROOT / "template.yaml").read_text(), "template.yaml")["Resources"]
    return found


def test_no_role_of_the_application_may_write_instructions_into_the_inbox(resources: dict[str, Any]) -> None:
    writers = 0
    for name, resource in resources.items():
        for statement in written_statements(resource.get("Properties", {})):
            if (
                not {"s3:PutObject", "s3:*"} & set(listed(statement["Action"]))
                or statement["Effect"] == "Deny"
            ):
                continue
            for target in listed(statement["Resource"]):
                writers += 1
                text = json.dumps(target)
                assert "inbox/" not in text or text.endswith(('/report.md"}', '/status.json"}')), (name, text)
                assert not text.endswith('${Bucket.Arn}/*"}'), (name, text)
    assert writers > 5


def test_an_agent_s_role_can_start_no_run(resources: dict[str, Any]) -> None:
    allowed = [a for s in written_statements(resources["AgentTaskRole"]) for a in listed(s["Action"])]
    assert allowed
    assert {action.partition(":")[0] for action in allowed} <= {"s3", "secretsmanager", "kms"}
