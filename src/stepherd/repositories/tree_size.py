"""How much a commit unpacks to, looked at before it is checked out: a small pack can hold an endless tree."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Final

from stepherd.errors import DataError
from stepherd.repositories.git import Git
from stepherd.repositories.unpack import UnpackLimits

__all__ = ["check_tree_size"]

_SIZE: Final = re.compile(rb"(?:^|\0)[0-7]+ [a-z]+ [0-9a-f]+ +([0-9]+)\t")
_REMEDY: Final = "Use a --base or a repository without the parts that make it so large."


def check_tree_size(
    git: Git,
    commit: str,
    folder: Path,
    limits: UnpackLimits | None = None,
    *,
    stored_in: Path | None = None,
) -> None:
    """Refuse a tree that is larger than what an archive may unpack to, or than the disk of ``folder``.

    ``stored_in`` is where its objects are, if not in the repository of ``git`` itself. Git lists the tree and
    is ended at the first entry that is too many, so that no tree takes long. Raises DataError with the limit.
    """
    stored = _stored(stored_in or git.git_dir)
    tally = _Tally(git.place, limits or UnpackLimits(), stored, shutil.disk_usage(folder).free)
    git.run("Measuring the tree", "ls-tree", "-r", "-l", "-z", "--end-of-options", commit, sink=tally.feed)


class _Tally:
    """Counts the entries of ``git ls-tree -l -z`` and their bytes as they come."""

    def __init__(self, place: str, limits: UnpackLimits, stored: int, free: int) -> None:
        self._place, self._limits, self._stored, self._free = place, limits, stored, free
        self._entries = self._bytes = 0
        self._rest = b""

    def feed(self, chunk: bytes) -> None:
        whole, end, self._rest = (self._rest + chunk).rpartition(b"\0")
        if not end:
            return
        # A submodule has no size.
        self._bytes += sum(map(int, _SIZE.findall(whole)))
        self._entries += whole.count(b"\0") + 1
        self._judge()

    def _judge(self) -> None:
        limits = self._limits
        if self._entries > limits.entries:
            raise self._refusal(f"has more than {limits.entries:,} files")
        if self._bytes > limits.total_bytes:
            raise self._refusal(f"unpacks to more than {limits.total_bytes / 1e9:,.0f} GB")
        if self._bytes > limits.ratio_from and self._bytes > self._stored * limits.ratio:
            raise self._refusal(f"unpacks to more than {limits.ratio} times its {self._stored / 1e6:,.1f} MB")
        if self._bytes > self._free:
            raise self._refusal(f"does not fit on the disk, which has {self._free / 1e9:,.1f} GB left")

    def _refusal(self, why: str) -> DataError:
        return DataError(f"The tree of {self._place} {why}, so it is not checked out.", remedy=_REMEDY)


def _stored(git_dir: Path) -> int:
    """Bytes of the objects as git keeps them."""
    return sum(path.stat().st_size for path in (git_dir / "objects").rglob("*") if path.is_file())
