"""Fault 69: whatever an agent plants in its ``.git``, nothing runs and the push goes where it should.

Why git must not run there: facts/git-and-secrets.md 2.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.integration.repositories.origin import Origin, Run, files_below, git

from stepherd.errors import DataError

HOOKS = (
    "pre-push",
    "pre-commit",
    "post-commit",
    "commit-msg",
    "prepare-commit-msg",
    "post-checkout",
    "post-index-change",
    "reference-transaction",
    "fsmonitor-watchman",
    "post-update",
    "pre-receive",
)


def plant(workspace: Path, canary: Path, evil: Path, real: str) -> None:
    """Everything that git documents as running a program or changing a destination."""
    touch = f"touch {canary}"
    (workspace / ".git" / "hooks").mkdir(exist_ok=True)
    for name in HOOKS:
        hook = workspace / ".git" / "hooks" / name
        hook.write_text(f"#!/bin/sh\n{touch}\n")
        hook.chmod(0o755)
    (workspace / "evil.cfg").write_text(f"[core]\n\tfsmonitor = {touch}\n")
    settings = {
        "core.hooksPath": str(workspace / ".git" / "hooks"),
        "core.fsmonitor": touch,
        "core.sshCommand": touch,
        "core.pager": touch,
        "core.editor": touch,
        "core.askPass": touch,
        "core.gitProxy": touch,
        "core.alternateRefsCommand": touch,
        "core.attributesFile": str(workspace / "attributes"),
        "core.excludesFile": str(workspace / "excludes"),
        f"url.{evil}.insteadOf": real,
        f"url.{evil}.pushInsteadOf": real,
        "remote.origin.url": str(evil),
        "remote.origin.pushurl": str(evil),
        "remote.origin.receivepack": touch,
        "remote.origin.uploadpack": touch,
        "remote.origin.vcs": "ext",
        "remote.pushDefault": str(evil),
        "credential.helper": f"!{touch}",
        "include.path": str(workspace / "evil.cfg"),
        "filter.evil.clean": touch,
        "filter.evil.smudge": touch,
        "filter.evil.process": touch,
        "filter.evil.required": "true",
        "diff.external": touch,
        "diff.evil.command": touch,
        "diff.evil.textconv": touch,
        "merge.evil.driver": touch,
        "gpg.program": touch,
        "commit.gpgSign": "true",
        "push.gpgSign": "true",
        "protocol.ext.allow": "always",
        "protocol.allow": "always",
        "uploadpack.packObjectsHook": touch,
        "alias.push": f"!{touch}",
        "alias.add": f"!{touch}",
        "extensions.worktreeConfig": "true",
        "sequence.editor": touch,
        "trailer.x.cmd": touch,
        "interactive.diffFilter": touch,
        "gc.auto": "1",
        "maintenance.auto": "true",
        "core.worktree": "/",
    }
    lines = []
    for key, value in settings.items():
        section, _, name = key.rpartition(".")
        first, _, middle = section.partition(".")
        lines.append(f'[{first} "{middle}"]' if middle else f"[{first}]")
        lines.append(f'\t{name} = "{value}"')
    (workspace / ".git" / "config").write_text("\n".join(lines) + "\n")
    (workspace / ".git" / "config.worktree").write_text(f"[core]\n\tfsmonitor = {touch}\n")
    (workspace / ".git" / "info").mkdir(exist_ok=True)
    (workspace / ".git" / "info" / "attributes").write_text("* filter=evil diff=evil merge=evil\n")
    (workspace / ".git" / "info" / "exclude").write_text("*\n")
    (workspace / ".git" / "objects" / "info").mkdir(exist_ok=True)
    (workspace / ".git" / "objects" / "info" / "alternates").write_text("/nonexistent\n")
    (workspace / "attributes").write_text("* filter=evil\n")
    (workspace / "excludes").write_text("*\n")
    # A filter in the tree keeps the content of a file from the push: tests of filters have that.
    (workspace / ".gitattributes").write_text("* diff=evil merge=evil\n*.none filter=evil\n")


@pytest.mark.parametrize("also_private", [False, True])
def test_planted_configuration_runs_nothing_and_moves_no_push(tmp_path: Path, also_private: bool) -> None:
    origin = Origin.create(tmp_path / "origin")
    evil = Origin.create(tmp_path / "evil")
    evil_before = evil.refs()
    canary = tmp_path / "canary"
    run = Run(tmp_path / "run", origin.repository)
    run.clone()
    run.write({"work.txt": "work\n"})
    plant(run.workspace, canary, evil.bare, str(origin.bare))
    if also_private:  # an agent of the same user that found the private copy
        for path in files_below(run.workspace / ".git"):
            if path.relative_to(run.workspace / ".git").parts[0] in {
                "hooks",
                "config",
                "info",
                "config.worktree",
            }:
                target = run.private_git / path.relative_to(run.workspace / ".git")
                target.parent.mkdir(exist_ok=True)
                target.write_bytes(path.read_bytes())
                target.chmod(0o755)
        (run.private_git / "commondir").write_text(str(run.workspace / ".git"))

    changes = run.record()
    facts = run.push()

    assert not canary.exists()
    assert evil.refs() == evil_before
    assert origin.tip(run.branch) == facts.commit
    assert {file.path for file in changes.files} == {
        ".gitattributes",
        "attributes",
        "evil.cfg",
        "excludes",
        "work.txt",
    }
    assert origin.show(run.branch, "work.txt") == "work"


def test_the_plants_do_work_against_a_careless_push(tmp_path: Path) -> None:
    """The same plants run and redirect when git is used in the workspace: the test above is not blind."""
    origin = Origin.create(tmp_path / "origin")
    canary = tmp_path / "canary"
    run = Run(tmp_path / "run", origin.repository)
    run.clone()
    plant(run.workspace, canary, tmp_path / "evil", str(origin.bare))
    git(run.workspace, "status", check=False)
    assert canary.exists()


@pytest.mark.parametrize("what", ["a link", "a file", "nothing"])
def test_a_dot_git_that_became_something_else_does_not_matter(tmp_path: Path, what: str) -> None:
    origin = Origin.create(tmp_path / "origin")
    run = Run(tmp_path / "run", origin.repository)
    run.clone()
    run.write({"work.txt": "work\n"})
    (run.workspace / ".git").rename(tmp_path / "moved")
    if what == "a link":
        (run.workspace / ".git").symlink_to("/etc")
    elif what == "a file":
        (run.workspace / ".git").write_text("gitdir: /etc\n")
    assert [file.path for file in run.record().files] == ["work.txt"]
    assert run.push().created


@pytest.mark.parametrize("name", [".git", ".GIT", "git~1", "..", ".gitmodules"])
def test_a_forged_bundle_with_a_tree_that_git_refuses_is_not_pushed(tmp_path: Path, name: str) -> None:
    """The agent writes the bundle's bytes where it likes: the push checks every object itself."""
    origin = Origin.create(tmp_path / "origin")
    run = Run(tmp_path / "run", origin.repository)
    facts = run.clone()
    blob = git(run.workspace, "hash-object", "-w", "--stdin", stdin=b"[core]\n\tfsmonitor = x\n")
    line = f"120000 blob {blob}\t{name}\n" if name == ".gitmodules" else f"100644 blob {blob}\t{name}\n"
    tree = git(run.workspace, "mktree", stdin=line.encode())
    commit = git(run.workspace, "commit-tree", "-p", facts.base_commit, "-m", "x", tree)
    git(run.workspace, "update-ref", "refs/stepherd/changes", commit)
    git(
        run.workspace,
        "bundle",
        "create",
        str(run.bundle),
        f"{facts.base_commit}..refs/stepherd/changes",
    )
    with pytest.raises(DataError, match="do not pass git's check"):
        run.push()
    assert set(origin.refs()) == {"refs/heads/main"}
