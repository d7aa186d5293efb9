"""Which secrets a request may name: those that the roles of a deployed stack's tasks can read.

A stack says it as text: where names are at home (the ARN of a secret without its name), then names and, with
a ``*`` at the end, what names begin with. Nothing, or ``ANY``: the tasks read what their user can read.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any, Final

from stepherd.runs.request import InvalidRequest

__all__ = ["VARIABLES", "check_secret_names"]

VARIABLES: Final = {"git_credentials": "STEPHERD_GIT_SECRETS", "agent_credentials": "STEPHERD_AGENT_SECRETS"}
"""Field of a request → variable of a function of the stack."""
_OF_AGENTS: Final = "agent_credentials"
_OF_A_MACHINE: Final = ("env:", "file:")
_ANY: Final = "ANY"
_SUFFIX: Final = re.compile(r"-[A-Za-z0-9]{6}\Z")
"""The ending that Secrets Manager adds to a name in an ARN."""


def check_secret_names(fields: Mapping[str, Any], readable: Mapping[str, str] | None = None) -> None:
    """Refuse a secret that no task could read: it would be found out when the clone is paid for.

    ``readable`` is what the stack says for each field; None: what this function's environment says. Raises
    InvalidRequest, which does not quote the reference: it may be the secret itself.
    """
    for field, variable in VARIABLES.items():
        said = os.environ.get(variable, "") if readable is None else readable.get(field, "")
        reference = fields.get(field)
        if said and said != _ANY and reference and reference != "none":
            _check(field, f"--{field.replace('_', '-')}", str(reference), said.split())
        if said and said != _ANY and field == _OF_AGENTS:
            for name, reference in fields.get("secrets", {}).items():
                _check("secrets", f"--secret {name}", reference, said.split(), joint="=")


def _check(field: str, option: str, reference: str, said: list[str], *, joint: str = " ") -> None:
    home, *patterns = said
    prefixes = [pattern.removesuffix("*") for pattern in patterns if pattern.endswith("*")]
    place = " or ".join(prefixes)
    if reference.startswith(_OF_A_MACHINE):
        raise InvalidRequest(
            f"{option} names a secret on a machine, which the stack's tasks cannot read.",
            remedy=f"Store it in Secrets Manager under a name that begins with {place}, and name that.",
            field=field,
        )
    if any(_matches(reference, pattern, home) for pattern in patterns):
        return
    raise InvalidRequest(
        f"{option} names a secret that the stack's tasks may not read.",
        remedy=f"They may read names that begin with {place}: aws secretsmanager create-secret "
        f"--name {prefixes[0]}NAME --secret-string file://PATH; then {option}{joint}{prefixes[0]}NAME",
        field=field,
    )


def _matches(reference: str, pattern: str, home: str) -> bool:
    """Names and ARNs of the stack's own account and region are the same secret."""
    name, wanted = reference.removeprefix(home), pattern.removeprefix(home)
    if wanted.endswith("*"):
        prefix = wanted.removesuffix("*")
        return name.startswith(prefix) and len(name) > len(prefix)
    return wanted in {name, _SUFFIX.sub("", name)} or name == _SUFFIX.sub("", wanted)
