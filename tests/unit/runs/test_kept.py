"""When the keep machine is started, under which name, and what it is told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest

from stepherd.runs.folder import run_folder
from stepherd.runs.kept import kept_name, start_keeping, what_is_left
from stepherd.runs.orphans import Ended
from stepherd.runs.result import Result
from stepherd.services.aws.tasks import Task, Tasks
from stepherd.services.step_functions.executions import Execution, Executions
from stepherd.services.store.opening import open_store

NOW = datetime(2026, 11, 21, tzinfo=UTC)
AT = "2026-11-21T10:00:00.000Z"


@dataclass
class Service:
    """Step Functions and a cluster in memory."""

    now: Execution = field(default_factory=lambda: Execution("arn", "FAILED"))
    facts: Mapping[str, Any] | None = None
    started: list[tuple[str, str, Mapping[str, object]]] = field(default_factory=list)
    tasks: list[Task] = field(default_factory=list)

    def find(self, _arn: str) -> Execution:
        return self.now

    def prepared(self, _arn: str) -> Mapping[str, Any] | None:
        return self.facts

    def start(self, machine: str, name: str, request: Mapping[str, object]) -> bool:
        fresh = name not in [each[1] for each in self.started]
        self.started.append((machine, name, request))
        return fresh

    def alive(self) -> Iterator[Task]:
        yield from self.tasks


def _start(service: Service, status: str, machine: str = "keep") -> bool:
    ended = Ended("arn", "run_1", cast("Any", status), NOW, NOW, None, "enough")
    return start_keeping(ended, machine, cast("Executions", service))


@pytest.mark.parametrize(("status", "kept"), [
    ("ABORTED", True), ("TIMED_OUT", True), ("FAILED", False), ("SUCCEEDED", False),
])  # fmt: skip
def test_what_is_ended_from_outside_is_kept_once(status: str, kept: bool) -> None:
    service = Service()
    assert _start(service, status) is kept
    assert _start(service, status) is False
    assert {each[:2] for each in service.started} == ({("keep", "run_1_kept")} if kept else set())
    assert all(each[2]["cause"] == "enough" for each in service.started)


def test_a_run_that_goes_on_again_is_not_kept_and_its_next_end_is_another() -> None:
    service = Service(Execution("arn", "RUNNING", redrives=1))
    assert _start(service, "ABORTED") is False
    service.now = Execution("arn", "FAILED", redrives=1)
    assert _start(service, "ABORTED") is True
    assert [each[1] for each in service.started] == ["run_1_kept1"]


def test_a_stack_without_the_machine_keeps_nothing() -> None:
    assert _start(Service(), "ABORTED", "") is False


@pytest.mark.parametrize("run_id", ["r", "run_1.2", "r" * 80, "r" * 75, "r" * 76])
@pytest.mark.parametrize("redrives", [0, 1, 999])
def test_a_name_is_one_for_step_functions_and_of_one_run(run_id: str, redrives: int) -> None:
    name = kept_name(run_id, redrives)
    assert len(name) <= 80
    others = {kept_name(f"{run_id[:-1]}x", redrives), kept_name(run_id, redrives + 1)}
    assert name not in others


def _left(tmp_path: Path, service: Service) -> dict[str, Any]:
    folder = run_folder(open_store(str(tmp_path)), "run_1")
    return what_is_left("run_1", "arn", folder, cast("Tasks", service), cast("Executions", service))


def _facts(tmp_path: Path, **more: Any) -> dict[str, Any]:
    folder = run_folder(open_store(str(tmp_path)), "run_1").reference
    return {"folder": folder, "request_digest": "d", "login": {"needed": True}, "push": "branch", **more}


def test_a_run_that_was_never_prepared_has_nothing_to_keep(tmp_path: Path) -> None:
    left = _left(tmp_path, Service())
    assert (left["run"], left["push"], left["persist"]) == ({"request_digest": ""}, False, False)


def test_what_there_is_to_push_and_to_persist(tmp_path: Path) -> None:
    folder, service = run_folder(open_store(str(tmp_path)), "run_1"), Service()
    service.facts = _facts(tmp_path)
    assert [_left(tmp_path, service)[name] for name in ("push", "persist")] == [False, False]
    facts = {"attempt": 1, "bundle": "agent/attempts/1/changes.bundle"}
    folder.write_result(Result("agent", "0.0", 1, "interrupted", AT, AT, None, facts))
    folder.store.put("agent/database.sqlite3", b"x")
    assert [_left(tmp_path, service)[name] for name in ("push", "persist")] == [True, True]
    service.facts = _facts(tmp_path, push="none", login={"needed": False})
    assert [_left(tmp_path, service)[name] for name in ("push", "persist")] == [False, False]


def test_tasks_of_this_run_alone_are_waited_for(tmp_path: Path) -> None:
    tasks = [
        Task(name, NOW, ({"STEPHERD_RUN_FOLDER": f"s3://b/runs/{name}"},)) for name in ("run_1", "run_2")
    ]
    service = Service(Execution("arn", "RUNNING", redrives=2), _facts(tmp_path), tasks=tasks)
    left = _left(tmp_path, service)
    assert (left["tasks"], left["redriven"], left["redrives"]) == (1, True, 2)


def test_an_execution_of_an_earlier_version_accepts_the_request_that_is_there(tmp_path: Path) -> None:
    folder = run_folder(open_store(str(tmp_path)), "run_1")
    folder.store.put("request.json", b"{}")
    facts = _facts(tmp_path)
    del facts["request_digest"]
    assert _left(tmp_path, Service(facts=facts))["run"]["request_digest"] == folder.request_digest()
