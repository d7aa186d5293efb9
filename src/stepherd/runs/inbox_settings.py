"""The settings of a run from the inbox: front matter, object metadata, run.yaml, the stack's defaults.

In that order of weight. Front matter stays where it is: PrepareRun reads it with the instructions, and what
is given to it here leaves out what front matter decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from stepherd.runs.front_matter import SETTINGS, read_settings
from stepherd.runs.prepare import merged_settings
from stepherd.runs.request import request_schema
from stepherd.services.front_matter import InvalidFrontMatter
from stepherd.services.number_text import read_number, read_whole
from stepherd.text.plain import one_paragraph

if TYPE_CHECKING:
    from stepherd.services.store.contract import Store

__all__ = ["given_settings", "read_metadata", "read_settings_file"]

_MOST_BYTES: Final = 65_536
_CHOICE: Final = frozenset({"agent", "command"})
_TRUTHS: Final = {"true": True, "false": False}
# Written by programs that copy files to S3 (rclone, s3cmd, s3fs, DataSync, s5cmd), and by our own store.
_OF_PROGRAMS: Final = frozenset({
    "mtime", "ctime", "atime", "btime", "uid", "gid", "mode", "md5chksum", "s3cmd-attrs", "stepherd-write",
    "file-owner", "file-group", "file-permissions", "file-mtime", "file-atime", "file-ctime", "user-agent",
    "user-agent-id",
})  # fmt: skip


def given_settings(
    head: Mapping[str, Any],
    metadata: Mapping[str, Any],
    file: Mapping[str, Any],
    defaults: Mapping[str, Any],
) -> dict[str, Any]:
    """The fields of the request to start, from those of the layers; without those that ``head`` decides.

    An agent or a command replaces both of a layer below.
    """
    given = merged_settings(merged_settings(defaults, file), metadata)
    decided = {*head, *(_CHOICE if head.keys() & _CHOICE else ())}
    return {name: value for name, value in given.items() if name not in decided}


def read_metadata(metadata: Mapping[str, str]) -> dict[str, Any]:
    """The fields that an object's metadata sets: the keys of front matter, '-' for '_' if need be.

    Raises InvalidFrontMatter for another key, except for those that copying programs add.
    """
    fields: dict[str, Any] = {}
    for name, text in metadata.items():
        key = name.replace("-", "_")
        if name in _OF_PROGRAMS:
            continue
        if key not in SETTINGS:
            words = f"The metadata key 'x-amz-meta-{one_paragraph(name, 60)}' is unknown."
            raise InvalidFrontMatter(words, remedy=f"Its keys are {', '.join(SETTINGS)}.")
        fields[SETTINGS[key]] = _value(SETTINGS[key], text)
    return fields


def read_settings_file(store: Store, key: str) -> dict[str, Any]:
    """The fields that run.yaml sets; none without one. Raises InvalidFrontMatter."""
    name = key.rpartition("/")[2]
    found = next((info for info in store.list(key) if info.key == key), None)
    if found is None:
        return {}
    if found.size > _MOST_BYTES:
        raise InvalidFrontMatter(f"The {name} is longer than {_MOST_BYTES:,} bytes.")
    try:
        return read_settings(store.get(key).body.decode("utf-8-sig"), name)
    except UnicodeDecodeError:
        raise InvalidFrontMatter(f"The {name} is not UTF-8 text.", remedy="Save it as UTF-8.") from None


def _value(field: str, text: str) -> Any:
    """Metadata is text: a number or a truth where the field wants one; else the text, to be refused."""
    kind = request_schema()["properties"][field].get("type")
    try:
        if kind == "integer":
            return read_whole(text)
        if kind == "number":
            return read_number(text)
    except ValueError:
        return text
    return _TRUTHS.get(text.strip().lower(), text) if kind == "boolean" else text
