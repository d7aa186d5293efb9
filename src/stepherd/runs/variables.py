"""The variables that a request gives its agent: in the request itself, or by references to secrets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from stepherd.repositories.secret_patterns import SecretPatterns
from stepherd.runs.request import InvalidRequest

__all__ = ["check_variables"]

_MOST_CHARACTERS: Final = 65_536
"""Of all values together: a request is the input of an execution, which has room for 256 KiB."""
_RESERVED: Final = re.compile(r"HOME|TMPDIR|(?:STEPHERD|LD|DYLD)_.*|GCONV_PATH|GLIBC_TUNABLES|LOCPATH")
"""Variables that a run sets itself, and those that make any program load code when it starts: also the
program that builds the sandbox, which is outside of it."""
_LIKE_A_SECRET: Final = re.compile(
    r"(?:^|_)(?:TOKEN|TOK|SECRET|PASSWORD|PASSWD|PASSPHRASE|CREDENTIALS?|APIKEY|(?:API|ACCESS|PRIVATE|SECRET)_?KEY)"
    r"(?:_|$)(?!.*(?:ID|ARN|URI|URL|FILE|PATH|NAME|DIR)$)",
    re.IGNORECASE,
)
_PASSWORD_IN_URL: Final = re.compile(r"://[^/?#@\s]*:[^/?#@\s]+@")


def check_variables(fields: Mapping[str, Any]) -> None:
    """Refuse variables of ``env`` and ``secrets`` that an agent must not or cannot be given.

    Raises InvalidRequest, which quotes names and no values.
    """
    plain: Mapping[str, str] = fields.get("env", {})
    secret: Mapping[str, str] = fields.get("secrets", {})
    for field, given in (("env", plain), ("secrets", secret)):
        for name, value in given.items():
            _check_name(field, name)
            if "\0" in value:
                raise InvalidRequest(
                    f"The value of the variable {name} has a zero byte.",
                    remedy="Leave it out: no program can be given it.",
                    field=field,
                )
    if plain:
        patterns = SecretPatterns()  # Once: they take their time to compile.
        for name, value in plain.items():
            _check_is_plain(name, value, patterns, also_secret=name in secret)
    if sum(map(len, plain.values())) > _MOST_CHARACTERS:
        raise InvalidRequest(
            f"The variables of the agent have more than {_MOST_CHARACTERS:,} characters.",
            remedy="Put long values into a file beside the instructions.",
            field="env",
        )


def _check_name(field: str, name: str) -> None:
    if "\n" in name:  # At its end: to a pattern of JSON Schema that is no part of it.
        raise InvalidRequest(
            "The name of a variable of the agent ends with a line end.", remedy="Leave it out.", field=field
        )
    if _RESERVED.fullmatch(name):
        raise InvalidRequest(
            f"The agent's variable {name} cannot be set: a run or the system's loader uses it.",
            remedy="To set it for one program, let the agent's command do so: env NAME=VALUE PROGRAM.",
            field=field,
        )


def _check_is_plain(name: str, value: str, patterns: SecretPatterns, *, also_secret: bool) -> None:
    if also_secret:
        raise InvalidRequest(
            f"The agent's variable {name} is given twice, with its value and as a secret.",
            remedy="Give it once.",
            field="env",
        )
    if value and (_LIKE_A_SECRET.search(name) or _holds_a_secret(value, patterns)):
        raise InvalidRequest(
            f"The agent's variable {name} looks like a secret: its value would stand in the run's history.",
            remedy=f"Give a reference to it: --secret {name}=env:{name}, file:PATH or a Secrets Manager id.",
            field="env",
        )


def _holds_a_secret(value: str, patterns: SecretPatterns) -> bool:
    """Whether it is a well-known kind of token, or an address with a password."""
    if _PASSWORD_IN_URL.search(value):
        return True
    return patterns.kind_of(value.encode("utf-8", "surrogateescape")) is not None
