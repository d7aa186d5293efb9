"""boto3 clients for the AWS forms. Nothing else in the package imports boto3.

Profile and endpoints (AWS_PROFILE, AWS_ENDPOINT_URL_S3, …) are boto3's own to read. So is the region, but for
AWS_REGION, which every other SDK reads: it counts where boto3 finds none.
"""

from __future__ import annotations

import os
from typing import Any

import boto3.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError

from stepherd.services.aws_errors import aws_error

__all__ = ["new_client"]


def new_client(service: str, *, region: str | None = None, attempts: int = 6, read_seconds: int = 60) -> Any:
    """A client for ``service``; a call that is throttled or breaks is made up to ``attempts`` times.

    ``read_seconds`` is how long it waits for each part of an answer. Each client has a session of its own,
    because making clients from the shared one is not safe between threads. Raises ConfigurationError when the
    settings are wrong.
    """
    config = Config(
        retries={"mode": "standard", "total_max_attempts": attempts},
        connect_timeout=10,
        read_timeout=read_seconds,
        user_agent_extra="stepherd",
    )
    try:
        session = boto3.session.Session()
        region = region or session.region_name or os.environ.get("AWS_REGION")
        return session.client(service, region_name=region, config=config)
    except (BotoCoreError, ValueError) as error:
        raise aws_error(error, f"the service {service}") from error
