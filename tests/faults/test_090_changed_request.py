"""Fault 90: whatever is changed of request.json, and whenever, no step, function or mount acts on it."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.integration.functions.test_functions import Context
from tests.integration.steps.rig import Rig

from stepherd.backends.home.runner import repository_mounts
from stepherd.engine.runners.container_runner import Mount
from stepherd.runs.digests import RunFolderChanged
from stepherd.runs.folder import RunFolder
from stepherd.runs.prepare import prepare_run
from stepherd.runs.report import RunFailed
from stepherd.runs.result import Result
from stepherd.services.store.opening import open_store
from stepherd.steps.execution import run_step
from stepherd.steps.termination import Termination

ROOT = Path(__file__).parents[2]
STEPS = ("clone", "agent", "push", "persist")
START = "2026-11-21T10:00:00.000Z"
_FAILURE = {"state": "CommitAndPush", "error": "CommitAndPushFailed", "cause": "{}", "redrives": 0}
_VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.text(max_size=20),
    st.just("file:///evil.git"),
    st.just("env:X"),
)


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with Rig.at(tmp_path) as made:
        made.make_remote()
        yield made


def _prepared(rig: Rig) -> dict[str, Any]:
    (rig.root / "instructions.md").write_text("# Do\n")
    given = {"instructions": str(rig.root / "instructions.md"), "repo": str(rig.remote), "command": "true"}
    return prepare_run(rig.run_id, given, open_store(str(rig.root / "store")))


def _changes(original: bytes) -> st.SearchStrategy[bytes | None]:
    """One change: a byte, a stretch of bytes, a field, the order of fields, another spelling, or the file."""
    fields = json.loads(original)
    places = st.integers(0, len(original) - 1)
    bytewise = st.builds(
        lambda at, new: original[:at] + new + original[at + 1 :], places, st.binary(max_size=4)
    )
    fieldwise = st.builds(
        lambda name, value: json.dumps({**fields, name: value}, indent=2).encode() + b"\n",
        st.sampled_from([*fields, "more"]),
        _VALUES,
    )
    dropped = st.sampled_from(list(fields)).map(
        lambda name: json.dumps({key: fields[key] for key in fields if key != name}).encode()
    )
    twice = st.sampled_from(list(fields)).map(
        lambda name: original.rstrip()[:-1] + f', "{name}": "x"}}\n'.encode()
    )
    spelt = st.sampled_from([json.dumps(fields).encode(), original + b"\n", b"\xef\xbb\xbf" + original, b""])
    return st.one_of(bytewise, fieldwise, dropped, twice, spelt, st.none()).filter(
        lambda new: new != original
    )


def _handler(name: str) -> Callable[[dict[str, Any], Any], Any]:
    spec = importlib.util.spec_from_file_location(f"app_{name}", ROOT / "functions" / name / "app.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.handler  # type: ignore[no-any-return]


def _proven(folder: RunFolder) -> None:
    """Results with which every step would find its own success, and ReportRun a proven one."""
    for step, facts in {
        "clone": {"base_commit": "a" * 40, "base_ref": "main"},
        "agent": {"bundle": "agent/changes.bundle", "files": [], "totals": {}},
        "push": {"agent_finished": START, "branch": "stepherd/run_1", "commit": "b" * 40},
        "persist": {"persisted": True},
    }.items():
        folder.write_result(Result(step, "0.0", 1, "succeeded", START, START, None, facts))


def test_no_single_change_of_the_request_gets_past_a_step_or_function(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = _prepared(rig)
    monkeypatch.setenv("STORE_URI", (rig.root / "store").as_uri())
    folder, digest = rig.folder, facts["request_digest"]
    original = folder.store.get("request.json").body
    report_run, report_failure = _handler("report_run"), _handler("report_failure")
    ended = {"run_id": rig.run_id, "started": START, "request_digest": digest}
    branches = rig.branches()
    # GIVEN that without a change all of them act
    _proven(folder)
    assert report_run(ended, Context())["commit"] == "b" * 40

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(changed=_changes(original), step=st.sampled_from(STEPS), attempt=st.sampled_from(["0.0", "1.0"]))
    def check(changed: bytes | None, step: str, attempt: str) -> None:
        _proven(folder)
        if changed is None:
            folder.store.delete("request.json")
        else:
            folder.store.put("request.json", changed)
        # THEN the functions say so
        with pytest.raises(RunFolderChanged):
            report_run(ended, Context())
        with pytest.raises(RunFailed):
            report_failure({**ended, "failure": _FAILURE, "redriven": False}, Context())
        report = folder.read_report()
        assert report is not None
        assert (report["status"], report["repository"]) == ("failed", None)
        assert any("request.json was changed" in note for note in report["notes"])
        # AND no repository of its choice is mounted
        environment = {"STEPHERD_RUN_FOLDER": folder.reference, "STEPHERD_REQUEST_DIGEST": digest}
        assert repository_mounts(["python", "-m", "stepherd.steps", step], environment) == []
        # AND the step fails under a name, whatever it is said to have done before
        result = run_step(step, folder, attempt, Termination(), digest)
        assert result.error is not None
        assert (result.status, result.error.category) == ("failed", "changed")

    check()
    assert rig.branches() == branches


def test_the_request_as_it_was_prepared_is_acted_on(rig: Rig) -> None:
    facts = _prepared(rig)
    environment = {
        "STEPHERD_RUN_FOLDER": rig.folder.reference,
        "STEPHERD_REQUEST_DIGEST": facts["request_digest"],
    }
    argv = ["python", "-m", "stepherd.steps", "clone"]
    assert repository_mounts(argv, environment) == [Mount(rig.remote)]
    rig.steps("clone", STEPHERD_REQUEST_DIGEST=facts["request_digest"])
    # AND an empty digest is not the absence of one
    done = rig.step("agent", STEPHERD_REQUEST_DIGEST="")
    assert done.returncode == 65
    assert "was changed" in done.stderr


def test_the_bytes_that_were_compared_are_those_that_are_parsed(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An agent that exchanges the file after each read finds no second one."""
    facts = _prepared(rig)
    folder, reads = rig.folder, []
    evil = folder.store.get("request.json").body.replace(b'"stepherd/run_1"', b'"main"')
    whole = type(folder.store).get

    def get(store: Any, key: str) -> Any:
        found = whole(store, key)
        reads.append(key)
        store.put(key, evil + b" " * len(reads))
        return found

    monkeypatch.setattr(type(folder.store), "get", get)
    assert folder.read_request(facts["request_digest"]).branch == "stepherd/run_1"
    assert reads == ["request.json"]
    with pytest.raises(RunFolderChanged):
        folder.read_request(facts["request_digest"])


def test_a_step_that_refuses_keeps_what_is_known_of_the_work(rig: Rig) -> None:
    facts = _prepared(rig)
    _proven(rig.folder)
    rig.folder.store.put("request.json", b"{}")
    result = run_step("agent", rig.folder, "1.0", Termination(), facts["request_digest"])
    assert (result.status, result.facts["bundle"]) == ("failed", "agent/changes.bundle")


def test_a_push_proves_itself_again_even_when_its_result_knows_the_agent_s_end(rig: Rig) -> None:
    """A process that outlived the agent can know that moment: still only the remote's answer counts."""
    rig.prepare(command="sh -c 'echo new > new.txt'")
    rig.steps("clone", "agent")
    main = rig.branches()["main"]
    forged = {"agent_finished": rig.result("agent").finished, "branch": "stepherd/run_1", "commit": main}
    rig.folder.write_result(Result("push", "0.0", 1, "succeeded", START, START, None, forged))
    rig.steps("push")
    assert rig.branches()["stepherd/run_1"] == rig.result("push").facts["commit"] != main


def test_frozen_instructions_have_one_digest_whoever_computes_it(rig: Rig) -> None:
    first = _prepared(rig)
    assert _prepared(rig) == first
    rig.folder.instructions().put("more.md", b"")
    assert _prepared(rig)["instructions_digest"] != first["instructions_digest"]
