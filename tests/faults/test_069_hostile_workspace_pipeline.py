"""Faults 69 and 70: an agent plants what git might run or follow; the pipeline does neither."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.e2e.aftermath import one_terminal_status
from tests.e2e.inside import Inside
from tests.e2e.place import Place, new_commits
from tests.integration.repositories.origin import git

pytestmark = pytest.mark.exhaustive

HOOKS = (
    *("applypatch-msg", "pre-commit", "prepare-commit-msg", "commit-msg", "post-commit", "post-checkout"),
    *(
        "post-merge",
        "pre-push",
        "pre-receive",
        "update",
        "post-receive",
        "post-update",
        "reference-transaction",
    ),
    *("push-to-checkout", "pre-auto-gc", "post-rewrite", "post-index-change", "fsmonitor-watchman"),
)


@pytest.fixture
def evil(place: Place) -> Path:
    """A repository that everything planted points to."""
    git(place.root, "init", "-q", "--bare", "evil.git")
    return place.root / "evil.git"


def _planting(place: Place, evil: Path) -> str:
    """The script of such an agent, besides its change."""
    tripped, good = place.root / "tripped", place.origin.bare
    trap = place.root / "trap.sh"
    trap.write_text(f"#!/bin/sh\necho $0 $* >> {tripped}\ncat\n")
    trap.chmod(0o755)
    settings = {
        "core.hooksPath": f"{place.root}/hooks",
        "core.fsmonitor": trap,
        "core.sshCommand": trap,
        "core.gitProxy": trap,
        "core.askPass": trap,
        "core.editor": trap,
        "core.pager": trap,
        "core.attributesFile": f"{place.root}/attributes",
        "core.worktree": place.root,
        f"url.{evil}.insteadOf": good,
        f"url.{evil}.pushInsteadOf": good,
        "remote.origin.url": evil,
        "remote.origin.pushurl": evil,
        "remote.origin.uploadpack": trap,
        "remote.origin.receivepack": trap,
        "remote.pushDefault": "origin",
        "credential.helper": f"!{trap}",
        "filter.evil.clean": trap,
        "filter.evil.smudge": trap,
        "filter.evil.process": trap,
        "filter.evil.required": "true",
        "diff.evil.textconv": trap,
        "diff.external": trap,
        "merge.evil.driver": trap,
        "gpg.program": trap,
        "commit.gpgSign": "true",
        "push.gpgSign": "true",
        "include.path": f"{place.root}/included",
        "uploadpack.packObjectsHook": trap,
        "protocol.ext.allow": "always",
        "alias.commit-tree": f"!{trap}",
    }
    (place.root / "included").write_text(f"[core]\n\tfsmonitor = {trap}\n\thooksPath = {place.root}/hooks\n")
    (place.root / "attributes").write_text("* filter=evil diff=evil merge=evil\n")
    (place.root / "hooks").mkdir()
    for name in HOOKS:
        (place.root / "hooks" / name).symlink_to(trap)
    lines = ["mkdir -p .git/hooks .git/info .git/objects/info"]
    lines += [f"cp {trap} .git/hooks/{name}" for name in HOOKS]
    lines += [f"git -C / config --file $PWD/.git/config '{key}' '{value}'" for key, value in settings.items()]
    lines += ["echo '* filter=evil diff=evil merge=evil' > .git/info/attributes"]
    # A filter in the tree keeps the content of a file from the push: tests of filters have that.
    lines += ["echo '* diff=evil merge=evil' > .gitattributes; echo '*.none filter=evil' >> .gitattributes"]
    lines += [f"echo {evil}/objects > .git/objects/info/alternates"]
    lines += [
        f"git -C / config --file $HOME/.gitconfig {key} {trap}" for key in ("core.fsmonitor", "core.pager")
    ]
    lines += [f"export GIT_SSH_COMMAND={trap} GIT_EXTERNAL_DIFF={trap} GIT_DIR={evil} GIT_ALLOW_PROTOCOL=ext"]
    lines += [f"export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=core.fsmonitor GIT_CONFIG_VALUE_0={trap}"]
    lines += ["test $(wc -l < .git/config) -gt 40", "echo planted"]
    return "\n".join(["echo new > new.txt", *lines])


def _check_untouched(place: Place, evil: Path) -> None:
    assert place.lines("tripped") == []
    assert git(evil, "for-each-ref") == ""
    assert not list((evil / "objects").glob("??"))


@pytest.mark.parametrize("end", [pytest.param("exit 0", marks=pytest.mark.exhaustive), "exit 1"])
def test_what_is_planted_neither_runs_nor_redirects_the_push(place: Place, evil: Path, end: str) -> None:
    before = place.origin.refs()
    with Inside.at(place) as inside:
        status = inside.run(command=place.script(f"{_planting(place, evil)}\n{end}"))
    expected, subject = {"exit 0": ("SUCCEEDED", "Do the work")}.get(
        end, ("FAILED", "Partial work: Do the work")
    )
    assert status == expected
    one_terminal_status(place, "run_1", expected)
    assert new_commits(place.origin, before) == {"refs/heads/stepherd/run_1": [subject]}
    assert place.origin.show("stepherd/run_1", "new.txt") == "new"
    assert set(git(place.origin.bare, "ls-tree", "--name-only", "stepherd/run_1").split()) == {
        *("README.md", "src", "new.txt", ".gitattributes")
    }
    _check_untouched(place, evil)


@pytest.mark.parametrize(
    "instead",
    [
        "rm -rf .git",
        "rm -rf .git; ln -s EVIL .git",
        "rm -rf .git; echo 'gitdir: EVIL' > .git",
        "mv .git x; git init -q",
    ],
)
def test_a_git_folder_that_is_gone_or_another_s_changes_nothing(
    place: Place, evil: Path, instead: str
) -> None:
    before = place.origin.refs()
    with Inside.at(place) as inside:
        body = f"echo new > new.txt\n{instead.replace('EVIL', str(evil))}\nrm -rf x"
        assert inside.run(command=place.script(body)) == "SUCCEEDED"
    assert new_commits(place.origin, before) == {"refs/heads/stepherd/run_1": ["Do the work"]}
    assert place.origin.show("stepherd/run_1", "new.txt") == "new"
    _check_untouched(place, evil)
