"""No key is spared for what it looks like: random ones of every kind, in every form, are masked."""

from __future__ import annotations

import os
from random import Random

import pytest
from tests.random_keys import HIDDEN, KINDS, written

from stepherd.services.redaction import Redactor
from stepherd.services.secret_forms import forms_of, parts_of, worth_masking
from stepherd.text.invisible import Narrow, View, Wide

_KEYS = int(os.environ.get("STEPHERD_TESTS_RANDOM_KEYS", "10000"))


@pytest.mark.parametrize("kind", KINDS)
def test_a_random_key_is_masked_in_every_form_and_however_it_is_broken_up(kind: str) -> None:
    random = Random(f"{kind} masked")
    for _ in range(2):
        key = KINDS[kind](random)
        redactor = Redactor([key])
        for form, text in written(key).items():
            for way, broken in HIDDEN.items():
                masked = redactor.mask(f"before {broken(text)} after")
                assert "***" in masked, (kind, key, form, way)
                # The ends of base64 tell of the neighbours, and those of what was broken up of the ways.
                assert not _left(masked, text), (kind, key, form, way)


@pytest.mark.parametrize("kind", KINDS)
def test_no_random_key_is_taken_for_something_harmless(kind: str) -> None:
    random = Random(f"{kind} harmless")
    keys = [KINDS[kind](random) for _ in range(2_000)]
    assert [key for key in keys if not worth_masking(key)] == []
    assert [key for number, key in enumerate(keys[:100]) if not _found(key, number)] == []


@pytest.mark.exhaustive
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("kind", KINDS)
def test_of_two_hundred_thousand_keys_none_is_left(kind: str) -> None:
    """Each in every form, and broken up in one of the ways, in turn."""
    random = Random(kind)
    for number in range(_KEYS):
        key = KINDS[kind](random)
        assert worth_masking(key), key
        assert _found(key, number), key


def _found(key: str, number: int) -> bool:
    """Whether what a redactor looks for is in every form of ``key``: without the time that masking takes."""
    forms = [form for part in parts_of(key) for form in forms_of(part)]
    broken = list(HIDDEN.values())[number % len(HIDDEN)]
    for text in written(key).values():
        data = broken(text).encode()
        if not any(_sees(view, forms, data) for view in (Narrow(), Wide())):
            return False
    return True


def _sees(view: View, forms: list[bytes], data: bytes) -> bool:
    seen = view.seen(data)
    return any(form in seen for form in forms)


def _left(masked: str, text: str) -> bool:
    """Whether ten characters of the middle of ``text`` are still there."""
    middle = text[8:-8]
    seen = "".join(masked.replace("\0", "").split())
    plain = middle.replace("\0", "")
    return any(plain[at : at + 10] in seen for at in range(0, len(plain) - 9))
