from __future__ import annotations

from base64 import b64encode

from hypothesis import given
from hypothesis import strategies as st

from stepherd.repositories.text import clean_line, clean_text, is_unsafe, redact


def test_escape_sequences_go_as_a_whole() -> None:
    assert clean_line("\x1b[1;31mred\x1b[0m \x1b]8;;http://evil\x07link\x1b]8;;\x1b\\ \x1bMx") == "red link x"


@given(st.text())
def test_cleaned_text_is_safe_and_encodable(text: str) -> None:
    cleaned = clean_line(text, limit=50)
    assert not is_unsafe(cleaned)
    assert len(cleaned) <= 50
    clean_text(text).encode()


@given(st.text(min_size=8, max_size=30), st.binary(max_size=5), st.binary(max_size=5))
def test_a_secret_is_found_in_base64_at_every_offset(secret: str, before: bytes, after: bytes) -> None:
    try:
        raw = secret.encode()
    except UnicodeEncodeError:
        return
    told = b64encode(before + raw + after).decode()
    assert "***" in redact(told, (secret,))
