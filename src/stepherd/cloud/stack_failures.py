"""Why a resource failed, in words, and what to do about it.

CloudFormation gives a text per resource. Those that people meet are known by their words; any other is shown
as it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from stepherd.cloud.stack_events import Change
from stepherd.errors import (
    CannotCreateError,
    ConfigurationError,
    CredentialsError,
    StepherdError,
    StorageError,
    TemporaryError,
)

__all__ = ["stack_failure"]

_ACTION: Final = re.compile(r"not authorized to perform:? \[?([a-z0-9-]+:[A-Za-z]+)")
_NOISE: Final = re.compile(
    r"Resource handler returned message: |\(Service: .*?\)|\(RequestToken: .*?\)"
    r"|\(SDK Attempt Count: \d+\)|HandlerErrorCode: \w+|Request ID: [\w-]+,?"
)
_LONGEST: Final = 500

Maker = Callable[[str, str], StepherdError]


def stack_failure(doing: str, change: Change | None, again: str) -> StepherdError:
    """The error for a stack that came to rest badly. ``doing``: "The stack x could not be created".

    ``again`` is the command that continues. Raises nothing.
    """
    if change is None:
        return TemporaryError(
            f"{doing}, but CloudFormation does not say why.",
            remedy=f"Check its events in the CloudFormation console, then run: {again}",
        )
    what = f"{doing}: {change.resource} ({change.kind}): {_plain(change.reason)}"
    for words, make in _KNOWN:
        if words.search(change.reason):
            return make(what, again) if make is not _denied else _denied_action(what, change.reason, again)
    return ConfigurationError(what, remedy=f"Fix that, then run: {again}")


def _plain(reason: str) -> str:
    text = " ".join(_NOISE.sub("", reason).split()).strip('" ,')
    return (text[:_LONGEST] or "no reason is given").rstrip(".") + "."


def _denied(what: str, again: str) -> StepherdError:
    return CredentialsError(what, remedy=f"Allow it for the deploying user, then run: {again}")


def _denied_action(what: str, reason: str, again: str) -> StepherdError:
    action = _ACTION.search(reason)
    if action is None:
        return _denied(what, again)
    return CredentialsError(what, remedy=f"Allow {action[1]} for the deploying user, then run: {again}")


def _taken(what: str, again: str) -> StepherdError:
    remedy = f"Remove it, or choose another name with --stack-name, then run: {again}"
    return CannotCreateError(what, remedy=remedy)


def _limit(what: str, again: str) -> StepherdError:
    remedy = f"Raise the quota in the Service Quotas console or remove unneeded resources, then run: {again}"
    return ConfigurationError(what, remedy=remedy)


def _busy(what: str, again: str) -> StepherdError:
    return TemporaryError(what, remedy=f"In a few minutes, run: {again}")


def _again(what: str, again: str) -> StepherdError:
    words = "A role was not yet known everywhere in AWS"
    return TemporaryError(what, remedy=f"{words}: there is nothing to fix. Run it again: {again}")


def _not_empty(what: str, again: str) -> StepherdError:
    return StorageError(what, remedy=f"Something was added in the meantime. Run: {again}")


def _expired(what: str, again: str) -> StepherdError:
    return CredentialsError(
        what, remedy=f"Log in to AWS again (aws sso login, or aws configure), then run: {again}"
    )


_KNOWN: Final[tuple[tuple[re.Pattern[str], Maker], ...]] = (
    # Roles that AWS has made just now and does not know everywhere yet.
    (
        re.compile(
            r"service.linked role|access the Log Destination|role.{0,80}cannot be assumed"
            r"|authorized to create managed-rule|execution role does not have permissions"
            r"|authorized to assume the provided role|CodeBuild is not authorized to perform: sts:AssumeRole",
            re.I,
        ),
        _again,
    ),
    (re.compile(r"security token .*(expired|invalid)|ExpiredToken", re.I), _expired),
    (re.compile(r"not authorized|AccessDenied|Access Denied|UnauthorizedOperation", re.I), _denied),
    (re.compile(r"already exists|AlreadyExists|BucketAlreadyOwnedByYou", re.I), _taken),
    (re.compile(r"not empty|NotEmpty|contains images|ContainsTasks", re.I), _not_empty),
    (re.compile(r"limit ?exceeded|quota|maximum number|VpcLimit", re.I), _limit),
    (
        re.compile(r"throttl|rate exceeded|too many requests|internal failure|service unavailable", re.I),
        _busy,
    ),
)
