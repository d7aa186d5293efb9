"""The logs of tasks in CloudWatch Logs, read stream by stream.

GetLogEvents ends where it answers with the token that it was given. An empty page is not the end, and the
last token stays good for what is written later (API reference, GetLogEvents).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from stepherd.api.cursors import bad_cursor
from stepherd.services.aws import new_client
from stepherd.services.aws_errors import aws_error, error_code

__all__ = ["TaskStreams"]


@dataclass(frozen=True, slots=True)
class TaskStreams:
    """The streams of one log group."""

    client: Any
    group: str

    @classmethod
    def open(cls, group: str) -> TaskStreams:
        """The streams of the log group of this name."""
        return cls(new_client("logs"), group)

    def page(
        self, stream: str, token: str | None, most: int
    ) -> tuple[list[dict[str, str]], str | None, bool]:
        """Lines after ``token``, the token to go on with, and whether that was all for now.

        A stream that is not there yet has no lines. Raises InvalidCall for a token of another stream.
        """
        given = {"nextToken": token} if token else {}
        try:
            answer = self.client.get_log_events(
                logGroupName=self.group, logStreamName=stream, startFromHead=True, limit=most, **given
            )
        except ClientError as error:
            if error_code(error) == "ResourceNotFoundException":
                return [], token, True
            if token and error_code(error) == "InvalidParameterException":
                raise bad_cursor() from error
            raise aws_error(error, f"the log stream {stream}") from error
        except BotoCoreError as error:
            raise aws_error(error, f"the log stream {stream}") from error
        lines = [{"at": _time(each["timestamp"]), "text": str(each["message"])} for each in answer["events"]]
        after = answer.get("nextForwardToken")
        return lines, after or token, after in (None, token)


def _time(milliseconds: int) -> str:
    moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
