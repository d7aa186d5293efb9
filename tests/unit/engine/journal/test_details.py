"""Details of events come back as they were given."""

from __future__ import annotations

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as some

from stepherd.engine.journal.details import DICTIONARY, Packing

PACKING = Packing(DICTIONARY)
JSON = some.recursive(
    some.none() | some.booleans() | some.floats(allow_nan=False) | some.text(),
    lambda inner: some.lists(inner) | some.dictionaries(some.text(), inner),
)


@given(JSON, some.integers(1, 40))
def test_what_is_packed_comes_back(value: object, times: int) -> None:
    text = json.dumps([value] * times)
    assert PACKING.unpack(PACKING.pack(text)) == text


@pytest.mark.parametrize("length", [0, 1, 95, 96, 5_000, 300_000])
def test_noise_is_not_made_longer(length: int) -> None:
    text = "".join(random.Random(length).choices("abcdefghijklmnopqrstuvwxyz0123456789äß€", k=length))
    packed = PACKING.pack(text)
    assert PACKING.unpack(packed) == text
    assert len(packed if isinstance(packed, bytes) else (packed or "").encode()) <= len(text.encode())


def test_one_text_leaves_nothing_behind_for_the_next() -> None:
    first = json.dumps({"name": "A", "secret": "s3cr3t" * 40})
    second = json.dumps({"name": "B", "input": "x" * 300})
    alone = Packing(DICTIONARY).pack(second)
    PACKING.pack(first)
    assert PACKING.pack(second) == alone


def test_a_journal_keeps_to_the_dictionary_that_it_was_made_with() -> None:
    earlier = Packing("what an earlier version knew of")
    text = json.dumps({"input": "what an earlier version knew of " * 10})
    packed = earlier.pack(text)
    assert isinstance(packed, bytes)
    assert earlier.unpack(packed) == text
    with pytest.raises(ValueError, match="Error"):
        PACKING.unpack(packed)


def test_damaged_bytes_are_told() -> None:
    packed = PACKING.pack("x" * 1000)
    assert isinstance(packed, bytes)
    with pytest.raises(ValueError, match="Error"):
        PACKING.unpack(packed[:-3] + b"abc")
    with pytest.raises(ValueError, match="incomplete"):
        PACKING.unpack(packed[:-3])


def test_the_dictionary_fits_the_window() -> None:
    assert len(DICTIONARY.encode()) < 8192 - 262
