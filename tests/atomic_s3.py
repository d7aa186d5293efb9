"""S3 as moto serves it, but with writes whose conditions hold: S3 checks and writes at once, moto does not.

Two threads that write under the same condition would both succeed now and then, which S3 never lets happen
(https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html).
"""

from __future__ import annotations

import functools
import threading
from typing import Any

from moto.s3.responses import S3Response
from moto.secretsmanager.models import SecretsManagerBackend

__all__ = ["hold_conditions"]

_writing = threading.RLock()


def hold_conditions() -> None:
    """See to it for all of moto in this process; again changes nothing."""
    # Reads, too: moto closes the file of an object that is written over while another request reads it.
    for name in ("put_object", "get_object"):
        _one_at_a_time(S3Response, name)
    # Its labels are moved while another request walks through them.
    for name in ("put_secret_value", "get_secret_value", "describe_secret", "update_secret_version_stage"):
        _one_at_a_time(SecretsManagerBackend, name)


def _one_at_a_time(owner: type, name: str) -> None:
    alone = getattr(owner, name)
    if hasattr(alone, "__wrapped__"):
        return

    @functools.wraps(alone)
    def one_at_a_time(*arguments: Any, **named: Any) -> Any:
        with _writing:
            return alone(*arguments, **named)

    setattr(owner, name, one_at_a_time)
