"""Where a login is asked for: AWS Builder ID, or a company's IAM Identity Center."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from stepherd.errors import UsageError
from stepherd.logins.hosts import check_identity_provider
from stepherd.logins.kinds import DEFAULT_REGION, DEFAULT_START_URL
from stepherd.logins.request import LoginRequest
from stepherd.services.secrets.contract import SecretNotFound
from stepherd.services.secrets.opening import read_secret

__all__ = ["LoginSettings", "login_settings"]

_DEFAULT_SECRET: Final = "amazon-q-headless/amazon-q-credentials"  # noqa: S105 - its name


@dataclass(frozen=True, slots=True)
class LoginSettings:
    """The identity provider, its region, and the profile to choose there (empty: the only one)."""

    start_url: str
    region: str
    profile: str = ""

    @property
    def is_identity_center(self) -> bool:
        """Whether it is a company's."""
        return self.start_url != DEFAULT_START_URL


def login_settings(request: LoginRequest, reference: str) -> LoginSettings:
    """Where to log in: by the request, else by the secret, else with AWS Builder ID.

    ``reference`` is of a secret with ``sso_url``, ``region``, ``license`` and ``profile``; that of the
    default name need not exist. Raises SecretNotFound for another that is missing, UsageError for a ``pro``
    license without an identity provider, ForeignAddress for one that is not an access portal of AWS.
    """
    secret = _secret(reference)
    profile = request.profile or secret.get("profile", "")
    region = request.region or secret.get("region", "") or DEFAULT_REGION
    named = request.identity_provider or secret.get("sso_url", "")
    wants_free = (
        request.license or ("" if request.identity_provider else secret.get("license", ""))
    ) == "free"
    if wants_free or not (named or request.license == "pro"):
        return LoginSettings(DEFAULT_START_URL, DEFAULT_REGION)
    if not named:
        raise UsageError(
            "A login with a pro license needs the address of its identity provider.",
            remedy="Give it with --identity-provider https://….awsapps.com/start, and --region.",
        )
    return LoginSettings(check_identity_provider(named), region, profile)


def _secret(reference: str) -> Mapping[str, str]:
    try:
        return read_secret(reference) or {}
    except SecretNotFound:
        if reference != _DEFAULT_SECRET:
            raise
        return {}
