"""The profiles of a company's subscription, over real HTTP."""

import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from threading import Thread

import pytest
from tests.identity_provider import IdentityProvider
from tests.login_files import a_token

from stepherd.errors import ConfigurationError, CredentialsError, ProtocolError, TemporaryError, UsageError
from stepherd.logins import profiles
from stepherd.logins.failures import ProfileNeeded
from stepherd.logins.kinds import LoginKind
from stepherd.logins.login import Profile, Token
from stepherd.logins.profiles import Listing, choose_profile, list_profiles

OPERATION = "ListAvailableProfiles"


def entry(n: int) -> dict[str, str]:
    return {"arn": f"arn:aws:codewhisperer:us-east-1:1:profile/{n}", "profileName": f"team-{n}", "more": "x"}


@pytest.fixture
def token(provider: IdentityProvider, kind: LoginKind) -> Token:
    token = provider.login(kind).token
    assert token is not None
    return token


def test_every_page_is_read(provider: IdentityProvider, token: Token) -> None:
    provider.profiles = [entry(n) for n in range(5)]
    found = list_profiles(token).profiles
    assert [profile.name for profile in found] == [f"team-{n}" for n in range(5)]
    calls = provider.calls_of(OPERATION)
    assert [call.body.get("nextToken") for call in calls] == [None, "2", "4"]
    assert calls[0].headers["x-amz-target"] == "AmazonCodeWhispererService.ListAvailableProfiles"
    assert calls[0].headers["content-type"] == "application/x-amz-json-1.0"


@pytest.fixture
def two_regions(provider: IdentityProvider, monkeypatch: pytest.MonkeyPatch) -> Iterator[IdentityProvider]:
    monkeypatch.delenv("AWS_Q_ENDPOINT_URL")
    with IdentityProvider() as other:
        monkeypatch.setattr(profiles, "_ENDPOINTS", (provider.url, other.url))
        yield other


def test_both_regions_are_asked_and_one_that_refuses_has_none(
    provider: IdentityProvider, two_regions: IdentityProvider, token: Token
) -> None:
    provider.profiles = [entry(1)]
    assert len(list_profiles(token).profiles) == 1
    assert [len(p.calls_of(OPERATION)) for p in (provider, two_regions)] == [1, 1]
    two_regions._access_tokens.add(token.access_token)
    two_regions.profiles = [entry(2), entry(1)]
    assert [profile.name for profile in list_profiles(token).profiles] == ["team-1", "team-2"]


FAULTS = ["503", "throttled", "drop", "garbage"]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_region_that_cannot_answer_is_logged_and_the_other_one_counts(
    provider: IdentityProvider,
    two_regions: IdentityProvider,
    token: Token,
    fault: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    provider.profiles = [entry(1)]
    two_regions.script(OPERATION, fault)
    listing = list_profiles(token)
    assert choose_profile(listing) == Profile(entry(1)["arn"], "team-1")
    said = capsys.readouterr().err
    assert two_regions.url in said
    assert token.access_token not in said
    # AND a profile that can only be there is not said to be missing
    with pytest.raises((TemporaryError, ProtocolError)):
        choose_profile(listing, "team-2")


@pytest.mark.parametrize("fault", FAULTS)
def test_a_profile_that_is_named_by_its_arn_needs_no_region_to_answer(
    provider: IdentityProvider, two_regions: IdentityProvider, token: Token, fault: str
) -> None:
    arn = entry(2)["arn"]
    two_regions.script(OPERATION, fault, fault)
    assert choose_profile(list_profiles(token), arn) == Profile(arn, "2")
    provider.script(OPERATION, fault)
    assert choose_profile(list_profiles(token), arn) == Profile(arn, "2")


def test_a_login_without_any_profile_is_used_without_one(
    provider: IdentityProvider, two_regions: IdentityProvider, token: Token
) -> None:
    assert choose_profile(list_profiles(token)) is None
    two_regions.script(OPERATION, "drop")
    assert choose_profile(list_profiles(token)) is None


DRIPS = b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n"
MANY = b"".join(b"X-%d: x\r\n" % n for n in range(300))


@pytest.mark.parametrize(
    "said",
    [
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello",
        b"HTTP/1.1 200 OK\r\n%b\r\n{}" % MANY,
        b"HTTP/1.1 200 OK\r\nX: %b\r\n\r\n{}" % (b"x" * 100_000),
        b"HTTP/1.1 200 OK\r\n\r\n" + b"[" * 500_000,
        b"HTTP/1.1 200 OK\r\n\r\n\xff{}",
        DRIPS,
    ],
)
def test_what_is_hardly_http_is_a_failure_of_that_region_alone(
    token: Token, monkeypatch: pytest.MonkeyPatch, said: bytes
) -> None:
    monkeypatch.setattr(profiles, "_SECONDS", 0.4)
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setenv("AWS_Q_ENDPOINT_URL", f"http://127.0.0.1:{server.getsockname()[1]}")
        Thread(target=_answer_by_hand, args=(server, said), daemon=True).start()
        assert isinstance(list_profiles(token).failure, TemporaryError | ProtocolError)


def _answer_by_hand(server: socket.socket, said: bytes) -> None:
    caller, _ = server.accept()
    with caller, suppress(OSError):
        caller.recv(65_536)
        caller.sendall(said)
        while said == DRIPS:
            caller.sendall(b" ")
            time.sleep(0.05)


def test_where_no_region_answers_the_call_is_made_again(
    provider: IdentityProvider, two_regions: IdentityProvider, token: Token
) -> None:
    provider.script(OPERATION, "503")
    two_regions.script(OPERATION, "drop")
    with pytest.raises(TemporaryError):
        choose_profile(list_profiles(token))


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ("500", TemporaryError),
        ("throttled", TemporaryError),
        ("drop", TemporaryError),
        ("access_denied_profile", CredentialsError),
        ("garbage", ProtocolError),
    ],
)
def test_what_goes_wrong_is_told_apart(
    answer: str, error: type[Exception], provider: IdentityProvider, token: Token
) -> None:
    provider.script(OPERATION, answer)
    with pytest.raises(error) as caught:
        choose_profile(list_profiles(token))
    assert token.access_token not in f"{caught.value!r}{caught.value}"


def test_a_token_is_not_taken_along_to_where_an_answer_points(
    provider: IdentityProvider, token: Token
) -> None:
    provider.script(OPERATION, "redirect")
    with pytest.raises(CredentialsError):
        list_profiles(token)
    assert [call.operation for call in provider.calls] == [OPERATION]


@pytest.mark.parametrize("bad", [{}, {"arn": "a"}, {"arn": "a", "profileName": "\x1b[31m"}, "text", None])
def test_a_list_that_makes_no_sense_is_refused(bad: object, provider: IdentityProvider, token: Token) -> None:
    provider.profiles = [bad]  # type: ignore[list-item]
    with pytest.raises(ProtocolError):
        choose_profile(list_profiles(token))


def test_pages_without_end_are_given_up(provider: IdentityProvider, token: Token) -> None:
    provider.profiles, provider.page_size = [entry(n) for n in range(60)], 1
    with pytest.raises(ProtocolError, match="without end"):
        choose_profile(list_profiles(token))


def test_a_token_does_not_travel_in_the_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_Q_ENDPOINT_URL", "http://q.example.com")
    with pytest.raises(ConfigurationError):
        list_profiles(a_token())


ONE, TWO = Profile("arn:1", "one"), Profile("arn:2", "two")


def test_the_only_profile_is_chosen() -> None:
    assert choose_profile(Listing((ONE,))) == ONE


@pytest.mark.parametrize("wanted", ["two", "arn:2"])
def test_a_profile_is_chosen_by_name_or_arn(wanted: str) -> None:
    assert choose_profile(Listing((ONE, TWO)), wanted) == TWO


@pytest.mark.parametrize(
    ("profiles", "wanted"),
    [
        ([ONE, TWO], None),
        ([ONE, TWO], "three"),
        ([ONE], "two"),
        ([], "two"),
        ([ONE, Profile("arn:3", "one")], "one"),
    ],
)
def test_else_the_names_are_listed(profiles: list[Profile], wanted: str | None) -> None:
    with pytest.raises(ProfileNeeded) as caught:
        choose_profile(Listing(tuple(profiles)), wanted)
    assert caught.value.names == tuple(profile.name for profile in profiles)
    assert [p for p in profiles if f"{p.name} ({p.arn})" not in str(caught.value)] == []
    assert isinstance(caught.value, UsageError)
