"""The same client on a deployed stack."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from tests.e2e.cloud import BUCKET, Cloud
from tests.e2e.place import Place
from tests.integration.client.conftest import live_in

from stepherd import Client, Request, Update


@pytest.fixture
def cloud(place: Place, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    with Cloud.at(place) as made:
        live_in(place, monkeypatch)
        yield made


@pytest.mark.exhaustive
def test_a_run_on_a_stack_is_started_followed_stopped_and_redriven(cloud: Cloud) -> None:
    place, flag = cloud.place, cloud.place.root / "go"
    script = place.script(f"echo busy\ntest -e {flag} || sleep 600\necho new > new.txt")
    with Client(home=place.home, context="aws") as client:
        run = client.start(
            Request(repo=cloud.repo, instructions=place.instructions(), command=script), run_id="run_1"
        )
        assert run.running
        assert any(key.startswith("runs/run_1/given/") for key in cloud.objects())
        asyncio.run(_until_the_agent_works(client))
        assert [one.id for one in client.runs()] == ["run_1"]
        stopped = client.stop(run)
        assert (stopped.before, stopped.run.status) == ("RUNNING", "ABORTED")
        flag.touch()
        assert client.redrive(run).redrives == 1
        report = client.wait(run)
        assert (report.status, report.branch) == ("SUCCEEDED", "stepherd/run_1")
        assert report.path == f"s3://{BUCKET}/runs/run_1/report.json"
        assert report.fields == place.status()


async def _until_the_agent_works(client: Client) -> None:
    async for update in client.follow("run_1"):
        if _works(update):
            return


def _works(update: Update) -> bool:
    return any(state.name == "RunAgent" for state in update.states)
