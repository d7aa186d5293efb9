"""The logs of tasks in CloudWatch Logs, read stream by stream.

GetLogEvents ends where it answers with the token that it was given. An empty page is not the end, and the
last token stays good for what is written later (API reference, GetLogEvents).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from stepherd.errors import UsageError
from stepherd.services.aws.clients import new_client
from stepherd.services.aws.errors import aws_error, error_code, is_from_aws
from stepherd.text.moments import iso_text

__all__ = ["LogStreams", "UnknownToken"]

_MOST_LINES: Final = 10_000
"""Of one page of GetLogEvents."""


class UnknownToken(UsageError):
    """A token that is not of this stream."""


@dataclass(frozen=True, slots=True)
class LogStreams:
    """The streams of one log group."""

    client: Any
    group: str

    @classmethod
    def open(cls, group: str) -> LogStreams:
        """The streams of the log group of this name."""
        return cls(new_client("logs"), group)

    def page(
        self, stream: str, token: str | None, most: int
    ) -> tuple[list[dict[str, str]], str | None, bool]:
        """Lines after ``token``, the token to continue with, and whether that was all for now.

        A stream that is not there yet has no lines. Raises UnknownToken for another's token.
        """
        given = {"nextToken": token} if token else {}
        answer = self._answer(stream, startFromHead=True, limit=most, **given)
        after = answer.get("nextForwardToken")
        return _lines(answer), after or token, after in (None, token)

    def tail(self, stream: str, most: int) -> tuple[list[dict[str, str]], str | None]:
        """The last lines, ``most`` of up to 10,000, and the token to continue with; with none, only the
        token.

        GetLogEvents may answer with fewer than there are, and continues backward until it gives a token
        again.
        """
        found: list[dict[str, str]] = []
        given: dict[str, Any] = {}
        forward: str | None = None
        while True:
            limit = min(max(1, most - len(found)), _MOST_LINES)
            answer = self._answer(stream, startFromHead=False, limit=limit, **given)
            forward = forward or answer.get("nextForwardToken")
            found = [*_lines(answer), *found]
            before = answer.get("nextBackwardToken")
            if len(found) >= most or before in (None, given.get("nextToken")):
                return found[len(found) - most :] if len(found) > most else found, forward
            given = {"nextToken": before}

    def _answer(self, stream: str, **how: Any) -> dict[str, Any]:
        """The answer of GetLogEvents; one without events for a stream that does not exist yet."""
        try:
            answer: dict[str, Any] = self.client.get_log_events(
                logGroupName=self.group, logStreamName=stream, **how
            )
        except Exception as error:
            if error_code(error) == "ResourceNotFoundException":
                return {"events": []}
            if "nextToken" in how and error_code(error) == "InvalidParameterException":
                words = f"The log stream {stream} did not give this token."
                raise UnknownToken(words, remedy="Read it from its beginning.") from error
            if is_from_aws(error):
                raise aws_error(error, f"the log stream {stream}") from error
            raise
        return answer


def _lines(answer: dict[str, Any]) -> list[dict[str, str]]:
    return [{"at": _time(each["timestamp"]), "text": str(each["message"])} for each in answer["events"]]


def _time(milliseconds: int) -> str:
    return iso_text(datetime.fromtimestamp(milliseconds / 1000, UTC))
