"""Client options: who asks, where, and what cannot work."""

from __future__ import annotations

import inspect
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

import amazon_q_streaming_client as package
from amazon_q_streaming_client import (
    AccessToken,
    ConfigurationError,
    LoginService,
    QStreamingClient,
    QStreamingClientSync,
    StaticTokenProvider,
    TokenError,
    TransportError,
)
from amazon_q_streaming_client import _operations as operations
from amazon_q_streaming_client._endpoints import EndpointChoice
from amazon_q_streaming_client._http import Http
from amazon_q_streaming_client._settings import OPERATION_NAMES, ClientOptions, Settings

HTTP = Http(Settings.from_options({"access_token": "t"}), "Client")
EAST, CENTRAL = "https://q.us-east-1.amazonaws.com", "https://q.eu-central-1.amazonaws.com"
ARN = "arn:aws:codewhisperer:{}:123456789012:profile/ABC"


def choice(endpoint: Any = None, region: str | None = None, profile_arn: str | None = None) -> EndpointChoice:
    return EndpointChoice.from_options(endpoint, region, profile_arn, OPERATION_NAMES)


@pytest.mark.parametrize(
    ("endpoint", "region", "arn_region", "login", "wanted"),
    [
        (None, None, None, {}, EAST),
        (None, "eu-central-1", None, {}, CENTRAL),
        (None, None, "eu-central-1", {}, CENTRAL),
        (None, "us-east-1", "eu-central-1", {}, EAST),
        (None, None, "ap-southeast-2", {}, EAST),
        (None, None, None, {"profile_arn": ARN.format("eu-central-1")}, CENTRAL),
        (None, None, "us-east-1", {"profile_arn": ARN.format("eu-central-1")}, EAST),
        (None, None, None, {"profile_arn": ARN.format("us-east-1"), "region": "eu-central-1"}, EAST),
        (None, None, None, {"region": "eu-central-1"}, CENTRAL),
        (None, None, None, {"region": "mars-1"}, EAST),
        (None, None, None, {"service": "kiro"}, "https://runtime.us-east-1.kiro.dev"),
        (None, "eu-central-1", None, {"service": "kiro"}, "https://runtime.eu-central-1.kiro.dev"),
        ("https://host/base/", "eu-central-1", None, {"service": "kiro"}, "https://host/base"),
        ({"SendMessage": "https://host/base/"}, None, None, {}, "https://host/base"),
        ({"ListAvailableModels": "https://host/base/"}, None, None, {}, EAST),
        ("http://127.0.0.1:80", None, None, {}, "http://127.0.0.1:80"),
        ("http://[::1]:80", None, None, {}, "http://[::1]:80"),
    ],
)
def test_the_host_is_chosen_by_options_then_profile_then_login(
    endpoint: Any, region: str | None, arn_region: str | None, login: dict[str, Any], wanted: str
) -> None:
    chosen = choice(endpoint, region, ARN.format(arn_region) if arn_region else None)
    assert chosen.url("SendMessage", AccessToken("t", **login), answers=True) == wanted


def test_kiro_has_a_host_for_answers_and_one_for_the_account() -> None:
    token = AccessToken("t", service=LoginService.KIRO)
    assert choice().url("GetUsageLimits", token, answers=False) == "https://management.us-east-1.kiro.dev"


def test_the_named_operations_are_all_that_there_are() -> None:
    made = [member.name for member in vars(operations).values() if isinstance(member, operations.Operation)]
    assert sorted(made) == sorted(OPERATION_NAMES)


@pytest.mark.parametrize(
    "arguments",
    [
        ("http://example.com", None, None),
        ("ftp://127.0.0.1", None, None),
        ("https://", None, None),
        ("https://user@host", None, None),
        ("https://host?x=1", None, None),
        ("https://host:99999", None, None),
        ("https://[bad", None, None),
        (5, None, None),
        ({"SendMessage": "http://example.com"}, None, None),
        ({"NoSuchOperation": "https://host"}, None, None),
        (None, "mars-1", None),
        (None, None, "profile/ABC"),
    ],
)
def test_an_endpoint_that_cannot_work_or_sends_the_token_in_the_clear_is_refused(
    arguments: tuple[Any, str | None, str | None],
) -> None:
    with pytest.raises(ConfigurationError):
        choice(*arguments)


@pytest.mark.parametrize(
    "fields",
    [
        {"value": 5},
        {"expires_at": "2030-01-01"},
        {"profile_arn": "profile/ABC"},
        {"region": 5},
        {"kind": "NOVEL"},
        {"service": "novel"},
    ],
)
def test_a_login_with_a_part_that_makes_no_sense_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(TokenError):
        AccessToken(**{"value": "t", **fields})


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"access_token": "a", "api_key": "b"},
        {"access_token": "a", "timeout": 0},
        {"access_token": "a", "connect_timeout": -1},
        {"access_token": "a", "max_connections": 0},
        {"access_token": "a", "max_connections": 0.5},
        {"access_token": "a", "user_agent": "a\nb"},
    ],
)
def test_options_that_make_no_sense_are_refused(options: Any) -> None:
    with pytest.raises(ConfigurationError):
        Settings.from_options(options)


def test_an_option_that_does_not_exist_is_a_configuration_error() -> None:
    with pytest.raises(ConfigurationError, match="tokn"):
        QStreamingClient(tokn="x")  # type: ignore[call-arg]


@pytest.mark.parametrize("value", ["", "a b", "a\n", "ä"])
def test_a_token_that_cannot_stand_in_a_header_is_refused(value: str) -> None:
    with pytest.raises(TokenError):
        QStreamingClientSync(access_token=value)


def test_tokens_are_not_in_reprs() -> None:
    settings = Settings.from_options({"access_token": "secret-token"})
    assert "secret-token" not in repr(settings)


def test_a_static_token_that_has_ended_is_refused() -> None:
    ended = StaticTokenProvider(AccessToken("t", datetime.now(UTC)))
    with pytest.raises(TokenError, match="ended"):
        ended.get_token()
    with pytest.raises(TokenError, match="cannot be refreshed"):
        ended.get_token(refresh=True)
    good = AccessToken("t", datetime.now(UTC) + timedelta(hours=1))
    assert StaticTokenProvider(good).get_token() is good
    with pytest.raises(TokenError, match="time zone"):
        AccessToken("t", datetime(2030, 1, 1))


def test_http2_without_its_package_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(ConfigurationError) as caught:
        QStreamingClient(access_token="t", http2=True)
    assert "pip install 'httpx[http2]'" in caught.value.remedy


def test_an_error_of_httpx_without_a_request_is_read_too() -> None:
    error = HTTP.translate(httpx.ReadError(""))
    assert (type(error), str(error)) == (TransportError, "the connection failed: ReadError")


def test_every_httpx_error_has_one_of_ours() -> None:
    for _, kind in inspect.getmembers(httpx, inspect.isclass):
        if issubclass(kind, httpx.TransportError | httpx.DecodingError):
            assert HTTP.translate(kind("x")).message.endswith("x")


def test_every_option_is_described() -> None:
    for name in ClientOptions.__annotations__:
        assert f"``{name}``" in (ClientOptions.__doc__ or "")


def test_both_clients_have_the_same_surface() -> None:
    def surface(client: type) -> dict[str, list[str]]:
        return {
            name.replace("aclose", "close"): list(inspect.signature(member).parameters)
            for name, member in inspect.getmembers(client, inspect.isfunction)
            if not name.startswith("_") or name == "__init__"
        }

    assert surface(QStreamingClient) == surface(QStreamingClientSync)
    for name in surface(QStreamingClient).keys() - {"close"}:
        assert getattr(QStreamingClient, name).__doc__ == getattr(QStreamingClientSync, name).__doc__


def test_all_is_complete_and_documented() -> None:
    public = {name for name in vars(package) if not name.startswith("_")} - {"annotations"}
    modules = {name for name in public if inspect.ismodule(getattr(package, name))} - {"models"}
    assert public - modules | {"__version__"} == set(package.__all__)
    for name in package.__all__:
        member = getattr(package, name)
        if inspect.isclass(member) or inspect.isfunction(member):
            assert inspect.getdoc(member), name
    assert all(hasattr(package.models, name) for name in package.models.__all__)
    assert not hasattr(package.models, "NoSuchShape")
