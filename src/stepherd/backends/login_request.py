"""The request for a login, checked before anything starts."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from stepherd.cloud.contexts import LOCAL
from stepherd.errors import UsageError
from stepherd.logins.hosts import ForeignAddress
from stepherd.logins.request import LoginRequest
from stepherd.logins.settings import login_settings
from stepherd.services.aws.regions import is_region

if TYPE_CHECKING:
    from stepherd.backends.backend import Backend

__all__ = ["login_request"]


class _Wasted(UsageError):
    """An option that would have no effect."""


def login_request(
    backend: Backend, given: Mapping[str, Any], ask: Callable[[dict[str, Any]], None] | None = None
) -> dict[str, Any]:
    """The input of the login machine. ``ask`` completes one that lacks a company's address.

    Raises UsageError for what does not fit together or is malformed, ForeignAddress for an identity provider
    that is not one.
    """
    for name, value in given.items():
        if value == "":  # As of a shell's variable that is not set: Builder ID is not what was meant.
            raise UsageError(
                f"--{name.replace('_', '-')} is empty.", remedy="Give it a value, or leave it out."
            )
    fields = {name: value for name, value in given.items() if value}
    _check_combination(fields)
    reference = backend.login_database(fields["agent"], fields.pop("database", None))
    if reference:
        fields["reference"] = reference
    if backend.context != LOCAL:
        return fields  # The stack has its own secret with the company's address: its machine judges.
    try:
        _check_settings(fields)
    except (ForeignAddress, _Wasted):
        raise
    except UsageError:
        if fields.get("identity_provider") or ask is None:
            raise
        ask(fields)
        _check_combination(fields)
        _check_settings(fields)
    return fields


def _check_combination(fields: Mapping[str, Any]) -> None:
    if fields.get("license") == "free":
        for name in ("identity_provider", "region", "profile"):
            if fields.get(name):
                option = name.replace("_", "-")
                raise UsageError(
                    f"--{option} does not go with --license free, which is AWS Builder ID.",
                    remedy=f"Leave out --{option}, or give --license pro.",
                )
    region = fields.get("region")
    if region and not is_region(region):
        raise UsageError(f"{region!r} is not a region of AWS.", remedy="Use one such as us-east-1.")


def _check_settings(fields: Mapping[str, Any]) -> None:
    """Let the machine's own rules judge, so that they are the same here."""
    requested = LoginRequest.from_json({**fields, "execution": "", "holder": ""})
    settings = login_settings(requested, os.environ.get("AMAZON_Q_CREDENTIALS_SECRET_ID", ""))
    wasted = [name for name in ("region", "profile") if fields.get(name)]
    if wasted and not settings.is_identity_center:
        raise _Wasted(
            f"--{wasted[0]} is for IAM Identity Center, but you asked for AWS Builder ID.",
            remedy="Give --identity-provider https://….awsapps.com/start as well, or leave it out.",
        )
