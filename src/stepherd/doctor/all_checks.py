"""All that is looked at: of the stack of a context, or of a home."""

from __future__ import annotations

from pathlib import Path

from stepherd.cloud.contexts import Context
from stepherd.doctor.checkup import Check
from stepherd.doctor.home import HOME_CHECKS
from stepherd.doctor.machine import MACHINE_CHECKS
from stepherd.doctor.runner import runner_check
from stepherd.doctor.stack import stack_checks
from stepherd.doctor.tokens import TOKEN_CHECK
from stepherd.services.aws.installed import require_boto3

__all__ = ["all_checks"]


def all_checks(home: Path, context: Context | None = None) -> tuple[Check, ...]:
    """The checks in the order in which their findings are shown. Without a context they are of the home.

    Raises ConfigurationError when there is no boto3 for a stack.
    """
    if context is None:
        return (*MACHINE_CHECKS, TOKEN_CHECK, runner_check(home), *HOME_CHECKS)
    require_boto3("A deployed stack")
    machine = (check for check in MACHINE_CHECKS if check.name != "aws")
    return (*machine, *stack_checks(home, context))
