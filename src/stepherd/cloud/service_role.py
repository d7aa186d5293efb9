"""The role by which ECS works in an account, made before the first stack needs it.

AWS makes it when the first cluster is created, and the same creation fails because the role cannot be assumed
yet: a first deployment rolls back and a second one succeeds. Source: ECS developer guide, "Using
service-linked roles"; CloudFormation's public roadmap, 818.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from typing import Any, Final

from stepherd.cloud.clients import aws_client
from stepherd.cloud.polling import moments
from stepherd.errors import CredentialsError, StepherdError
from stepherd.services.aws.errors import error_code, is_refusal, translated

__all__ = ["prepare_ecs"]

_SERVICE: Final = "ecs.amazonaws.com"
_THERE: Final = frozenset({"InvalidInput", "InvalidInputException", "EntityAlreadyExists"})
_PATIENCE_SECONDS: Final = 180.0


def prepare_ecs(region: str, tell: Callable[[str], None]) -> None:
    """Make the role and wait until ECS can use it; there already is fine, and costs one call.

    A user that may not create it continues, because it may exist. Raises what the calls raise otherwise.
    """
    try:
        with translated("the service-linked role of ECS"):
            made = _make(aws_client("iam", region))
    except CredentialsError as error:
        tell(f"{error.message} It exists if ECS was ever used in this account.")
        return
    if made:
        tell("Created the role that ECS works with in this account; waiting until ECS can use it.")
        _wait(aws_client("ecs", region), tell)


def _make(client: Any) -> bool:
    """Whether it was made just now. That it is there is told by the words of a general code."""
    try:
        client.create_service_linked_role(AWSServiceName=_SERVICE)
    except Exception as error:
        if error_code(error) not in _THERE:
            raise
        return False
    return True


def _wait(client: Any, tell: Callable[[str], None]) -> None:
    """Until a cluster with capacity providers can be made, which is what the stack will do: one is tried."""
    name = f"stepherd-first-{secrets.token_hex(4)}"
    deadline = time.monotonic() + _PATIENCE_SECONDS
    try:
        for _ in moments():
            if _assumed(client, name):
                return
            if time.monotonic() > deadline:
                # The deployment says what is amiss, and that it can be run again.
                return
    except StepherdError as error:
        tell(f"ECS's use of it cannot be tested: {error.message}")
    finally:
        try:
            client.delete_cluster(cluster=name)
        except Exception as error:
            if not is_refusal(error):
                raise


def _assumed(client: Any, name: str) -> bool:
    with translated("a first cluster of ECS"):
        try:
            client.create_cluster(clusterName=name, capacityProviders=["FARGATE"])
        except Exception as error:
            if not is_refusal(error) or "service linked role" not in str(error):
                raise
            return False
    return True
