"""The real Codex and opencode CLIs through the whole pipeline, on a model that says what the test wrote down.

And fakes of them, for manners that a scripted model cannot bring about.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

import pytest
from tests.e2e.inside import Inside
from tests.e2e.place import Place, new_commits
from tests.fakes.install import install
from tests.processes import HeldFile
from tests.scripted_model import Reply, ScriptedModel, drop, fail, hang, say, use

pytestmark = pytest.mark.exhaustive

HELLO = {
    "codex": use("exec_command", text="I write it.", cmd="echo hello > hello.txt"),
    "opencode": use("write", text="I write it.", filePath="{cwd}/hello.txt", content="hello\n"),
}
SLOW = {
    "codex": use("exec_command", cmd="echo hello > hello.txt; exec sleep 600", yield_time_ms=30_000),
    "opencode": use("bash", command="echo hello > hello.txt; exec sleep 600", description="wait"),
}
AGENTS = pytest.mark.parametrize("agent", ["codex", pytest.param("opencode", marks=pytest.mark.exhaustive)])
"""A start of opencode is six seconds of work for one processor."""
KEYS = {"codex": "CODEX_API_KEY", "opencode": "ANTHROPIC_API_KEY"}


@pytest.fixture
def real(place: Place, require: Callable[[str], str]) -> Callable[[str], str]:
    """Gives an agent that is installed; opencode without its look for models' prices elsewhere."""

    def find(agent: str) -> str:
        program = require(agent)
        if agent == "opencode":
            wrapper = place.root / "bin" / agent
            wrapper.parent.mkdir()
            wrapper.write_text(f'#!/bin/sh\nOPENCODE_DISABLE_MODELS_FETCH=1 exec {program} "$@"\n')
            wrapper.chmod(0o755)
            place.environment["PATH"] = f"{wrapper.parent}:{place.environment['PATH']}"
        return agent

    return find


@contextmanager
def _inside(place: Place) -> Iterator[Inside]:
    with Inside.at(place, STEPHERD_LINGER_SECONDS="0.3", PATH=place.environment["PATH"]) as inside:
        yield inside


def _secret(place: Place, fields: Mapping[str, str]) -> str:
    path = place.root / "secret.json"
    path.write_text(json.dumps(fields))
    return f"file:{path}"


def _run(inside: Inside, agent: str, *script: Reply, **request: Any) -> ScriptedModel:
    with ScriptedModel.serve(*script) as model:
        reference = _secret(inside.place, model.credentials(agent=agent))
        inside.run(agent=agent, agent_credentials=reference, **{**_model(agent), **request})
        return model


def _model(agent: str) -> dict[str, str]:
    """One that Codex offers plain tools to."""
    return {"model": "scripted"} if agent == "codex" else {}


def _result(inside: Inside) -> Any:
    result = inside.place.folder().read_result("agent")
    assert result is not None
    return result


def _error(inside: Inside) -> dict[str, Any]:
    return asdict(_result(inside).error)


def _events(place: Place) -> list[dict[str, Any]]:
    text = (place.home / "store/runs/run_1/events.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines()]


@AGENTS
def test_its_file_lands_in_the_pushed_commit(place: Place, real: Callable[[str], str], agent: str) -> None:
    before = place.origin.refs()
    with ScriptedModel.serve(HELLO[agent], say("Done: hello.txt is there.")) as model:
        secret = _secret(place, model.credentials(agent=agent))
        words = [f"--{name}={value}" for name, value in _model(agent).items()]
        place.run(None, "--agent", real(agent), "--agent-credentials", secret, *words).ok()
    assert new_commits(place.origin, before) == {"refs/heads/stepherd/run_1": ["Do the work"]}
    assert place.origin.show("stepherd/run_1", "hello.txt") == "hello"
    # AND the model was asked what the instructions say, and nothing beside it
    assert "# Do the work" in model.calls[0].text
    assert len(model.calls) == 2
    # AND what it did is told in the one vocabulary
    events = _events(place)
    said = [event["text"] for event in events if event["type"] == "message"]
    assert said == ["I write it.", "Done: hello.txt is there."]
    tools = [event["status"] for event in events if event["type"] == "tool_use"]
    assert tools == ["started", "succeeded"]
    usage = [event for event in events if event["type"] == "usage"][-1]
    assert (usage["input_tokens"], usage["output_tokens"]) == (20, 40)


def test_codex_runs_the_programs_that_its_own_model_writes(place: Place, real: Callable[[str], str]) -> None:
    program = 'text(await tools.exec_command({cmd: "echo hello > hello.txt"}))'
    with ScriptedModel.serve(use("exec", program=program)) as model, _inside(place) as inside:
        reference = _secret(place, model.credentials(agent="codex"))
        assert inside.run(agent=real("codex"), agent_credentials=reference) == "SUCCEEDED"
    assert place.origin.show("stepherd/run_1", "hello.txt") == "hello"


ENDS = {
    "400": (fail(400, "the prompt is bad"), "agent", "the prompt is bad"),
    "401": (fail(401, "invalid x-api-key", times=99), "credentials", "could not log in"),
}


@AGENTS
@pytest.mark.parametrize("end", ["400", pytest.param("401", marks=pytest.mark.exhaustive)])
def test_what_fails_in_the_middle_is_a_failure_whose_work_is_kept(
    place: Place, real: Callable[[str], str], agent: str, end: str
) -> None:
    reply, category, words = ENDS[end]
    real(agent)
    with _inside(place) as inside:
        _run(inside, agent, HELLO[agent], reply)
        error = _error(inside)
    assert (error["category"], words in error["message"]) == (category, True), error
    assert place.origin.log("stepherd/run_1")[0] == "Partial work: Do the work"
    assert place.origin.show("stepherd/run_1", "hello.txt") == "hello"


@AGENTS
def test_a_service_that_comes_back_is_no_failure(
    place: Place, real: Callable[[str], str], agent: str
) -> None:
    real(agent)
    with _inside(place) as inside:
        model = _run(inside, agent, drop(), fail(500), HELLO[agent])
    assert place.origin.show("stepherd/run_1", "hello.txt") == "hello"
    assert len(model.calls) == 4
    retries = [event["attempt"] for event in _events(place) if event["type"] == "retry"]
    assert retries == ([1] if agent == "codex" else [])


@AGENTS
def test_a_limit_of_turns_is_kept_from_outside(place: Place, real: Callable[[str], str], agent: str) -> None:
    real(agent)
    with _inside(place) as inside:
        _run(inside, agent, *[HELLO[agent]] * 3, SLOW[agent], max_turns=2)
        assert "limit of turns" in _error(inside)["message"]
    assert place.origin.show("stepherd/run_1", "hello.txt") == "hello"


@AGENTS
@pytest.mark.parametrize("when", ["in the middle of a tool", "while it waits"])
def test_one_that_was_stopped_is_interrupted_and_nothing_of_it_lives(
    place: Place, real: Callable[[str], str], agent: str, when: str
) -> None:
    """opencode takes no signal while it waits for its model, and leaves its tools behind."""
    real(agent)
    second = SLOW[agent] if when == "in the middle of a tool" else hang()
    with ScriptedModel.serve(HELLO[agent], second) as model, _inside(place) as inside:
        reference = _secret(place, model.credentials(agent=agent))
        inside.start("run_1", agent=agent, agent_credentials=reference, **_model(agent))
        inside.meanwhile(lambda: model.await_call(2))
        assert inside.stop() == "ABORTED"
        result = _result(inside)
    assert (result.status, result.facts["agent"]["ending"]) == ("interrupted", "interrupted")
    assert [file["path"] for file in result.facts["files"]] == ["hello.txt"]


FAKED = {
    ("codex", "lie"): "the prompt is bad",
    ("codex", "fail"): "the prompt is bad",
    ("codex", "silent"): "ended before its turn was completed",
    ("opencode", "lie"): "the prompt is bad",
    ("opencode", "fail"): "the prompt is bad",
    ("opencode", "unfinished"): "its last step ended with 'tool-calls'",
    ("opencode", "dropped"): "its last step ended with 'unknown'",
}


@pytest.mark.parametrize(
    ("agent", "does"),
    [pytest.param(*case, marks=() if case[1] == "lie" else pytest.mark.exhaustive) for case in FAKED],
)
def test_a_failure_is_seen_whatever_the_exit_code(place: Place, agent: str, does: str) -> None:
    fake = install(place.root / "bin", agent, does=does, files={"hello.txt": "hello\n"})
    with Inside.at(place, PATH=f"{fake.folder}:{place.environment['PATH']}") as inside:
        secret = _secret(place, {KEYS[agent]: "scripted-key"})
        assert inside.run(agent=agent, agent_credentials=secret) == "FAILED"
        assert FAKED[agent, does] in _error(inside)["message"]
        assert _result(inside).facts["agent"]["exit_code"] == (1 if does == "fail" else 0)


@pytest.mark.parametrize("does", ["reconnect", "hang"])
def test_codex_has_succeeded_when_its_turn_has_ended(place: Place, does: str) -> None:
    fake = install(place.root / "bin", "codex", does=does, files={"hello.txt": "hello\n"})
    path = f"{fake.folder}:{place.environment['PATH']}"
    with Inside.at(place, PATH=path, STEPHERD_LINGER_SECONDS="0.3") as inside:
        secret = _secret(place, {KEYS["codex"]: "scripted-key"})
        assert inside.run(agent="codex", agent_credentials=secret) == "SUCCEEDED"
        ending = "lingered" if does == "hang" else "exited"
        assert _result(inside).facts["agent"]["ending"] == ending


def test_what_opencode_leaves_behind_is_ended_with_it(place: Place) -> None:
    left = HeldFile(place.root / "left")
    fake = install(place.root / "bin", "opencode", does="leave", left=str(left.path))
    with Inside.at(place, PATH=f"{fake.folder}:{place.environment['PATH']}") as inside:
        secret = _secret(place, {KEYS["opencode"]: "scripted-key"})
        inside.run(agent="opencode", agent_credentials=secret, timeout_seconds=2)
        assert _result(inside).facts["agent"]["ending"] == "deadline"
    assert left.path.read_text() == "left"
    assert not left.is_held()
