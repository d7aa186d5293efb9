"""Task tokens: made, checked, answered.

A token is random bytes and a keyed digest of them, so a forged or shortened one is told from one whose task
is not known any more (faults 37 to 39). An answer is committed before its sender hears that it was taken.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from stepherd.engine.asl.values import parse
from stepherd.engine.interpreter.failures import TaskError
from stepherd.engine.journal.clock import Clock
from stepherd.engine.journal.database import Journal
from stepherd.engine.journal.records import Attempt

__all__ = ["InvalidToken", "TaskClosed", "TaskUnknown", "Tokens"]

_RANDOM_BYTES = 24
_MAC_BYTES = 24


class InvalidToken(Exception):
    """The text is not a token of this engine."""


class TaskUnknown(Exception):
    """The token is well formed, and no such task is known."""


class TaskClosed(Exception):
    """The task has ended, timed out or been answered."""


class Tokens:
    """The tokens of one engine and the tasks that wait for their answers."""

    def __init__(self, journal: Journal, clock: Clock) -> None:
        self._journal = journal
        self._clock = clock
        self._key = bytes.fromhex(journal.meta("token_key", lambda: secrets.token_hex(32)))
        self._waiting: dict[str, tuple[Attempt, asyncio.Future[Any]]] = {}

    def new(self) -> str:
        """A token that no one can guess, 64 characters."""
        payload = secrets.token_bytes(_RANDOM_BYTES)
        return base64.urlsafe_b64encode(payload + self._mac(payload)).decode()

    def _mac(self, payload: bytes) -> bytes:
        return hmac.new(self._key, payload, hashlib.sha256).digest()[:_MAC_BYTES]

    def _check(self, token: str) -> None:
        try:
            raw = base64.b64decode(token.encode("ascii"), altchars=b"-_", validate=True)
        except (UnicodeEncodeError, binascii.Error, ValueError) as error:
            raise InvalidToken from error
        if not hmac.compare_digest(self._mac(raw[:_RANDOM_BYTES]), raw[_RANDOM_BYTES:]):
            raise InvalidToken

    @contextmanager
    def listen(self, attempt: Attempt) -> Iterator[asyncio.Future[Any]]:
        """A future that gets the callback's output, or TaskError; at once when it was given earlier."""
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        future.add_done_callback(_seen)
        self._waiting[attempt.token] = (attempt, future)
        if attempt.answer is not None:
            _settle(future, attempt.answer)
        try:
            yield future
        finally:
            del self._waiting[attempt.token]
            future.cancel()

    def _open(self, token: str) -> Attempt:
        self._check(token)
        waiting = self._waiting.get(token)
        attempt = waiting[0] if waiting else self._journal.attempt(token)
        if attempt is None:
            raise TaskUnknown
        if not attempt.waits or attempt.closed or attempt.answer is not None:
            raise TaskClosed
        return attempt

    def is_over(self, token: str) -> bool:
        """Whether no one waits for an answer to the token any more, or ever did."""
        try:
            self._open(token)
        except (InvalidToken, TaskUnknown, TaskClosed):
            return True
        return False

    def answer(self, token: str, answer: dict[str, Any]) -> None:
        """Take an answer: ``{"output": text}`` or ``{"error": …, "cause": …}``. Committed on return."""
        attempt = self._open(token)
        attempt.answer = answer
        self._journal.save_attempt(attempt)
        self._journal.flush()
        waiting = self._waiting.get(token)
        if waiting and not waiting[1].done():
            _settle(waiting[1], answer)

    def heartbeat(self, token: str) -> None:
        """Reset the heartbeat clock of a task; nothing is written to the history."""
        attempt = self._open(token)
        attempt.heartbeat, attempt.beat = self._clock.time(), self._clock.monotonic()
        self._journal.save_attempt(attempt)
        self._journal.flush()


def _settle(future: asyncio.Future[Any], answer: dict[str, Any]) -> None:
    if "output" in answer:
        future.set_result(parse(answer["output"]))
    else:
        future.set_exception(TaskError(answer.get("error"), answer.get("cause")))


def _seen(future: asyncio.Future[Any]) -> None:
    if not future.cancelled():
        future.exception()
