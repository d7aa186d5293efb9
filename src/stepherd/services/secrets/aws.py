"""Secrets of AWS Secrets Manager, by id or ARN."""

from __future__ import annotations

from stepherd.errors import NotFoundError
from stepherd.services.aws.clients import new_client
from stepherd.services.aws.errors import translated
from stepherd.services.secrets.contract import SecretNotFound, check_secret_id, parse_secret

__all__ = ["read_aws_secret"]


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
