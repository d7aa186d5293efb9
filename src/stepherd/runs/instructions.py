"""Finding the instructions, and freezing a copy: what a run was asked for does not change under it.

Instructions are one file, or a folder with ``instructions.md`` and supporting files; on disk or on S3.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

from stepherd.errors import DataError, NotFoundError, UsageError
from stepherd.runs.digests import digest_of, digest_of_files
from stepherd.runs.instruction_files import files_below, read_file
from stepherd.services.store.opening import open_store
from stepherd.text.plain import one_paragraph

if TYPE_CHECKING:
    from stepherd.services.store.contract import ObjectInfo, Store

__all__ = ["MAIN", "Instructions", "InstructionsNotFound", "find_instructions", "frozen_digest", "title_of"]

MAIN: Final = "instructions.md"
MOST_FILES: Final = 500
MOST_BYTES: Final = 50 * 1024 * 1024
MOST_TEXT_BYTES: Final = 1024 * 1024
_MOST_LISTED: Final = MOST_FILES + 2


class InstructionsNotFound(NotFoundError):
    """There are no instructions where the request says."""


@dataclass(frozen=True, slots=True)
class Instructions:
    """Instructions that were found and judged, not copied yet."""

    reference: str
    files: Mapping[str, int]
    """Sizes in bytes by relative name; instructions.md is among them."""
    read: Callable[[str], bytes]
    """Reads one of ``files``."""

    def text(self) -> str:
        """The text of instructions.md. Raises DataError when it is empty, too long or not UTF-8."""
        if self.files[MAIN] > MOST_TEXT_BYTES:
            raise _refusal(self.reference, f"{MAIN} is larger than {MOST_TEXT_BYTES:,} bytes")
        try:
            text = self.read(MAIN).decode("utf-8-sig")
        except UnicodeDecodeError:
            raise _refusal(self.reference, f"{MAIN} is not UTF-8 text") from None
        if not text.strip():
            raise _refusal(self.reference, f"{MAIN} is empty")
        return text

    def without(self, *names: str) -> Instructions:
        """The same, except for files that are no instructions."""
        kept = {name: size for name, size in self.files.items() if name not in names}
        return Instructions(self.reference, kept, self.read)

    def freeze(self, store: Store) -> str:
        """Copy every file into ``store``, instructions.md last; returns the digest of all that is there."""
        written: dict[str, str] = {}
        for name in sorted(self.files, key=lambda name: (name == MAIN, name)):
            body = self.read(name)
            store.put(name, body)
            written[name] = digest_of(body)
        return frozen_digest(store, written)


def frozen_digest(store: Store, written: Mapping[str, str] | None = None) -> str:
    """The digest of frozen instructions; those in ``written`` (digests by name) are not read again."""
    known = written or {}
    digests = {info.key: known.get(info.key) or digest_of(store.get(info.key).body) for info in store.list()}
    return digest_of_files(digests)


def find_instructions(reference: str, *, allow_local: bool = True) -> Instructions:
    """The instructions that ``reference`` names: ``s3://bucket/key``, ``file:///path`` or an absolute path.

    ``allow_local`` is false where the disk is not the caller's. Raises InstructionsNotFound when
    nothing is there, UsageError for a form that cannot be read from here, and DataError for instructions
    that are empty or too much (500 files, 50 MiB, 1 MiB of instructions.md). Links are not followed.
    """
    if reference.startswith("s3://"):
        found = _on_s3(reference)
    elif allow_local:
        found = _on_disk(reference, _path_of(reference))
    else:
        raise UsageError(
            f"The instructions {one_paragraph(reference, 200)} are on a disk that the run cannot read.",
            remedy="Copy them to S3 and use their s3://bucket/key.",
        )
    if len(found.files) > MOST_FILES:
        raise _refusal(reference, f"there are more than {MOST_FILES} files")
    if MAIN not in found.files:
        raise _missing(reference, f"the folder has no {MAIN}")
    if sum(found.files.values()) > MOST_BYTES:
        raise _refusal(reference, f"they are larger than {MOST_BYTES:,} bytes")
    return Instructions(reference, found.files, _main_once(found.read))


def _main_once(read: Callable[[str], bytes]) -> Callable[[str], bytes]:
    """The text that is judged is the text that is frozen."""
    main: list[bytes] = []

    def read_once(name: str) -> bytes:
        if name != MAIN:
            return read(name)
        if not main:
            main.append(read(name))
        return main[0]

    return read_once


def title_of(text: str) -> str:
    """The first heading of instructions, else their first line, in at most 72 characters, or ''."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    headings = [line.lstrip("#").strip() for line in lines if line.startswith("#")]
    return one_paragraph((headings or lines or [""])[0], 72)


def _path_of(reference: str) -> Path:
    if reference.startswith("file://"):
        parts = urlsplit(reference)
        if parts.netloc not in {"", "localhost"}:
            raise UsageError(
                f"The instructions {one_paragraph(reference, 200)} are on another machine.",
                remedy="Give file:///path with three slashes.",
            )
        reference = unquote(parts.path)
    elif "://" in reference:
        raise UsageError(
            f"Instructions cannot be read from {one_paragraph(reference, 200)}.",
            remedy="Give a path, file:///path or s3://bucket/key.",
        )
    path = Path(reference)
    if not path.is_absolute() or "\0" in reference:
        raise UsageError(
            f"The path of the instructions, {one_paragraph(reference, 200)}, is not absolute.",
            remedy="Give the whole path.",
        )
    return path


def _on_disk(reference: str, path: Path) -> Instructions:
    try:
        if path.is_file():
            return Instructions(reference, {MAIN: path.stat().st_size}, lambda _: read_file(path, MOST_BYTES))
        if not path.is_dir():
            found = path.exists()
            raise _missing(reference, "it is no plain file" if found else "there is no such file or folder")
        files = files_below(path, MOST_FILES + 1)
    except OSError as error:
        raise _missing(reference, str(error.strerror)) from None
    return Instructions(reference, files, lambda name: read_file(path / name, MOST_BYTES))


def _on_s3(reference: str) -> Instructions:
    bucket, _, key = reference.removeprefix("s3://").partition("/")
    store = open_store(f"s3://{bucket}")
    prefix = key.rstrip("/") + "/" if key else ""
    found = _first(store, key)
    sizes = {info.key: info.size for info in found}
    if key in sizes:
        return Instructions(reference, {MAIN: sizes[key]}, lambda _: store.get(key).body)
    if len(found) >= _MOST_LISTED and prefix != key:
        found = _first(store, prefix)  # Others whose keys begin so came before the folder.
    files = {
        info.key.removeprefix(prefix): info.size
        for info in found
        if info.key.startswith(prefix) and info.key != prefix
    }
    if not files:
        raise _missing(reference, "there is no such object or prefix")
    return Instructions(reference, files, lambda name: store.get(prefix + name).body)


def _first(store: Store, prefix: str) -> list[ObjectInfo]:
    return list(islice(store.list(prefix), _MOST_LISTED))


def _missing(reference: str, reason: str) -> InstructionsNotFound:
    return InstructionsNotFound(
        f"No instructions at {one_paragraph(reference, 200)}: {reason}.",
        remedy=f"Give a file, or a folder with an {MAIN}, with --instructions.",
    )


def _refusal(reference: str, reason: str) -> DataError:
    return DataError(
        f"The instructions at {one_paragraph(reference, 200)} cannot be used: {reason}.",
        remedy=f"Write the task into {MAIN}, as text.",
    )
