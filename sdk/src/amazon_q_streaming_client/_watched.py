"""What is read from a network stream, watched between the socket and the library."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from ._http import TimeLimits

__all__ = ["Sieve", "Watch"]

_FRAME: Final = 9
"""Bytes of the head of a frame of HTTP/2: three of its length, its type, its flags, four of its stream."""
_GO_AWAY: Final = 7
_JUDGED: Final = _FRAME + 8
"""With the last stream and the reason, all that is looked at of a GOAWAY."""
_AT_MOST: Final = 8
"""How many are taken out: a server that ends in order sends two, and one that sends them for ever is none."""


class Sieve:
    """Takes out of what a server of HTTP/2 sends that it will end the connection after this answer.

    The library takes a GOAWAY for the end of the connection, although a server that shuts down in order sends
    it and then the rest of the answer. One with an error, or for an answer that will not come, goes through.
    """

    def __init__(self) -> None:
        self.found = 0
        self._start = bytearray()
        """The start of a frame, until it can be judged."""
        self._left = 0
        """Bytes until the next frame."""
        self._drops = False
        """Whether those bytes are taken out."""

    def feed(self, data: bytes, stream: int) -> bytes:
        """Return what the library may see of ``data``; ``stream`` is the number of the answer's stream."""
        seen = bytearray()
        at = 0
        while at < len(data):
            if self._left:
                piece = data[at : at + self._left]
                self._left -= len(piece)
                seen += b"" if self._drops else piece
            else:
                piece = data[at : at + self._needed() - len(self._start)]
                self._start += piece
                if len(self._start) == self._needed():
                    seen += self._judge(stream)
            at += len(piece)
        return bytes(seen)

    def _needed(self) -> int:
        if len(self._start) < _FRAME or self._start[3] != _GO_AWAY or self._length() < _JUDGED - _FRAME:
            return _FRAME
        return _JUDGED

    def _length(self) -> int:
        return int.from_bytes(self._start[:3])

    def _judge(self, stream: int) -> bytes:
        start, self._start, self._left = bytes(self._start), bytearray(), 0
        self._left = int.from_bytes(start[:3]) - (len(start) - _FRAME)
        self._drops = len(start) == _JUDGED and self._is_orderly(start, stream)
        self.found += self._drops
        return b"" if self._drops else start

    def _is_orderly(self, start: bytes, stream: int) -> bool:
        last, reason = int.from_bytes(start[9:13]) & 0x7FFFFFFF, int.from_bytes(start[13:17])
        return reason == 0 and last >= stream and self.found < _AT_MOST


class Watch:
    """Watches a network stream of the library, whose ``read`` it takes the place of."""

    def __init__(self, stream: Any, limits: TimeLimits | None, *, blocking: bool) -> None:
        self.stream = stream
        self.reads = 0
        self.requests = 1
        self.limits = limits
        """What a read may take. The library looks it up once and grants it to each read of HTTP/1.1, so that
        bytes that are nothing of an answer would prolong the wait for it."""
        self._read = stream.read
        session = stream.get_extra_info("ssl_object")
        self._sieve = Sieve() if session and session.selected_alpn_protocol() == "h2" else None
        stream.read = self._blocking if blocking else self._waiting

    @property
    def is_ending(self) -> bool:
        """Whether the server said that it will end the connection."""
        return self._sieve is not None and self._sieve.found > 0

    def _patience(self, timeout: float | None) -> float | None:
        return timeout if self.limits is None else self.limits["read"]

    def _seen(self, data: bytes) -> bytes:
        return data if self._sieve is None else self._sieve.feed(data, 2 * self.requests - 1)

    def _blocking(self, max_bytes: int, timeout: float | None = None) -> bytes:
        while True:
            self.reads += 1
            data: bytes = self._read(max_bytes, self._patience(timeout))
            seen = self._seen(data)
            if seen or not data:
                return seen

    async def _waiting(self, max_bytes: int, timeout: float | None = None) -> bytes:
        while True:
            self.reads += 1
            data: bytes = await self._read(max_bytes, self._patience(timeout))
            seen = self._seen(data)
            if seen or not data:
                return seen
