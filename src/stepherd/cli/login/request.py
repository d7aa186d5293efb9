"""What ``stepherd login`` asks the login machine for, checked before anything starts."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import click

from stepherd.cli.output import Output
from stepherd.cloud.contexts import LOCAL
from stepherd.errors import UsageError
from stepherd.logins.hosts import ForeignAddress
from stepherd.services.aws.regions import is_region

__all__ = ["login_request"]


class _Wasted(UsageError):
    """An option that would have no effect."""


def login_request(output: Output, given: Mapping[str, Any]) -> dict[str, Any]:
    """The input of the login machine. Asks for a company's address where a person is there to answer.

    Raises UsageError for what does not fit together or is malformed, ForeignAddress for an identity provider
    that is not one.
    """
    fields = {name: value for name, value in given.items() if value}
    _check_combination(fields)
    reference = output.place.login_database(fields["agent"], fields.pop("database", None))
    if reference:
        fields["reference"] = reference
    if output.place.context != LOCAL:
        return fields  # The stack has its own secret with the company's address: its machine judges.
    try:
        _check_settings(fields)
    except (ForeignAddress, _Wasted):
        raise
    except UsageError:
        if fields.get("identity_provider") or not output.can_ask or output.as_json:
            raise
        _ask_for_provider(fields)
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
        raise UsageError(f"{region!r} is not a region of AWS.", remedy="Name one such as us-east-1.")


def _ask_for_provider(fields: dict[str, Any]) -> None:
    """As the CLIs do: a pro license is a company's, whose address only its people know."""
    prompt = "Start URL of your company (https://….awsapps.com/start)"
    fields["identity_provider"] = click.prompt(prompt, err=True).strip()
    if not fields.get("region"):
        fields["region"] = click.prompt("Region", default="us-east-1", err=True).strip()
    _check_combination(fields)


def _check_settings(fields: Mapping[str, Any]) -> None:
    """Let the machine's own rules judge, so that they are the same here."""
    from stepherd.logins.request import LoginRequest
    from stepherd.logins.settings import login_settings

    wanted = LoginRequest.from_json({**fields, "execution": "", "holder": ""})
    settings = login_settings(wanted, os.environ.get("AMAZON_Q_CREDENTIALS_SECRET_ID", ""))
    wasted = [name for name in ("region", "profile") if fields.get(name)]
    if wasted and not settings.is_identity_center:
        raise _Wasted(
            f"--{wasted[0]} is for IAM Identity Center, and AWS Builder ID was asked for.",
            remedy="Give --identity-provider https://….awsapps.com/start as well, or leave it out.",
        )
