"""The fields of a request judged one by one, so that a refusal can name the field."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from stepherd.agents.command_line import split_command
from stepherd.agents.registry import get_agent
from stepherd.errors import UsageError
from stepherd.repositories.address import parse_repository
from stepherd.repositories.allow import parse_allow
from stepherd.repositories.refs import check_branch, check_ref
from stepherd.runs.network import checked_network
from stepherd.runs.request import InvalidRequest, check_request
from stepherd.runs.variables import check_variables

__all__ = ["check_fields"]


def check_fields(given: object, *, allow_local: bool = True) -> dict[str, Any]:
    """``given`` when it follows the schema and every field in it makes sense by itself.

    Nothing outside is asked. ``allow_local`` is false where the disk and environment of a task are not the
    caller's. Raises InvalidRequest with the field.
    """
    fields = check_request(given)
    checks: Mapping[str, Callable[[str], object]] = {
        "instructions": _nothing if allow_local else _check_instructions,
        "repo": partial(parse_repository, allow_local=allow_local),
        "base": check_ref,
        "branch": check_branch,
        "agent": get_agent,
        "command": lambda text: split_command(text, "command"),
        "verify": lambda text: split_command(text, "verify"),
        "allow": parse_allow,
        "network": partial(checked_network, allow_local=allow_local),
        "git_credentials": _nothing if allow_local else _check_credentials,
        "agent_credentials": _nothing if allow_local else _check_credentials,
    }
    for field, check in checks.items():
        if field in fields:
            try:
                check(fields[field])
            except UsageError as error:
                raise InvalidRequest(error.message, remedy=error.remedy, field=field) from error
    check_variables(fields)
    if not allow_local:
        for reference in fields.get("secrets", {}).values():
            try:
                _check_credentials(reference)
            except UsageError as error:
                raise InvalidRequest(error.message, remedy=error.remedy, field="secrets") from error
    return fields


def _nothing(_: str) -> None:
    pass


def _check_instructions(reference: str) -> None:
    if not reference.startswith("s3://"):
        raise UsageError(
            "The instructions must be on S3: the run cannot read your disk.", remedy="Use s3://bucket/key."
        )


def _check_credentials(reference: str) -> None:
    if reference.startswith(("env:", "file:")):
        # They would be read in the task, where they are not the caller's to name.
        raise UsageError(
            "Credentials must be in Secrets Manager: the run cannot read your environment or disk.",
            remedy="Give the id or ARN of a secret, or none.",
        )
