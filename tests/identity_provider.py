"""A stand-in for AWS's identity provider and profile list: a real HTTP server on loopback.

It serves what boto3's ``sso-oidc`` client asks (RegisterClient, StartDeviceAuthorization, CreateToken with
the device and the refresh grant) and ListAvailableProfiles of Amazon Q (awsJson1.0). Each refresh token is
good once. Faults are scripted::

    with IdentityProvider() as provider:
        provider.script("CreateToken", "pending", "slow_down", "500")
        for name, value in provider.environment.items(): monkeypatch.setenv(name, value)
        ...
        provider.approve()

Scripted answers: ``pending slow_down expired denied invalid_grant invalid_client unauthorized_client
invalid_request invalid_scope unsupported_grant invalid_client_metadata invalid_redirect_uri 500 503
throttled``; ``garbage list null nothing no_text`` (makes no sense); ``drop`` (closes the connection),
``lost`` (does the work, then closes the connection), ``hang`` (until the provider is closed); ``redirect``
and ``proxy`` (something else answers). ``work`` behaves as if nothing was scripted.
"""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from stepherd.logins.kinds import LoginKind
from stepherd.logins.login import Login, Registration, Token

__all__ = ["REFUSALS", "SENSELESS", "Call", "IdentityProvider"]

_DEVICE = "urn:ietf:params:oauth:grant-type:device_code"
_OPERATIONS = {
    "/client/register": "RegisterClient",
    "/device_authorization": "StartDeviceAuthorization",
    "/token": "CreateToken",
}
_ERRORS = {  # status, exception, OAuth error code
    "pending": (400, "AuthorizationPendingException", "authorization_pending"),
    "slow_down": (400, "SlowDownException", "slow_down"),
    "expired": (400, "ExpiredTokenException", "expired_token"),
    "denied": (400, "AccessDeniedException", "access_denied"),
    "invalid_grant": (400, "InvalidGrantException", "invalid_grant"),
    "invalid_client": (401, "InvalidClientException", "invalid_client"),
    "invalid_request": (400, "InvalidRequestException", "invalid_request"),
    "unauthorized_client": (400, "UnauthorizedClientException", "unauthorized_client"),
    "invalid_scope": (400, "InvalidScopeException", "invalid_scope"),
    "unsupported_grant": (400, "UnsupportedGrantTypeException", "unsupported_grant_type"),
    "invalid_client_metadata": (400, "InvalidClientMetadataException", "invalid_client_metadata"),
    "invalid_redirect_uri": (400, "InvalidRedirectUriException", "invalid_redirect_uri"),
    "throttled": (429, "TooManyRequestsException", "throttled"),
    "proxy": (407, "ProxyAuthenticationRequired", "proxy"),
    "500": (500, "InternalServerException", "server_error"),
    "503": (503, "ServiceUnavailableException", "unavailable"),
    "access_denied_profile": (403, "AccessDeniedException", "access_denied"),
}
SENSELESS = {
    "garbage": b"<html>not what you expect",
    "list": b"[]",
    "null": b"null",
    "nothing": b"",
    "no_text": b'{"error": "\xff"}',
}
REFUSALS = {
    exception: name
    for name, (_, exception, _) in _ERRORS.items()
    if name not in {"access_denied_profile", "proxy"}
}
"""The answer to script for each exception that the service describes."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request, as it came."""

    operation: str
    body: dict[str, Any]
    at: float
    """time.monotonic()"""
    headers: dict[str, str]

    @property
    def grant(self) -> str:
        """``device``, ``refresh`` or nothing."""
        return {_DEVICE: "device", "refresh_token": "refresh"}.get(self.body.get("grantType", ""), "")


@dataclass(slots=True)
class _Device:
    user_code: str
    client_id: str
    expires_at: float
    state: str = "pending"


@dataclass(slots=True)
class IdentityProvider:
    """The server; a context manager. Everything public may be changed while it runs."""

    interval: int = 1
    expires_in: int = 600
    """Of a device code, in seconds."""
    token_seconds: int = 3600
    client_seconds: int = 90 * 86_400
    rotates: bool = True
    """Whether a refresh gives a new refresh token, and the old one is used up."""
    gives_refresh_token: bool = True
    """Whether the answer to a refresh names a refresh token at all."""
    approves_at_once: bool = False
    profiles: list[dict[str, str]] = field(default_factory=list)
    page_size: int = 2
    verification_host: str = ""
    """Instead of its own address in verification URIs, for hostile answers."""
    calls: list[Call] = field(default_factory=list)
    _scripts: dict[str, deque[str]] = field(default_factory=lambda: defaultdict(deque))
    _clients: dict[str, str] = field(default_factory=dict)
    _devices: dict[str, _Device] = field(default_factory=dict)
    _refresh_tokens: dict[str, str] = field(default_factory=dict)
    _access_tokens: set[str] = field(default_factory=set)
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _closing: threading.Event = field(default_factory=threading.Event)
    _server: ThreadingHTTPServer | None = None
    _thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        provider = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                provider._serve(self)

            def do_GET(self) -> None:
                provider._serve(self)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._server and self._thread
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def address(self) -> str:
        """``127.0.0.1:port``"""
        assert self._server
        return f"127.0.0.1:{self._server.server_port}"

    @property
    def url(self) -> str:
        return f"http://{self.address}"

    @property
    def start_url(self) -> str:
        """Of its IAM Identity Center."""
        return f"{self.url}/start"

    @property
    def environment(self) -> dict[str, str]:
        """Variables that make a process (and boto3 in it) use this provider."""
        return {
            "AWS_ENDPOINT_URL_SSO_OIDC": self.url,
            "AWS_Q_ENDPOINT_URL": self.url,
            "STEPHERD_LOGIN_HOSTS": self.address,
        }

    def script(self, operation: str, *answers: str) -> None:
        """Set the answers to the next calls of ``operation``, in turn; later ones work normally."""
        with self._lock:
            self._scripts[operation].extend(answers)

    def recover(self) -> None:
        """Forget what is scripted: everything works from now on."""
        with self._lock:
            self._scripts.clear()

    def calls_of(self, operation: str, grant: str = "") -> list[Call]:
        with self._lock:
            return [c for c in self.calls if c.operation == operation and (not grant or c.grant == grant)]

    def approve(self, user_code: str | None = None) -> None:
        """Approve the code, as a person does in the browser (None: all that are pending)."""
        self._decide("approved", user_code)

    def decline(self, user_code: str | None = None) -> None:
        self._decide("denied", user_code)

    def expire(self, user_code: str | None = None) -> None:
        self._decide("expired", user_code)

    def user_codes(self) -> list[str]:
        """Of every device authorization so far, the oldest first."""
        with self._lock:
            return [device.user_code for device in self._devices.values()]

    def forget_clients(self) -> None:
        """Every client that was registered so far is unknown from now on."""
        with self._lock:
            self._clients.clear()

    def knows(self, access_token: str) -> bool:
        """Whether this provider gave the access token."""
        return access_token in self._access_tokens

    def can_refresh(self, refresh_token: str | None) -> bool:
        """Whether a refresh token is good: given, and not used up."""
        return refresh_token in self._refresh_tokens

    def login(self, kind: LoginKind, *, seconds: int | None = None, start_url: str | None = None) -> Login:
        """A login that this provider gave earlier; its access token ends in ``seconds`` (may be < 0)."""
        registration = Registration(
            *self._register(), datetime.now(UTC) + timedelta(days=90), "us-east-1", scopes=kind.scopes
        )
        given = self._tokens(registration.client_id)
        ends = datetime.now(UTC) + timedelta(seconds=self.token_seconds if seconds is None else seconds)
        token = Token(
            given["accessToken"],
            ends.replace(microsecond=0),
            given["refreshToken"],
            "us-east-1",
            start_url,
            "DeviceCode",
            kind.scopes,
        )
        return Login(kind, token, registration)

    def _decide(self, state: str, user_code: str | None) -> None:
        with self._lock:
            for device in self._devices.values():
                if device.state == "pending" and user_code in {None, device.user_code}:
                    device.state = state

    def _serve(self, request: BaseHTTPRequestHandler) -> None:
        body = json.loads(request.rfile.read(int(request.headers.get("Content-Length", 0))) or b"{}")
        target = request.headers.get("X-Amz-Target", "")
        operation = target.partition(".")[2] if target else _OPERATIONS.get(request.path, request.path)
        headers = {name.lower(): value for name, value in request.headers.items()}
        with self._lock:
            self.calls.append(Call(operation, body, time.monotonic(), headers))
            script = self._scripts[operation]
            answer = script.popleft() if script else "work"
        try:
            self._answer(request, operation, body, answer)
        except ConnectionError:
            request.close_connection = True

    def _answer(
        self, request: BaseHTTPRequestHandler, operation: str, body: dict[str, Any], answer: str
    ) -> None:
        if answer == "hang":
            self._closing.wait()
        if answer in {"hang", "drop"}:
            request.close_connection = True
            return
        if answer in SENSELESS:
            _send(request, 200, SENSELESS[answer], {})
            return
        if answer == "redirect":
            _send(request, 302, b"", {"Location": f"{self.url}/elsewhere"})
            return
        if answer in {"work", "lost"}:
            work: Callable[[dict[str, Any], BaseHTTPRequestHandler], dict[str, Any] | str]
            work = getattr(self, f"_{operation}")
            with self._lock:
                done = work(body, request)
            if answer == "lost":
                request.close_connection = True
                return
            if isinstance(done, dict):
                _send(request, 200, json.dumps(done).encode(), {})
                return
            answer = done
        status, exception, code = _ERRORS[answer]
        document = {"error": code, "error_description": f"scripted {answer}", "__type": exception}
        _send(request, status, json.dumps(document).encode(), {"x-amzn-ErrorType": exception})

    def _register(self) -> tuple[str, str]:
        client, secret = f"client-{secrets.token_hex(8)}", f"client-secret-{secrets.token_hex(16)}"
        with self._lock:
            self._clients[client] = secret
        return client, secret

    def _RegisterClient(self, body: dict[str, Any], _: object) -> dict[str, Any] | str:
        if body.get("clientType") != "public" or not body.get("clientName"):
            return "invalid_request"
        client, secret = self._register()
        now = int(time.time())
        return {
            "clientId": client,
            "clientSecret": secret,
            "clientIdIssuedAt": now,
            "clientSecretExpiresAt": now + self.client_seconds,
        }

    def _StartDeviceAuthorization(self, body: dict[str, Any], _: object) -> dict[str, Any] | str:
        if self._clients.get(body.get("clientId", "")) != body.get("clientSecret"):
            return "invalid_client"
        device_code = f"device-{secrets.token_hex(16)}"
        user_code = f"{secrets.token_hex(2)}-{secrets.token_hex(2)}".upper()
        ends = time.monotonic() + self.expires_in
        self._devices[device_code] = _Device(user_code, body["clientId"], ends)
        if self.approves_at_once:
            self._devices[device_code].state = "approved"
        page = f"{self.verification_host or self.url}/device"
        return {
            "deviceCode": device_code,
            "userCode": user_code,
            "verificationUri": page,
            "verificationUriComplete": f"{page}?user_code={user_code}",
            "expiresIn": self.expires_in,
            "interval": self.interval,
        }

    def _CreateToken(self, body: dict[str, Any], _: object) -> dict[str, Any] | str:
        if self._clients.get(body.get("clientId", "")) != body.get("clientSecret"):
            return "invalid_client"
        if body.get("grantType") == _DEVICE:
            return self._device_grant(body)
        return self._refresh_grant(body)

    def _device_grant(self, body: dict[str, Any]) -> dict[str, Any] | str:
        device = self._devices.get(body.get("deviceCode", ""))
        if device is None or device.client_id != body["clientId"] or device.state == "used":
            return "invalid_grant"
        if device.state == "approved":
            device.state = "used"
            return self._tokens(device.client_id)
        if device.state == "expired" or time.monotonic() > device.expires_at:
            return "expired"
        return device.state  # pending or denied

    def _refresh_grant(self, body: dict[str, Any]) -> dict[str, Any] | str:
        given = body.get("refreshToken", "")
        if self._refresh_tokens.get(given) != body["clientId"]:
            return "invalid_grant"
        answer = self._tokens(body["clientId"], keep=not self.rotates)
        if self.rotates and self.gives_refresh_token:
            del self._refresh_tokens[given]
        if not self.gives_refresh_token:
            self._refresh_tokens.pop(answer.pop("refreshToken", ""), None)
        return answer

    def _tokens(self, client: str, *, keep: bool = False) -> dict[str, Any]:
        access, refresh = f"access-{secrets.token_hex(24)}", f"refresh-{secrets.token_hex(24)}"
        answer: dict[str, Any] = {
            "accessToken": access,
            "tokenType": "Bearer",
            "expiresIn": self.token_seconds,
        }
        with self._lock:
            self._access_tokens.add(access)
            if not keep:
                self._refresh_tokens[refresh] = client
                answer["refreshToken"] = refresh
        return answer

    def _ListAvailableProfiles(
        self, body: dict[str, Any], request: BaseHTTPRequestHandler
    ) -> dict[str, Any] | str:
        bearer = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if not self.knows(bearer):
            return "access_denied_profile"
        first = int(body.get("nextToken") or 0)
        page = self.profiles[first : first + self.page_size]
        rest = {"nextToken": str(first + len(page))} if first + len(page) < len(self.profiles) else {}
        return {"profiles": page, **rest}


def _send(request: BaseHTTPRequestHandler, status: int, body: bytes, headers: dict[str, str]) -> None:
    request.send_response(status)
    request.send_header("Content-Type", "application/json")
    request.send_header("Content-Length", str(len(body)))
    for name, value in headers.items():
        request.send_header(name, value)
    request.end_headers()
    request.wfile.write(body)
