"""Fault 34: a POST sent again with its Idempotency-Key is the same run; with another body it is refused."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from tests.integration.api.fixtures import Api


@pytest.mark.parametrize("place", ["api", "on_s3"])
def test_the_same_again_is_the_same_run_and_another_body_is_refused(
    place: str, request: pytest.FixtureRequest
) -> None:
    api: Api = request.getfixturevalue(place)
    key, before = api.key(), len(api.machine.runs())

    def post(message: str, idempotency_key: str) -> tuple[int, str | None]:
        reply = api.call("POST", "/executions", key, body=api.run(message), idempotency_key=idempotency_key)
        return reply.status, reply.json.get("run_id")

    first = post("a", "k1")
    assert first[0] == 202
    assert post("a", "k1") == first
    assert post("b", "k1") == (422, None)
    assert post("b", "k2")[1] not in {None, first[1]}
    assert len(api.machine.runs()) == before + 2


def test_the_order_of_fields_is_no_difference(api: Api) -> None:
    key, body = api.key(), api.run()
    turned = {"run": dict(reversed(list(body["run"].items())))}
    ids = [
        api.call("POST", "/executions", key, text=json.dumps(each), idempotency_key="k").ok(202)["run_id"]
        for each in (body, turned)
    ]
    assert ids[0] == ids[1]


def test_a_claim_is_good_for_a_day(api: Api) -> None:
    key = api.key()
    first = api.call("POST", "/executions", key, body=api.run(), idempotency_key="k").ok(202)["run_id"]
    (claim,) = api.store.list("idempotency/")
    fields = json.loads(api.store.get(claim.key).body)
    fields["created"] = (datetime.now(UTC) - timedelta(hours=25)).isoformat()
    api.store.put(claim.key, json.dumps(fields).encode())
    second = api.call("POST", "/executions", key, body=api.run("other"), idempotency_key="k").ok(202)
    assert second["run_id"] != first


def test_a_refused_body_claims_nothing(api: Api) -> None:
    key = api.key()
    bad = api.run(agent="nobody")
    assert api.call("POST", "/executions", key, body=bad, idempotency_key="k").status == 400
    assert list(api.store.list("idempotency/")) == []
    api.call("POST", "/executions", key, body=api.run(), idempotency_key="k").ok(202)


def test_the_key_itself_is_not_kept(api: Api) -> None:
    api.call("POST", "/executions", api.key(), body=api.run(), idempotency_key="../../canary").ok(202)
    (claim,) = api.store.list("idempotency/")
    assert "canary" not in claim.key
    assert b"canary" not in api.store.get(claim.key).body
