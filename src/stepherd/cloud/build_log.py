"""The log of a build, line by line, from CloudWatch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from stepherd.cloud.clients import aws_client
from stepherd.services.aws.errors import error_code

__all__ = ["BuildLog"]


class BuildLog:
    """Reads one log stream, each line once."""

    def __init__(self, region: str) -> None:
        self._client: Any = aws_client("logs", region)
        self._token = ""
        self.last = ""
        """The last line that says something."""

    def new_lines(self, where: Mapping[str, str]) -> Iterator[str]:
        """Lines since the last call; ``where`` is the build's ``logs``, without names until it has begun.

        An empty page is not the end: the same token again is (GetLogEvents).
        """
        if not where.get("groupName") or not where.get("streamName"):
            return
        while True:
            page = self._page(where)
            for event in page.get("events", []):
                for line in str(event["message"]).rstrip().splitlines():
                    self.last = line.strip() or self.last
                    yield line
            token = str(page.get("nextForwardToken", ""))
            if token in {"", self._token}:
                return
            self._token = token

    def _page(self, where: Mapping[str, str]) -> dict[str, Any]:
        after = {"nextToken": self._token} if self._token else {}
        try:
            page: dict[str, Any] = self._client.get_log_events(
                logGroupName=where["groupName"],
                logStreamName=where["streamName"],
                startFromHead=True,
                **after,
            )
        except Exception as error:
            # The stream is made with its first line.
            if error_code(error) != "ResourceNotFoundException":
                raise
            return {}
        return page
