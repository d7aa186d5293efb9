"""Secrets of AWS Secrets Manager, by id or ARN."""

from __future__ import annotations

import re

from stepherd.errors import NotFoundError, UsageError
from stepherd.services.aws import new_client
from stepherd.services.aws_errors import translated
from stepherd.services.secrets import SecretNotFound, parse_secret

__all__ = ["check_secret_id", "read_aws_secret"]

_ID = re.compile(r"[A-Za-z0-9/_+=.@-]{1,512}\Z")
_ARN = re.compile(r"arn:aws[a-z-]*:secretsmanager:([a-z0-9-]+):\d{12}:secret:[A-Za-z0-9/_+=.@-]{1,519}\Z")
_TOKENS = ("ghp_", "gho_", "ghs_", "github_pat_", "glpat-", "xoxb-", "sk-", "AKIA", "ATATT", "eyJ")
_REMEDY = "Write a Secrets Manager id or ARN, env:NAME or file:/path/of/secret."


def read_aws_secret(reference: str) -> dict[str, str]:
    """Read a secret's current version; see read_secret for shape and errors.

    A reference that looks like the secret itself is refused without being shown or sent.
    """
    client = new_client("secretsmanager", region=check_secret_id(reference))
    try:
        with translated(f"secret {reference}"):
            value = client.get_secret_value(SecretId=reference)
    except NotFoundError as error:
        raise SecretNotFound(
            f"Secrets Manager has no secret {reference!r} in this account and region.",
            remedy=f"Create it (aws secretsmanager create-secret --name {reference}) or set AWS_REGION.",
        ) from error
    text = (
        value["SecretString"] if "SecretString" in value else value["SecretBinary"].decode(errors="replace")
    )
    return parse_secret(text, reference)


def check_secret_id(reference: str) -> str | None:
    """The region that an ARN names, None for a plain id. Raises UsageError when ``reference`` is neither."""
    arn = _ARN.match(reference)
    if reference.startswith(_TOKENS) or not (arn or _ID.match(reference)):
        raise UsageError(
            "The secret reference is no reference (it is not shown, in case it is the secret).",
            remedy=_REMEDY,
        )
    return arn[1] if arn else None
