"""Opening a channel of notices by a reference whose form says what serves it."""

from __future__ import annotations

from stepherd.errors import UsageError
from stepherd.services.notices.console import ConsoleNotices
from stepherd.services.notices.contract import Notices
from stepherd.services.notices.sns import SnsNotices

__all__ = ["open_notices"]


def open_notices(reference: str) -> Notices:
    """Open the channel by which people are told things: an SNS topic ARN, or ``console:[PATH]``.

    ``record:PATH`` keeps notices in the file and does not show them. Raises UsageError for any other form.
    """
    if reference.startswith(("console:", "record:")):
        return ConsoleNotices.open(reference)
    if reference.startswith("arn:") and reference.split(":")[2:3] == ["sns"]:
        return SnsNotices.open(reference)
    raise UsageError(
        f"No notices are served under {reference!r}.",
        remedy="Name an SNS topic (arn:aws:sns:…), console: or console:/path/to/file.jsonl.",
    )
