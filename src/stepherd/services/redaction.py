"""Secrets masked in what is shown or stored as text. Files that an agent works on are never touched.

Known secrets are found in every form of ``secret_forms``, also where white space, line ends, escape sequences
or invisible characters stand between their characters, and at the edge of two pieces of a stream. Beside
them, well-known shapes of tokens can be given. It protects from accidents: an agent that wants to can always
write a secret backwards.

The search is made in a *view* of the text (``text.invisible``), from which the bytes that may stand between
have been taken, so that each form is one plain substring there. A match is then translated back into
positions of the text itself. There are two views, because the wider one may take away part of a secret by
mistake. A text that comes in pieces is held back from where a secret may begin that the next piece ends.

Time is linear in the text. A text without secrets is searched for each form at the speed of bytes.find, and
that is all: positions are only made where something was found, and patterns where they are first needed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from stepherd.services.secret_forms import forms_of, parts_of, worth_masking
from stepherd.text.invisible import views

if TYPE_CHECKING:
    from stepherd.text.invisible import View

__all__ = ["MASK", "RedactedStream", "Redactor", "SecretSearch", "Shape"]

MASK: Final = "***"
Shape = tuple[bytes, bytes]
"""A well-known kind of token: text that it always has, and its pattern."""

_SHORTEST_SECRET: Final = 6
_SHORTEST_START: Final = 4
"""Bytes of a form at the end of a piece for which a stream waits. Shorter starts are in too many words."""
_CONTEXT: Final = 1024
"""Bytes let out that are searched again with the next piece: a start too short to wait for may be in them."""
_MOST_HELD: Final = 64 * 1024
"""Bytes that a stream holds back at most: then it lets them out, rather than grow or look stopped."""
_LONGEST_TOKEN: Final = 512
# Any word at the end of a piece may become a token of a known shape in the next one.
_TOKEN_AT_END: Final = rb"[A-Za-z0-9_./+=-]{1,512}\Z"
# For a text in doubt: no shape is required, and colours or zero-width spaces do not end it.
_LIKE_A_TOKEN: Final = rb"(?:[A-Za-z0-9_.~+/=%-]|\x1b\[[0-9;]*m|\xe2\x80\x8b)+"
_SHORTEST_TOKEN: Final = 16
# A key that is cut off has no END line, and its lines are as secret: so the END is optional.
_KEY_BEGINS: Final = rb"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----[A-Za-z0-9+/=\s\\]"
_KEY: Final = _KEY_BEGINS + rb"{32,16384}(?:-----END (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----)?"
_KEY_AT_END: Final = _KEY_BEGINS + rb"{0,16384}-{0,5}[A-Z0-9 ]{0,40}\Z"
_KEY_MARK: Final = b"PRIVATE KEY"


class _Sight:
    """The forms of all secrets in one view."""

    def __init__(self, view: View, forms: Iterable[bytes]) -> None:
        self.view = view
        # A form may itself have bytes that the view leaves out. The longest needle comes first (``longest``).
        seen = {view.seen(form) for form in forms}
        self.needles = sorted((form for form in seen if len(form) >= _SHORTEST_SECRET), key=len, reverse=True)
        self._starts = {needle[:_SHORTEST_START] for needle in self.needles}

    def spans(self, data: bytes, seen: bytes) -> Iterator[tuple[int, int]]:
        """Where in ``data``, which is seen as ``seen``, secrets are."""
        positions = None
        for needle in self.needles:
            at = seen.find(needle)
            while at >= 0:
                # Only now: it is slow beside the search, and most texts hold no secret.
                positions = positions or self.view.positions(data)
                yield positions[at], positions[at + len(needle) - 1] + 1
                at = seen.find(needle, at + 1)

    def start_at_end(self, data: bytes, shortest: int = _SHORTEST_START) -> int:
        """Where in ``data`` the start of a secret stands that the end of ``data`` cuts off; its length when
        there is none."""
        if not self.needles:
            return len(data)
        # A start is shorter than the longest needle, but bytes that are not seen make it longer in ``data``:
        # there is room for 1,024 of them, and for three with each byte of the needle.
        window = max(0, len(data) - _CONTEXT - 4 * len(self.needles[0]))
        seen = self.view.seen(data[window:])[-len(self.needles[0]) :]
        longest = max((self._overlap(seen, start) for start in self._starts), default=0)
        if longest < shortest:
            return len(data)
        positions = self.view.positions(data[window:])
        return window + positions[positions.length - longest]

    def _overlap(self, seen: bytes, start: bytes) -> int:
        """How much of the end of ``seen`` is the start of a needle that begins with ``start``.

        The first place where the whole rest fits is the answer: any later one would be shorter.
        """
        at = seen.find(start)
        while at >= 0:
            rest = seen[at:]
            if any(len(needle) > len(rest) and needle.startswith(rest) for needle in self.needles):
                return len(rest)
            at = seen.find(start, at + 1)
        return 0


def _sights(secrets: Iterable[str]) -> tuple[_Sight, ...]:
    """The forms in both views, the narrow one first; nothing when no secret is worth masking."""
    parts = {part for secret in secrets if worth_masking(secret) for part in parts_of(secret)}
    forms = {form for part in parts if worth_masking(part) for form in forms_of(part)}
    return tuple(_Sight(view, forms) for view in views()) if forms else ()


class Redactor:
    """Masks known secrets, and tokens of known ``shapes``. Secrets that are not ``worth_masking`` are not."""

    def __init__(self, secrets: Iterable[str] = (), shapes: Sequence[Shape] = ()) -> None:
        self._known: frozenset[str] = frozenset()
        self._sights: tuple[_Sight, ...] = ()
        self.longest = 0
        """The longest form, in bytes."""
        # The shape of a private key is its BEGIN line, which tells no secret: the lines behind it are masked
        # with it, by a pattern of our own.
        others = tuple(shape for shape in shapes if shape[0] != _KEY_MARK)
        self._shapes = (*others, (_KEY_MARK, _KEY)) if shapes else ()
        self.learn(secrets)

    def learn(self, secrets: Iterable[str]) -> None:
        """Mask these as well from now on, also in what streams have not let out yet."""
        known = self._known | set(secrets)
        if known != self._known:
            self._known, self._sights = known, _sights(known)
            longest = (len(sight.needles[0]) for sight in self._sights if sight.needles)
            self.longest = max(longest, default=0)

    def mask(self, text: str) -> str:
        """``text`` with MASK in place of what is secret."""
        if len(text) < _SHORTEST_SECRET:
            return text
        data = text.encode("utf-8", "surrogatepass")
        spans = self.spans(data)
        return _rebuilt(data, spans, 0).decode("utf-8", "surrogatepass") if spans else text

    def mask_all(self, value: Any) -> Any:
        """``value`` with every text in it masked; lists and mappings are gone through."""
        if isinstance(value, str):
            return self.mask(value)
        if isinstance(value, Mapping):
            return {name: self.mask_all(item) for name, item in value.items()}
        if isinstance(value, list | tuple):
            return self._masked_items(list(value))
        return value

    def _masked_items(self, items: list[Any]) -> list[Any]:
        """The items masked. Texts in a list are lines as a rule, and a secret may be broken over several."""
        if items and all(isinstance(item, str) for item in items):
            # Masking keeps line ends, so that the parts of the whole are as many as before.
            whole = "\n".join(items)
            masked = self.mask(whole)
            return items if masked == whole else masked.split("\n")
        return [self.mask_all(item) for item in items]

    def stream(self) -> RedactedStream:
        """For text that comes in pieces."""
        return RedactedStream(self)

    def search(self) -> SecretSearch:
        """To find secrets in what comes in pieces."""
        return SecretSearch(self)

    @property
    def known(self) -> frozenset[str]:
        """The secrets that it knows, worth masking or not."""
        return self._known

    def spans(self, data: bytes) -> list[tuple[int, int]]:
        """Where in ``data`` secrets are: in order, none within or upon another."""
        found: list[tuple[int, int]] = []
        previous = b""
        for sight in self._sights:
            seen = sight.view.seen(data)
            # Without escape sequences both views see the same bytes: the second search would find the same.
            found.extend(sight.spans(data, seen) if seen != previous or sight is self._sights[0] else ())
            previous = seen
        for mark, pattern in self._shapes:
            if mark in data:
                found.extend(match.span() for match in re.compile(pattern).finditer(data))
        return _merged(found)

    def safe_end(self, data: bytes) -> int:
        """Up to where ``data`` can be let out before more of it comes."""
        if not self._sights and not self._shapes:
            return len(data)
        end = len(data)
        if self._sights:
            # Half an escape sequence looks like text; once it is whole, it may stand between two characters
            # of a secret. Only the wide view, the last one, leaves such sequences out.
            end = self._sights[-1].view.unfinished(data)
            end = min([end, *(sight.start_at_end(data[:end]) for sight in self._sights)])
        if self._shapes:
            end = min(end, _open_shape(data))
        return end

    def masked_start(self, data: bytes) -> int:
        """Where at the end of ``data`` a secret begins that was cut off."""
        return min((sight.start_at_end(data) for sight in self._sights), default=len(data))


class RedactedStream:
    """Masks a text that comes in pieces. Of each piece it holds back what may be the start of a secret."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._context = b""
        """The end of the bytes let out. It may hold a start of a secret that was too short to wait for."""
        self._held = b""
        """Bytes not yet let out. They follow the context."""
        self._doubt = False
        """Whether some of the held bytes came with doubt."""

    def feed(self, data: bytes, *, doubt: bool = False) -> bytes:
        """Take a piece; returns what can be let out. With ``doubt`` there may be secrets in it that are not
        known: whatever looks like a token is masked as well."""
        block = self._context + self._held + data
        begin = len(self._context)
        spans = self._redactor.spans(block)
        # Never before ``begin``: the context has been let out already.
        end = max(begin, self._redactor.safe_end(block))
        self._doubt = doubt or (self._doubt and bool(self._held))
        if self._doubt:
            spans, unfinished = _with_tokens(block, spans)
            end = max(begin, min(end, unfinished))
        # A secret that begins in the safe part is complete: its rest must be let out, masked, with it.
        end = max([end, *(stop for start, stop in spans if start < end)])
        if len(block) - end > _MOST_HELD:
            return self._let_out(block, begin, len(block), spans)
        return self._let_out(block, begin, end, spans)

    def flush(self, *, doubt: bool = False) -> bytes:
        """Return the rest. The start of a secret at its very end is masked: a part of one is secret, too."""
        block = self._context + self._held
        spans = self._redactor.spans(block)
        if doubt or self._doubt:
            spans, _ = _with_tokens(block, spans)
        start = self._redactor.masked_start(block)
        if start < len(block):
            spans = _merged([*spans, (start, len(block))])
        return self._let_out(block, len(self._context), len(block), spans)

    def _let_out(self, block: bytes, begin: int, end: int, spans: list[tuple[int, int]]) -> bytes:
        self._held = block[end:]
        self._context = block[max(0, end - _CONTEXT) : end]
        return _rebuilt(block[:end], spans, begin)


class SecretSearch:
    """Finds secrets in bytes that come in pieces, also where one ends in the next piece."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._context = b""
        self._held = b""
        self.passed = 0
        """How many bytes are done with: what is found from now on begins at most a secret's length before."""

    def feed(self, data: bytes) -> list[int]:
        """Take a piece; returns where secrets begin, in bytes from the very first one."""
        block = self._context + self._held + data
        begin, first = len(self._context), self.passed - len(self._context)
        end = max(begin, self._redactor.safe_end(block), len(block) - _MOST_HELD)
        # A secret wholly in the context was found before; one that begins behind ``end`` is found next time.
        found = [(start, stop) for start, stop in self._redactor.spans(block) if begin < stop and start < end]
        end = max([end, *(stop for _, stop in found)])
        self._context, self._held = block[max(0, end - _CONTEXT) : end], block[end:]
        self.passed = first + end
        return [first + start for start, _ in found]

    def finish(self) -> list[int]:
        """Return where secrets begin in the rest. One that is cut short at the very end is not among them."""
        block, first = self._context + self._held, self.passed - len(self._context)
        spans = self._redactor.spans(block)
        return [first + start for start, stop in spans if stop > len(self._context)]


def _with_tokens(data: bytes, spans: list[tuple[int, int]]) -> tuple[list[tuple[int, int]], int]:
    """``spans`` and those of all that looks like a token, and where one may begin that ``data`` cuts off."""
    tokens = [match.span() for match in re.compile(_LIKE_A_TOKEN).finditer(data)]
    long = [(start, stop) for start, stop in tokens if stop - start >= _SHORTEST_TOKEN]
    unfinished = tokens[-1][0] if tokens and tokens[-1][1] == len(data) else len(data)
    return _merged([*spans, *long]), unfinished


def _open_shape(data: bytes) -> int:
    """Where a token or private key begins that ``data`` may cut off; its length when there is none."""
    token = re.compile(_TOKEN_AT_END).search(data, max(0, len(data) - _LONGEST_TOKEN))
    end = len(data) if token is None else token.start()
    begin = data.rfind(b"-----BEGIN ")
    if begin >= 0 and re.compile(_KEY_AT_END).match(data, begin):
        end = min(end, begin)
    return end


def _merged(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The spans in order, with those joined that overlap or touch: two forms may find one secret."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _rebuilt(data: bytes, spans: list[tuple[int, int]], begin: int) -> bytes:
    """``data`` from ``begin`` on with its spans masked. Line ends within a span stay, so that lines do."""
    pieces: list[bytes] = []
    at = begin
    for start, end in spans:
        if end > begin and start < len(data):
            pieces += (
                data[at : max(at, start)],
                MASK.encode(),
                b"\n" * data.count(b"\n", max(start, begin), end),
            )
            at = min(end, len(data))
    pieces.append(data[at:])
    return b"".join(pieces)
