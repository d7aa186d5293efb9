"""The profiles of a company's subscription (ListAvailableProfiles; facts/q-cli.md 2 and 4).

They are listed on both regional endpoints, whatever region the login is of. One that does not answer is
logged and left out: what the other one lists, or a profile that was named by its ARN, can be used without it.
"""

from __future__ import annotations

import json
import os
import ssl
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from typing import Any, Final
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, HTTPSHandler, Request, build_opener

from stepherd.errors import ConfigurationError, CredentialsError, ProtocolError, TemporaryError
from stepherd.logins.failures import ProfileNeeded
from stepherd.logins.login import Profile, Token
from stepherd.remedies import Remedy
from stepherd.services.json_text import read_json
from stepherd.text.plain import one_paragraph

__all__ = ["Listing", "choose_profile", "list_profiles"]

_ENDPOINTS: Final = ("https://q.us-east-1.amazonaws.com", "https://q.eu-central-1.amazonaws.com")
_TARGET: Final = "AmazonCodeWhispererService.ListAvailableProfiles"
_SECONDS: Final = 15
_MOST_BYTES: Final = 1_048_576
_MOST_PAGES: Final = 50
_PER_PAGE: Final = 10


@dataclass(frozen=True, slots=True)
class Listing:
    """The profiles that a login may use, each once, in the order of the service."""

    profiles: tuple[Profile, ...]
    answered: bool = True
    """Whether any endpoint answered."""
    failure: TemporaryError | ProtocolError | CredentialsError | None = None
    """Why an endpoint could not be asked; its profiles are not known."""


def list_profiles(token: Token) -> Listing:
    """Ask all endpoints for the profiles that ``token`` may use.

    An endpoint that refuses the token has no profile for it; when all refuse it, raises CredentialsError. One
    that is down, throttled, unreachable or gives an invalid answer is logged.
    """
    found: dict[str, Profile] = {}
    refusals, failures = [], []
    for endpoint in _endpoints():
        try:
            found |= {profile.arn: profile for profile in _profiles_at(endpoint, token)}
        except CredentialsError as error:
            refusals.append(error)
        except (TemporaryError, ProtocolError) as error:
            failures.append(error)
            sys.stderr.write(f"stepherd: Profiles are listed without it: {one_paragraph(str(error), 500)}\n")
    if len(refusals) == len(_endpoints()):
        raise refusals[0]
    answered = len(refusals) + len(failures) < len(_endpoints())
    return Listing(tuple(found.values()), answered, failures[0] if failures else None)


def choose_profile(listing: Listing, wanted: str | None = None) -> Profile | None:
    """The only profile, or the one that ``wanted`` names (its name or ARN); None when there is no profile.

    Raises ProfileNeeded, which lists the names, when the choice is not clear, and what kept an endpoint from
    being asked when the profile could only be there. A login without a profile is used as the CLI uses it.
    """
    profiles = listing.profiles
    fitting = [profile for profile in profiles if wanted in {None, profile.name, profile.arn}]
    if len(fitting) == 1:
        return fitting[0]
    if listing.failure is not None and wanted is not None and not fitting:
        if not wanted.startswith("arn:"):
            raise listing.failure
        return Profile(wanted, wanted.rpartition("/")[2])
    if listing.failure is not None and not listing.answered:
        raise listing.failure
    if not profiles and wanted is None:
        return None
    names = tuple(profile.name for profile in profiles)
    what = "There are several profiles" if wanted is None else f"Not exactly one profile is {wanted!r}"
    listed = ", ".join(f"{profile.name} ({profile.arn})" for profile in profiles) or "there are no profiles"
    raise ProfileNeeded(f"{what}: {listed}.", names, remedy="Choose one with --profile NAME or its ARN.")


def _endpoints() -> tuple[str, ...]:
    named = os.environ.get("AWS_Q_ENDPOINT_URL")
    if not named:
        return _ENDPOINTS
    parts = urlsplit(named)
    if parts.scheme != "https" and parts.hostname not in {"127.0.0.1", "::1", "localhost"}:
        raise ConfigurationError(
            "AWS_Q_ENDPOINT_URL does not begin with https://; a token must not be sent unencrypted."
        )
    return (named,)


def _profiles_at(endpoint: str, token: Token) -> Iterator[Profile]:
    page: str | None = None
    for _ in range(_MOST_PAGES):
        answer = _ask(endpoint, token, {"maxResults": _PER_PAGE, **({"nextToken": page} if page else {})})
        try:
            for profile in answer["profiles"]:
                yield Profile(_plain(profile["arn"]), _plain(profile["profileName"]))
            page = answer.get("nextToken")
        except (KeyError, TypeError, ValueError, AttributeError):
            raise ProtocolError(f"{endpoint} lists profiles in an unknown form.") from None
        if not page:
            return
    raise ProtocolError(f"{endpoint} lists profiles without end.")


def _ask(endpoint: str, token: Token, members: dict[str, Any]) -> Any:
    request = Request(
        endpoint,
        data=json.dumps(members).encode(),
        headers={
            "Content-Type": "application/x-amz-json-1.0",
            "X-Amz-Target": _TARGET,
            "Authorization": f"Bearer {token.access_token}",
        },
    )
    try:
        with build_opener(_NoRedirects, HTTPSHandler(context=_trust())).open(
            request, timeout=_SECONDS
        ) as answer:
            return read_json(_body(answer))
    except HTTPError as error:
        with error:
            raise _refused(error.code, endpoint) from None
    except (URLError, OSError, HTTPException) as error:
        why = type(getattr(error, "reason", error)).__name__
        raise TemporaryError(f"{endpoint} did not answer ({why}).", remedy="Try again in a minute.") from None
    except ValueError:
        raise ProtocolError(f"{endpoint} did not answer with JSON.") from None


def _trust() -> ssl.SSLContext:
    """Trust in the default authorities, and in those that boto3 is told to trust, by which the identity
    provider is asked.

    Raises OSError.
    """
    context = ssl.create_default_context()
    bundle = os.environ.get("AWS_CA_BUNDLE") or os.environ.get("REQUESTS_CA_BUNDLE")
    if bundle:
        context.load_verify_locations(bundle)
    return context


def _body(answer: HTTPResponse) -> bytes:
    """The answer of the endpoint, within ``_SECONDS`` in all: one that drips has that long for each drop."""
    end, body = time.monotonic() + _SECONDS, bytearray()
    while len(body) < _MOST_BYTES and (part := answer.read1(_MOST_BYTES)):
        if time.monotonic() > end:
            raise TimeoutError
        body += part
    return bytes(body)


def _refused(status: int, endpoint: str) -> CredentialsError | TemporaryError:
    if status >= 500 or status == 429:
        return TemporaryError(f"{endpoint} is busy (HTTP {status}).", remedy="Try again in a minute.")
    return CredentialsError(
        f"{endpoint} does not list profiles for this login (HTTP {status}).",
        remedy=Remedy(
            "Log in again with '",
            ("login", "--force"),
            "', name the profile by its ARN with --profile, or ask the administrator of the subscription "
            "whether you are a part of it.",
        ),
    )


def _plain(value: object) -> str:
    if not isinstance(value, str) or not value.isprintable() or not 0 < len(value) <= 1_000:
        raise ValueError("not plain text")
    return value


class _NoRedirects(HTTPRedirectHandler):
    """The token goes to the endpoint and nowhere else."""

    def redirect_request(self, *_: Any) -> None:
        return None
