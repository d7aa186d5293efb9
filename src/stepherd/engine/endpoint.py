"""The AWS JSON endpoint on loopback, for boto3, the AWS CLI and function code.

A caller shows that it may by the engine's key: as the secret part of the URL's path, or as the access key id
of its signature. The key is in the home's ``engine.json``, which only its owner can read; without it, any
local user, and any web page through a browser, could start commands. The Host header must be loopback, so a
name that was made to resolve here does not help.
"""

from __future__ import annotations

import hmac
import json
import re
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from stepherd.engine.api import Api
from stepherd.engine.api_errors import ApiError
from stepherd.errors import StepherdError

__all__ = ["endpoint_application"]

_TARGET = "AWSStepFunctions."
_TYPE = "application/x-amz-json-1.0"
_MAX_BODY = 4 * 1024 * 1024
_CREDENTIAL = re.compile(r"Credential=([^/,\s]+)/")


def endpoint_application(api: Api, key: str) -> Starlette:
    """The ASGI application. ``key`` is the secret that callers must show."""

    async def serve(request: Request) -> Response:
        return await _serve(api, key, request)

    return Starlette(routes=[Route("/", serve, methods=["POST"]), Route("/{key}/", serve, methods=["POST"])])


async def _serve(api: Api, key: str, request: Request) -> Response:
    if not _is_loopback(request.headers.get("host", "")):
        return _error(403, "AccessDeniedException", "The Host header must name the loopback address.")
    if not _may(key, request):
        return _error(
            403, "AccessDeniedException", "The access key is not the one in this engine's engine.json."
        )
    body = await _body(request)
    if body is None:
        return _error(413, "ValidationException", "The request is too large.")
    target = request.headers.get("x-amz-target", "")
    if not target.startswith(_TARGET):
        return _error(
            400, "UnknownOperationException", "X-Amz-Target names no operation of AWSStepFunctions."
        )
    return _answer(api, target.removeprefix(_TARGET), body)


def _answer(api: Api, operation: str, body: bytes) -> Response:
    try:
        request = json.loads(body or b"{}")
        if not isinstance(request, dict):
            raise ValueError("not an object")
    except (ValueError, RecursionError) as error:
        return _error(400, "SerializationException", f"The request is not a JSON object: {error}")
    try:
        return JSONResponse(api.call(operation, request), media_type=_TYPE)
    except ApiError as error:
        return _error(400, error.code, error.message)
    except StepherdError as error:
        return _error(500, "InternalServerException", str(error))


def _is_loopback(host: str) -> bool:
    name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
    return name in ("127.0.0.1", "localhost", "[::1]")


def _may(key: str, request: Request) -> bool:
    shown = [str(request.path_params.get("key", ""))]
    signed = _CREDENTIAL.search(request.headers.get("authorization", ""))
    if signed:
        shown.append(signed[1])
    return any(hmac.compare_digest(text.encode(), key.encode()) for text in shown)


async def _body(request: Request) -> bytes | None:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MAX_BODY:
            return None
    return bytes(body)


def _error(status: int, code: str, message: str) -> Response:
    place = (
        "com.amazon.coral.validate" if code == "ValidationException" else "com.amazonaws.swf.service.v2.model"
    )
    answer: dict[str, Any] = {"__type": f"{place}#{code}", "message": message}
    return JSONResponse(answer, status_code=status, media_type=_TYPE)
