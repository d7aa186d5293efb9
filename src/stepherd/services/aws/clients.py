"""AWS clients for the AWS forms. Nothing else in the package makes them.

They are botocore's, which boto3 hands out unchanged: what boto3 loads besides (resources, parallel transfers)
is not used here, and takes time at a function's cold start. Profile and endpoints (AWS_PROFILE,
AWS_ENDPOINT_URL_S3, …) are botocore's own to read. So is the region, but for AWS_REGION, which every other
SDK reads: it counts where botocore finds none.
"""

from __future__ import annotations

import os
from datetime import datetime
from functools import cache
from typing import Any

from stepherd.services.aws.errors import aws_error, is_from_aws, translated
from stepherd.services.aws.installed import needs_boto3

__all__ = ["credentials_expire", "new_client", "session_secrets"]


def new_client(
    service: str,
    *,
    region: str | None = None,
    attempts: int = 6,
    read_seconds: int = 60,
    connect_seconds: int = 10,
) -> Any:
    """A client for ``service``; a call that is throttled or breaks is made up to ``attempts`` times.

    ``connect_seconds`` is how long it waits for a connection, ``read_seconds`` for each part of an answer.
    Each client has a session of its own, because making clients from a shared one is not safe between
    threads; only what is read from botocore's files is shared. Raises ConfigurationError when the settings
    are wrong, or there is no boto3.
    """
    config = _botocore().config.Config(
        retries={"mode": "standard", "total_max_attempts": attempts},
        connect_timeout=connect_seconds,
        read_timeout=read_seconds,
        user_agent_extra="stepherd",
    )
    try:
        session = _session()
        session.register_component("data_loader", _loader())
        region = region or session.get_config_variable("region") or os.environ.get("AWS_REGION")
        return session.create_client(service, region_name=region, config=config)
    except Exception as error:
        if is_from_aws(error) or isinstance(error, ValueError):
            raise aws_error(error, f"the service {service}") from error
        raise


@cache
def _loader() -> Any:
    """Reads the descriptions of services and endpoints, and keeps them: half the time of making a client."""
    return _session().get_component("data_loader")


def _session() -> Any:
    return _botocore().session.get_session()


def _botocore() -> Any:
    with needs_boto3("AWS"):
        # Only now: it takes its time to load, and there may be none. It loads its config, too.
        import botocore.session
    return botocore


def credentials_expire() -> datetime | None:
    """When the credentials in use end, those that can be renewed without a person too; None when untold.

    Raises CredentialsError when they cannot be had, ConfigurationError.
    """
    with translated("the caller's identity"):
        credentials = _session().get_credentials()
        if credentials is not None:
            credentials.get_frozen_credentials()  # Those of a role are asked for when they are first needed.
    # botocore tells it nowhere else.
    moment = getattr(credentials, "_expiry_time", None)
    return moment if isinstance(moment, datetime) else None


def session_secrets() -> tuple[str, ...]:
    """The secret key and the session token of the credentials in use; empty when there are none."""
    try:
        credentials = _session().get_credentials()
        found = credentials.get_frozen_credentials() if credentials is not None else None
    except Exception as error:
        if is_from_aws(error):
            return ()
        raise
    return tuple(value for value in (found and found.secret_key, found and found.token) if value)
