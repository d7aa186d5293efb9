"""The functions of strings."""

from __future__ import annotations

import base64
import binascii
import math
import re
import urllib.parse
from collections.abc import Callable
from typing import Any

from stepherd.engine.jsonata.calling import call
from stepherd.engine.jsonata.errors import JsonataError
from stepherd.engine.jsonata.matching import matches_of
from stepherd.engine.jsonata.scope import Scope
from stepherd.engine.jsonata.texts import text_of
from stepherd.engine.jsonata.values import UNDEFINED, Function, Sequence

__all__ = ["STRING_FUNCTIONS", "when_given"]

Implementation = Callable[[Scope, list[Any]], Any]
_URL = "-_.!~*'()"
_URL_WHOLE = _URL + ";/?:@&=+$,#"


def when_given(function: Callable[..., Any]) -> Implementation:
    """A function of its first argument that gives nothing for nothing."""

    def run(scope: Scope, arguments: list[Any]) -> Any:
        return UNDEFINED if arguments[0] is UNDEFINED else function(scope, *arguments)

    return run


def _string(scope: Scope, value: Any, pretty: Any = UNDEFINED) -> Any:
    return text_of(value, scope.run, pretty=pretty is True)


def _substring(scope: Scope, text: str, start: Any, length: Any) -> str:
    if start is UNDEFINED and length is not UNDEFINED:
        return ""
    if start is UNDEFINED or len(text) + start < 0:
        start = 0
    if length is UNDEFINED:
        return scope.run.text(text[_index(start, len(text)) :])
    if length <= 0:
        return ""
    end = start + length if start >= 0 else len(text) + start + length
    return scope.run.text(text[_index(start, len(text)) : _index(end, len(text))])


def _index(place: float, length: int) -> int:
    """A place as JavaScript's slice takes it: without its fraction, from the end when negative."""
    bounded = max(-length, min(length, place)) if not math.isnan(place) else 0
    whole = math.trunc(bounded)
    return whole + length if whole < 0 else whole


def _before(scope: Scope, text: str, chars: Any) -> str:
    scope.run.step(len(text) >> 6)
    return scope.run.text(text[: text.index(chars)]) if isinstance(chars, str) and chars in text else text


def _after(scope: Scope, text: str, chars: Any) -> str:
    scope.run.step(len(text) >> 6)
    if not isinstance(chars, str) or chars not in text:
        return text
    return scope.run.text(text[text.index(chars) + len(chars) :])


def _trim(scope: Scope, text: str, *_: Any) -> str:
    scope.run.make(4 * len(text))
    text = re.sub(r"[ \t\n\r]+", " ", text)
    return scope.run.text(text.removeprefix(" ").removesuffix(" "))


def _pad(scope: Scope, text: str, width: Any, char: Any) -> str:
    if width is UNDEFINED:
        return text
    filler: str = char if isinstance(char, str) and char else " "
    missing = abs(width) - len(text)
    if missing <= 0:
        return text
    if missing != int(missing):
        raise ValueError("Invalid array length")
    scope.run.make(int(missing) + len(text) + len(filler))
    padding = (filler * (int(missing) // len(filler) + 1))[: int(missing)]
    return text + padding if width > 0 else padding + text


def _contains(scope: Scope, text: str, token: Any) -> bool:
    if isinstance(token, str):
        scope.run.step(len(text) >> 6)
        return bool(token in text)
    return any(True for _ in matches_of(token, text, scope, "contains"))


def _match(scope: Scope, text: str, pattern: Any, limit: Any) -> Any:
    _check_limit(limit, "D3040")
    found = Sequence()
    if limit is UNDEFINED or limit > 0:
        for match in matches_of(pattern, text, scope, "match"):
            found.append({"match": match["match"], "index": match["start"], "groups": match["groups"]})
            if limit is not UNDEFINED and len(found) >= limit:
                break
    return found


def _check_limit(limit: Any, code: str) -> None:
    if limit is not UNDEFINED and limit < 0:
        raise JsonataError(code, value=limit)


def _split(scope: Scope, text: str, separator: Any, limit: Any) -> Any:
    _check_limit(limit, "D3020")
    most = math.inf if limit is UNDEFINED else limit
    if not most > 0:
        return []
    if isinstance(separator, str):
        scope.run.make(16 * (text.count(separator) + 1) + len(text))
        parts = text.split(separator) if separator else list(text)
        return parts if most == math.inf else parts[: int(most)]
    parts, start = [], 0
    for match in matches_of(separator, text, scope, "split"):
        if len(parts) >= most:
            break
        parts.append(text[start : match["start"]])
        start = match["end"]
        if len(parts) >= most:
            break
    if len(parts) < most:
        parts.append(text[start:])
    return parts


def _join(scope: Scope, texts: list[str], separator: Any) -> str:
    between = separator if isinstance(separator, str) else ""
    scope.run.make(sum(map(len, texts)) + len(between) * len(texts))
    return between.join(texts)


def _replace(scope: Scope, text: str, pattern: Any, replacement: Any, limit: Any) -> str:
    if pattern == "":
        raise JsonataError("D3010", value=pattern)
    _check_limit(limit, "D3011")
    most = math.inf if limit is UNDEFINED else limit
    if not most > 0:
        return text
    if isinstance(pattern, str):
        return _replace_text(scope, text, pattern, replacement, most)
    parts, at, count = [], 0, 0
    for match in matches_of(pattern, text, scope, "replace"):
        new = (
            _filled(replacement, match, scope)
            if isinstance(replacement, str)
            else call(replacement, [match], None, scope)
        )
        if not isinstance(new, str):
            raise JsonataError("D3012", value=None if isinstance(new, Function) or new is UNDEFINED else new)
        scope.run.make(len(new) + match["start"] - at if match["start"] > at else len(new))
        parts += [text[at : match["start"]], new]
        at = match["start"] + len(match["match"])
        count += 1
        if count >= most:
            break
    return "".join(parts) + text[at:] if count else text


def _replace_text(scope: Scope, text: str, pattern: str, replacement: Any, most: float) -> str:
    scope.run.step(len(text) >> 6)
    count = min(text.count(pattern), int(min(math.ceil(most), 2**31)) if most != math.inf else 2**31)
    if not count:
        return text
    other = "undefined" if replacement is UNDEFINED else replacement
    new = other if isinstance(other, str) else text_of(other, scope.run)
    scope.run.make(len(text) + count * len(new))
    return text.replace(pattern, new, count)


def _filled(template: str, match: dict[str, Any], scope: Scope) -> str:
    """A replacement with ``$1`` and the like filled in."""
    scope.run.step(10 * template.count("$") + (len(template) >> 6))
    groups: list[Any] = match["groups"]
    parts: list[str] = []
    at = 0
    most = 1 if not groups else math.floor(math.log10(len(groups))) + 1
    while True:
        dollar = template.find("$", at)
        if dollar < 0:
            return "".join(parts) + template[at:]
        parts.append(template[at:dollar])
        at = dollar + 1
        sign = template[at : at + 1]
        if sign in ("$", "0") and sign:
            parts.append("$" if sign == "$" else match["match"])
            at += 1
            continue
        digits = re.match(r"\s*[-+]?[0-9]+", template[at : at + most])
        if digits is not None and most > 1 and int(digits[0]) > len(groups):
            digits = re.match(r"\s*[-+]?[0-9]+", template[at : at + most - 1])
        if digits is None:
            parts.append("$")
            continue
        index = int(digits[0])
        if 0 < index <= len(groups) and groups[index - 1] is not UNDEFINED:
            parts.append(groups[index - 1])
        at += len(str(index))


def _base64encode(scope: Scope, text: str, *_: Any) -> str:
    scope.run.make(2 * len(text))
    # Of each UTF-16 unit the lower half: what JavaScript calls binary.
    return base64.b64encode(text.encode("utf-16-le", "surrogatepass")[::2]).decode()


def _base64decode(scope: Scope, text: str, *_: Any) -> str:
    scope.run.make(2 * len(text))
    plain = re.sub(r"[^A-Za-z0-9+/]", "", text.partition("=")[0].replace("-", "+").replace("_", "/"))
    plain = plain[:-1] if len(plain) % 4 == 1 else plain
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4)).decode("latin-1")
    except binascii.Error as error:
        raise ValueError(str(error)) from error


def _encoder(name: str, safe: str) -> Callable[..., str]:
    def encode(scope: Scope, text: str, *_: Any) -> str:
        scope.run.make(12 * len(text))
        try:
            return urllib.parse.quote(text, safe=safe)
        except UnicodeEncodeError as error:
            raise JsonataError("D3140", functionName=name, value=text) from error

    return encode


def _decoder(name: str, kept: str) -> Callable[..., str]:
    def decode(scope: Scope, text: str, *_: Any) -> str:
        scope.run.make(12 * len(text))
        if re.search(r"%(?![0-9A-Fa-f]{2})", text):
            raise JsonataError("D3140", functionName=name, value=text)
        marks = "|".join(f"{ord(char):02x}" for char in kept)
        guarded = re.sub(f"%(?=(?:{marks}))", "%25", text, flags=re.IGNORECASE) if kept else text
        try:
            return urllib.parse.unquote(guarded, errors="strict")
        except UnicodeDecodeError as error:
            raise JsonataError("D3140", functionName=name, value=text) from error

    return decode


def _length(_scope: Scope, text: str, *_: Any) -> int:
    return len(text)


STRING_FUNCTIONS: dict[str, tuple[str, int, Implementation]] = {
    # One is what it takes of $map's arguments: in the program the other one has a default.
    "string": ("<x-b?:s>", 1, when_given(_string)),
    "substring": ("<s-nn?:s>", 3, when_given(_substring)),
    "substringBefore": ("<s-s:s>", 2, when_given(_before)),
    "substringAfter": ("<s-s:s>", 2, when_given(_after)),
    "lowercase": ("<s-:s>", 1, when_given(lambda scope, text, *_: scope.run.text(text.lower()))),
    "uppercase": ("<s-:s>", 1, when_given(lambda scope, text, *_: scope.run.text(text.upper()))),
    "length": ("<s-:n>", 1, when_given(_length)),
    "trim": ("<s-:s>", 1, when_given(_trim)),
    "pad": ("<s-ns?:s>", 3, when_given(_pad)),
    "match": ("<s-f<s:o>n?:a<o>>", 3, when_given(_match)),
    "contains": ("<s-(sf):b>", 2, when_given(_contains)),
    "replace": ("<s-(sf)(sf)n?:s>", 4, when_given(_replace)),
    "split": ("<s-(sf)n?:a<s>>", 3, when_given(_split)),
    "join": ("<a<s>s?:s>", 2, when_given(_join)),
    "base64encode": ("<s-:s>", 1, when_given(_base64encode)),
    "base64decode": ("<s-:s>", 1, when_given(_base64decode)),
    "encodeUrlComponent": ("<s-:s>", 1, when_given(_encoder("encodeUrlComponent", _URL))),
    "encodeUrl": ("<s-:s>", 1, when_given(_encoder("encodeUrl", _URL_WHOLE))),
    "decodeUrlComponent": ("<s-:s>", 1, when_given(_decoder("decodeUrlComponent", ""))),
    "decodeUrl": ("<s-:s>", 1, when_given(_decoder("decodeUrl", ";/?:@&=+$,#"))),
}
