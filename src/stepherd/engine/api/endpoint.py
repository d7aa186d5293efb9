"""The AWS JSON endpoint on loopback, for boto3, the AWS CLI and function code.

A caller shows that it may by the engine's key: as the secret part of the URL's path, or as the access key id
of its signature. The key is in the home's ``engine.json``, which only its owner can read; without it, any
local user, and any web page through a browser, could start commands. The Host header must be loopback, so a
name that was made to resolve here does not help.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import re
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, TypeAlias

from stepherd.engine.api.errors import ApiError
from stepherd.engine.api.operations import Api
from stepherd.errors import StepherdError
from stepherd.services.json_text import read_json

__all__ = ["endpoint_application"]

_TARGET = "AWSStepFunctions."
_TYPE = b"application/x-amz-json-1.0"
_MAX_BODY = 4 * 1024 * 1024
_CREDENTIAL = re.compile(r"Credential=([^/,\s]+)/")


Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
Answer: TypeAlias = tuple[int, dict[str, Any]]
"""An HTTP status and what becomes the JSON body."""


def endpoint_application(api: Api, key: str) -> Callable[[Message, Receive, Send], Awaitable[None]]:
    """The ASGI application; without a framework it loads faster. ``key`` is the secret that callers show."""

    async def serve(scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            status, answer = await _serve(api, key, scope, receive)
            body = json.dumps(answer, allow_nan=False, separators=(",", ":")).encode()
            headers = [(b"content-type", _TYPE), (b"content-length", str(len(body)).encode())]
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": body})

    return serve


async def _serve(api: Api, key: str, scope: Message, receive: Receive) -> Answer:
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    if not _is_loopback(headers.get("host", "")):
        return _error(403, "AccessDeniedException", "The Host header must name the loopback address.")
    if not _may(key, scope["path"], headers):
        return _error(
            403, "AccessDeniedException", "The access key is not the one in this engine's engine.json."
        )
    if scope["method"] != "POST":
        return _error(405, "UnknownOperationException", "Operations are called by POST.")
    body = await _body(receive)
    if body is None:
        return _error(413, "ValidationException", "The request is too large.")
    target = headers.get("x-amz-target", "")
    if not target.startswith(_TARGET):
        return _error(
            400, "UnknownOperationException", "X-Amz-Target names no operation of AWSStepFunctions."
        )
    return await _answer(api, target.removeprefix(_TARGET), body)


async def _answer(api: Api, operation: str, body: bytes) -> Answer:
    try:
        request = read_json(body or b"{}")
        if not isinstance(request, dict):
            raise ValueError("not an object")
        json.dumps(request, ensure_ascii=False).encode()  # UnicodeEncodeError for half of a surrogate pair.
    except (ValueError, RecursionError) as error:
        return _error(400, "SerializationException", f"The request is not a JSON object: {error}")
    try:
        await api.until_answered(operation, request)
        return 200, api.call(operation, request)
    except ApiError as error:
        return _error(400, error.code, error.message)
    except StepherdError as error:
        return _error(500, "InternalServerException", str(error))
    except Exception as error:  # noqa: BLE001 - told to whoever runs the engine, and to the caller in AWS's form
        context = {"message": f"{operation} could not be answered", "exception": error}
        asyncio.get_running_loop().call_exception_handler(context)
        return _error(500, "InternalServerException", f"The engine failed: {type(error).__name__}: {error}")


def _is_loopback(host: str) -> bool:
    name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
    return name in ("127.0.0.1", "localhost", "[::1]")


def _may(key: str, path: str, headers: Mapping[str, str]) -> bool:
    shown = [path.strip("/")]
    signed = _CREDENTIAL.search(headers.get("authorization", ""))
    if signed:
        shown.append(signed[1])
    return any(hmac.compare_digest(text.encode(), key.encode()) for text in shown)


async def _body(receive: Receive) -> bytes | None:
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        if len(body) > _MAX_BODY:
            return None
        if not message.get("more_body"):
            return bytes(body)


def _error(status: int, code: str, message: str) -> Answer:
    place = (
        "com.amazon.coral.validate" if code == "ValidationException" else "com.amazonaws.swf.service.v2.model"
    )
    return status, {"__type": f"{place}#{code}", "message": message}
