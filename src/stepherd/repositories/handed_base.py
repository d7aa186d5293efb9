"""The base for a push from the clone that lies in the run folder, so that the remote need not send it twice.

An agent's role can write there. So nothing counts but packs, given to ``git index-pack``, which names every
object by its content; and the base itself must be known to be on the remote: it is what one of its refs names
at this moment. So nothing that an agent puts in the place of the packed clone can pass for the base.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from stepherd.errors import StepherdError
from stepherd.repositories.git import Git
from stepherd.repositories.remote import Listing, has_commit
from stepherd.repositories.scratch import private_folder
from stepherd.repositories.unpack import UnpackLimits, unpack
from stepherd.services.removal import remove_tree

__all__ = ["FetchArchive", "take_handed", "take_packs"]

FetchArchive = Callable[[Path], None]
"""Brings the packed clone to a path. Raises NotFoundError where there is none any more."""
_PACKS: Final = b".git/objects/pack/"
_MOST_PACKS: Final = 4


def take_handed(git: Git, base_commit: str, listing: Listing, fetch: FetchArchive | None) -> bool:
    """Bring ``base_commit`` into the empty repository of ``git`` from the clone that ``fetch`` brings.

    False where that cannot be, for whatever reason, or no ref of ``listing`` is at the base: then the remote
    has to be asked for it. Objects that were brought in stay, which does no harm.
    """
    if fetch is None or base_commit not in listing.refs.values():
        return False
    return take_packs(git, base_commit, fetch)


def take_packs(git: Git, base_commit: str, fetch: FetchArchive) -> bool:
    """Bring ``base_commit`` into the empty repository of ``git``, whether or not a remote has it: to look at.

    False where the clone that ``fetch`` brings is gone or does not hold it.
    """
    with private_folder(git.scratch, "handed") as private:
        archive, clone = private / "clone.tar.zst", private / "clone"
        try:
            fetch(archive)
            # Their files take their time, where an earlier version has packed them as well.
            unpack(
                archive, clone, UnpackLimits(outside_links=True), only=lambda name: name.startswith(_PACKS)
            )
            archive.unlink()
            packs = sorted((clone / _PACKS.decode()).glob("*.pack"))[:_MOST_PACKS]
            whole = all([_index(git, pack) for pack in packs])  # noqa: C419 - each of them
        except (StepherdError, OSError):
            return False
        finally:
            remove_tree(clone)
    if not packs or not whole or not has_commit(git, base_commit):
        return False
    # Its parents are not there: git must know that, or it looks for them.
    (git.git_dir / "shallow").write_text(f"{base_commit}\n", encoding="ascii")
    return True


def _index(git: Git, pack: Path) -> bool:
    own = replace(git, limits=git.limits.of_hostile())
    limit = f"--max-input-size={pack.stat().st_size}"
    with pack.open("rb") as file:
        return own.attempt("Reading a pack", "index-pack", "--stdin", "--strict", limit, stdin=file).code == 0
