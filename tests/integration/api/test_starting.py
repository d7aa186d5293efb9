"""POST /executions."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.integration.api.fixtures import Api
from tests.integration.api.gateway import Gateway, sample
from tests.integration.repositories.origin import Origin

from stepherd.api.routes import respond


def test_a_run_is_started_and_can_be_followed_by_the_links_of_the_answer(api: Api) -> None:
    key = api.key()
    reply = api.call("POST", "/executions", key, body=api.run())
    body = reply.ok(202)
    assert body["status"] == "RUNNING"
    assert reply.headers["location"] == body["links"]["self"] == f"/executions/{body['run_id']}"
    assert reply.headers["content-type"] == "application/json"
    api.machine.ended(body["run_id"])
    assert api.call("GET", body["links"]["self"], key).ok()["status"] == "SUCCEEDED"


def test_the_execution_s_input_is_the_request_as_it_was_given(api: Api) -> None:
    run_id = api.finish(api.key(), "Füge ein Wort ein: \U0001f600")
    arn = f"arn:aws:states:us-east-1:000000000000:execution:stepherd-pipeline:{run_id}"
    engine = api.machine.engine
    described = api.machine.do(lambda: engine.api.call("DescribeExecution", {"executionArn": arn}))
    assert json.loads(described["input"]) == api.run("Füge ein Wort ein: \U0001f600")["run"]


@pytest.mark.parametrize("place", ["api", "on_s3"])
def test_instructions_may_come_along_as_text(place: str, request: pytest.FixtureRequest) -> None:
    api: Api = request.getfixturevalue(place)
    body = {"instructions": "# Come along\n", "run": api.run()["run"]}
    del body["run"]["instructions"]
    run_id = api.call("POST", "/executions", api.key(), body=body).ok(202)["run_id"]
    (given,) = api.store.list(f"runs/{run_id}/given/")
    assert given.key.endswith("/instructions.md")
    assert api.store.get(given.key).body == b"# Come along\n"


def test_front_matter_that_came_along_is_judged_before_anything_starts(api: Api) -> None:
    body = {"instructions": "---\nagent: nobody\n---\n# Do\n", "run": {"repo": "https://github.com/o/n"}}
    before = api.machine.runs()
    reply = api.call("POST", "/executions", api.key(), body=body)
    assert reply.status == 400
    assert "nobody" in reply.json["detail"]
    assert api.machine.runs() == before
    assert list(api.store.list("runs/")) == []


def test_the_same_key_and_body_are_the_same_run(api: Api) -> None:
    key = api.key()
    first = api.call("POST", "/executions", key, body=api.run(), idempotency_key="k1").ok(202)
    api.machine.ended(first["run_id"])
    # WHEN the instructions have gone meanwhile, and the run is over
    before = api.machine.runs()
    again = api.call("POST", "/executions", key, body=api.run(), idempotency_key="k1")
    # THEN it still is the same run
    assert again.ok(202)["run_id"] == first["run_id"]
    assert again.headers["idempotency-replayed"] == "true"
    assert again.json["status"] == "SUCCEEDED"
    assert api.machine.runs() == before


def test_a_call_that_died_before_the_start_is_finished_by_its_repetition(api: Api) -> None:
    """The key is claimed first, so that what comes later is done by whoever comes next."""
    from stepherd.api.idempotency import Claims
    from stepherd.runs.ids import new_run_id

    run_id = new_run_id(token="00ff00ff00ff00ff")
    Claims.of(api.store, "ada", "k1", api.run()).take(run_id)
    reply = api.call("POST", "/executions", api.key(), body=api.run(), idempotency_key="k1")
    assert reply.ok(202)["run_id"] == run_id
    assert run_id in api.machine.runs()
    assert api.store.exists(f"owners/ada/{run_id}")


@pytest.mark.parametrize("place", ["api", "on_s3"])
def test_many_calls_at_once_with_one_key_are_one_run(place: str, request: pytest.FixtureRequest) -> None:
    api: Api = request.getfixturevalue(place)
    before = len(api.machine.runs())
    body = {"instructions": "# Do\n", "run": {"repo": "https://github.com/o/n", "command": "true"}}
    event, service = {**sample("post_executions"), "body": json.dumps(body)}, api.service
    with ThreadPoolExecutor(6) as pool:
        calls = [pool.submit(respond, event, lambda: service) for _ in range(6)]
        ids = {str(call.result().answer.body["run_id"]) for call in calls}
    assert len(ids) == 1
    assert len(api.machine.runs()) == before + 1
    given = [info.key.split("/")[1] for info in api.store.list("runs/") if "/given/" in info.key]
    assert given == list(ids)


def test_keys_of_two_owners_do_not_meet(api: Api) -> None:
    first = api.call("POST", "/executions", api.key("ada"), body=api.run(), idempotency_key="k")
    second = api.call("POST", "/executions", api.key("bob"), body=api.run("x"), idempotency_key="k")
    assert first.ok(202)["run_id"] != second.ok(202)["run_id"]


@pytest.mark.parametrize("value", ["", " ", "a b", "x" * 256, "ü", "a\n"])
def test_a_header_that_cannot_be_a_key_is_named(api: Api, value: str) -> None:
    reply = api.call("POST", "/executions", api.key(), body=api.run(), idempotency_key=value)
    assert reply.ok(400)["field"] == "Idempotency-Key"


REFUSED = [
    ("instructions", "/etc/passwd"),
    ("instructions", "file:///etc/passwd"),
    ("instructions", "s3://bucket/inbox/absent.md"),
    ("instructions", "s3://bucket/runs/run_1/report.md"),
    ("instructions", "s3://bucket/logins/ada.json"),
    ("instructions", "s3://bucket"),
    ("instructions", "s3://bucket/"),
    ("instructions", "s3://bucket/inboxes/x"),
    ("instructions", "s3://elsewhere/instructions.md"),
    ("repo", "/srv/repo.git"),
    ("repo", "file:///srv/repo.git"),
    ("branch", "-x"),
    ("base", "a..b"),
    ("agent", "nobody"),
    ("command", "sh -c 'x"),
    ("verify", "sh -c 'x"),
    ("git_credentials", "env:HOME"),
    ("agent_credentials", "file:/proc/self/environ"),
    ("reply_to", "owners/ada/"),
    ("git_token_host", "evil.example"),
    ("timeout_seconds", 0),
    ("image", "somebody/s:latest"),  # Images are the stack's.
    ("env", {"LD_PRELOAD": "./evil.so"}),
    ("env", {"API_KEY": "of somebody"}),
    ("secrets", {"API_KEY": "env:HOME"}),
    ("secrets", {"API_KEY": "file:/proc/self/environ"}),
]


def test_what_a_run_in_the_cloud_cannot_have_is_refused_naming_the_field(on_s3: Api) -> None:
    before, key = on_s3.machine.runs(), on_s3.key()
    for place in ("runs/run_1/report.md", "logins/ada.json", "inboxes/x", "instructions.md"):
        on_s3.store.put(place, b"Somebody else's.\n")  # all of it text, and there to be read
    named = []
    for field, value in REFUSED:
        reply = on_s3.call("POST", "/executions", key, body=on_s3.run(**{field: value}))
        assert (reply.status, reply.headers["content-type"]) == (400, "application/problem+json"), field
        named.append((reply.json["field"], value))
    assert named == [(f"run.{field}", value) for field, value in REFUSED]
    assert on_s3.machine.runs() == before
    assert list(on_s3.store.list("owners/")) == []


def test_on_a_laptop_paths_are_what_they_are(api: Api, tmp_path: Path) -> None:
    run_id = api.start(api.key(), repo=str(Origin.create(tmp_path / "remote").bare))
    assert run_id in api.machine.runs()


def test_a_read_key_may_not_start(api: Api) -> None:
    reply = api.call("POST", "/executions", api.key(scope="runs:read"), body=api.run())
    assert reply.ok(403)["category"] == "forbidden"
    assert "runs:write" in reply.json["detail"]


def test_a_body_without_a_run_leaves_room_for_commands(api: Api) -> None:
    """The body of a client for commands is not mistaken for a run."""
    body = {"command": "terraform plan", "repo": "https://github.com/owner/infra", "branch": "main"}
    assert api.call("POST", "/executions", api.key(), body=body).ok(400)["field"] == "command"


def test_instructions_are_sent_once(api: Api) -> None:
    reply = api.call("POST", "/executions", api.key(), body={**api.run(), "instructions": "# Do"})
    assert reply.ok(400)["field"] == "run.instructions"
    assert list(api.store.list("runs/run_/")) == []


def test_a_store_that_is_gone_is_the_service_s_fault_and_not_told_in_detail(
    on_s3: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = on_s3.key()
    monkeypatch.setenv("STORE_URI", "s3://gone-for-good")
    reply = Gateway().call("POST", "/executions", key, body=on_s3.run(), idempotency_key="k")
    body = reply.ok(500)
    assert "gone-for-good" not in reply.text
    assert body["instance"].startswith("urn:stepherd:request:")
