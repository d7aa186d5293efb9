"""boto3 clients for the AWS forms. Nothing else in the package imports boto3.

Region, profile and endpoints (AWS_REGION, AWS_PROFILE, AWS_ENDPOINT_URL_S3, …) are boto3's own to read.
"""

from __future__ import annotations

from typing import Any

import boto3.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError

from stepherd.services.aws_errors import aws_error

__all__ = ["new_client"]


def new_client(service: str, *, region: str | None = None) -> Any:
    """A client for ``service``, retrying throttled and broken calls up to five times.

    Each has a session of its own, because making clients from the shared one is not safe between
    threads. Raises ConfigurationError when the settings are wrong.
    """
    config = Config(
        retries={"mode": "standard", "max_attempts": 5},
        connect_timeout=10,
        read_timeout=60,
        user_agent_extra="stepherd",
    )
    try:
        return boto3.session.Session().client(service, region_name=region, config=config)
    except (BotoCoreError, ValueError) as error:
        raise aws_error(error, f"the service {service}") from error
