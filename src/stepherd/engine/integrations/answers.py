"""The parts that all AWS answers in a history share (facts/histories.md 2.1)."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

from stepherd.engine.asl.values import compact
from stepherd.engine.integrations.services import SERVICES

__all__ = ["service_failure", "with_metadata"]


def with_metadata(
    answer: dict[str, Any], service: str, *, length: int | None = None, extra: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """An answer with ``SdkHttpMetadata`` and ``SdkResponseMetadata``, keys in alphabetical order.

    ``length`` is the body's in bytes where it is not the answer itself.
    """
    request = str(uuid.uuid4())
    sender = SERVICES[service]
    headers = {
        **sender.headers,
        **(extra or {}),
        "Content-Length": str(len(compact(answer).encode()) if length is None else length),
        "Content-Type": sender.content_type,
        "Date": format_datetime(datetime.now(UTC), usegmt=True),
        "x-amzn-RequestId": request,
    }
    metadata = {
        "SdkHttpMetadata": {
            "AllHttpHeaders": {name: [value] for name, value in headers.items()},
            "HttpHeaders": headers,
            "HttpStatusCode": 200,
        },
        "SdkResponseMetadata": {"RequestId": request},
    }
    return dict(sorted({**answer, **metadata}.items()))


def service_failure(message: str, service: str, code: str, status: int = 400) -> str:
    """The cause of a service error, in the SDK's words."""
    request = uuid.uuid4()
    return (
        f"{message} (Service: {service}; Status Code: {status}; Error Code: {code}; "
        f"Request ID: {request}; Proxy: null)"
    )
