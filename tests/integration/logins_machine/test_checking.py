"""CheckLogin: whose turn, which login, until when."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.integration.logins_machine.rig import ARN, Rig

from stepherd.errors import CredentialsError, ProtocolError, TemporaryError, UsageError
from stepherd.logins.checking import valid_facts
from stepherd.logins.failures import ProfileNeeded
from stepherd.logins.hosts import ForeignAddress
from stepherd.logins.lease import Holder, lease_holder, take_lease
from stepherd.logins.login import Profile, Token
from stepherd.logins.profiles import Listing, list_profiles

TWO = [{"arn": "arn:1", "profileName": "one"}, {"arn": "arn:2", "profileName": "two"}]


def test_a_good_login_is_valid_and_the_lease_is_the_runs(rig: Rig) -> None:
    login = rig.give_login()
    facts = rig.check()
    assert login.token is not None
    assert (facts["status"], facts["account"]) == ("valid", "Builder ID")
    assert facts["expires_at"] == login.token.expires_at.isoformat().replace("+00:00", "Z")
    assert rig.statuses() == ["valid"]
    # AND while the run runs, another one is told who has it, once
    rig.machine.running = {f"{ARN}:stepherd-pipeline:run_1"}
    held = rig.check(rig.wanted("run_2"))
    assert held["status"] == "held"
    assert held["text"] == "Waiting for the login held by run run_1."
    assert held["holder"] == f"{ARN}:stepherd-pipeline:run_1"
    # AND when it is over, the other one has it
    rig.machine.running = set()
    assert rig.check(rig.wanted("run_2"))["status"] == "valid"


@pytest.mark.parametrize(
    "holder",
    [
        "arn:aws:states:us-east-1:123456789012:execution:stepherd-pipeline:run_9",
        "arn:aws:states:eu-west-1:000000000000:execution:stepherd-login:login_9",
        "arn:aws:states:us-east-1:000000000000:execution:another-stepherd-pipeline:run_9",
        "arn:aws:states:us-east-1:000000000000:execution:stepherd-2-pipeline:run_9",
    ],
)
def test_a_lease_of_another_place_keeps_no_one_out_for_ever(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, holder: str
) -> None:
    def denied(_: str) -> bool:
        raise CredentialsError("AWS denies DescribeExecution.")

    rig.give_login()
    assert take_lease(rig.place, Holder(holder, "run_9"), rig.machine.is_running) is None
    monkeypatch.setattr(rig.machine, "is_running", denied)
    assert rig.check()["status"] == "valid"
    # WHEN it is one of this place that cannot be asked about, THEN nothing is taken
    with pytest.raises(CredentialsError):
        rig.check(rig.wanted("run_2"))
    assert lease_holder(rig.place) == Holder(f"{ARN}:stepherd-pipeline:run_1", "run_1")


def test_without_a_login_a_person_is_needed(rig: Rig) -> None:
    facts = rig.check()
    assert facts["status"] == "needed"
    assert "No one is logged in" in facts["text"]
    assert rig.statuses() == []


def test_a_provider_that_does_not_answer_leaves_the_login_and_asks_nobody(rig: Rig) -> None:
    login = rig.give_login(seconds=-10)
    rig.provider.script("CreateToken", "500", "500", "503", "503")
    for _ in range(2):
        with pytest.raises(TemporaryError):
            rig.check()
    assert rig.stored() == login
    assert rig.check()["status"] == "valid"


def test_a_login_that_is_forced_is_needed_until_this_execution_has_one(rig: Rig) -> None:
    rig.give_login()
    wanted = rig.wanted(force=True)
    assert rig.check(wanted)["status"] == "needed"
    asked = rig.start(wanted)
    rig.provider.approve()
    assert rig.complete(asked) == "approved"
    assert rig.check(wanted)["status"] == "valid"


def test_another_provider_that_was_asked_for_by_name_needs_a_login(rig: Rig) -> None:
    rig.give_login()
    start_url = rig.provider.start_url
    assert rig.check(rig.wanted(identity_provider=start_url, license="pro"))["status"] == "needed"
    assert rig.check(rig.wanted(license="free"))["status"] == "valid"
    # AND a secret that came later does not end a login that is good
    assert rig.check(secret={"sso_url": start_url})["status"] == "valid"


@pytest.mark.parametrize("end", ["", "/", "/#", "/#/"])
def test_the_same_provider_with_another_end_of_its_address_is_the_same_login(rig: Rig, end: str) -> None:
    rig.give_login(start_url=rig.provider.start_url + "/")
    rig.provider.profiles = TWO[:1]
    asked = rig.wanted(identity_provider=rig.provider.start_url + end, license="pro")
    assert rig.check(asked)["status"] == "valid"


def test_a_profile_is_chosen_when_there_is_one_and_asked_for_when_there_are_several(rig: Rig) -> None:
    rig.give_login(start_url=rig.provider.start_url)
    rig.provider.profiles = TWO
    with pytest.raises(ProfileNeeded, match=r"one.*two"):
        rig.check()
    # WHEN it is named
    facts = rig.check(rig.wanted(profile="two"), {"sso_url": rig.provider.start_url})
    # THEN it is kept with the login
    assert facts["profile"] == "two"
    assert rig.stored().profile == Profile("arn:2", "two")
    calls = len(rig.provider.calls_of("ListAvailableProfiles"))
    assert rig.check()["profile"] == "two"
    assert len(rig.provider.calls_of("ListAvailableProfiles")) == calls


def test_a_company_without_profiles_is_let_in_and_asked_for_them_the_next_time(rig: Rig) -> None:
    rig.give_login(start_url=rig.provider.start_url)
    assert "profile" not in rig.check()
    assert rig.stored().profile is None
    rig.provider.profiles = TWO[:1]
    assert rig.check()["profile"] == "one"


@pytest.mark.parametrize("answer", ["503", "garbage", "access_denied_profile"])
def test_a_profile_by_its_arn_is_kept_though_no_region_lists_it(rig: Rig, answer: str) -> None:
    rig.give_login(start_url=rig.provider.start_url)
    rig.provider.script("ListAvailableProfiles", *[answer] * 2)
    with pytest.raises((TemporaryError, ProtocolError, CredentialsError)):
        rig.check()
    arn = "arn:aws:codewhisperer:us-east-1:1:profile/TEAM"
    facts = rig.check(rig.wanted(profile=arn), {"sso_url": rig.provider.start_url})
    assert (facts["status"], facts["profile"]) == ("valid", "TEAM")


@pytest.mark.parametrize("seconds", [1800, 3600, 7200])
def test_a_token_that_the_cli_renews_while_profiles_are_listed_stays(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, seconds: int
) -> None:
    rig.give_login(start_url=rig.provider.start_url, seconds=1200)
    rig.provider.profiles = TWO[:1]
    renewed = rig.provider.login(rig.kind, start_url=rig.provider.start_url, seconds=seconds)

    def meanwhile(token: Token) -> Listing:
        rig.place.save(renewed, None)
        return list_profiles(token)

    monkeypatch.setattr("stepherd.logins.subscription.list_profiles", meanwhile)
    facts = rig.check()
    assert facts["profile"] == "one"
    assert rig.stored() == replace(renewed, profile=Profile("arn:1", "one"))
    assert facts["expires_at"] == valid_facts(rig.stored())["expires_at"]


def test_the_only_profile_needs_no_name(rig: Rig) -> None:
    rig.give_login(start_url=rig.provider.start_url)
    rig.provider.profiles = TWO[:1]
    assert rig.check()["profile"] == "one"


def test_a_damaged_login_is_asked_for_anew_and_moved_aside_only_then(rig: Rig) -> None:
    rig.give_login()
    path = rig.folder / "logins/q/data.sqlite3"
    path.write_bytes(b"not a database" * 100)
    facts = rig.check()
    assert facts["status"] == "needed"
    assert path.read_bytes().startswith(b"not a database")
    asked = rig.start()
    rig.provider.approve()
    assert rig.complete(asked) == "approved"
    assert rig.check()["status"] == "valid"


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"license": "gold"}, UsageError),
        ({"region": 5}, UsageError),
        ({"profile": "x" * 3000}, UsageError),
        ({"agent": "nobody"}, UsageError),
        ({"license": "pro"}, UsageError),
        ({"identity_provider": "https://evil.example/start"}, ForeignAddress),
    ],
)
def test_what_is_not_acceptable_is_refused_before_anything_is_asked(
    rig: Rig, fields: dict[str, object], error: type[Exception]
) -> None:
    with pytest.raises(error):
        rig.start(rig.wanted(**fields))
    assert rig.provider.calls == []
