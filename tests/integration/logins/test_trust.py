"""Companies whose proxy looks into TLS: its certificate is trusted where boto3 is told so, and only there."""

from pathlib import Path

import pytest
from tests.identity_provider import IdentityProvider
from tests.integration.repositories.authority import Authority

from stepherd.engine.local import base_environment
from stepherd.errors import ConfigurationError
from stepherd.logins.device import register
from stepherd.logins.kinds import LoginKind
from stepherd.logins.profiles import list_profiles

VARIABLES = ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE")


@pytest.fixture
def authority(provider: IdentityProvider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Authority:
    """Of the provider, which speaks TLS from now on."""
    made = Authority(tmp_path / "authority")
    assert provider._server
    provider._server.socket = made.context().wrap_socket(provider._server.socket, server_side=True)
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_ENDPOINT_URL_SSO_OIDC", "AWS_Q_ENDPOINT_URL"):
        monkeypatch.setenv(name, f"https://{provider.address}")
    return made


def test_a_certificate_that_is_not_trusted_is_named_and_not_waited_for(
    authority: Authority, provider: IdentityProvider, kind: LoginKind
) -> None:
    with pytest.raises(ConfigurationError, match="not trusted here") as caught:
        register(kind, "us-east-1")
    assert "AWS_CA_BUNDLE" in caught.value.remedy
    token = provider.login(kind).token
    assert token is not None
    assert "SSLCertVerificationError" in str(list_profiles(token).failure)
    assert provider.calls == []


@pytest.mark.parametrize("variable", VARIABLES)
def test_both_services_are_asked_where_boto3_is_told_to_trust_it(
    authority: Authority,
    provider: IdentityProvider,
    kind: LoginKind,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
) -> None:
    monkeypatch.setenv(variable, str(authority.file))
    assert register(kind, "us-east-1").region == "us-east-1"
    provider.profiles = [{"arn": "arn:1", "profileName": "one"}]
    token = provider.login(kind).token
    assert token is not None
    assert [profile.name for profile in list_profiles(token).profiles] == ["one"]
    # AND the functions of a home are told, too
    assert base_environment()[variable] == str(authority.file)
