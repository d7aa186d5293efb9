"""An agent that does with git whatever comes to its mind, by a seed, and remembers all that it committed."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.integration.repositories.origin import git

FILES = ("a.txt", "b.txt", "src/c.txt", "src/deep/d.txt", "x.log", "new 1", "ü.txt")


@dataclass
class WanderingAgent:
    """``committed`` are the ids of all blobs that were in a commit of any kind, ``done`` what it did."""

    workspace: Path
    chance: random.Random
    committed: set[str] = field(default_factory=set)
    done: list[str] = field(default_factory=list)
    count: int = 0

    def live(self, steps: int) -> None:
        """Do ``steps`` things."""
        for _ in range(steps):
            thing = self.chance.choice(self.things)
            self.done.append(thing.__name__)
            thing()

    @property
    def things(self) -> tuple[Callable[[], None], ...]:
        return (
            *(
                self.edit,
                self.edit,
                self.edit,
                self.delete,
                self.commit,
                self.commit,
                self.commit,
                self.amend,
            ),
            *(self.branch, self.switch, self.switch, self.stash, self.stash_all, self.pop, self.drop),
            *(self.reset, self.hard_reset, self.detach, self.delete_branch, self.merge, self.rebase),
            *(self.add_worktree, self.work_in_worktree, self.remove_worktree, self.lose_worktree),
            *(
                self.gc,
                self.pack_refs,
                self.tag,
                self.force_ignored,
                self.orphan,
                self.cherry_pick,
                self.revert,
            ),
        )

    # Files

    def edit(self, folder: Path | None = None) -> None:
        path = (folder or self.workspace) / self.chance.choice(FILES)
        if path.is_dir():
            return
        self.count += 1
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{self.count} by chance {self.chance.random()}\n")

    def delete(self) -> None:
        (self.workspace / self.chance.choice(FILES)).unlink(missing_ok=True)

    # Commits

    def commit(self, folder: Path | None = None) -> None:
        place = folder or self.workspace
        self._git("add", "-A", folder=place)
        self._git("commit", "-qm", f"commit {self.count}", folder=place)
        self._remember("HEAD", place)

    def amend(self) -> None:
        self._git("commit", "-qa", "--amend", "-m", f"amended {self.count}")
        self._remember("HEAD")

    def force_ignored(self) -> None:
        self.count += 1
        (self.workspace / "kept.log").write_text(f"{self.count} on purpose\n")
        self._git("add", "-f", "kept.log")
        self._git("commit", "-qm", "on purpose")
        self._remember("HEAD")

    def merge(self) -> None:
        if self._git("merge", "-q", "--no-edit", self._any_branch()):
            self._remember("HEAD")
        else:
            self._git("merge", "--abort")

    def rebase(self) -> None:
        if self._git("rebase", "-q", self._any_branch()):
            self._remember("HEAD")
        else:
            self._git("rebase", "--abort")

    def cherry_pick(self) -> None:
        if self._git("cherry-pick", self._any_branch()):
            self._remember("HEAD")
        else:
            self._git("cherry-pick", "--abort")

    def revert(self) -> None:
        if self._git("revert", "--no-edit", "HEAD"):
            self._remember("HEAD")
        else:
            self._git("revert", "--abort")

    # Names

    def branch(self) -> None:
        self.count += 1
        self._git("checkout", "-q", "-b", self.chance.choice((f"b{self.count}", f"b{self.count}/sub")))

    def orphan(self) -> None:
        self.count += 1
        self._git("checkout", "-q", "--orphan", f"o{self.count}")
        self.commit()

    def switch(self) -> None:
        self._git("checkout", "-q", self._any_branch())

    def detach(self) -> None:
        self._git("checkout", "-q", "--detach")

    def delete_branch(self) -> None:
        self._git("branch", "-qD", self._any_branch())

    def tag(self) -> None:
        self.count += 1
        self._git("tag", f"t{self.count}")
        self._git("tag", "-a", "-m", "words", f"a{self.count}")

    def reset(self) -> None:
        self._git("reset", "-q", "HEAD~1")

    def hard_reset(self) -> None:
        self._git("reset", "-q", "--hard", self.chance.choice(("HEAD~1", "HEAD~2", self._any_branch())))

    # Stashes

    def stash(self) -> None:
        if self._git("stash", "-q"):
            self._remember("refs/stash")

    def stash_all(self) -> None:
        if self._git("stash", "-q", "--include-untracked"):
            self._remember("refs/stash")
            self._remember("refs/stash^3")

    def pop(self) -> None:
        self._git("stash", "pop", "-q")

    def drop(self) -> None:
        self._git("stash", "drop", "-q")

    # Worktrees

    def add_worktree(self) -> None:
        self.count += 1
        place = self.chance.choice((".claude/worktrees", "trees", "ignored"))
        options = self.chance.choice((("-b", f"w{self.count}"), ("--detach",)))
        self._git("worktree", "add", "-q", *options, f"{place}/w{self.count}")

    def work_in_worktree(self) -> None:
        if (tree := self._any_worktree()) is None:
            return
        self.edit(tree)
        if self.chance.random() < 0.7:
            self.commit(tree)

    def remove_worktree(self) -> None:
        if (tree := self._any_worktree()) is not None:
            self._git("worktree", "remove", "--force", str(tree))

    def lose_worktree(self) -> None:
        if (tree := self._any_worktree()) is not None:
            shutil.rmtree(tree)
            self._git("worktree", "prune")

    # Housekeeping

    def gc(self) -> None:
        self._git("gc", "-q")

    def pack_refs(self) -> None:
        self._git("pack-refs", "--all")

    def worktrees(self) -> list[Path]:
        """The linked worktrees that are there."""
        lines = git(self.workspace, "worktree", "list", "--porcelain", check=False).splitlines()
        paths = [Path(line.removeprefix("worktree ")) for line in lines if line.startswith("worktree ")]
        return [path for path in paths[1:] if path.is_dir()]

    def left(self) -> set[str]:
        """The ids of what lies in the workspace and its worktrees and is not ignored."""
        found = set()
        for folder in (self.workspace, *self.worktrees()):
            listing = git(
                folder, "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate"
            )
            paths = [path for path in listing.split("\0") if path and (folder / path).is_file()]
            names = "".join(f"{path}\n" for path in paths).encode()
            found |= set(git(folder, "hash-object", "--stdin-paths", stdin=names).split())
        return found

    def _any_branch(self) -> str:
        names = git(self.workspace, "for-each-ref", "--format=%(refname:short)", "refs/heads").split()
        return self.chance.choice(names) if names else "main"

    def _any_worktree(self) -> Path | None:
        found = self.worktrees()
        return self.chance.choice(found) if found else None

    def _remember(self, revision: str, folder: Path | None = None) -> None:
        out = git(folder or self.workspace, "ls-tree", "-r", revision, check=False)
        self.committed |= {line.split()[2] for line in out.splitlines()}

    def _git(self, *arguments: str, folder: Path | None = None) -> bool:
        place = folder or self.workspace
        before = git(place, "rev-parse", "-q", "--verify", "HEAD", check=False)
        git(place, *arguments, check=False, GIT_EDITOR="true")
        after = git(place, "rev-parse", "-q", "--verify", "HEAD", check=False)
        return before != after or arguments[0] == "stash"
