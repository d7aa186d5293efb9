"""Asking a person for what ``stepherd login`` needs and was not told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from stepherd.backends.login_request import login_request
from stepherd.cli.invocation import Invocation

__all__ = ["complete_request"]


def complete_request(call: Invocation, given: Mapping[str, Any]) -> dict[str, Any]:
    """The input of the login machine; asks a person at a terminal for the missing address of a company."""
    asks = call.output.can_ask and not call.output.as_json
    return login_request(call.backend, given, _ask_for_provider if asks else None)


def _ask_for_provider(fields: dict[str, Any]) -> None:
    """As the CLIs do: a pro license is a company's, whose address only its people know."""
    prompt = "Start URL of your company (https://….awsapps.com/start)"
    fields["identity_provider"] = click.prompt(prompt, err=True).strip()
    if not fields.get("region"):
        fields["region"] = click.prompt("Region", default="us-east-1", err=True).strip()
