"""The field ``network`` of a request: what its agent may reach."""

from __future__ import annotations

from typing import Final

from stepherd.errors import UsageError
from stepherd.processes.sandbox.network.allowlist import Endpoint, hosts_text, parse_hosts

__all__ = ["OPEN", "checked_network", "hosts_of"]

OPEN: Final = "on"
_CLOSED: Final = "off"


def checked_network(text: str | None, *, allow_local: bool = True) -> str | None:
    """``on``, ``off`` or hosts in their shortest form; None for what was not given.

    ``allow_local`` is false where the agent's task is not on the caller's machine: no sandbox is around it
    there. Raises UsageError.
    """
    if text is None or text == OPEN:
        return text
    checked = text if text == _CLOSED else hosts_text(parse_hosts(text))
    if not allow_local:
        raise UsageError(
            "'network' is only for sandboxes; in the cloud an agent has the network of its task.",
            remedy="Leave it out, and limit the security group of the agent's tasks.",
        )
    return checked


def hosts_of(network: str) -> tuple[Endpoint, ...]:
    """The hosts that a checked network names; none for ``on`` and ``off``."""
    return () if network in (OPEN, _CLOSED) else parse_hosts(network)
