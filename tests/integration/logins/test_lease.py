"""The lease of a login: one execution at a time, on disk and on S3."""

import json

import pytest

from stepherd.errors import TemporaryError
from stepherd.logins.lease import Holder, lease_holder, take_lease
from stepherd.logins.location import LoginLocation
from stepherd.services.store.contract import PreconditionFailed, WriteConflict

ONE, TWO = Holder("arn:one", "run_1"), Holder("arn:two", "run_2")


def alive(_: str) -> bool:
    return True


def finished(_: str) -> bool:
    return False


def test_the_first_takes_it_and_the_second_is_told_by_whom(place: LoginLocation) -> None:
    assert lease_holder(place) is None
    assert take_lease(place, ONE, alive) is None
    assert take_lease(place, TWO, alive) == ONE
    assert lease_holder(place) == ONE


def test_who_has_it_keeps_it_without_asking_whether_it_runs(place: LoginLocation) -> None:
    take_lease(place, ONE, alive)
    assert take_lease(place, ONE, lambda _: pytest.fail("asked")) is None


def test_who_finds_the_holder_finished_may_take_it(place: LoginLocation) -> None:
    take_lease(place, ONE, alive)
    asked: list[str] = []
    assert take_lease(place, TWO, lambda arn: bool(asked.append(arn))) is None
    assert asked == ["arn:one"]
    assert lease_holder(place) == TWO
    assert take_lease(place, ONE, alive) == TWO


def test_when_it_is_not_known_whether_the_holder_runs_nothing_is_taken(place: LoginLocation) -> None:
    take_lease(place, ONE, alive)

    def unknown(_: str) -> bool:
        raise TemporaryError("no answer")

    with pytest.raises(TemporaryError, match="no answer"):
        take_lease(place, TWO, unknown)
    assert lease_holder(place) == ONE


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"{", b"null", b"[]", b"{}", b'{"execution_arn": 1, "run_id": ""}', b"\xff", b"[" * 100_000),
        json.dumps({"execution_arn": "a\u001b[31m", "run_id": "x"}).encode(),
    ],
)
def test_a_lease_that_nobody_wrote_may_be_taken(body: bytes, place: LoginLocation) -> None:
    place.folder.put(place.lease_key, body)
    assert lease_holder(place) is None
    assert take_lease(place, ONE, alive) is None
    assert lease_holder(place) == ONE


def test_a_holder_who_comes_in_between_is_found(
    place: LoginLocation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other one's put lands between our get and our put."""
    put = type(place.folder).put

    def race(self: object, key: str, body: bytes, **conditions: object) -> str:
        monkeypatch.setattr(type(place.folder), "put", put)
        assert take_lease(place, TWO, alive) is None
        return put(self, key, body, **conditions)  # type: ignore[arg-type]

    monkeypatch.setattr(type(place.folder), "put", race)
    assert take_lease(place, ONE, alive) == TWO


def test_two_who_find_the_holder_finished_at_once_do_not_both_take_it(
    place: LoginLocation, monkeypatch: pytest.MonkeyPatch
) -> None:
    take_lease(place, Holder("arn:gone", "run_0"), alive)
    put = type(place.folder).put

    def race(self: object, key: str, body: bytes, **conditions: object) -> str:
        monkeypatch.setattr(type(place.folder), "put", put)
        assert take_lease(place, TWO, lambda arn: arn != "arn:gone") is None
        return put(self, key, body, **conditions)  # type: ignore[arg-type]

    monkeypatch.setattr(type(place.folder), "put", race)
    assert take_lease(place, ONE, lambda arn: arn != "arn:gone") == TWO


@pytest.mark.parametrize("error", [PreconditionFailed("412"), WriteConflict("409")])
def test_it_is_not_tried_without_end(
    error: Exception, place: LoginLocation, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = []

    def refuse(*_: object, **__: object) -> str:
        tries.append(1)
        raise error

    monkeypatch.setattr(type(place.folder), "put", refuse)
    with pytest.raises(TemporaryError):
        take_lease(place, ONE, alive)
    assert len(tries) == 16
