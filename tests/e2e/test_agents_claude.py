"""The real Claude Code CLI through the whole pipeline, on a model that says what the test wrote down."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any

import pytest
from tests.e2e.aftermath import one_terminal_status
from tests.e2e.inside import Inside
from tests.e2e.place import Place, new_commits
from tests.scripted_model import Reply, ScriptedModel, drop, fail, hang, say, use

HELLO = use("Write", text="I write it.", file_path="{cwd}/hello.txt", content="hello\n")


@pytest.fixture(autouse=True)
def claude(require: Callable[[str], str]) -> str:
    return require("claude")


@pytest.fixture
def inside(place: Place) -> Iterator[Inside]:
    with Inside.at(place, STEPHERD_LINGER_SECONDS="0.3") as engine:
        yield engine


def _secret(place: Place, fields: dict[str, str]) -> str:
    path = place.root / "secret.json"
    path.write_text(json.dumps(fields))
    return f"file:{path}"


def _run(inside: Inside, *script: Reply, name: str = "run_1", **request: Any) -> ScriptedModel:
    with ScriptedModel.serve(*script) as model:
        reference = _secret(inside.place, model.credentials())
        inside.run(name, agent="claude", agent_credentials=reference, **request)
        return model


def _error(inside: Inside, name: str = "run_1") -> dict[str, Any]:
    result = inside.place.folder(name).read_result("agent")
    assert result is not None
    assert result.error is not None
    return asdict(result.error)


def _events(place: Place, name: str = "run_1") -> list[dict[str, Any]]:
    text = (place.home / "store/runs" / name / "events.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines()]


def test_its_file_lands_in_the_pushed_commit(place: Place) -> None:
    before = place.origin.refs()
    with ScriptedModel.serve(HELLO, say("Done: hello.txt is there.")) as model:
        secret = _secret(place, model.credentials())
        done = place.run(None, "--agent", "claude", "--agent-credentials", secret, "--max-turns", "9").ok()
    assert new_commits(place.origin, before) == {"refs/heads/stepherd/run_1": ["Do the work"]}
    assert place.origin.show("stepherd/run_1", "hello.txt") == "hello"
    one_terminal_status(place, "run_1", "SUCCEEDED")
    # AND the model was asked what the instructions say, on stdin: they are in no argument
    assert "# Do the work" in model.calls[0].text
    # AND what it did is told in the one vocabulary
    events = _events(place)
    said = [event["text"] for event in events if event["type"] == "message"]
    assert said == ["I write it.", "Done: hello.txt is there."]
    tools = [(event["tool"], event["status"]) for event in events if event["type"] == "tool_use"]
    assert tools == [("Write", "started"), ("Write", "succeeded")]
    usage = [event for event in events if event["type"] == "usage"][-1]
    assert (usage["turns"], usage["input_tokens"], usage["output_tokens"]) == (2, 20, 40)
    assert usage["cost_usd"] > 0
    assert done.json["status"] == "SUCCEEDED"


BUSY = use("Bash", command="true", output_tokens=200_000)
FAILURES = {
    "turns": ([HELLO, use("Bash", command="true"), HELLO], {"max_turns": 2}, "agent", "limit of turns"),
    "budget": ([HELLO, BUSY, HELLO], {"max_cost_usd": 1.0}, "agent", "limit of cost"),
    "400": ([HELLO, fail(400, "the prompt is bad")], {}, "agent", "the prompt is bad"),
    "500 and again": ([HELLO, fail(500, times=2, final=True)], {}, "agent", "API Error: 500"),
    "401 for ever": (
        [HELLO, fail(401, "invalid x-api-key", times=99)],
        {},
        "credentials",
        "refused by the API",
    ),
    "dropped": ([HELLO, drop(), drop()], {}, "agent", "API Error"),
}
_ALWAYS = ("turns",)


@pytest.mark.parametrize(
    ("script", "limits", "category", "words"),
    [
        pytest.param(*values, id=name, marks=() if name in _ALWAYS else pytest.mark.exhaustive)
        for name, values in FAILURES.items()
    ],
)
def test_what_it_calls_success_is_a_failure_whose_work_is_kept(
    inside: Inside, script: list[Reply], limits: dict[str, Any], category: str, words: str
) -> None:
    _run(inside, *script, **limits)
    error = _error(inside)
    assert (error["category"], words in error["message"]) == (category, True), error
    assert inside.place.origin.log("stepherd/run_1")[0] == "Partial work: Do the work"
    assert inside.place.origin.show("stepherd/run_1", "hello.txt") == "hello"


@pytest.mark.exhaustive
def test_a_service_that_comes_back_is_no_failure(inside: Inside) -> None:
    model = _run(inside, fail(529), fail(500), HELLO)
    assert inside.place.origin.show("stepherd/run_1", "hello.txt") == "hello"
    retries = [event for event in _events(inside.place) if event["type"] == "retry"]
    assert [retry["reason"].split()[0] for retry in retries] == ["529", "500"]
    assert {retry["most"] for retry in retries} == {8}
    assert len(model.calls) == 4


def test_a_denied_tool_is_a_failure_though_it_says_success_and_exits_with_0(inside: Inside) -> None:
    asks = json.dumps({"permissions": {"ask": ["Write"]}})
    inside.place.origin.commit({".claude/settings.json": asks})
    _run(inside, HELLO, say("All done!"))
    error = _error(inside)
    assert "not allowed to use Write" in error["message"]
    result = inside.place.folder().read_result("agent")
    assert result is not None
    assert (result.facts["agent"]["exit_code"], result.facts["files"]) == (0, [])
    assert [event["status"] for event in _events(inside.place) if event["type"] == "tool_use"][-1] == "denied"


@pytest.mark.exhaustive
def test_one_that_hangs_after_its_result_is_ended_and_has_succeeded(place: Place, claude: str) -> None:
    # GIVEN the real one, kept from seeing the end of its input
    wrapper = place.root / "bin/claude"
    wrapper.parent.mkdir()
    wrapper.write_text(f'#!/bin/sh\n{{ cat; sleep 600; }} | {claude} "$@"\n')
    wrapper.chmod(0o755)
    path = f"{wrapper.parent}:{place.environment['PATH']}"
    with Inside.at(place, PATH=path, STEPHERD_LINGER_SECONDS="0.3") as inside:
        _run(inside, HELLO)
    result = place.folder().read_result("agent")
    assert result is not None
    assert (result.status, result.facts["agent"]["ending"]) == ("succeeded", "lingered")
    assert place.origin.show("stepherd/run_1", "hello.txt") == "hello"


def test_without_credentials_nothing_starts_and_it_says_what_to_give(place: Place) -> None:
    done = place.run(None, "--agent", "claude")
    assert done.code == 77
    assert "--agent-credentials env:ANTHROPIC_API_KEY" in done.err
    assert not (place.home / "journal.sqlite3").exists()


def test_a_secret_without_a_key_is_refused_before_the_agent_starts(inside: Inside) -> None:
    reference = _secret(inside.place, {"ANTHROPIC_BASE_URL": "http://127.0.0.1:9"})
    inside.run(agent="claude", agent_credentials=reference)
    error = _error(inside)
    assert (error["category"], "none of ANTHROPIC_API_KEY" in error["message"]) == ("credentials", True)


INTERRUPTED = {
    "while it waits for the model": [HELLO, hang()],
    "in the middle of a tool": [HELLO, use("Bash", command="sleep 600"), HELLO],
}
"""The first ends with exit code 0 and says nothing at all, the second with a result."""


@pytest.mark.parametrize("when", INTERRUPTED)
def test_one_that_was_stopped_is_interrupted_and_its_work_is_kept(inside: Inside, when: str) -> None:
    place = inside.place
    with ScriptedModel.serve(*INTERRUPTED[when]) as model:
        inside.start("run_1", agent="claude", agent_credentials=_secret(place, model.credentials()))
        inside.meanwhile(lambda: model.await_call(2))
        assert inside.stop() == "ABORTED"
    result = place.folder().read_result("agent")
    assert result is not None
    assert (result.status, result.facts["agent"]["ending"]) == ("interrupted", "interrupted")
    assert [file["path"] for file in result.facts["files"]] == ["hello.txt"]


def test_a_redrive_goes_on_in_the_same_session_with_the_work_so_far(inside: Inside) -> None:
    place = inside.place
    assert _run(inside, HELLO, fail(400)).calls
    with ScriptedModel.serve(use("Bash", command="cat hello.txt && echo more >> hello.txt")) as again:
        _secret(place, again.credentials())
        assert inside.rerun() == "SUCCEEDED"
    # THEN it remembers, and what it did is there
    assert "File created successfully" in again.calls[0].text
    assert "You were interrupted" in again.calls[0].text
    assert place.origin.show("stepherd/run_1", "hello.txt") == "hello\nmore"
    assert len({event["session"] for event in _events(place) if event.get("session")}) == 1
    # AND it is paid for both: what a resumed session says it has used is its own alone
    report = place.folder().read_report()
    assert report is not None
    used = [attempt["usage"] for attempt in report["attempts"]]
    assert len(used) == 2
    assert used[0]["turns"] > 0
    assert used[1]["turns"] == len(again.calls)
    assert report["usage"]["turns"] == sum(each["turns"] for each in used)
    assert report["usage"]["cost_usd"] == pytest.approx(sum(each["cost_usd"] for each in used))


def test_what_a_verify_command_says_reaches_it_in_its_session(inside: Inside) -> None:
    verify = "sh -c 'grep -q more hello.txt || { echo more is missing; exit 3; }'"
    mend = use("Bash", command="echo more >> hello.txt")
    model = _run(inside, HELLO, say("Done."), mend, say("Mended."), verify=verify, verify_rounds=2)
    told = model.calls[2].text
    assert "File created successfully" in told
    assert "more is missing" in told
    assert inside.place.origin.show("stepherd/run_1", "hello.txt") == "hello\nmore"
    result = inside.place.folder().read_result("agent")
    assert result is not None
    assert (result.facts["verify"]["status"], result.facts["verify"]["rounds"]) == ("passed", 1)
    assert result.facts["agent"]["usage"]["turns"] == 4
    assert len({event["session"] for event in _events(inside.place) if event.get("session")}) == 1


@pytest.mark.exhaustive
def test_it_is_told_in_the_middle_of_its_work_that_a_limit_comes_near(inside: Inside) -> None:
    quick, slow = use("Bash", command="true"), use("Bash", command="sleep 3")
    model = _run(inside, *[quick] * 7, slow, HELLO, max_turns=10)
    told = ["Finish now" in call.text for call in model.calls]
    assert told[:8] == [False] * 8
    assert all(told[8:]), told
    assert inside.place.origin.show("stepherd/run_1", "hello.txt") == "hello"
