"""Reading the values of a request whose members have been checked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypeAlias

from stepherd.engine.api.errors import ApiError, invalid_member
from stepherd.engine.core import Engine
from stepherd.engine.journal.records import Execution, Machine

__all__ = ["Request", "arn_of", "check_name", "execution_of", "machine_of", "needed"]

Request: TypeAlias = Mapping[str, Any]
_FORBIDDEN = re.compile(r"[\s<>{}\[\]?*\"#%\\^|~`$&,;:/\x00-\x1f\x7f-\x9f\ud800-\udfff\U00010000-\U0010ffff]")


def check_name(name: str) -> str | None:
    """The problem with a name of an execution or machine; None when it is good (fault 4)."""
    if not 1 <= len(name) <= 80:
        return f"a name has 1 to 80 characters, this one has {len(name)}"
    bad = _FORBIDDEN.search(name)
    return f"the character {bad[0]!r} is not allowed in a name" if bad else None


def needed(request: Request, member: str) -> str:
    """A member that must be given. Raises ApiError."""
    value = request.get(member)
    if value is None:
        raise invalid_member(member, value, "not be null")
    return str(value)


def arn_of(request: Request, member: str) -> str:
    """A member that is an ARN. Raises ApiError."""
    value = needed(request, member)
    if not value.startswith("arn:"):
        raise ApiError("InvalidArn", f"Invalid Arn: 'Invalid ARN prefix: {value}'")
    return value


def machine_of(engine: Engine, request: Request) -> Machine:
    """The machine of ``stateMachineArn``. Raises ApiError."""
    arn = arn_of(request, "stateMachineArn")
    machine = engine.journal.machine(arn)
    if machine is None:
        raise ApiError("StateMachineDoesNotExist", f"State Machine Does Not Exist: '{arn}'")
    return machine


def execution_of(engine: Engine, request: Request) -> Execution:
    """The execution of ``executionArn``. Raises ApiError."""
    arn = arn_of(request, "executionArn")
    execution = engine.journal.execution(arn)
    if execution is None:
        raise ApiError("ExecutionDoesNotExist", f"Execution Does Not Exist: '{arn}'")
    return execution
