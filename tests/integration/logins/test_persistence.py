"""The rows kept of the database that an agent's run leaves behind."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from tests.login_files import NOW, Q, a_login, a_registration, a_token, query, stored

from stepherd.logins.database import read_login
from stepherd.logins.failures import DamagedDatabase
from stepherd.logins.location import LoginLocation
from stepherd.logins.login import Login, Profile
from stepherd.logins.persistence import keep_login

HOUR = timedelta(hours=1)


@pytest.fixture
def left(tmp_path: Path) -> Path:
    return tmp_path / "left.sqlite3"


def now_stored(place: LoginLocation) -> Login:
    found = place.load()
    assert found is not None
    return found.login


def test_a_renewed_token_is_kept(place: LoginLocation, left: Path) -> None:
    place.save(a_login(profile=Profile("arn", "p")), None)
    stored(left, a_login("renewed", ends=2 * HOUR))
    assert keep_login(place, left, NOW).status == "kept"
    assert now_stored(place) == a_login("renewed", ends=2 * HOUR, profile=Profile("arn", "p"))
    assert keep_login(place, left, NOW).status == "unchanged"


def test_only_the_rows_of_the_login_are_taken(place: LoginLocation, left: Path, tmp_path: Path) -> None:
    place.save(a_login(), None)
    stored(left, a_login("renewed", ends=2 * HOUR))
    query(left, "INSERT INTO conversations VALUES ('/work', 'CANARY')")
    query(left, "INSERT INTO auth_kv VALUES ('kirocli:odic:token', 'CANARY')")
    query(left, "INSERT INTO state VALUES ('telemetryClientId', 'CANARY')")
    query(left, "CREATE TABLE planted AS SELECT 'CANARY' AS x")
    assert keep_login(place, left, NOW).status == "kept"
    place.download(tmp_path / "copy")
    assert b"CANARY" not in (tmp_path / "copy").read_bytes()


def test_a_token_that_ends_sooner_or_as_soon_changes_nothing(place: LoginLocation, left: Path) -> None:
    place.save(a_login(), None)
    stored(left, a_login("older", ends=HOUR / 2))
    assert keep_login(place, left, NOW).status == "unchanged"
    left.unlink()
    stored(left, a_login("same"))
    assert keep_login(place, left, NOW).status == "unchanged"
    assert now_stored(place) == a_login()


def test_what_was_stored_while_the_agent_ran_is_not_lost(place: LoginLocation, left: Path) -> None:
    place.save(a_login("person", ends=3 * HOUR, client="two"), None)
    stored(left, a_login("renewed", ends=2 * HOUR))
    assert keep_login(place, left, NOW).status == "rejected"
    place.save(a_login("other-run", ends=3 * HOUR), None, replaces=True)
    assert keep_login(place, left, NOW).status == "unchanged"
    assert now_stored(place) == a_login("other-run", ends=3 * HOUR)


def test_an_agent_that_renews_in_memory_only_is_known(place: LoginLocation, left: Path) -> None:
    """Its file holds the token that the run began with, though that has ended (facts: Kiro 1.23)."""
    place.save(a_login(), None)
    stored(left, a_login())
    assert keep_login(place, left, NOW).status == "unchanged"
    assert keep_login(place, left, NOW + HOUR).status == "in_memory"
    assert now_stored(place) == a_login()


def test_a_cli_that_logged_itself_out_takes_nothing_away(place: LoginLocation, left: Path) -> None:
    """The CLI deletes its token when a refresh meets an HTTP 500 (facts)."""
    place.save(a_login(), None)
    stored(left, a_login())
    query(left, "DELETE FROM auth_kv")
    assert keep_login(place, left, NOW).status == "rejected"
    assert keep_login(place, left.with_name("none"), NOW).status == "unchanged"
    assert now_stored(place) == a_login()


def test_a_renewal_without_refresh_token_and_registration_keeps_the_stored_ones(
    place: LoginLocation, left: Path
) -> None:
    place.save(a_login(), None)
    stored(left, Login(Q, a_token("renewed", ends=2 * HOUR, refresh_token=None)))
    assert keep_login(place, left, NOW).status == "kept"
    kept = now_stored(place)
    assert kept.token == a_token("renewed", ends=2 * HOUR, refresh_token="refresh-one")
    assert kept.registration == a_registration()


@pytest.mark.parametrize(
    ("planted", "reason"),
    [
        (a_login("x", ends=timedelta(days=8)), "too long"),
        (a_login("x", ends=timedelta(days=90_000)), "too long"),
        (a_login("x", ends=2 * HOUR, client="two"), "another login"),
        (
            replace(a_login("x", ends=2 * HOUR), registration=a_registration(client_secret="x")),
            "another login",
        ),
        (a_login("x", ends=2 * HOUR, region="eu-west-1"), "another identity provider"),
        (a_login("x", ends=2 * HOUR, start_url="https://d-666.awsapps.com/start"), "another identity"),
    ],
)
def test_a_token_that_cannot_be_a_renewal_of_ours_is_rejected(
    planted: Login, reason: str, place: LoginLocation, left: Path
) -> None:
    place.save(a_login(), None)
    stored(left, planted)
    kept = keep_login(place, left, NOW)
    assert kept.status == "rejected"
    assert reason in kept.reason
    assert now_stored(place) == a_login()


START = "https://example.awsapps.com/start"


@pytest.mark.parametrize("way_to_write_it", [START, f"{START}/", f"{START}/#", f"{START}/#/"])
def test_a_start_url_that_ends_otherwise_is_of_the_same_provider(
    place: LoginLocation, left: Path, way_to_write_it: str
) -> None:
    place.save(a_login(start_url=START), None)
    stored(left, a_login("renewed", ends=2 * HOUR, start_url=way_to_write_it))
    assert keep_login(place, left, NOW).status == "kept"
    assert now_stored(place) == a_login("renewed", ends=2 * HOUR, start_url=START)


@pytest.mark.parametrize("chosen", [None, Profile("arn:aws:codewhisperer:us-east-1:1:profile/A", "A")])
def test_the_profile_that_a_person_chose_stays_whatever_the_agent_writes(
    place: LoginLocation, left: Path, chosen: Profile | None
) -> None:
    place.save(a_login(start_url=START, profile=chosen), None)
    theirs = Profile("arn:aws:codewhisperer:us-east-1:666:profile/E", "E")
    stored(left, a_login("renewed", ends=2 * HOUR, start_url=START, profile=theirs, scopes=("more",)))
    assert keep_login(place, left, NOW).status == "kept"
    assert now_stored(place) == a_login("renewed", ends=2 * HOUR, start_url=START, profile=chosen)


def test_the_agents_registration_is_never_taken_over(place: LoginLocation, left: Path) -> None:
    place.save(a_login(), None)
    stored(left, replace(a_login("x", ends=2 * HOUR), registration=a_registration(region="eu-west-1")))
    assert keep_login(place, left, NOW).status == "kept"
    assert now_stored(place).registration == a_registration()


def test_nothing_becomes_a_login_where_there_was_none(place: LoginLocation, left: Path) -> None:
    stored(left, a_login())
    assert keep_login(place, left, NOW).status == "rejected"
    assert place.load() is None


def test_a_damaged_file_of_the_agents_is_rejected_and_a_damaged_store_is_an_error(
    place: LoginLocation, left: Path
) -> None:
    place.save(a_login(), None)
    left.write_bytes(b"SQLite format 3\0" + b"x" * 5_000)
    kept = keep_login(place, left, NOW)
    assert kept.status == "rejected"
    assert "damaged" in kept.reason
    assert now_stored(place) == a_login()
    left.unlink()
    stored(left, a_login("renewed", ends=2 * HOUR))
    place.folder.put("data.sqlite3", b"rot")
    with pytest.raises(DamagedDatabase):
        keep_login(place, left, NOW)
    assert place.folder.get("data.sqlite3").body == b"rot"


def test_what_a_newer_cli_leaves_in_a_form_of_its_own_is_rejected(place: LoginLocation, left: Path) -> None:
    place.save(a_login(), None)
    stored(left, a_login("renewed", ends=2 * HOUR))
    query(left, "INSERT INTO migrations (version, migration_time) VALUES (8, 1)")
    query(left, "UPDATE auth_kv SET value = 'v2:' || value")
    kept = keep_login(place, left, NOW)
    assert (kept.status, "A newer version of its CLI" in kept.reason) == ("rejected", True)
    assert now_stored(place) == a_login()


def test_a_write_ahead_log_that_the_agent_left_counts(
    place: LoginLocation, left: Path, tmp_path: Path
) -> None:
    place.save(a_login(), None)
    stored(left, a_login())
    query(left, "PRAGMA journal_mode=WAL")
    assert read_login(left, Q) == a_login()
