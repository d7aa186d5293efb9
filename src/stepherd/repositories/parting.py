"""Parting an agent's changes: some may be pushed; the paths of the others stay as the base has them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from stepherd.repositories.allow import is_allowed
from stepherd.repositories.automation import Automation, find_automation
from stepherd.repositories.base_contents import BaseContents
from stepherd.repositories.filtered import unfiltered
from stepherd.repositories.git import Git
from stepherd.repositories.known_secrets import KnownSecrets
from stepherd.repositories.left_out import leave_out
from stepherd.repositories.raw_changes import RawChange, list_raw_changes
from stepherd.repositories.scan import ALLOWABLE, Finding, scan_changes
from stepherd.text.plain import one_paragraph

__all__ = ["Parted", "Rules", "may_be_allowed"]

_ROUNDS: Final = 10


@dataclass(frozen=True, slots=True)
class Parted:
    """The tree that may be pushed, how it differs from the base, and what is not in it."""

    tree: str
    changes: tuple[RawChange, ...]
    automation: tuple[Automation, ...]
    left_out: tuple[Finding, ...]


def may_be_allowed(finding: Finding, allow: Sequence[str]) -> bool:
    """Whether the paths that a person ``allow``s let this be pushed."""
    return finding.what in ALLOWABLE and is_allowed(finding.path, allow)


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules for judging changes: the run's own secrets, and the request's choices."""

    known: KnownSecrets
    refuse_automation: bool = False
    allow: tuple[str, ...] = ()

    def allows(self, finding: Finding) -> bool:
        """Whether the request lets it be pushed."""
        return may_be_allowed(finding, self.allow)

    def part(self, git: Git, base: str, tree: str) -> Parted:
        """Leave out of ``tree`` what must not be pushed, until nothing of the kind is found in the rest.

        ``base`` is the commit or tree that it is compared with.
        """
        contents = BaseContents.read(git, base)
        left_out: list[Finding] = []
        for _ in range(_ROUNDS):
            changes = list_raw_changes(git, base, tree)
            found = self.findings(git, base, tree, changes, contents)
            left_out += found
            if not found:
                return Parted(tree, changes, find_automation(git, changes), self.named(left_out))
            tree = leave_out(git, tree, changes, {finding.path for finding in found})
        # No end of it: then nothing of it.
        tree = git.run("Reading the base", "rev-parse", "--verify", "--end-of-options", f"{base}^{{tree}}")
        return Parted(tree, (), (), self.named(left_out))

    def findings(
        self,
        git: Git,
        base: str,
        tree: str,
        changes: Sequence[RawChange],
        contents: BaseContents | None = None,
    ) -> tuple[Finding, ...]:
        """Return the findings in ``changes`` from ``base`` to ``tree`` that bar a push, with unmasked
        paths."""
        automation = find_automation(git, changes) if self.refuse_automation else ()
        return scan_changes(
            git,
            base,
            tree,
            changes,
            known=self.known,
            automation=automation,
            contents=contents,
            allowed=self.allows,
        )

    def unfiltered(self, git: Git, base: str, tree: str, changes: Sequence[RawChange]) -> Iterator[str]:
        """Notes on the contents that the request lets in though they belong through a filter."""
        allowed = partial(is_allowed, patterns=self.allow)
        for path, name in unfiltered(git, base, tree, changes, allowed).items() if self.allow else ():
            yield (
                f"{one_paragraph(path, 200)} is pushed as the agent left it, because it is allowed: it "
                f"should have passed through the filter '{one_paragraph(name, 100)}', which was not "
                "run. Check "
                "whether it contains anything that the filter would have removed."
            )

    def own_secrets(self, git: Git, base: str, tree: str) -> tuple[Finding, ...]:
        """Where ``tree`` has secrets of the run that ``base`` has not."""
        found = scan_changes(git, base, tree, list_raw_changes(git, base, tree), known=self.known)
        return tuple(finding for finding in found if finding.what == "own secret")

    def named(self, findings: Sequence[Finding]) -> tuple[Finding, ...]:
        """The findings, each once, whose paths show no secret of the run."""
        known = self.known
        return tuple(
            replace(each, path=known.mask(each.path)) if known.held_by(each.path) else each
            for each in dict.fromkeys(findings)
        )
