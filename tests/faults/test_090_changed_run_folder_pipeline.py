"""Fault 90: an agent writes to its own run folder: no token leaves, and no success is false."""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from tests.e2e.aftermath import no_canary, one_terminal_status
from tests.e2e.inside import Inside
from tests.e2e.place import Place, new_commits
from tests.integration.repositories.http_server import serve
from tests.integration.repositories.origin import git

from stepherd.backends.client import execution_arn, machine_arn
from stepherd.runs.result import Result

pytestmark = pytest.mark.exhaustive

_LATER = "2126-11-21T10:00:00.000Z"


def _run_folder(place: Place) -> Path:
    return place.home / "store/runs/run_1"


def _editing(place: Place, name: str, fields: Mapping[str, Any], then: str = "") -> str:
    """An agent that changes ``fields`` of a JSON object of its run folder, besides its work."""
    editor = place.root / f"edit-{uuid4().hex}.py"
    editor.write_text(
        "import json, pathlib, sys\n"
        f"path = pathlib.Path({str(_run_folder(place) / name)!r})\n"
        "path.parent.mkdir(exist_ok=True)\n"
        "old = json.loads(path.read_text()) if path.exists() else {}\n"
        f"path.write_text(json.dumps(old | json.loads({json.dumps(fields)!r})))\n"
    )
    edit = f"{shlex.quote(sys.executable)} {editor}"
    return place.script(f"echo begun >> {place.root}/count; echo new > new.txt; {edit}\n{then}")


def _forged(step: str, facts: Mapping[str, Any]) -> dict[str, Any]:
    return Result(step, "0.0", 1, "succeeded", _LATER, _LATER, None, facts).to_json()


def _error(place: Place) -> dict[str, Any]:
    report = place.folder().read_report()
    assert report is not None
    assert report["status"] == "failed"
    error: dict[str, Any] = report["error"]
    return error


def _output(inside: Inside) -> dict[str, Any]:
    execution = inside.engine.engine.journal.execution(execution_arn("run_1"))
    assert execution is not None
    output: dict[str, Any] = json.loads(execution.output or "null")
    return output


def test_a_push_that_is_pointed_elsewhere_sends_no_token_and_the_work_can_still_be_taken(
    place: Place,
) -> None:
    token = f"canary-{uuid4().hex}"
    elsewhere = place.root / "elsewhere"
    elsewhere.mkdir()
    git(elsewhere, "clone", "-q", "--bare", str(place.origin.bare), "team.git")
    before = place.origin.refs()
    loopback = {"STEPHERD_ALLOW_LOOPBACK_REMOTES": "1"}
    with serve(place.origin.folder, token) as server, serve(elsewhere, token) as theirs:
        change = {"repo": f"{theirs.url}/team.git", "branch": "theirs", "message": "theirs"}
        command = _editing(place, "request.json", change)
        words = ("--repo", f"{server.url}/team.git", "--git-credentials", "env:MY_TOKEN")
        done = place.run(command, *words, MY_TOKEN=token, **loopback)
        again = place.cli("redrive", "run_1", "--json", MY_TOKEN=token, **loopback)
    # THEN the run fails under a name, also when it is redriven
    for ended in (done, again):
        assert ended.code == 1
        assert (ended.json["status"], ended.json["branch"]) == ("FAILED", None)
        error = ended.json["error"]
        assert (error["state"], error["category"]) == ("CommitAndPush", "changed")
        assert "request.json was changed or removed" in error["message"]
        assert error["next"].startswith("stepherd pull run_1")
    # AND nothing was sent: the clone alone had the token
    assert theirs.requests == []
    assert any(who for _, _, who in server.requests)
    assert place.origin.refs() == before
    no_canary(place, token)
    # AND what the agent did is not lost
    git(place.root, "clone", "-q", str(place.origin.bare), "mine")
    pulled = place.cli("pull", "run_1", "--json", cwd=place.root / "mine").ok()
    assert pulled.json["branch"] == "stepherd/run_1"
    assert git(place.root / "mine", "show", "stepherd/run_1:new.txt") == "new"
    assert git(place.root / "mine", "log", "-1", "--format=%s", "stepherd/run_1") == "Changes of run_1"
    assert place.lines("count") == ["begun"]


@pytest.mark.parametrize(
    ("change", "push", "state"),
    [
        ({"branch": "main"}, "branch", "CommitAndPush"),
        ({"push": "none"}, "branch", "CommitAndPush"),
        ({"git_credentials": "env:OTHER"}, "branch", "CommitAndPush"),
        ({"repo": "https://example.com/else.git"}, "none", "ReportRun"),
    ],
)
def test_any_other_change_of_the_request_fails_the_run_by_name(
    place: Place, change: dict[str, str], push: str, state: str
) -> None:
    before = place.origin.refs()
    with Inside.at(place) as inside:
        # AND whoever looks for the preparation's own result before the request finds none
        command = _editing(place, "request.json", change, f"rm {_run_folder(place)}/prepare/result.json")
        assert inside.run(command=command, push=push) == "FAILED"
    one_terminal_status(place, "run_1", "FAILED")
    error = _error(place)
    assert (error["state"], error["category"]) == (state, "changed")
    assert place.origin.refs() == before
    report = place.folder().read_report()
    assert report is not None
    assert error["message"] not in report["notes"], "it is said once"


def test_a_request_that_is_gone_or_a_folder_fails_the_run_by_name(place: Place) -> None:
    before = place.origin.refs()
    with Inside.at(place) as inside:
        request = _run_folder(place) / "request.json"
        assert (
            inside.run(command=place.script(f"echo new > new.txt; rm {request}; mkdir {request}")) == "FAILED"
        )
    assert (_error(place)["state"], _error(place)["category"]) == ("CommitAndPush", "changed")
    assert place.origin.refs() == before


def test_a_push_result_of_the_agent_s_own_is_no_success(place: Place) -> None:
    git(place.origin.bare, "branch", "stepherd", "main")  # In the way of the run's own.
    before = place.origin.refs()
    facts = {"agent_finished": _LATER, "branch": "stepherd/run_1", "commit": place.origin.tip("main")}
    with Inside.at(place) as inside:
        command = _editing(place, "push/result.json", _forged("push", facts))
        assert inside.run(command=command) == "FAILED"
        assert "the remote has the branch 'stepherd'" in _error(place)["message"]
        assert place.origin.refs() == before
        git(place.origin.bare, "branch", "-D", "stepherd")
        before = place.origin.refs()
        assert inside.rerun() == "SUCCEEDED"
        assert _output(inside)["commit"] == place.origin.tip("stepherd/run_1")
    assert new_commits(place.origin, before) == {"refs/heads/stepherd/run_1": ["Do the work"]}


@pytest.mark.parametrize("agent_succeeds", [True, False])
def test_a_report_says_nothing_of_a_push_that_was_not_asked_for(place: Place, agent_succeeds: bool) -> None:
    facts = {
        "agent_finished": None,
        "branch": "main",
        "commit": "d" * 40,
        "compare": "https://evil.example/x",
    }
    with Inside.at(place) as inside:
        end = "" if agent_succeeds else "exit 1"
        command = _editing(place, "push/result.json", _forged("push", facts), end)
        status = inside.run(command=command, push="none")
        output = _output(inside)
    assert status == ("SUCCEEDED" if agent_succeeds else "FAILED")
    report = place.folder().read_report()
    assert report is not None
    assert (report["branch"], report["commit"], report["compare"]) == (None, None, None)
    assert "main" not in report["summary"]
    if agent_succeeds:
        assert (output["branch"], output["commit"]) == (None, None)


def test_a_clone_result_of_the_agent_s_own_does_not_move_the_base(place: Place) -> None:
    old = place.origin.tip("main")
    base = place.origin.commit({"later.txt": "later\n"})
    place.origin.commit({"theirs.txt": "theirs\n"}, branch="theirs")
    forged = _forged("clone", {"base_commit": old, "base_ref": "theirs", "default_branch": "theirs"})
    with Inside.at(place) as inside:
        assert inside.run(command=_editing(place, "clone/result.json", forged)) == "SUCCEEDED"
        assert _output(inside)["base_commit"] == base
    assert git(place.origin.bare, "rev-parse", "stepherd/run_1^") == base
    report = place.folder().read_report()
    assert report is not None
    assert (report["base"], report["base_commit"]) == ("main", base)


def test_results_that_make_no_sense_neither_succeed_nor_hide_the_report(place: Place) -> None:
    before = place.origin.refs()
    with Inside.at(place) as inside:
        folder = _run_folder(place)
        spoil = "for s in prepare clone push; do "
        spoil += f"mkdir -p {folder}/$s; echo '[1' > {folder}/$s/result.json; done"
        command = place.script(f"echo new > new.txt; {spoil}; test -e {place.root}/luck")
        assert inside.run(command=command) == "FAILED"
        assert (_error(place)["state"], _error(place)["category"]) == ("RunAgent", "agent")
        execution = inside.engine.engine.journal.execution(execution_arn("run_1"))
        assert execution is not None
        assert execution.error == "RunFailed"
        (place.root / "luck").touch()
        assert inside.rerun() == "FAILED"
        assert "result.json" in _error(place)["message"]
    # THEN the partial work was pushed over the damaged result
    assert new_commits(place.origin, before) == {"refs/heads/stepherd/run_1": ["Partial work: Do the work"]}


@pytest.mark.parametrize("change", ["echo more >> {}/instructions.md", "echo x > {}/more.md", "rm {}/*"])
def test_a_redriven_agent_gets_the_instructions_of_the_run_or_none(place: Place, change: str) -> None:
    edit = change.format(_run_folder(place) / "instructions")
    with Inside.at(place) as inside:
        assert (
            inside.run(command=place.script(f"echo begun >> {place.root}/count; {edit}; exit 1")) == "FAILED"
        )
        assert inside.rerun() == "FAILED"
        error = _error(place)
    assert (error["state"], error["category"]) == ("RunAgent", "changed")
    assert "/instructions was changed" in error["message"]
    assert place.lines("count") == ["begun"], "the second agent never began"


def test_an_agent_does_not_choose_the_image_of_the_task_that_pushes(place: Place) -> None:
    """A program called podman that only notes what it is given stands for an image of the agent's own."""
    podman = place.root / "bin/podman"
    podman.parent.mkdir()
    podman.write_text(
        f"#!/bin/sh\necho $* >> {place.root}/podman.log\ncat >> {place.root}/podman.log\nexit 0\n"
    )
    podman.chmod(0o755)
    path = f"{podman.parent}{os.pathsep}{place.environment['PATH']}"
    note = json.dumps({"runner": "podman", "image": "evil"})
    noting = f"mkdir -p {place.home}/runners; echo '{note}' > {place.home}/runners/run_1.json"
    command = place.script(f"echo new > new.txt; {noting}; test -e {place.root}/luck")
    assert place.run(command, PATH=path).code == 1
    (place.root / "luck").touch()
    # THEN neither the engine that ran it nor the next one, which redrives it, has looked at the note
    assert place.cli("redrive", "run_1", "--json", PATH=path).ok().json["status"] == "SUCCEEDED"
    assert place.lines("podman.log") == []
    assert place.origin.tip("stepherd/run_1") is not None


def test_what_is_shown_of_a_success_is_what_the_execution_says(place: Place) -> None:
    with Inside.at(place) as inside:
        assert inside.run(command=place.script("echo new > new.txt")) == "SUCCEEDED"
    report = _run_folder(place) / "report.json"
    report.write_text(json.dumps({**json.loads(report.read_text()), "branch": "main", "commit": "d" * 40}))
    shown = place.status()
    assert (shown["branch"], shown["commit"]) == ("stepherd/run_1", place.origin.tip("stepherd/run_1"))


def test_an_execution_that_an_earlier_version_began_fits_the_new_steps_and_functions(place: Place) -> None:
    before = place.origin.refs()
    with Inside.at(place) as inside:
        machine = inside.engine.engine.journal.machine(machine_arn())
        assert machine is not None
        earlier = json.dumps(_without_digests(json.loads(machine.definition)))
        assert "_digest" not in earlier.lower()
        inside.update_machine(earlier)
        command = place.script(f"echo new > new.txt; test -e {place.root}/luck")
        inside.start("run_1", command=command)
        inside.update_machine(machine.definition)
        assert inside.ended("run_1") == "FAILED"
        (place.root / "luck").touch()
        assert inside.rerun() == "SUCCEEDED"
    assert list(new_commits(place.origin, before)) == ["refs/heads/stepherd/run_1"]


def _without_digests(value: Any) -> Any:
    """A definition as it was before steps and functions were given digests."""
    if isinstance(value, dict):
        return {name: _without_digests(part) for name, part in value.items() if name != "request_digest"}
    if isinstance(value, list):
        return [_without_digests(part) for part in value if not _is_digest(part)]
    return value


def _is_digest(part: Any) -> bool:
    return isinstance(part, dict) and str(part.get("Name", "")).endswith("_DIGEST")
