"""A secret of a stack, for git or for agents: made, changed and removed, and never shown."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from stepherd.cloud.clients import aws_client
from stepherd.errors import DataError
from stepherd.services.aws.errors import error_code, translated
from stepherd.services.json_text import read_json

__all__ = ["GitSecret", "SecretState"]

SecretState = Literal["absent", "there", "removed"]

RECOVERY_DAYS: Final = 7
_STACK_TAG: Final = "stepherd:stack"


@dataclass(frozen=True, slots=True)
class GitSecret:
    """The secret by its name, in the region of the stack."""

    client: Any
    name: str
    stack: str
    """The ARN-less name of the stack that it is made for."""
    purpose: str = "git credentials"
    parameter: str = "GitCredentialsSecretId"
    """Of the stack; it names this secret."""

    @classmethod
    def of(cls, name: str, stack: str, region: str) -> GitSecret:
        """The secret of git, not looked at yet."""
        return cls(aws_client("secretsmanager", region), name, stack)

    @classmethod
    def of_agents(cls, name: str, stack: str, region: str) -> GitSecret:
        """The secret of the agents' keys, not looked at yet."""
        client = aws_client("secretsmanager", region)
        return cls(client, name, stack, "agents' keys", "AgentCredentialsSecretId")

    def state(self) -> SecretState:
        """Whether it is there; ``removed`` while it can still be restored."""
        found = self._describe()
        if found is None:
            return "absent"
        return "removed" if found.get("DeletedDate") else "there"

    def keep(self, fields: Mapping[str, str], key: str = "") -> None:
        """Store ``fields``, beside what the secret has already. Raises CredentialsError, DataError, …

        ``key`` is the ARN of the KMS key under which a new secret is kept; one that is there keeps its key.
        """
        with translated(f"the secret {self.name}"):
            state = self.state()
            if state == "absent":
                self.client.create_secret(
                    Name=self.name,
                    Description=f"Stepherd: {self.purpose} of its tasks.",
                    SecretString=json.dumps(dict(fields)),
                    Tags=[
                        {"Key": "Application", "Value": "stepherd"},
                        {"Key": _STACK_TAG, "Value": self.stack},
                    ],
                    **({"KmsKeyId": key} if key else {}),
                )
                return
            if state == "removed":
                self.client.restore_secret(SecretId=self.name)
            had = self._fields()
            # A token and a key do not go together: either replaces both.
            replaced = {"token", "ssh_key"} if fields.keys() & {"token", "ssh_key"} else set()
            kept = {key: value for key, value in had.items() if key not in replaced}
            value = json.dumps({**kept, **fields})
            if value != json.dumps(had):
                self.client.put_secret_value(SecretId=self.name, SecretString=value)

    def is_ours(self) -> bool:
        """Whether it was made for this stack, and not by somebody for something else as well."""
        found = self._describe() or {}
        tags = {tag["Key"]: tag["Value"] for tag in found.get("Tags", [])}
        return tags.get(_STACK_TAG) == self.stack and not found.get("DeletedDate")

    def remove(self) -> None:
        """Delete it; for a week it can be restored."""
        with translated(f"the secret {self.name}"):
            self.client.delete_secret(SecretId=self.name, RecoveryWindowInDays=RECOVERY_DAYS)

    def _describe(self) -> dict[str, Any] | None:
        with translated(f"the secret {self.name}"):
            try:
                found: dict[str, Any] = self.client.describe_secret(SecretId=self.name)
            except Exception as error:
                if error_code(error) != "ResourceNotFoundException":
                    raise
                return None
        return found

    def _fields(self) -> dict[str, str]:
        """The secret's fields; none where it has no value. Raises DataError for a value that is no JSON
        object, so that it is not written over."""
        try:
            text = self.client.get_secret_value(SecretId=self.name).get("SecretString", "")
        except Exception as error:
            if error_code(error) != "ResourceNotFoundException":  # It has no value yet.
                raise
            return {}
        try:
            fields = read_json(text or "{}")
        except ValueError:
            fields = None
        if not isinstance(fields, dict):
            raise DataError(
                f"The secret {self.name} does not contain {self.purpose}.",
                remedy=f"Name another with --parameter {self.parameter}=NAME.",
            ) from None
        return fields
