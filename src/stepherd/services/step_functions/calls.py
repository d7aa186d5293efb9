"""Calling Step Functions: one protocol, whatever the way is.

A ``Call`` takes an operation's name and its arguments, and gives the answer as it is on the wire: moments are
seconds since the epoch. The ways are an engine of this process (``in_process``, here), an engine's endpoint
on loopback (``endpoint.py``, by the standard library alone), and AWS (``aws.py``, by boto3). Each raises
``Refused`` for an error answer of Step Functions itself, and other errors of the tree where there is no
answer. ``errors.py`` has the meaning of error answers for a person.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from stepherd.errors import InternalError

__all__ = ["Call", "Refused", "in_process"]


class Call(Protocol):
    """An operation's name and arguments → its answer."""

    def __call__(self, operation: str, arguments: Mapping[str, Any], /) -> dict[str, Any]:
        """Raises Refused, TemporaryError, and on AWS what ``services.aws.errors`` has."""
        ...


class Refused(InternalError):
    """An error answer of Step Functions, by AWS's code."""

    def __init__(self, code: str, said: str) -> None:
        super().__init__(f"{code}: {said}")
        self.code = code
        self.said = said
        """The service's own words."""


def in_process(
    ask: Callable[[str, Mapping[str, Any]], dict[str, Any]], error_answer: type[Exception]
) -> Call:
    """Calls the API of an engine of this process: ``ask`` answers, or raises ``error_answer``, which has a
    code and a message."""

    def call(operation: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        try:
            return ask(operation, arguments)
        except error_answer as error:
            code, said = getattr(error, "code", ""), getattr(error, "message", "")
            raise Refused(str(code), str(said)) from error

    return call
