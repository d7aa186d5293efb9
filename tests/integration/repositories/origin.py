"""A repository to clone from and push to, made with real git, and one run's way through the modules."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from stepherd.repositories.address import Repository, parse_repository
from stepherd.repositories.binding import token_host
from stepherd.repositories.changes import Changes, copy_private, record_changes
from stepherd.repositories.clone import CloneFacts, clone
from stepherd.repositories.credentials import GitCredentials
from stepherd.repositories.push import Manner, PushFacts, push_bundle
from stepherd.repositories.scan import ChangesBlocked

WHEN = datetime(2026, 11, 21, 10, 15, tzinfo=UTC)
ENVIRONMENT = {
    "PATH": os.environ.get("PATH", os.defpath),
    "HOME": "/nonexistent",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@example.com",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@example.com",
}


def git(folder: Path, *arguments: str, check: bool = True, stdin: bytes = b"", **more: str) -> str:
    """Plain git, as a person or an attacker would use it; ``more`` goes into the environment."""
    done = subprocess.run(
        ["git", *arguments], cwd=folder, env=ENVIRONMENT | more, input=stdin, capture_output=True, check=False
    )
    if check and done.returncode != 0:
        raise AssertionError(f"git {arguments}: {done.stderr.decode()}")
    return done.stdout.decode("utf-8", "surrogateescape").strip()


@dataclass(frozen=True)
class Origin:
    """A bare repository ``bare`` and the working copy ``work`` that fills it."""

    folder: Path

    @classmethod
    def create(cls, folder: Path, files: dict[str, str] | None = None, **init: str) -> Origin:
        origin = cls(folder)
        origin.work.mkdir(parents=True)
        options = [f"--{name.replace('_', '-')}={value}" for name, value in init.items()]
        git(origin.work, "init", "-q", "-b", "main", "--template=", *options)
        git(folder, "init", "-q", "--bare", "-b", "main", "--template=", *options, str(origin.bare))
        origin.commit(files or {"README.md": "hello\n", "src/app.py": "print(1)\n"})
        return origin

    @property
    def work(self) -> Path:
        return self.folder / "work"

    @property
    def bare(self) -> Path:
        return self.folder / "team.git"

    @property
    def repository(self) -> Repository:
        return parse_repository(str(self.bare))

    def commit(self, files: dict[str, str], branch: str = "main", message: str = "change") -> str:
        for name, text in files.items():
            path = self.work / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        git(self.work, "add", "-A")
        git(self.work, "commit", "-q", "-m", message)
        git(self.work, "push", "-q", str(self.bare), f"HEAD:refs/heads/{branch}")
        return git(self.work, "rev-parse", "HEAD")

    def tip(self, branch: str) -> str | None:
        return git(self.bare, "rev-parse", "--verify", "-q", f"refs/heads/{branch}", check=False) or None

    def refs(self) -> dict[str, str]:
        lines = git(self.bare, "for-each-ref", "--format=%(refname) %(objectname)").splitlines()
        return dict(line.split(" ") for line in lines)

    def log(self, branch: str) -> list[str]:
        return git(self.bare, "log", "--format=%s", f"refs/heads/{branch}").splitlines()

    def show(self, branch: str, path: str) -> str:
        return git(self.bare, "show", f"refs/heads/{branch}:{path}")

    def hook(self, name: str, script: str) -> None:
        """Install a hook on the server's side."""
        path = self.bare / "hooks" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        path.chmod(0o755)


@dataclass
class Run:
    """One run's folders and its calls, with the values that stay the same from call to call."""

    folder: Path
    repository: Repository
    credentials: GitCredentials = field(default_factory=GitCredentials)
    """Of a person who has typed the repository's address."""
    branch: str = "stepherd/run_1"
    facts: CloneFacts | None = None
    pauses: tuple[float, ...] = (0.0, 0.0)

    def __post_init__(self) -> None:
        self.scratch.mkdir(parents=True, exist_ok=True)

    @property
    def scratch(self) -> Path:
        return self.folder / "scratch"

    @property
    def workspace(self) -> Path:
        return self.folder / "workspace"

    @property
    def private_git(self) -> Path:
        return self.folder / "private.git"

    @property
    def bundle(self) -> Path:
        return self.folder / "changes.bundle"

    def clone(self, base: str | None = None, **more: Any) -> CloneFacts:
        more.setdefault("pauses", self.pauses)
        self.facts = clone(
            self.repository,
            self.workspace,
            base=base,
            credentials=self.typed,
            scratch=self.scratch,
            **more,
        )
        copy_private(self.workspace / ".git", self.private_git)
        return self.facts

    @property
    def typed(self) -> GitCredentials:
        host = token_host(self.repository)
        return replace(self.credentials, owner_hosts=(host,) if host else ())

    def write(self, files: dict[str, str]) -> None:
        for name, text in files.items():
            path = self.workspace / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")

    def record(self, **more: Any) -> Changes:
        """Raises ChangesBlocked, as a run does, when anything is left out of what is pushed."""
        changes = self.recorded(**more)
        if changes.left_out:
            raise ChangesBlocked(changes.left_out, all_of_it=changes.commit is None)
        return changes

    def recorded(self, **more: Any) -> Changes:
        assert self.facts is not None
        self.bundle.unlink(missing_ok=True)
        return record_changes(
            self.workspace, self.private_git, self.facts.base_commit, self.bundle, self.scratch, **more
        )

    def push(self, **more: Any) -> PushFacts:
        """Push all that the bundle holds, as if none of it had been left out of its changes. Raises
        ChangesBlocked, as a run does, when the push leaves out anything."""
        self._pretend_that_all_is_pushed()
        facts = self.pushed(**more)
        if facts.unfit:
            raise ChangesBlocked(facts.unfit)
        return facts

    def _pretend_that_all_is_pushed(self) -> None:
        assert self.facts is not None
        # A file that is no bundle is for the push to refuse.
        listed = git(self.folder, "bundle", "list-heads", str(self.bundle), check=False)
        heads = dict(reversed(line.split()) for line in listed.splitlines())
        if "refs/stepherd/all" not in heads:
            return
        bare = self.folder / "pretend.git"
        git(self.folder, "clone", "-q", "--bare", "--template=", str(self.workspace), str(bare))
        git(bare, "bundle", "unbundle", str(self.bundle))
        git(bare, "update-ref", "refs/stepherd/changes", heads["refs/stepherd/all"])
        (bare / "shallow").write_text(self.facts.base_commit + "\n")
        words = ("refs/stepherd/changes", f"^{self.facts.base_commit}")
        git(bare, "bundle", "create", "-q", str(self.bundle), *words)

    @property
    def origin(self) -> Path:
        """The remote, where it is a folder."""
        return Path(self.repository.path)

    def heads(self) -> list[str]:
        """Id and name of each ref in the bundle."""
        return git(self.folder, "bundle", "list-heads", str(self.bundle)).splitlines()

    def pushed(self, **more: Any) -> PushFacts:
        assert self.facts is not None
        values: dict[str, Any] = {
            "base_commit": self.facts.base_commit,
            "base_ref": self.facts.base_ref,
            "branch": self.branch,
            "message": "Do the work",
            "author_name": "Robot",
            "author_email": "robot@example.com",
            "when": WHEN,
            "credentials": self.typed,
            "scratch": self.scratch,
            "run_id": "run_1",
            "pauses": self.pauses,
        }
        told = {field.name: more.pop(field.name) for field in fields(Manner) if field.name in more}
        values["manner"] = Manner(**told)
        return push_bundle(self.repository, self.bundle, **(values | more))

    def work(self, files: dict[str, str] | None = None) -> Changes:
        """Clone, change, record."""
        self.clone()
        self.write(files or {"new.txt": "new\n"})
        return self.record()


def files_below(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def text_below(folder: Path) -> bytes:
    """Everything in every file below ``folder``, for canary searches."""
    return b"\n".join(path.read_bytes() for path in files_below(folder))
