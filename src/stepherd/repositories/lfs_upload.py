"""Contents of Git LFS brought to where the repository keeps them, before the commit that needs them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from stepherd.errors import NotFoundError
from stepherd.repositories.content_scan import secret_in
from stepherd.repositories.filtered import pointers_of
from stepherd.repositories.git import Git
from stepherd.repositories.known_secrets import KnownSecrets
from stepherd.repositories.lfs_pointer import LfsRefused, Pointer
from stepherd.repositories.raw_changes import RawChange
from stepherd.repositories.remote import Remote
from stepherd.repositories.retries import retrying
from stepherd.repositories.scratch import private_folder

if TYPE_CHECKING:
    from stepherd.repositories.lfs_folder import LfsFolder
    from stepherd.repositories.lfs_server import LfsServer

__all__ = ["FetchContent", "upload_contents"]

FetchContent = Callable[[str, Path], None]
"""Writes the content of a digest to a path. Raises NotFoundError when the run has none."""
_BATCH: Final = 100
_CHUNK: Final = 1 << 20
_MISSING: Final = "its content is not in the run"


def upload_contents(
    remote: Remote,
    local: Git,
    base: str,
    tree: str,
    changes: Iterable[RawChange],
    *,
    branch: str,
    fetch: FetchContent,
    pauses: Sequence[float],
    known: KnownSecrets,
) -> dict[str, str]:
    """Make sure that ``remote`` has the content of every new pointer in ``tree``.

    Returns the paths for which that cannot be, and why: they must not be pushed. Raises UnavailableError when
    the server cannot be reached for now, StorageError when the disk refuses.
    """
    pointers = pointers_of(local, base, tree, changes)
    if not pointers:
        return {}
    # Only now: speaking HTTP takes its time to load.
    from stepherd.repositories.lfs_endpoint import find_endpoint

    reasons: dict[str, str] = {}
    needed = list({pointer.oid: pointer for pointer in pointers.values()}.values())
    try:
        endpoint = find_endpoint(remote, local, base)
        upload = _Upload(endpoint, branch, fetch, local.scratch, pauses, known)
        for start in range(0, len(needed), _BATCH):
            reasons.update(upload.bring(needed[start : start + _BATCH]))
    except LfsRefused as refusal:
        reasons = {pointer.oid: _server_says(str(refusal)) for pointer in needed}
    return {path: reasons[pointer.oid] for path, pointer in pointers.items() if pointer.oid in reasons}


def _server_says(what: str) -> str:
    return f"its content cannot go to Git LFS, whose server {what}"


@dataclass(frozen=True, slots=True)
class _Upload:
    endpoint: LfsServer | LfsFolder
    branch: str
    fetch: FetchContent
    scratch: Path
    pauses: Sequence[float]
    known: KnownSecrets

    def bring(self, pointers: Sequence[Pointer]) -> dict[str, str]:
        """Those that are not there in the end, by their digests, and why."""
        lacking = self._lacks(pointers)
        reasons = dict(self._sent(pointers, lacking))
        taken = [each for each in pointers if each.oid in lacking and each.oid not in reasons]
        # An upload counts only when the server, asked again, has the content.
        still = self._lacks(taken) if taken else {}
        return reasons | {oid: _server_says("took it and does not have it") for oid in still}

    def _lacks(self, pointers: Sequence[Pointer]) -> dict[str, Mapping[str, Any] | str]:
        return retrying(lambda: self.endpoint.lacks(pointers, self.branch), self.pauses)

    def _sent(
        self, pointers: Sequence[Pointer], lacking: Mapping[str, Mapping[str, Any] | str]
    ) -> Iterator[tuple[str, str]]:
        for pointer in pointers:
            actions = lacking.get(pointer.oid)
            if isinstance(actions, str):
                yield pointer.oid, _server_says(actions)
            elif actions is not None and (reason := self._send(pointer, actions)) is not None:
                yield pointer.oid, reason

    def _send(self, pointer: Pointer, actions: Mapping[str, Any]) -> str | None:
        # One at a time: together they may be larger than the disk.
        with private_folder(self.scratch, "content") as folder:
            file = folder / "content"
            try:
                self.fetch(pointer.oid, file)
            except NotFoundError:
                return _MISSING
            if not _is_content_of(pointer, file):
                return "the run has another content for it"
            with file.open("rb") as content:
                found = secret_in(content, self.known)
            if found is not None:
                return f"its content for Git LFS contains {found}"
            try:
                retrying(lambda: self.endpoint.upload(pointer, file, actions), self.pauses)
            except LfsRefused as refusal:
                return _server_says(str(refusal))
        return None


def _is_content_of(pointer: Pointer, file: Path) -> bool:
    digest = hashlib.sha256()
    with file.open("rb") as content:
        while data := content.read(_CHUNK):
            digest.update(data)
    return file.stat().st_size == pointer.size and digest.hexdigest() == pointer.oid
