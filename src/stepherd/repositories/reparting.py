"""Work that lies in a bundle, parted once more: a person has allowed by now what was left out before."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from stepherd.repositories.base_contents import enter
from stepherd.repositories.bundle import (
    ALL_REF,
    CHANGES_REF,
    COMMITS_REF,
    KEPT_PREFIX,
    take_bundle,
    write_bundle,
)
from stepherd.repositories.changes import Changes, borrow_objects
from stepherd.repositories.git import Git, Limits
from stepherd.repositories.parting import Rules
from stepherd.repositories.raw_changes import list_raw_changes
from stepherd.repositories.recorded import commit_parted, count_lines
from stepherd.repositories.scan import Finding
from stepherd.repositories.scratch import private_folder
from stepherd.services.redaction import MASK

__all__ = ["part_again"]


def part_again(
    private_git: Path,
    base_commit: str,
    earlier: Path,
    bundle: Path,
    scratch: Path,
    rules: Rules,
    left_out: Sequence[Finding],
) -> Changes:
    """Write ``bundle``, which holds what the bundle ``earlier`` does, but of what was ``left_out`` of its
    changes those paths go back in that ``rules`` allow. A path that ``left_out`` does not name stays out,
    because it may hold a secret that is known no longer; so does every path that matches a masked one
    there."""
    with private_folder(scratch, "part") as private:
        git = Git(private, private / "part.git", limits=Limits(), place="the work")
        borrow_objects(git, private_git, base_commit)
        work = take_bundle(git, earlier, base_commit)
        most, least = _tree(git, work.most or base_commit), _tree(git, work.changes or base_commit)
        allowed = tuple(f"{each.path}/" for each in left_out if rules.allows(each))
        stays = [each for each in left_out if not rules.allows(each)]
        barred = re.compile("|".join(f"{_unmasked(each.path)}/" for each in stays) or "(?!)", re.DOTALL)
        back = {
            change.path: None if change.status == "D" else (change.mode, change.object_id)
            for change in list_raw_changes(git, least, most)
            if f"{change.path}/".startswith(allowed) and not barred.match(f"{change.path}/")
        }
        parted = rules.part(git, base_commit, enter(git, least, back))
        refs = {f"{KEPT_PREFIX}{name}": commit for name, commit in work.kept.items()}
        refs |= {COMMITS_REF: work.commits} if work.commits is not None else {}
        refs |= commit_parted(git, base_commit, parted, most)
        write_bundle(git, base_commit, refs, bundle)
        return Changes(
            count_lines(git, base_commit, parted.tree, parted.changes),
            parted.tree,
            refs.get(CHANGES_REF),
            parted.automation,
            left_out=rules.named((*stays, *parted.left_out)),
            everything=refs.get(ALL_REF),
        )


def _unmasked(path: str) -> str:
    """A pattern of all paths that ``path`` may stand for, in which secrets are masked."""
    return ".*".join(map(re.escape, path.split(MASK)))


def _tree(git: Git, commit: str) -> str:
    return git.run("Reading the work", "rev-parse", "--verify", "--end-of-options", f"{commit}^{{tree}}")
