"""What git said, as one of our errors: what happened, why in git's own words, and the next thing to do."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from stepherd.errors import (
    ConfigurationError,
    CredentialsError,
    DataError,
    InternalError,
    NotFoundError,
    StepherdError,
    StorageError,
    UnavailableError,
)
from stepherd.repositories.process import MOST_WORDS
from stepherd.repositories.secret_patterns import secret_shapes
from stepherd.services.redaction import Redactor
from stepherd.text.plain import one_paragraph

__all__ = ["CommitNotServed", "PushRejected", "RepositoryMoved", "explain", "server_words"]


class RepositoryMoved(NotFoundError):
    """The server answers with a redirect, which is never followed with credentials in hand."""


class CommitNotServed(NotFoundError):
    """The server has no such commit or ref, or does not hand it out by its id."""


class PushRejected(DataError):
    """The server took the objects but refused the branch: a protected branch, a hook, a rule."""


_LONGEST_LINE: Final = 400
_EDGE: Final = 16 << 10  # longer than any form of a secret
_FROM_SERVER: Final = re.compile(r"(?:\x1b\[[0-9;]*[mK])*remote: ?")


@dataclass(frozen=True, slots=True)
class _Rule:
    pattern: str
    error: type[StepherdError]
    reason: str
    remedy: str


_CREDENTIALS: Final = "Check the token or key in the git credentials secret, its scopes and its expiry date."
# The first rule that matches decides, so the narrow ones come first. The words are those of git 2.39 to
# 2.51, of libcurl and OpenSSH, and of the large forges.
_RULES: Final = (
    _Rule(
        r"returned error: 30\d|unable to update url base from redirection",
        RepositoryMoved,
        "the server says that the repository is at another address, and redirects are not followed",
        "Open the address in a browser and give the one that it ends at.",
    ),
    _Rule(
        r"returned error: 403|permission to .* denied|write access to repository not granted|"
        r"not allowed to (push|upload)|insufficient permission|HTTP 403",
        CredentialsError,
        "the credentials do not give the right to do that",
        _CREDENTIALS,
    ),
    _Rule(
        r"authentication failed|could not read (username|password)|returned error: 401|invalid username or"
        r"|permission denied \(|too many authentication failures|HTTP Basic: Access denied"
        r"|load key .*(invalid|error)|terminal prompts disabled",
        CredentialsError,
        "the server did not accept the credentials, or there are none",
        _CREDENTIALS,
    ),
    _Rule(
        r"host key verification failed|host identification has changed",
        CredentialsError,
        "the server's SSH host key is not the known one",
        "Compare the key with the one that the server's owner publishes, then put it into known_hosts.",
    ),
    _Rule(
        r"not our ref|unadvertised object|couldn't find remote ref|no such remote ref",
        CommitNotServed,
        "the server does not have or does not hand out that commit or ref",
        "Check the base: it must be a branch, a tag or a full commit id that the repository has.",
    ),
    _Rule(
        r"\[remote rejected\]|pre-receive hook declined|protected branch|denyCurrentBranch|\bGH0\d\d\b",
        PushRejected,
        "the server refused the branch",
        "Give another --branch, or ask the repository's owner for an exception. The work is kept in the run.",
    ),
    _Rule(
        r"returned error: 404|repository .*not found|does not appear to be a git repository"
        r"|project you were looking for could not be found|does not exist|no such file or directory",
        NotFoundError,
        "there is no such repository, or the credentials may not see it",
        "Check the address, and that the git credentials may read the repository.",
    ),
    _Rule(
        r"dubious ownership",
        ConfigurationError,
        "the folder belongs to another user",
        "Run Stepherd as its owner, or trust it: git config --global --add safe.directory PATH",
    ),
    _Rule(
        r"no space left|disk quota|read-only file system|unable to write (file|new index|loose)|cannot mkdir",
        StorageError,
        "the disk refused to write",
        "Free some space, or point STEPHERD_HOME at another disk.",
    ),
    _Rule(
        r"could not resolve|couldn't connect|connection (refused|reset|closed)|timed out|no route to"
        r"|network is unreachable|returned error: (5\d\d|429|408)|early EOF|hung up|RPC failed|SSL|TLS|gnutls"
        r"|certificate|unexpected disconnect|too slow|Empty reply|transfer closed|failed to connect",
        UnavailableError,
        "the server cannot be reached or broke off",
        "Check the address and the network, then try again: stepherd redrive RUN",
    ),
    _Rule(
        r"fsck error|invalid index-pack|index-pack failed|bad object|object corrupt|unresolved deltas",
        DataError,
        "the repository holds objects that git's own check refuses",
        "Run git fsck on the repository, and repair what it names.",
    ),
    _Rule(
        r"transport '.*' not allowed",
        DataError,
        "the server sends git on to a protocol that is not allowed",
        "Give the repository's final address.",
    ),
)


def explain(doing: str, place: str, said: str, secrets: tuple[str, ...] = ()) -> StepherdError:
    """The error for a git command that failed.

    ``doing`` is the work in words ("Reading the branches"), ``place`` the repository for people, ``said``
    git's stderr and porcelain output. The words are quoted without control characters and ``secrets``.
    """
    words = server_words(said, secrets)
    for rule in _RULES:
        if re.search(rule.pattern, said, re.IGNORECASE):
            message = f"{doing} of {place} failed: {rule.reason}." + (f" Git said: {words}" if words else "")
            return rule.error(message, remedy=rule.remedy)
    return InternalError(
        f"{doing} of {place} failed." + (f" Git said: {words}" if words else ""),
        remedy="Run the same with git by hand to see more, and report it if git succeeds.",
    )


def server_words(said: str, secrets: tuple[str, ...] = (), *, limit: int = 600) -> str:
    """The lines of ``said`` that carry a meaning, on one line, clean and without ``secrets``."""
    lines = [one_paragraph(line, _LONGEST_LINE) for line in _masked(said, secrets)]
    noise = re.compile(
        r"(remote: ?)?((Enumerating|Counting|Compressing|Receiving|Resolving|Writing|Total)\b.*|=*)"
        r"|hint:.*|Warning: Permanently added .*|Please make sure you have the correct access rights"
        r"|and the repository exists\."
    )
    told = [line for line in lines if line and not noise.fullmatch(line)]
    return one_paragraph("; ".join(told[-8:]), limit)


def _masked(said: str, secrets: tuple[str, ...]) -> list[str]:
    """The lines of ``said`` without secrets, also without one that the server broke over several lines:
    git begins each line of a server's with a word of its own, which is put aside while secrets are looked
    for."""
    lines = re.split(r"[\r\n]+", said)
    begins = [found[0] if (found := _FROM_SERVER.match(line)) else "" for line in lines]
    told = "\n".join(line[len(begin) :] for begin, line in zip(begins, lines, strict=True))
    stream = Redactor(secrets, secret_shapes()).stream()
    data = told.encode("utf-8", "surrogatepass")
    masked = (stream.feed(data) + stream.flush()).decode("utf-8", "replace").split("\n")
    shown = [begin + line for begin, line in zip(begins, masked, strict=True)]
    if len(said.encode("utf-8", "surrogatepass")) < MOST_WORDS:
        return shown
    # Words that were cut off at their beginning may begin with the rest of a secret, which nothing can tell.
    return "\n".join(shown)[_EDGE:].split("\n")
