"""Fault 79 (logins): the process that writes a login is killed at each of its system calls.

Expected: the stored database is the old one or the new one, whole, for us and for the CLI; the next writer
gets through. SQLite writes below Python, so the kill comes from outside (ptrace), not from patched functions.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from tests.killed_at_syscalls import can_trace, killed_at
from tests.login_files import NOW, Q, a_login, a_token, open_as_the_cli, query, stored

from stepherd.logins import renewal
from stepherd.logins.database import copy_database, read_login, write_login
from stepherd.logins.location import LoginLocation
from stepherd.logins.location_object import ObjectDatabase
from stepherd.logins.login import Login
from stepherd.logins.opening import open_location
from stepherd.logins.persistence import keep_login
from stepherd.logins.renewal import ensure_fresh

pytestmark = pytest.mark.exhaustive

HOUR = timedelta(hours=1)
OLD, NEW = a_login("old"), a_login("new", ends=2 * HOUR)


@pytest.fixture(autouse=True)
def tracing() -> None:
    if not can_trace():
        pytest.skip("this system does not let a process trace its children")


def each_kill(prepare: Callable[[int], Callable[[], object]], check: Callable[[int], Login | None]) -> None:
    """Kill the work at its 1st, 2nd, … system call until it gets to its end; check what is there each time.

    The change must come at one moment: before it always the old login, after it always the new one.
    """
    seen: list[Login | None] = []
    was_killed, nth = True, 1
    while was_killed:
        work = prepare(nth)
        was_killed = killed_at(work, nth)
        seen.append(check(nth))
        nth += 1
    assert len(seen) > 10
    changes = [n for n in range(1, len(seen)) if seen[n] != seen[n - 1]]
    assert len(changes) == 1
    assert (seen[0], seen[-1]) == (seen[changes[0] - 1], seen[changes[0]])


def read_by_all(path: Path) -> Login | None:
    """Read the stored login, which the CLI must be able to open, too, and the next writer to replace."""
    if not path.exists():
        return None
    found = read_login(path, Q)
    assert open_as_the_cli(path) == []
    write_login(path, a_login("next"))
    assert read_login(path, Q) == a_login("next")
    assert not path.with_name(f"{path.name}-journal").exists()
    return found


def test_a_killed_write_leaves_the_old_or_the_new_login(tmp_path: Path) -> None:
    def prepare(nth: int) -> Callable[[], object]:
        return partial(write_login, stored(tmp_path / str(nth), OLD), NEW)

    def check(nth: int) -> Login | None:
        found = read_by_all(tmp_path / str(nth))
        assert found in (OLD, NEW)
        return found

    each_kill(prepare, check)


def test_a_killed_first_write_leaves_nothing_or_the_whole_login(tmp_path: Path) -> None:
    def check(nth: int) -> Login | None:
        found = read_by_all(tmp_path / str(nth) / "db")
        assert found in (None, NEW)
        return found

    each_kill(lambda nth: partial(write_login, tmp_path / str(nth) / "db", NEW), check)


def test_a_killed_copy_leaves_the_old_or_the_new_one(tmp_path: Path) -> None:
    source = stored(tmp_path / "source", NEW)

    def prepare(nth: int) -> Callable[[], object]:
        return partial(copy_database, source, stored(tmp_path / str(nth), OLD))

    each_kill(prepare, lambda nth: read_by_all(tmp_path / str(nth)))
    assert read_login(source, Q) == NEW


def place_at(folder: Path, form: str) -> LoginLocation:
    """A file that is changed in place, or an object that is replaced whole (here in a folder store)."""
    place = open_location(Q, f"{folder}/data.sqlite3")
    if form == "object":
        place = replace(place, database=ObjectDatabase(Q, place.folder, "data.sqlite3"))
    return place


def kept_in(place: LoginLocation) -> Login:
    found = place.load()
    assert found is not None
    place.save(a_login("next", ends=9 * HOUR), found.etag)
    after = place.load()
    assert after is not None
    assert after.login == a_login("next", ends=9 * HOUR)
    return found.login


@pytest.mark.parametrize("form", ["file", "object"])
def test_a_killed_persist_leaves_the_old_or_the_new_login(form: str, tmp_path: Path) -> None:
    left = stored(tmp_path / "left", NEW)

    def prepare(nth: int) -> Callable[[], object]:
        place = place_at(tmp_path / str(nth), form)
        place.save(OLD, None)
        return partial(keep_login, place, left, NOW)

    def check(nth: int) -> Login | None:
        found = kept_in(place_at(tmp_path / str(nth), form))
        assert found in (OLD, NEW)
        return found

    each_kill(prepare, check)


@pytest.mark.parametrize("form", ["file", "object"])
def test_a_killed_refresh_leaves_the_old_or_the_new_login(
    form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer of the identity provider is given: what is killed is everything around it."""
    monkeypatch.setattr(renewal, "refresh", lambda login, *, now: replace(login, token=NEW.token))

    def prepare(nth: int) -> Callable[[], object]:
        place = place_at(tmp_path / str(nth), form)
        place.save(OLD, None)
        return partial(ensure_fresh, place, NOW + HOUR)

    def check(nth: int) -> Login | None:
        found = kept_in(place_at(tmp_path / str(nth), form))
        assert found in (OLD, NEW)
        return found

    each_kill(prepare, check)


def test_conversations_of_the_cli_survive_every_kill(tmp_path: Path) -> None:
    def prepare(nth: int) -> Callable[[], object]:
        path = stored(tmp_path / str(nth), OLD)
        query(path, "INSERT INTO conversations VALUES ('/work', ?)", "x" * 100_000)
        return partial(write_login, path, Login(Q, a_token("new", ends=2 * HOUR)))

    def check(nth: int) -> Login | None:
        path = tmp_path / str(nth)
        found = read_login(path, Q)
        assert query(path, "SELECT length(value) FROM conversations") == [(100_000,)]
        return found

    each_kill(prepare, check)
