"""A secret document in AWS Secrets Manager.

A write adds a version and then moves AWSCURRENT to it *from the version that was read*: Secrets Manager
refuses that when AWSCURRENT is somewhere else by now (API reference, UpdateSecretVersionStage).
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from stepherd.errors import NotFoundError
from stepherd.services.aws.clients import new_client
from stepherd.services.aws.errors import error_code, translated
from stepherd.services.secrets.contract import SecretNotFound, check_secret_id
from stepherd.services.secrets.documents import Document
from stepherd.services.store.contract import PreconditionFailed

__all__ = ["AwsDocument"]

_CURRENT = "AWSCURRENT"


@dataclass(frozen=True, slots=True)
class AwsDocument:
    """The text of a secret that exists. The client is kept: making one takes longer than a call."""

    client: Any
    reference: str
    """Its id or ARN."""

    @classmethod
    def open(cls, reference: str) -> AwsDocument:
        """The document in the secret ``reference``. Raises UsageError when that is no id or ARN."""
        return cls(new_client("secretsmanager", region=check_secret_id(reference)), reference)

    def read(self) -> Document:
        """Read the current version. Raises SecretNotFound, CredentialsError, TemporaryError."""
        try:
            with translated(f"secret {self.reference}"):
                value = self.client.get_secret_value(SecretId=self.reference, VersionStage=_CURRENT)
        except NotFoundError as error:
            raise SecretNotFound(
                f"Secrets Manager has no secret {self.reference!r} in this account and region.",
                remedy="Check its name, and AWS_REGION and AWS_PROFILE.",
            ) from error
        return Document(str(value.get("SecretString", "")), str(value["VersionId"]))

    def write(self, text: str, *, version: str) -> None:
        """Replace the version that was read. Raises PreconditionFailed, CredentialsError, TemporaryError."""
        label = f"stepherd-{uuid.uuid4().hex}"
        with translated(f"secret {self.reference}"):
            added = self.client.put_secret_value(
                SecretId=self.reference,
                SecretString=text,
                VersionStages=[label],
                ClientRequestToken=str(uuid.uuid4()),
            )["VersionId"]
            try:
                self._move(_CURRENT, added, version)
            except Exception as error:
                if error_code(error) != "InvalidParameterException":
                    raise
                raise PreconditionFailed(
                    f"The secret {self.reference} has changed; another writer was first."
                ) from error
            finally:
                # Without a label a version is deprecated and goes away by itself.
                self._move(label, None, added)

    def _move(self, label: str, to: str | None, source: str) -> None:
        target = {} if to is None else {"MoveToVersionId": to}
        self.client.update_secret_version_stage(
            SecretId=self.reference, VersionStage=label, RemoveFromVersionId=source, **target
        )
