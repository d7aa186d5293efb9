"""Fault 29: how long a refusal takes tells nothing: an unknown id costs the same digest as a known one."""

from __future__ import annotations

import bcrypt
import pytest
from tests.integration.api.fixtures import Api

from stepherd.api_keys import texts as key_texts
from stepherd.api_keys.texts import COST


@pytest.fixture
def digests(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Every comparison that is made: the length of what is digested, and the cost."""
    made: list[tuple[int, int]] = []
    real = bcrypt.checkpw

    def count(password: bytes, hashed: bytes) -> bool:
        made.append((len(password), int(hashed.split(b"$")[2])))
        return real(password, hashed)

    monkeypatch.setattr(key_texts.bcrypt, "checkpw", count)
    return made


def test_known_unknown_revoked_and_expired_keys_cost_one_digest_each(
    api: Api, digests: list[tuple[int, int]]
) -> None:
    good, other = api.key(), api.key("bob")
    api.ring.revoke(other[8:16])
    same_id_wrong_rest = good[:16] + "0" * 56
    unknown_id = "sk_live_" + "0" * 64
    expected = [(good, 200), (same_id_wrong_rest, 403), (unknown_id, 403), (other, 403)]
    for key, status in expected:
        digests.clear()
        assert api.call("GET", "/executions", key).status == status
        assert digests == [(72, COST)]


def test_all_of_a_key_counts_to_its_last_digit(api: Api) -> None:
    """bcrypt reads 72 bytes: a longer key would be cut, and its end be worth nothing."""
    key = api.key()
    assert len(key) == 72
    last = "0" if key[-1] != "0" else "1"
    assert api.call("GET", "/executions", key[:-1] + last).status == 403


def test_what_cannot_be_a_key_costs_nothing(api: Api, digests: list[tuple[int, int]]) -> None:
    key = api.key()
    for text in ("", "x" * 10_240, "sk_live_" + "g" * 64, f"{key}\n", f"{key}0", f" {key}", key.upper()):
        assert api.call("GET", "/executions", text).status == 403
    assert digests == []
