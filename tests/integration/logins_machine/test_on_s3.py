"""The same functions with the login, the lease, the attempts and the events on S3."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.identity_provider import IdentityProvider
from tests.integration.logins_machine.rig import ARN, FastPace, Q, Rig
from tests.moto_server import moto_server

from stepherd.logins.location import LoginLocation
from stepherd.logins.opening import open_location
from stepherd.logins.request import LoginRequest
from stepherd.services.store.opening import open_store

boto3 = pytest.importorskip("boto3")
STORE = "s3://stepherd-test/home"


@dataclass
class RigOnS3(Rig):
    @property
    def place(self) -> LoginLocation:
        return open_location(Q, None, open_store(STORE))

    def wanted(self, run_id: str = "run_1", **more: Any) -> LoginRequest:
        return super().wanted(run_id, **{"folder": f"{STORE}/runs/{run_id}", **more})


@pytest.fixture
def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RigOnS3]:
    settings = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_DEFAULT_REGION": "us-east-1"}
    with moto_server() as address, IdentityProvider() as provider:
        for name, value in {**settings, "AWS_ENDPOINT_URL_S3": address}.items():
            monkeypatch.setenv(name, value)
        boto3.client("s3").create_bucket(Bucket="stepherd-test")
        for name, value in provider.environment.items():
            monkeypatch.setenv(name, value)
        yield RigOnS3(tmp_path / "unused", provider)


def test_from_no_login_to_one_that_is_shared_in_turns(rig: RigOnS3) -> None:
    assert rig.check()["status"] == "needed"
    asked = rig.start()
    assert rig.start() == asked
    # A second delivery while the first polls does not poll.
    second: list[str] = []
    pace = FastPace(then={2: lambda: second.append(rig.complete(asked)), 3: rig.provider.approve})
    assert rig.complete(asked, pace) == "approved"
    assert second == ["another poller has it"]
    assert rig.check()["status"] == "valid"
    rig.machine.running = {f"{ARN}:stepherd-pipeline:run_1"}
    assert rig.check(rig.wanted("run_2"))["status"] == "held"
    keys = sorted(info.key for info in open_store(STORE).list())
    assert keys == [
        f"logins/q/attempts/{asked['attempt']}.json",
        "logins/q/data.sqlite3",
        "logins/q/lease.json",
        "runs/run_1/events.jsonl",
        "runs/run_2/events.jsonl",
    ]
