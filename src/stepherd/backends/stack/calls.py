"""Calling Step Functions about a deployed stack, with errors that name it."""

from __future__ import annotations

from typing import Any

from stepherd.backends.client import Call
from stepherd.services.step_functions.aws import aws_call, open_aws_call
from stepherd.services.step_functions.errors import Where, in_words

__all__ = ["open_stack_call", "stack_call"]

_FORGETS = "Step Functions forgets a run 90 days after its end."


def stack_call(client: Any, stack: str) -> Call:
    """Calls Step Functions by a client of boto3, about the stack of that name."""
    return in_words(aws_call(client), _where(stack))


def open_stack_call(stack: str) -> Call:
    """Calls AWS about the stack of that name. Raises ConfigurationError."""
    return in_words(open_aws_call(), _where(stack))


def _where(stack: str) -> Where:
    return Where(f"the stack '{stack}'", _FORGETS)
