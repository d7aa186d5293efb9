"""Secrets masked in what is shown or stored."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Callable
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.random_keys import HIDDEN

from stepherd.repositories.secret_patterns import secret_shapes
from stepherd.services.redaction import Redactor

CANARY = "cAn4ry-/+\"<&>'0123456789=%Zz"
PLAIN = "cAn4ry_0123456789_abcdefghijkl"
COLOUR = "\x1b[31m"


def _base64(text: str, before: str = "", after: str = "") -> str:
    return base64.b64encode(f"{before}{text}{after}".encode()).decode()


def _wrapped(text: str, width: int, end: str = "\n") -> str:
    return end.join(text[at : at + width] for at in range(0, len(text), width))


ENCODINGS: dict[str, Callable[[str], str]] = {
    "as it is": lambda s: s,
    "base64": _base64,
    "base64 at offset 1": lambda s: _base64(s, "x", "yz"),
    "base64 at offset 2": lambda s: _base64(s, "xx", "y"),
    "base64 of basic authentication": lambda s: _base64(s, "user:"),
    "base64 in lines": lambda s: _wrapped(_base64("some text before it" * 5 + s + "and after" * 9), 76),
    "base64 in short, indented lines": lambda s: _wrapped(_base64(s), 10, "\r\n    "),
    "base64 in lines in JSON": lambda s: json.dumps({"file": _wrapped(_base64(s), 20)}),
    "base64url": lambda s: base64.urlsafe_b64encode(f"ab{s}".encode()).decode(),
    "URL": lambda s: quote(s, safe=""),
    "URL path": quote,
    "URL in lower case": lambda s: quote(s, safe="").lower() if s == s.lower() else _lower_escapes(s),
    "JSON": json.dumps,
    "JSON in JSON": lambda s: json.dumps(json.dumps(s)),
    "XML": html.escape,
    "XML, quotes as they are": lambda s: html.escape(s, quote=False),
    "hex": lambda s: s.encode().hex(),
    "HEX": lambda s: s.encode().hex().upper(),
    "hex in lines": lambda s: _wrapped(s.encode().hex(), 8),
    "coloured letter by letter": lambda s: "".join(f"{COLOUR}{letter}" for letter in s),
    "coloured in JSON": lambda s: json.dumps("".join(f"{COLOUR}{letter}" for letter in s)),
    "with a link inside": lambda s: f"{s[:5]}\x1b]8;;http://example.com\x1b\\{s[5:]}",
    "inside a link": lambda s: f"\x1b]8;;http://example.com/{s}\x1b\\here",
    "with controls": lambda s: "\0".join(s),
    "with zero-width spaces": lambda s: "\u200b".join(s),
    "over two lines": lambda s: f"{s[:9]}\n{s[9:]}",
}


def _lower_escapes(text: str) -> str:
    return "".join(c if quote(c, safe="") == c else quote(c, safe="").lower() for c in text)


def _leaks(secret: str, text: str) -> bool:
    """Whether eight characters of the secret in any plain encoding are still there."""
    seen = "".join(text.split())
    whole = [secret, _base64(secret), secret.encode().hex(), quote(secret, safe="")]
    return any(form[at : at + 8] in seen for form in whole for at in range(len(form) - 7))


@pytest.mark.parametrize("secret", [CANARY, PLAIN, "žlutý-kůň-üben-日本語"])
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_secret_is_masked_in_every_encoding(encoding: str, secret: str) -> None:
    text = f"before {ENCODINGS[encoding](secret)} after"
    masked = Redactor([secret]).mask(text)
    assert "***" in masked
    assert not _leaks(secret, masked)
    assert "before" in masked
    assert "after" in masked


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_it_is_masked_wherever_a_piece_ends(encoding: str) -> None:
    text = f"before {ENCODINGS[encoding](CANARY)} after\n".encode()
    whole = Redactor([CANARY]).mask(text.decode())
    for cut in range(1, len(text)):
        stream = Redactor([CANARY]).stream()
        out = stream.feed(text[:cut]) + stream.feed(text[cut:]) + stream.flush()
        shown = out.decode()
        assert not _leaks(CANARY, shown), cut
        assert shown.startswith("before ")
        assert shown.endswith(" after\n")
        assert len("".join(shown.replace(COLOUR, "").replace("\\u001b[31m", "").split())) <= len(whole) + 6


def test_it_is_masked_byte_by_byte() -> None:
    for encoding in ENCODINGS.values():
        stream = Redactor([CANARY, PLAIN]).stream()
        text = f"x {encoding(CANARY)} y {encoding(PLAIN)} z\n".encode()
        out = b"".join(stream.feed(bytes((byte,))) for byte in text) + stream.flush()
        assert not _leaks(CANARY, out.decode())
        assert not _leaks(PLAIN, out.decode())


@given(
    st.lists(
        st.sampled_from([PLAIN, CANARY, PLAIN[:7], CANARY[:12], "a\n", " ", "x" * 50, COLOUR]), max_size=12
    ),
    st.lists(st.integers(1, 40), min_size=1, max_size=5),
)
@settings(max_examples=200, deadline=None)
def test_pieces_change_nothing_but_what_is_held_back(parts: list[str], sizes: list[int]) -> None:
    data = "".join(parts).encode()
    redactor = Redactor([PLAIN, CANARY])
    stream, out, at, turn = redactor.stream(), b"", 0, 0
    while at < len(data):
        size = sizes[turn % len(sizes)]
        out += stream.feed(data[at : at + size])
        at, turn = at + size, turn + 1
    out += stream.flush()
    assert PLAIN.encode() not in out
    assert CANARY.encode() not in out
    assert out.count(b"\n") == data.count(b"\n")


def test_a_secret_cut_short_at_the_end_is_masked() -> None:
    stream = Redactor([PLAIN]).stream()
    assert stream.feed(f"key {PLAIN[:20]}".encode()) == b"key "
    assert stream.flush() == b"***"


def test_ordinary_text_is_let_out_at_once_and_unchanged() -> None:
    stream = Redactor([PLAIN, CANARY]).stream()
    line = "Grüße \x1b[32mok\x1b[0m, C:\\new\\table and \\n …\n".encode()
    assert stream.feed(line) == line


def test_line_ends_within_a_secret_stay() -> None:
    lines = ("MIIEvQIBADANBgkqhkiG9w0B", "AQEFAASCBKcwggSjAgEAAoIB")
    key = "\n".join(("-----BEGIN PRIVATE KEY-----", *lines, "-----END PRIVATE KEY-----"))
    redactor = Redactor([key])
    assert redactor.mask(f"a\n{key}\nb").splitlines() == ["a", "***", "", "", "", "b"]
    assert redactor.mask("12: MIIEvQIBADANBgkqhkiG9w0B") == "12: ***"


def test_json_stays_json() -> None:
    value = {"text": f"line\n{CANARY}", "n": 1, CANARY: [CANARY]}
    masked = json.loads(Redactor([CANARY]).mask(json.dumps(value)))
    assert masked == {"text": "line\n***", "n": 1, "***": ["***"]}


@pytest.mark.parametrize(
    "value",
    [
        "",
        "abc",
        "short",
        "aaaaaaaa",
        "password",
        "us-east-1",
        "eu-central-1",
        "12345",
        "2026-11-21",
        "claude",
        "/usr/bin/git",
        "/dev/null",
        "true",
        "1234567",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "us-gov-west-1",
    ],
)
def test_what_is_in_every_log_is_no_secret(value: str) -> None:
    assert Redactor([value]).mask(f"a {value} b") == f"a {value} b"


@pytest.mark.parametrize(
    "value",
    [
        *("tr0ub4", "hunter-22", "ab12-cd34", "12345678901", "correcthorse", "ABCDEF", "121212121212"),
        *("/opt/0pen-sesame", "/wJalrXUtnFEMIK7MDENGbPxRfiCYzAbCdEfGhIj", "/etc/Secret"),
        *("no-horse-battery-5", "sa-lt-3", "9876-54-32"),
    ],
)
def test_a_secret_is_masked_whatever_it_looks_like(value: str) -> None:
    assert Redactor([value]).mask(f"a {value} b") == "a *** b"


@pytest.mark.parametrize("length", [1024, 1025, 1030, 1039, 2049, 3000])
def test_the_end_of_a_long_secret_is_masked_too(length: int) -> None:
    """Fails when the last piece is left out for being short."""
    secret = "".join(f"{number:x}." for number in range(1000))[:length]
    assert set(Redactor([secret]).mask(secret)) == {"*"}


def test_long_secrets_are_masked_in_pieces_and_so_is_what_is_cut_off_of_them() -> None:
    secret = "".join(f"{number:05d}:" for number in range(2000))
    redactor = Redactor([secret])
    assert set(redactor.mask(secret)) <= {"*"}
    assert "00400" not in redactor.mask(secret[:3072])
    assert redactor.longest < 4096


TOKENS = {
    "GitHub": "ghp_" + "a1B2" * 9,
    "GitLab": "glpat-" + "a1B2" * 6,
    "Anthropic": "sk-ant-" + "api03-" + "a1B2" * 12,
    "AWS": "AKIA" + "Z2YX" * 4,
    "Slack": "xoxb-" + "1234567890-abcdefghijklmn",
}


@pytest.mark.parametrize("kind", TOKENS)
def test_tokens_of_well_known_shapes_are_masked_also_between_pieces(kind: str) -> None:
    redactor = Redactor(shapes=secret_shapes())
    text = f"token={TOKENS[kind]} end\n"
    assert redactor.mask(text) == "token=*** end\n"
    for cut in range(len(text)):
        stream = redactor.stream()
        assert stream.feed(text[:cut].encode()) + stream.feed(text[cut:].encode()) == b"token=*** end\n"


def test_a_private_key_is_masked_whole_and_its_mention_is_not() -> None:
    redactor = Redactor(shapes=secret_shapes())
    key = "-----BEGIN RSA PRIVATE KEY-----\n" + "MIIEowIBAAKCAQEA\n" * 20 + "-----END RSA PRIVATE KEY-----"
    stream = redactor.stream()
    out = b"".join(stream.feed(f"{line}\n".encode()) for line in f"a\n{key}\nb".split("\n"))
    assert out.split() == [b"a", b"***", b"b"]
    mention = "if '-----BEGIN RSA PRIVATE KEY-----' in text:\n"
    assert redactor.stream().feed(mention.encode()) == mention.encode()


def test_everything_in_a_structure_is_masked() -> None:
    masked = Redactor([PLAIN]).mask_all({"a": [PLAIN, {"b": f"x{PLAIN}"}], "n": 1, "t": (PLAIN,)})
    assert masked == {"a": ["***", {"b": "x***"}], "n": 1, "t": ["***"]}


def test_what_is_held_back_is_bounded() -> None:
    stream = Redactor([PLAIN]).stream()
    let_out = len(stream.feed(PLAIN[:10].encode()))
    for _ in range(100):
        let_out += len(stream.feed(b" " * 4096))
    assert let_out > 300_000


@pytest.mark.parametrize(
    "filler",
    [
        b"an ordinary line of output, some 70 characters long, without a secret\n",
        b'a\\n\\u001b[31mb\\t\\"c\n',
        "─ čeština ─ 日本語\n".encode(),
        b" " * 70,
        PLAIN[:-1].encode(),
        b"\\" * 70,
        b"\x1b[" * 35,
        PLAIN.encode(),
    ],
    ids=["text", "JSON", "UTF-8", "space", "nearly", "backslashes", "broken sequences", "nothing but it"],
)
@pytest.mark.timeout(60)  # Time in the square of a piece would be hours.
def test_no_byte_is_looked_at_again_and_again(filler: bytes) -> None:
    redactor = _Counting([PLAIN, CANARY, "another-secret-1", "another-secret-2"], secret_shapes())
    stream, piece = redactor.stream(), (filler * (65536 // len(filler) + 1))[:65536]
    for _ in range(16):
        stream.feed(piece)
    stream.flush()
    assert redactor.looked_at <= 16 * 1.1 * len(piece) + 100_000


class _Counting(Redactor):
    """Counts the bytes that secrets are looked for in."""

    looked_at = 0

    def spans(self, data: bytes) -> list[tuple[int, int]]:
        self.looked_at += len(data)
        return super().spans(data)


@pytest.mark.parametrize("way", HIDDEN)
@pytest.mark.parametrize(("length", "size"), [(40, 1), (40, 7), (900, 300), (900, 10_000)])
def test_a_search_finds_where_a_secret_begins_whatever_the_pieces(way: str, length: int, size: int) -> None:
    secret = "".join(f"{number:05d}," for number in range(200))[:length]
    before = "some text before it, "
    data = (before + HIDDEN[way](secret) + " and after it").encode()
    search, found = Redactor([secret]).search(), []
    for at in range(0, len(data), size):
        found += search.feed(data[at : at + size])
    found += search.finish()
    assert found
    assert 0 <= min(found) - len(before) < 30
    assert search.passed <= len(data)
