"""Events of S3 about an uploaded object: by EventBridge, or in a notification of the bucket's own.

Sources: "Amazon S3 event notification message structure" and "EventBridge event message structure" of the S3
user guide. A notification has its key URL-encoded, with '+' for a space; an EventBridge event does not.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote_plus

from stepherd.errors import DataError

__all__ = ["Dropped", "InvalidEvent", "dropped_objects", "is_older"]

_SEQUENCER: Final = re.compile(r"[0-9A-Fa-f]{1,128}")


class InvalidEvent(DataError):
    """The event is not from S3; trying again does not help."""


@dataclass(frozen=True, slots=True)
class Dropped:
    """An object that was created or overwritten."""

    bucket: str
    key: str
    """The object's key, decoded."""
    sequencer: str
    """Orders the events of one key; hexadecimal."""
    etag: str = ""
    version: str = ""
    """Empty where the bucket keeps no versions."""


def dropped_objects(event: Mapping[str, Any]) -> list[Dropped]:
    """The objects that ``event`` says were created; none for any other event of S3, such as s3:TestEvent.

    Raises InvalidEvent for what S3 does not send.
    """
    try:
        if "Records" in event:
            return [_notified(record["s3"]) for record in event["Records"] if _is_creation(record)]
        if event.get("Event") == "s3:TestEvent":
            return []
        if event["source"] != "aws.s3":
            raise ValueError("it is not from S3")
        return [_announced(event["detail"])] if event["detail-type"] == "Object Created" else []
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InvalidEvent(f"The event is not one that S3 sends: {error!r}.") from None


def is_older(one: str, other: str) -> bool:
    """Whether the event with the sequencer ``one`` came before that with ``other``, of the same key.

    The shorter of two sequencers is padded with zeros on the right.
    """
    width = max(len(one), len(other))
    return one.upper().ljust(width, "0") < other.upper().ljust(width, "0")


def _is_creation(record: Mapping[str, Any]) -> bool:
    if record["eventSource"] != "aws:s3":
        raise ValueError("a record is not from S3")
    return str(record["eventName"]).startswith("ObjectCreated:")


def _notified(facts: Mapping[str, Any]) -> Dropped:
    item = facts["object"]
    key = unquote_plus(item["key"], errors="strict")
    return _dropped(facts, key, item.get("eTag"), item.get("versionId"))


def _announced(facts: Mapping[str, Any]) -> Dropped:
    item = facts["object"]
    return _dropped(facts, item["key"], item.get("etag"), item.get("version-id"))


def _dropped(facts: Mapping[str, Any], key: str, etag: str | None, version: str | None) -> Dropped:
    bucket, sequencer = facts["bucket"]["name"], facts["object"]["sequencer"]
    if not all(isinstance(text, str) and text for text in (bucket, key)):
        raise ValueError("bucket or key is not text")
    if not _SEQUENCER.fullmatch(sequencer):
        raise ValueError("the sequencer is not hexadecimal")
    return Dropped(bucket, key, sequencer, etag or "", version or "")
