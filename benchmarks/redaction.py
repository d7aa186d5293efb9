"""How fast output is masked: of an agent with five secrets, and of one without."""

from __future__ import annotations

import base64
import time
from random import Random
from string import ascii_letters, digits

from benchmarks.figures import Figure
from stepherd.repositories.secret_patterns import secret_shapes
from stepherd.services.redaction import Redactor

__all__ = ["redaction_figures"]

_PIECE = 1 << 16
_PIECES = 48
_TIMES = 5
_SLOWEST = 15.0  # MB/s
_RANDOM = Random(1)
_OUTPUT = {
    "plain lines": b"an ordinary line of output, some 70 characters long, with nothing in it\n",
    "lines of JSON": b'{"type":"text","text":"Let me look at \\"src/main.py\\" and run\\nthe tests."}\n',
    "coloured lines": b"\x1b[32mPASSED\x1b[0m tests/test_one.py::test_something \x1b[1m[ 42%]\x1b[0m\n",
    "base64": base64.encodebytes(_RANDOM.randbytes(30_000)),
}


def redaction_figures() -> list[Figure]:
    """Megabytes a second of processor time; the baseline is the same without a known secret."""
    secrets = [_key(40), f"sk-ant-api03-{_key(90)}", f"ghp_{_key(36)}", _key(800), _key(900)]
    figures = []
    for name, line in _OUTPUT.items():
        value, baseline = _speed(line, secrets), _speed(line, [])
        what = f"masking {name}, five secrets"
        figures.append(Figure.of(what, value, "MB/s", f"≥ {_SLOWEST:g}", value >= _SLOWEST, baseline))
    return figures


def _key(length: int) -> str:
    return "".join(_RANDOM.choices(ascii_letters + digits, k=length))


def _speed(line: bytes, secrets: list[str]) -> float:
    piece = (line * (_PIECE // len(line) + 1))[:_PIECE]
    best = 0.0
    for _ in range(_TIMES):
        stream = Redactor(secrets, secret_shapes()).stream()
        stream.feed(piece)  # Patterns are made when they are needed first.
        began = time.process_time()
        for _ in range(_PIECES):
            stream.feed(piece)
        best = max(best, _PIECES * _PIECE / 1e6 / (time.process_time() - began))
    return best
