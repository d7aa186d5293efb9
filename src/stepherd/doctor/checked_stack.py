"""The stack that ``stepherd doctor`` looks into: described once, for checks that look at the same time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from stepherd.cloud.contexts import DEFAULT_CONTEXT, Context
from stepherd.cloud.stack import Stack, find_stack
from stepherd.cloud.stack_parts import physical_id
from stepherd.doctor.checkup import Check, Finding
from stepherd.errors import CredentialsError, StepherdError, TemporaryError, UnavailableError
from stepherd.services.aws.clients import new_client

__all__ = ["CheckedStack", "stack_check"]

_SECONDS: Final = 25.0
_TRIES: Final = 3


@dataclass(frozen=True, slots=True)
class _Outcome:
    stack: Stack | None = None
    error: StepherdError | None = None


class CheckedStack:
    """The stack of a context. Safe to be asked by several threads."""

    def __init__(self, home: Path, context: Context) -> None:
        self.home = home
        self.context = context
        self._lock = threading.Lock()

    def client(self, service: str) -> Any:
        """A client that gives up soon: a check may take seconds, not minutes."""
        return new_client(service, region=self.context.region, attempts=_TRIES, read_seconds=8)

    def aws(self, words: str) -> str:
        """A command line of the AWS CLI for the stack's region and the context's profile."""
        profile = f" --profile {self.context.profile}" if self.context.profile else ""
        return f"aws {words} --region {self.context.region}{profile}"

    def own(self, words: str) -> str:
        """A command line of Stepherd's that makes or removes the stack of this context."""
        name = "" if self.context.name == DEFAULT_CONTEXT else f" --name {self.context.name}"
        return f"stepherd {words}{name}"

    def stack(self) -> Stack:
        """The stack. Raises what ``find_stack`` raises, each time."""
        with self._lock:
            outcome = self._outcome
        if outcome.error is not None:
            raise outcome.error
        assert outcome.stack is not None
        return outcome.stack

    def part(self, logical: str) -> str:
        """The physical id of a resource of the stack. Raises as ``translated``."""
        return physical_id(self.client("cloudformation"), self.context.stack, logical)

    @cached_property
    def _outcome(self) -> _Outcome:
        try:
            return _Outcome(stack=find_stack(self.context.stack, self.context.region))
        except StepherdError as error:
            return _Outcome(error=error)


def stack_check(
    name: str, checked: CheckedStack, look: Callable[[CheckedStack, Stack], Iterable[Finding]]
) -> Check:
    """A check of one thing of the stack. Without a stack it finds nothing: another check says that.

    Denied access, or no answer, is a warning: nothing is known to be wrong.
    """

    def guarded(_: Path) -> Iterator[Finding]:
        try:
            stack = checked.stack()
        except StepherdError:
            return
        try:
            yield from look(checked, stack)
        except (CredentialsError, TemporaryError, UnavailableError) as error:
            yield Finding(name, "warning", f"It cannot be checked: {error.message}", error.remedy)

    return Check(name, guarded, seconds=_SECONDS)
