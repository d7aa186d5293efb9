"""What an image is built from, and the tag that says so.

The tag is a digest of the source and the build's arguments: an image that is there need not be built again.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stepherd.application import Project
from stepherd.cloud.archives import write_archive
from stepherd.errors import UsageError

__all__ = ["PINNED", "ImageSource", "build_arguments", "image_source"]

PINNED: Final = {
    "claude": ("CLAUDE_CODE_VERSION", "2.1.197"),
    "codex": ("CODEX_VERSION", "0.169.0"),
    "opencode": ("OPENCODE_VERSION", "1.18.33"),
}
"""Build argument and version of the agents that npm's registry has."""
_ARCHIVES: Final = {"q": "Q_CLI", "kiro": "KIRO_CLI", "terraform": "TERRAFORM"}
_BUILT_IN: Final = frozenset({"command", "apply"})
_VERSION: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z.+_-]{0,60}")
# The build's script splits the arguments at white space and would expand wildcards.
_ARCHIVE: Final = re.compile(r"(https://[A-Za-z0-9./_~:@%+=&-]{4,400})#sha256=([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class ImageSource:
    """An archive of the source, and what is built from it."""

    archive: Path
    arguments: str
    digest: str
    """Of both, and of the architecture: an image of the other is another image."""

    def tag(self, attempt: int) -> str:
        """Tags never move, and an attempt that broke off may have pushed one image: then the next counts."""
        return self.digest if attempt == 1 else f"{self.digest}-{attempt}"


def image_source(project: Project, arguments: str, scratch: Path, architecture: str) -> ImageSource:
    """Pack the source for images of an architecture. Raises ConfigurationError, StorageError."""
    archive = scratch / "source.zip"
    digest = write_archive(project.files(), archive)
    both = hashlib.sha256(f"{digest}\n{arguments}\n{architecture}".encode()).hexdigest()
    return ImageSource(archive, arguments, both[:16])


def build_arguments(agents: Sequence[str]) -> str:
    """The builder's arguments for agents: ``claude``, ``codex=0.169.0``, ``q=https://…/q.zip#sha256=…``.

    Raises UsageError naming what is not acceptable.
    """
    words: list[str] = []
    for text in agents:
        name, _, what = text.partition("=")
        if name in PINNED:
            words += _argument(PINNED[name][0], _version(text, what or PINNED[name][1]))
        elif name in _ARCHIVES:
            address, digest = _archive(name, what)
            words += _argument(f"{_ARCHIVES[name]}_URL", address)
            words += _argument(f"{_ARCHIVES[name]}_SHA256", digest)
        elif name not in _BUILT_IN:
            known = ", ".join([*PINNED, *_ARCHIVES])
            raise UsageError(f"There is no agent '{name}' to install.", remedy=f"There are: {known}.")
    return " ".join(words)


def _argument(name: str, value: str) -> list[str]:
    return ["--build-arg", f"{name}={value}"]


def _version(text: str, version: str) -> str:
    if not _VERSION.fullmatch(version):
        raise UsageError(f"'{text}' names no version.", remedy="Write it like claude=2.1.197.")
    return version


def _archive(name: str, what: str) -> tuple[str, str]:
    found = _ARCHIVE.fullmatch(what)
    if not found:
        raise UsageError(
            f"'{name}' is on no registry: it needs the address of its archive and a checksum.",
            remedy=f"Write it like {name}=https://…/{name}.zip#sha256=<64 digits>, as its vendor says.",
        )
    return found[1], found[2]
