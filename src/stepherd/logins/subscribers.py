"""Whether anybody hears a notice: people must confirm their subscription to a topic first."""

from __future__ import annotations

from typing import Final

from stepherd.errors import StepherdError
from stepherd.services.aws.clients import new_client
from stepherd.services.aws.errors import translated

__all__ = ["warning_about"]

_MACHINES: Final = {"lambda", "sqs", "firehose"}


def warning_about(topic: str) -> str:
    """A warning when no one has confirmed a subscription to the topic; empty when somebody has.

    That it cannot be known is a warning, too: asking for a login must not fail for it.
    """
    try:
        with translated(topic):
            pages = new_client("sns", region=topic.split(":")[3]).get_paginator("list_subscriptions_by_topic")
            subscriptions = [s for page in pages.paginate(TopicArn=topic) for s in page["Subscriptions"]]
    except StepherdError as error:
        return f"Whether anyone gets this by mail cannot be checked: {error.message}"
    people = [s for s in subscriptions if s["Protocol"] not in _MACHINES]
    if any(s["SubscriptionArn"].startswith("arn:") for s in people):
        return ""
    waiting = f"{len(people)} must still confirm by mail. " if people else ""
    return f"No one is subscribed to {topic}. {waiting}The request is only shown by stepherd, or here."
