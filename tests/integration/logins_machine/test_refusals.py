"""Every refusal that the identity provider's service model has, in every state that it can meet.

``asks``: a person is asked to log in; ``waits``: the same call is made again later and nothing has changed;
``fails``: only other options can help, and the error says so.
"""

from __future__ import annotations

import botocore.session
import pytest
from tests.identity_provider import REFUSALS
from tests.integration.logins_machine.rig import Rig

from stepherd.errors import TemporaryError
from stepherd.logins.oidc import OidcError

REFRESH = {
    "InvalidRequestException": "asks",
    "InvalidClientException": "asks",
    "InvalidGrantException": "asks",
    "UnauthorizedClientException": "asks",
    "UnsupportedGrantTypeException": "asks",
    "InvalidScopeException": "asks",
    "AuthorizationPendingException": "asks",
    "AccessDeniedException": "asks",
    "ExpiredTokenException": "asks",
    "SlowDownException": "waits",
    "InternalServerException": "waits",
}
POLL = {
    "InvalidRequestException": "another client",
    "InvalidClientException": "another client",
    "InvalidGrantException": "another client",
    "UnauthorizedClientException": "another client",
    "UnsupportedGrantTypeException": "another client",
    "InvalidScopeException": "another client",
    "AuthorizationPendingException": "waits",
    "SlowDownException": "waits longer",
    "InternalServerException": "waits",
    "AccessDeniedException": "declined",
    "ExpiredTokenException": "another code",
}
START = {
    "InvalidRequestException": "fails",
    "InvalidClientException": "fails",
    "UnauthorizedClientException": "fails",
    "SlowDownException": "waits",
    "InternalServerException": "waits",
}
REGISTER = {
    "InvalidRequestException": "fails",
    "InvalidScopeException": "fails",
    "InvalidClientMetadataException": "fails",
    "InvalidRedirectUriException": "fails",
    "UnsupportedGrantTypeException": "fails",
    "SlowDownException": "waits",
    "InternalServerException": "waits",
}


@pytest.mark.parametrize(
    ("operation", "table"),
    [
        ("CreateToken", REFRESH),
        ("CreateToken", POLL),
        ("StartDeviceAuthorization", START),
        ("RegisterClient", REGISTER),
    ],
)
def test_the_tables_hold_every_error_of_the_service_model(operation: str, table: dict[str, str]) -> None:
    model = botocore.session.get_session().get_service_model("sso-oidc").operation_model(operation)
    assert set(table) == {shape.name for shape in model.error_shapes}
    assert set(table) <= set(REFUSALS)


@pytest.fixture(autouse=True)
def nobody_else_renews(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stepherd.logins.renewal._GRACE_SECONDS", 0)


@pytest.mark.exhaustive
@pytest.mark.parametrize(("exception", "outcome"), REFRESH.items())
def test_a_refused_refresh_asks_a_person_or_waits_and_keeps_the_login(
    rig: Rig, exception: str, outcome: str
) -> None:
    login = rig.give_login(seconds=-10)
    rig.provider.script("CreateToken", *[REFUSALS[exception]] * 2)
    if outcome == "waits":
        with pytest.raises(TemporaryError):
            rig.check()
    else:
        assert rig.check()["status"] == "needed"
    assert rig.stored() == login
    rig.provider.recover()
    # AND once a person has approved, the new login takes its place
    rig.provider.approves_at_once = True
    assert rig.complete(rig.start()) == "approved"
    assert rig.stored().token != login.token
    assert rig.check()["status"] == "valid"


@pytest.mark.exhaustive
@pytest.mark.parametrize(("exception", "outcome"), POLL.items())
def test_a_refused_poll_waits_or_gets_another_code(rig: Rig, exception: str, outcome: str) -> None:
    asked = rig.start()
    client = rig.attempt(asked).registration
    rig.provider.script("CreateToken", REFUSALS[exception])
    rig.provider.approve()
    said = rig.complete(asked)
    if outcome.startswith("waits"):
        assert said == "approved"
        assert (rig.attempt(asked).interval > rig.provider.interval) is (outcome == "waits longer")
        return
    assert said == ("declined" if outcome == "declined" else "expired")
    rig.machine.open_tokens = {"t1"}
    again = rig.start()
    assert again["code"] == 2
    assert (rig.attempt(again).registration == client) is (outcome == "another code")
    rig.provider.approve()
    assert rig.complete(again) == "approved"


@pytest.mark.exhaustive
@pytest.mark.parametrize(("exception", "outcome"), START.items())
@pytest.mark.parametrize("client", ["new", "stored"])
def test_a_refused_authorization_tries_a_new_client_before_it_fails(
    rig: Rig, client: str, exception: str, outcome: str
) -> None:
    if client == "stored":
        rig.give_login()
    if outcome == "fails" and client == "stored":
        rig.provider.script("StartDeviceAuthorization", REFUSALS[exception])
        asked = rig.start()
        assert len(rig.provider.calls_of("RegisterClient")) == 1
        rig.provider.approve()
        assert rig.complete(asked) == "approved"
        return
    rig.provider.script("StartDeviceAuthorization", *[REFUSALS[exception]] * 2)
    with pytest.raises(TemporaryError if outcome == "waits" else OidcError) as caught:
        rig.start()
    if outcome == "fails":
        assert "region" in caught.value.remedy
        assert caught.value.exit_code == 77
    rig.provider.recover()
    assert rig.start()["code"] == 1


@pytest.mark.exhaustive
@pytest.mark.parametrize(("exception", "outcome"), REGISTER.items())
def test_a_refused_registration_waits_or_fails_and_leaves_nothing_behind(
    rig: Rig, exception: str, outcome: str
) -> None:
    rig.provider.script("RegisterClient", *[REFUSALS[exception]] * 2)
    with pytest.raises(TemporaryError if outcome == "waits" else OidcError):
        rig.start()
    rig.provider.recover()
    rig.provider.approves_at_once = True
    assert rig.complete(rig.start()) == "approved"


def test_a_client_that_the_provider_has_forgotten_is_replaced(rig: Rig) -> None:
    rig.give_login(seconds=-10)
    rig.provider.forget_clients()
    assert rig.check()["status"] == "needed"
    asked = rig.start()
    rig.provider.approve()
    assert rig.complete(asked) == "approved"
    assert rig.check()["status"] == "valid"
