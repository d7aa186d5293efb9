"""Notices: short messages that reach people, with a part for machines that people never see."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

__all__ = ["Notices"]


class Notices(Protocol):
    """A channel to whoever waits for news of a run."""

    def publish(self, subject: str, text: str, machine: Mapping[str, object] | None = None) -> str:
        """Send a notice and return its id.

        ``subject`` is one line and ``text`` plain prose, both made inert and never containing a
        secret. ``machine`` is JSON for subscribed functions and queues only, such as a task token.
        Raises TemporaryError, CredentialsError, NotFoundError for a channel that is not there, and
        DataError for a notice above the channel's size.
        """
        ...
