"""Fault 48: the answer of the identity provider sends a person to somebody else's page.

Expected: the address is refused where it comes in, so that no notice can have it.
"""

from datetime import UTC, datetime
from typing import Any

import pytest
from tests.identity_provider import IdentityProvider

from stepherd.logins.device import register, start_authorization
from stepherd.logins.hosts import ForeignAddress
from stepherd.logins.kinds import login_kind


@pytest.mark.parametrize(
    "host",
    [
        "https://device.sso.us-east-1.amazonaws.com.evil.example",
        "https://view.awsapps.com@evil.example",
        "http://view.awsapps.com",
        "https://evil.example",
        "https://xn--awsapps-x4a.com",
        "https://127.0.0.1:1",
        "javascript:alert(1)",
        "https://view.awsapps.com\\@evil.example",
    ],
)
def test_a_page_of_somebody_else_is_never_shown(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with IdentityProvider(verification_host=host) as provider:
        for name, value in provider.environment.items():
            monkeypatch.setenv(name, value)
        registration = register(login_kind("q"), "us-east-1")
        with pytest.raises(ForeignAddress):
            start_authorization(registration, provider.start_url, now=datetime.now(UTC))


@pytest.mark.parametrize("field", ["verificationUri", "verificationUriComplete"])
def test_either_page_is_checked(field: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with IdentityProvider() as provider:
        for name, value in provider.environment.items():
            monkeypatch.setenv(name, value)
        good = IdentityProvider._StartDeviceAuthorization

        def poisoned(self: IdentityProvider, body: Any, request: Any) -> Any:
            return {**good(self, body, request), field: "https://evil.example/?c=1"}  # type: ignore[dict-item]

        monkeypatch.setattr(IdentityProvider, "_StartDeviceAuthorization", poisoned)
        registration = register(login_kind("q"), "us-east-1")
        with pytest.raises(ForeignAddress, match="evil"):
            start_authorization(registration, provider.start_url, now=datetime.now(UTC))
