"""The HTTP API on the embedded engine: a run from POST to branch, followed, stopped and redriven."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from tests.e2e.place import Place
from tests.integration.api.gateway import PIPELINE, Gateway

from stepherd.api_keys.ring import KeyRing
from stepherd.services.secrets.opening import open_document

PATIENCE_SECONDS = 60


class Client:
    """A program that uses the API."""

    def __init__(self, place: Place, key: str) -> None:
        self.place, self.key, self.gateway = place, key, Gateway()

    def start(self, command: str, text: str = "# Do the work\n", **fields: Any) -> str:
        run = {"repo": str(self.place.origin.bare), "command": command, **fields}
        body = {"run": run, "instructions": text}
        return str(self.gateway.call("POST", "/executions", self.key, body=body).ok(202)["run_id"])

    def get(self, run_id: str) -> dict[str, Any]:
        fields: dict[str, Any] = self.gateway.call("GET", f"/executions/{run_id}", self.key).ok()
        return fields

    def until(self, run_id: str, done: Any) -> dict[str, Any]:
        """Ask until the answer is as wanted, as a client does that has nothing but GET."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not done(fields := self.get(run_id)):
            assert time.monotonic() < deadline, fields
            time.sleep(0.1)
        return fields

    def ended(self, run_id: str) -> dict[str, Any]:
        return self.until(run_id, lambda fields: fields["status"] != "RUNNING")

    def act(self, run_id: str, action: str) -> dict[str, Any]:
        reply = self.gateway.call("POST", f"/executions/{run_id}/{action}", self.key)
        fields: dict[str, Any] = reply.ok(202)
        return fields

    def log(self, run_id: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        cursor = ""
        while True:
            body = self.gateway.call("GET", f"/executions/{run_id}/logs?limit=2{cursor}", self.key).ok()
            found += body["events"]
            if body["finished"]:
                return found
            cursor = f"&cursor={body['next_cursor']}"


@pytest.fixture
def client(place: Place, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    engine = place.start("engine", "--keep")
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (place.home / "engine.json").exists():
        assert engine.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    address = json.loads((place.home / "engine.json").read_text())
    secret = f"file:{place.root / 'keys.json'}"
    for name, value in {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_ENDPOINT_URL_SFN": f"{address['endpoint']}/{address['access_key']}/",
        "PIPELINE_ARN": PIPELINE,
        "STORE_URI": (place.home / "store").as_uri(),
        "API_KEYS_SECRET_ID": secret,
    }.items():
        monkeypatch.setenv(name, value)
    yield Client(place, KeyRing(open_document(secret)).create("ada", "runs:write")[0])
    engine.terminate()
    place.end_of(engine)


def test_a_run_goes_from_post_to_a_pushed_branch(client: Client) -> None:
    run_id = client.start("sh -c 'echo hello; echo new > new.txt'", "# Add a file\n")
    fields = client.ended(run_id)
    origin = client.place.origin
    assert fields["status"] == "SUCCEEDED"
    assert fields["branch"] == f"stepherd/{run_id}"
    assert fields["commit"] == origin.tip(fields["branch"])
    assert origin.log(fields["branch"])[0] == "Add a file"
    assert [state["name"] for state in fields["states"]] == [
        *("PrepareRun", "CloneRepository", "RunAgent", "CommitAndPush", "ReportRun")
    ]
    assert {state["status"] for state in fields["states"]} == {"SUCCEEDED"}
    assert [file["path"] for file in fields["files_changed"]] == ["new.txt"]
    assert fields["error"] is None
    log = client.log(run_id)
    assert log
    assert [entry["at"] for entry in log] == sorted(entry["at"] for entry in log)
    assert {entry["source"] for entry in log} == {"events"}
    listed = client.gateway.call("GET", "/executions?status=SUCCEEDED&agent=command", client.key).ok()
    assert [run["run_id"] for run in listed["executions"]] == [run_id]


def test_a_run_is_stopped_and_its_agent_with_it(client: Client) -> None:
    began = client.place.root / "began"
    run_id = client.start(client.place.script(f"touch {began}\nsleep 600"))
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not began.exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert client.act(run_id, "stop")["status"] == "ABORTED"
    fields = client.get(run_id)
    assert {state["name"]: state["status"] for state in fields["states"]}["RunAgent"] == "ABORTED"
    assert fields["error"]["category"] == "stopped"


def test_a_failed_run_tells_why_and_its_redrive_goes_on_from_there(client: Client) -> None:
    mended = client.place.root / "mended"
    runs = client.place.root / "runs"
    run_id = client.start(client.place.script(f"echo x >> {runs}\ntest -e {mended}\necho new > new.txt"))
    failed = client.ended(run_id)
    assert failed["status"] == "FAILED"
    assert (failed["error"]["state"], failed["error"]["retryable"]) == ("RunAgent", False)
    assert failed["error"]["remedy"]
    mended.touch()
    client.act(run_id, "redrive")
    fields = client.ended(run_id)
    assert (fields["status"], fields["redrives"]) == ("SUCCEEDED", 1)
    assert fields["commit"] == client.place.origin.tip(fields["branch"])
    assert [state["name"] for state in fields["states"]].count("CloneRepository") == 1
