"""The handlers of the login machine, with the sample events, and a real engine to answer to."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.integration.logins_machine.rig import Machine, Rig

ROOT = Path(__file__).parents[3]
Handler = Callable[[dict[str, Any], Any], Any]
CONTEXT = SimpleNamespace(
    function_name="function",
    memory_limit_in_mb=512,
    invoked_function_arn="arn:aws:lambda:us-east-1:123456789012:function:function",
    aws_request_id="6d7a3b1e-0000-4000-8000-000000000000",
    get_remaining_time_in_millis=lambda: 900_000,
)


@pytest.fixture
def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    with Rig.at(tmp_path, monkeypatch) as made:
        monkeypatch.setenv("STORE_URI", made.folder.as_uri())
        monkeypatch.setattr(
            "stepherd.services.step_functions.executions.open_executions", lambda: made.machine
        )
        yield made


def _handler(name: str) -> Handler:
    spec = importlib.util.spec_from_file_location(f"app_{name}", ROOT / "functions" / name / "app.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    handler: Handler = module.handler
    return handler


def _sample(name: str, rig: Rig) -> dict[str, Any]:
    """The sample event, on the rig's store."""
    sample: dict[str, Any] = json.loads((ROOT / "events" / f"{name}.json").read_text())
    if "Records" in sample:
        sns = sample["Records"][0]["Sns"]
        sns["Message"] = json.dumps(_local(json.loads(sns["Message"]), rig))
        return sample
    return _local(sample, rig)


def _local(event: dict[str, Any], rig: Rig) -> dict[str, Any]:
    folder = (rig.folder / "runs" / event["run_id"]).as_uri()
    event["wanted"] |= {"folder": folder, "reference": str(rig.folder / "logins/q/data.sqlite3")}
    return event


def test_the_sample_events_lead_from_no_login_to_one(
    rig: Rig, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    check, start, complete = (_handler(name) for name in ("check_login", "start_login", "complete_login"))
    assert check(_sample("check_login", rig), CONTEXT)["status"] == "needed"
    asked = start(_sample("start_login", rig), CONTEXT)
    notice = _sample("complete_login", rig)
    message = json.loads(notice["Records"][0]["Sns"]["Message"]) | {"attempt": asked["attempt"]}
    notice["Records"][0]["Sns"]["Message"] = json.dumps(message)
    rig.provider.approve()
    rig.machine = Machine({message["task_token"]})
    complete(notice, CONTEXT)
    assert rig.machine.answers[0][0] == "succeeded"
    assert check(_sample("check_login", rig), CONTEXT)["status"] == "valid"
    # AND no log line holds a secret, the task token among them
    said = capsys.readouterr()
    logged = said.out + said.err + caplog.text
    secrets = [*rig.provider._access_tokens, *rig.provider._devices, *rig.provider._clients.values()]
    assert "A notice was worked on" in logged
    assert not [secret for secret in [*secrets, message["task_token"]] if secret in logged]


def test_a_secret_says_where_logins_are_asked_for(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = {"sso_url": rig.provider.start_url, "region": "eu-central-1"}
    monkeypatch.setenv("LOGIN_SECRET", json.dumps(secret))
    monkeypatch.setenv("AMAZON_Q_CREDENTIALS_SECRET_ID", "env:LOGIN_SECRET")
    _handler("start_login")(_sample("start_login", rig), CONTEXT)
    assert rig.provider.calls_of("StartDeviceAuthorization")[0].body["startUrl"] == secret["sso_url"]
    (path,) = rig.folder.glob("logins/q/attempts/*.json")
    assert json.loads(path.read_text())["registration"]["region"] == "eu-central-1"


def test_nobody_who_hears_is_a_warning_where_it_is_to_be_checked(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stepherd.logins.subscribers.warning_about", lambda topic: f"Nobody hears {topic}.")
    monkeypatch.setenv("LOGIN_SNS_TOPIC", "the topic")
    start, event = _handler("start_login"), _sample("start_login", rig)
    monkeypatch.setenv("LOGIN_SUBSCRIBERS", "UNCHECKED")
    assert "warning" not in start(event, CONTEXT)
    monkeypatch.setenv("LOGIN_SUBSCRIBERS", "CHECKED")
    assert start(event, CONTEXT)["warning"] == "Nobody hears the topic."
