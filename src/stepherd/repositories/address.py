"""A repository's address, judged before anything is started (fault 66).

Accepted are ``https://``, ``ssh://``, ``user@host:path``, and, on a laptop, a path or ``file://``.
``http://`` is for tests: it is accepted on loopback alone, and loopback only where the operator allows it.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal
from urllib.parse import SplitResult, unquote, urlsplit

from stepherd.errors import UsageError
from stepherd.repositories.hosts import is_loopback, objection
from stepherd.text.plain import is_unsafe, one_paragraph

__all__ = ["Kind", "Repository", "parse_repository"]

Kind = Literal["file", "https", "http", "ssh"]
_LONGEST: Final = 2048
_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_HELPER: Final = re.compile(r"[A-Za-z0-9+.-]*::")
_SCP: Final = re.compile(r"(?:(?P<user>[^@:/]*)@)?(?P<host>\[[^\]/]*\]|[^:/@]+):(?P<path>.*)")
_USER: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]{0,63}")
_ESCAPED_CONTROL: Final = re.compile(r"%(?:[01][0-9a-f]|7f)", re.IGNORECASE)
_EXAMPLE: Final = "Use an address such as https://github.com/owner/name.git, git@host:owner/name.git"


@dataclass(frozen=True, slots=True)
class Repository:
    """An address that passed every check.

    ``url`` is what git gets: it never holds a password or token; an SSH address keeps its user name.
    ``host`` is None for a folder. ``display`` is for people. ``path`` is the part after the host,
    without slashes around it, or the absolute path of a folder.
    """

    url: str
    kind: Kind
    host: str | None
    display: str
    path: str


def parse_repository(
    text: str, *, allow_local: bool = True, allow_http_loopback: bool | None = None
) -> Repository:
    """The repository that ``text`` names.

    ``allow_local`` is for laptops: it accepts a path or ``file://`` that is a git repository.
    ``allow_http_loopback`` accepts this machine over http, https and ssh; None takes it from the
    environment variable STEPHERD_ALLOW_LOOPBACK_REMOTES. Raises UsageError with the reason.
    """
    if allow_http_loopback is None:
        allow_http_loopback = os.environ.get("STEPHERD_ALLOW_LOOPBACK_REMOTES") == "1"
    _check_characters(text)
    if scheme := _SCHEME.match(text):
        return _parse_url(text, scheme[1].lower(), allow_local, allow_http_loopback)
    if _HELPER.match(text):
        raise _refusal(text, "'::' starts a remote helper, which runs a program")
    if ":" in text.split("/", 1)[0]:
        return _parse_scp(text, allow_http_loopback)
    return _parse_folder(text, text, allow_local)


def _check_characters(text: str) -> None:
    if not text.strip():
        raise UsageError("The repository is empty.", remedy=_EXAMPLE + " or a path.")
    if len(text) > _LONGEST:
        raise _refusal(text, f"it is longer than {_LONGEST} characters")
    if is_unsafe(text) or _ESCAPED_CONTROL.search(text):
        raise _refusal(text, "it contains a control or invisible character")
    if text.startswith("-"):
        raise _refusal(text, "it starts with '-', as an option does")


def _parse_url(text: str, scheme: str, allow_local: bool, allow_loopback: bool) -> Repository:
    if scheme not in {"https", "http", "ssh", "file"}:
        raise _refusal(text, f"'{scheme}://' is not a protocol that Stepherd speaks")
    if scheme == "file":
        return _parse_file_url(text, allow_local)
    parts = _split(text)
    host = _checked_host(text, parts.hostname or "", allow_loopback)
    user = _checked_user(text, parts, scheme)
    if scheme == "http" and not is_loopback(host):
        raise _refusal(text, "'http://' is not encrypted; use https://")
    path = _checked_path(text, parts.path)
    port = f":{parts.port}" if parts.port is not None else ""
    shown = f"[{host}]" if ":" in host else host
    url = f"{scheme}://{user}{shown}{port}{parts.path}"
    kind: Kind = "https" if scheme == "https" else "http" if scheme == "http" else "ssh"
    return Repository(url=url, kind=kind, host=host, display=url, path=path)


def _split(text: str) -> SplitResult:
    if re.search(r"[\s\\]", text):
        raise _refusal(text, "it contains a space or a backslash")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise _refusal(text, f"it cannot be read ({error})") from None
    if port == 0:
        raise _refusal(text, "port 0 does not exist")
    if parts.query or parts.fragment or text.endswith(("?", "#")):
        raise _refusal(text, "it contains a query or a fragment ('?' or '#')")
    return parts


def _checked_host(text: str, host: str, allow_loopback: bool) -> str:
    if host.startswith("-"):
        raise _refusal(text, "the host starts with '-', as an option does")
    if "%" in host:
        raise _refusal(text, "the host holds '%'")
    reason = objection(host, allow_loopback=allow_loopback)
    if reason is not None:
        raise _refusal(text, reason)
    return host.lower()


def _checked_user(text: str, parts: SplitResult, scheme: str) -> str:
    if "@" not in parts.netloc:
        return ""
    if scheme != "ssh" or parts.password is not None:
        raise _refusal(
            text,
            "it contains a user name or password",
            "Put the token into the git credentials secret, and use the address without it.",
        )
    return f"{_ssh_user(text, parts.username or '')}@"


def _ssh_user(text: str, user: str) -> str:
    if not _USER.fullmatch(user):
        raise _refusal(text, "the user name is not acceptable")
    return user


def _checked_path(text: str, path: str) -> str:
    decoded = unquote(path)
    bare = decoded.strip("/")
    if path.startswith("//"):
        raise _refusal(text, "the path starts with '//'")
    if not bare:
        raise _refusal(text, "it does not name a repository on the host")
    if bare.startswith("-") or any(part in {".", ".."} for part in bare.split("/")):
        raise _refusal(text, "the path contains '.', '..' or starts with '-'")
    if is_unsafe(decoded):
        raise _refusal(text, "the path contains a control or invisible character")
    return bare


def _parse_scp(text: str, allow_loopback: bool) -> Repository:
    match = _SCP.fullmatch(text)
    if match is None or re.search(r"[\s\\]", text):
        raise _refusal(text, "it is neither a URL nor user@host:path")
    host = _checked_host(text, match["host"].strip("[]"), allow_loopback)
    user = f"{_ssh_user(text, match['user'])}@" if match["user"] is not None else ""
    path = _checked_path(text, match["path"])
    shown = f"[{host}]" if ":" in host else host
    url = f"{user}{shown}:{match['path']}"
    return Repository(url=url, kind="ssh", host=host, display=url, path=path)


def _parse_file_url(text: str, allow_local: bool) -> Repository:
    rest = text[len("file://") :]
    if not rest.startswith("/"):
        raise _refusal(text, "a file:// address names a folder on this machine: file:///path")
    return _parse_folder(text, unquote(rest), allow_local)


def _parse_folder(text: str, path: str, allow_local: bool) -> Repository:
    if not allow_local:
        raise _refusal(text, "the run cannot reach a folder on this machine")
    try:
        folder = Path(os.path.abspath(Path(path).expanduser()))  # noqa: PTH100 - resolve() follows links
    except RuntimeError:
        raise _refusal(text, "there is no such user") from None
    if is_unsafe(str(folder)):
        raise _refusal(text, "it contains a control or invisible character")
    if not folder.exists():
        raise _refusal(text, "there is no such folder")
    if not _is_repository(folder):
        raise _refusal(text, "that folder is not the top of a git repository", _top_of(folder))
    return Repository(url=str(folder), kind="file", host=None, display=str(folder), path=str(folder))


def _is_repository(folder: Path) -> bool:
    inside = folder / ".git"
    if inside.is_file():
        return True
    return any(
        (place / "HEAD").is_file() and (place / "objects").is_dir() and (place / "refs").is_dir()
        for place in (inside, folder)
    )


def _top_of(folder: Path) -> str:
    """Advice for a folder that is no repository: the repository that it is in, or an example."""
    top = next((above for above in folder.parents if (above / ".git").exists()), None)
    return f"Its top is {top}." if top is not None else _EXAMPLE + " or a path."


def _refusal(text: str, reason: str, remedy: str = _EXAMPLE + " or a path.") -> UsageError:
    shown = re.sub(r"//[^/@]*@", "//***@", one_paragraph(text, 120))
    return UsageError(f"The repository '{shown}' is not acceptable: {reason}.", remedy=remedy)
