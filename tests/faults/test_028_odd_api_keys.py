"""Fault 28: no key, a wrong one, or a header that no key can be: refused in words, never a fault of ours."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.integration.api.fixtures import Api
from tests.integration.api.gateway import Context, sample

from stepherd.api.authorizer import authorize
from stepherd.api_keys.ring import KeyRing
from stepherd.errors import DataError
from stepherd.services.secrets.documents import Document


def test_without_a_key_nothing_is_asked(api: Api) -> None:
    assert api.call("GET", "/executions").status == 401


def test_odd_keys_are_refused_and_the_good_one_is_taken(api: Api) -> None:
    key = api.key()
    odd = [
        "", " ", "null", key[:-1], key + "0", key + "\n", "\n" + key, key + "\r\n", f" {key}", f"{key},{key}",
        key.upper(), key.replace("sk_live_", "SK_LIVE_"), key[:8] + key[8:].upper(), "sk_live_" + "0" * 64,
        "sk_test_" + key[8:], key[:-1] + "é", "é" * 72, "\udc80" * 72, "\0" * 72, key[:16] + "\0" + key[17:],
        "x" * 10_240, key * 150, "sk_live_" + "٣" * 64, "sk_live_" + "a" * 10_240,
    ]  # fmt: skip
    for text in odd:
        assert api.call("GET", "/executions", text).status == 403, text[:80]
    assert api.call("GET", "/executions", key).status == 200


@pytest.mark.parametrize(
    "source", [None, [], [""], [None], [1], ["a", "b"], {}, "text", [["x"]], [{"a": 1}], [b"x"]]
)
def test_an_event_of_another_shape_is_refused(api: Api, source: Any) -> None:
    event = {**sample("authorize"), "identitySource": source, "headers": None}
    assert api.gateway.authorizer(event, Context()) == {"isAuthorized": False, "context": {}}


class Fixed:
    """A document that never changes."""

    reference = "fixed"

    def __init__(self, text: str) -> None:
        self.text = text

    def read(self) -> Document:
        return Document(self.text, "1")

    def write(self, text: str, *, version: str) -> None:
        self.text = text


@pytest.fixture(scope="module")
def ring() -> KeyRing:
    made = KeyRing(Fixed(""))
    made.create("ada", "admin")
    return made


# One character off, so that the digest of a real key is not paid for at each example.
NEARLY = st.from_regex(r"sk_live_[0-9a-f]{63}[^0-9a-f]|sk_live_[0-9a-f]{64}(\s|.)", fullmatch=True)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(text=st.one_of(st.text(), NEARLY, st.binary(), st.none(), st.integers()))
def test_whatever_is_in_the_header_there_is_an_answer(ring: KeyRing, text: Any) -> None:
    answer = authorize({"identitySource": [text], "headers": {"X-API-KEY": text}}, ring)
    assert answer == {"isAuthorized": False, "context": {}}
    assert authorize({"headers": {"X-API-KEY": text}}, ring) == answer


@settings(max_examples=200, deadline=None)
@given(
    context=st.dictionaries(
        st.sampled_from(["owner", "scope", "key_id", "expires"]),
        st.one_of(st.none(), st.integers(), st.text()),
    )
)
def test_a_handler_that_is_called_past_the_authorizer_refuses(context: Any) -> None:
    """An event without the authorizer's word, or with half of it, has no caller."""
    from stepherd.api.routes import respond

    event = sample("post_executions")
    event["requestContext"]["authorizer"] = {"lambda": {**context, "scope": context.get("scope") or ""}}

    def never() -> Any:
        raise AssertionError("the service was opened for nobody")

    outcome = respond(event, never)
    assert outcome.answer.status in {403, 500}
    del event["requestContext"]["authorizer"]
    assert respond(event, never).answer.status == 403


@pytest.mark.parametrize(
    "text", ["[]", "{", "null", '{"keys": 1}', '{"keys": [1]}', '{"keys": [{"id": "canary"}]}', "[" * 100_000]
)
def test_a_damaged_list_of_keys_lets_nobody_in_and_is_not_quoted(text: str) -> None:
    with pytest.raises(DataError) as caught:
        authorize({"identitySource": ["sk_live_" + "0" * 64]}, KeyRing(Fixed(text)))
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("kept", ["", "x", "$2b$08$", "$2b$99$" + "a" * 53, "$2b$08$" + "é" * 53, "\0", "$2"])
def test_a_damaged_hash_lets_nobody_in(kept: str) -> None:
    import json

    entry = {"id": "00000000", "owner": "a", "scope": "admin", "hash": kept, "created": ""}
    ring = KeyRing(Fixed(json.dumps({"keys": [entry]})))
    assert ring.find("sk_live_" + "0" * 64) is None
