"""S3 as moto serves it, but with writes whose conditions hold: S3 checks and writes at once, moto does not.

Two threads that write under the same condition would both succeed now and then, which S3 never lets happen
(https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html).
"""

from __future__ import annotations

import functools
import threading
from typing import Any

from moto.s3.responses import S3Response

__all__ = ["hold_conditions"]

_writing = threading.RLock()


def hold_conditions() -> None:
    """See to it for all of moto in this process; again changes nothing."""
    write = S3Response.put_object
    if hasattr(write, "__wrapped__"):
        return

    @functools.wraps(write)
    def one_at_a_time(self: S3Response) -> Any:
        with _writing:
            return write(self)

    S3Response.put_object = one_at_a_time  # type: ignore[method-assign]
