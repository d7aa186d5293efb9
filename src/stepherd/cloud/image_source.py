"""The source of an image, and the tag that is made from it.

The tag is a digest of the source and the build's arguments: an image that is there need not be built again.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stepherd.agents.contract import Archive, Pinned
from stepherd.agents.registry import agent_names, get_agent
from stepherd.application import Project
from stepherd.cloud.archives import write_archive
from stepherd.errors import UsageError

__all__ = ["ImageSource", "build_arguments", "image_source"]

_TOOLS: Final[Mapping[str, Archive]] = {"terraform": Archive("TERRAFORM")}
"""Programs that agents use, and that are no agents."""
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
        image = _image_of(name)
        if isinstance(image, Pinned):
            words += _argument(image.argument, _version(text, what or image.version))
        elif image is not None:
            address, digest = _archive(name, what)
            words += _argument(f"{image.argument}_URL", address)
            words += _argument(f"{image.argument}_SHA256", digest)
    return " ".join(words)


def _image_of(name: str) -> Pinned | Archive | None:
    """How an image gets what has this name; None for what is part of Stepherd. Raises UsageError."""
    if name in agent_names():
        return get_agent(name).image
    if name not in _TOOLS:
        known = [each for each in agent_names() if get_agent(each).image is not None]
        raise UsageError(
            f"There is no agent '{name}' to install.", remedy=f"There are: {', '.join([*known, *_TOOLS])}."
        )
    return _TOOLS[name]


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
            f"'{name}' is not on a registry: it needs the address of its archive and a checksum.",
            remedy=f"Write it like {name}=https://…/{name}.zip#sha256=<64 digits>, as its vendor says.",
        )
    return found[1], found[2]
