"""The parts that all AWS answers in a history share (facts: histories 2.1)."""

from __future__ import annotations

import uuid
from typing import Any

__all__ = ["service_failure", "with_metadata"]


def with_metadata(answer: dict[str, Any]) -> dict[str, Any]:
    """An answer with ``SdkHttpMetadata`` and ``SdkResponseMetadata``, keys in alphabetical order."""
    request = str(uuid.uuid4())
    headers = {"x-amzn-RequestId": request, "Content-Type": "application/json"}
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
