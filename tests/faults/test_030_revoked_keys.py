"""Fault 30: a revoked key is refused as soon as API Gateway asks again, within the time that it declares."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from tests.integration.api.fixtures import Api
from tests.integration.api.gateway import ROOT, Context, sample

from stepherd.api.authorizer import REMEMBERED_SECONDS
from stepherd.errors import NotFoundError, UsageError
from stepherd.services.template_text import read_template


@pytest.mark.parametrize("place", ["api", "on_s3"])
def test_a_revoked_key_is_refused_the_next_time_that_it_is_judged(
    place: str, request: pytest.FixtureRequest
) -> None:
    api: Api = request.getfixturevalue(place)
    old, new = api.key(), api.key()
    # Two keys of an owner are good at once: that is how one replaces the other.
    assert [api.call("GET", "/executions", key).status for key in (old, new)] == [200, 200]
    api.ring.revoke(old[8:16])
    assert [api.call("GET", "/executions", key).status for key in (old, new)] == [403, 200]


def test_the_time_that_an_answer_is_remembered_is_the_one_that_is_told() -> None:
    template = read_template((ROOT / "template.yaml").read_text(), "template.yaml")
    auth = template["Resources"]["HttpApi"]["Properties"]["Auth"]["Authorizers"]["ApiKey"]
    assert auth["Identity"] == {"Headers": ["X-API-Key"], "ReauthorizeEvery": REMEMBERED_SECONDS}
    assert REMEMBERED_SECONDS == 300
    assert "five minutes" in (ROOT / "docs/how-to-use-the-api.md").read_text()


def test_a_key_that_expires_while_its_answer_is_remembered_is_refused_by_the_handler(api: Api) -> None:
    event = sample("post_executions")
    soon = datetime.now(UTC) - timedelta(seconds=1)
    event["requestContext"]["authorizer"]["lambda"]["expires"] = soon.isoformat()
    assert api.gateway.api(event, Context())["statusCode"] == 403


def test_an_expired_key_is_refused_and_one_that_would_be_is_not_made(api: Api) -> None:
    key = api.key(expires=datetime.now(UTC) + timedelta(hours=1))
    assert api.call("GET", "/executions", key).status == 200
    later = datetime.now(UTC) + timedelta(hours=2)
    api.ring._clock = lambda: later
    assert api.ring.find(key) is None
    with pytest.raises(UsageError, match="expired already"):
        api.key(expires=datetime.now(UTC))


def test_revoking_again_keeps_the_first_time_and_an_unknown_id_is_an_error(api: Api) -> None:
    key = api.key()
    first = api.ring.revoke(key[8:16])
    assert api.ring.revoke(key[8:16]) == first
    with pytest.raises(NotFoundError):
        api.ring.revoke("ffffffff")
