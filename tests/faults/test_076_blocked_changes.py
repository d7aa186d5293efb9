"""Fault 76: secrets, files over 100 MB, nested repositories and links outwards are blocked, and named."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.integration.repositories.origin import Origin, Run, git

from stepherd.repositories import scan
from stepherd.repositories.credentials import GitCredentials
from stepherd.repositories.scan import ChangesBlocked

LETTERS = "Zx9Qw7Er5Ty3Ui1Op8As6Df4Gh2Jk0LmNbVcXzPqRsTuVwXyZaBcDeFgHiJkLmNoPqRsTuVwXyZ0123456789abcdefghij"
# Put together here, so that no scanner takes this file for a leak.
SECRETS = {
    "private key": "-----BEGIN " + "OPENSSH PRIVATE KEY-----",
    "rsa key": "-----BEGIN " + "RSA PRIVATE KEY-----",
    "aws id": "id = AKIA" + "QWERTYUIOPASDFGH",
    "aws pair": 'aws_secret_access_key = "' + LETTERS[:40] + '"',
    "aws variable": "AWS_SECRET_ACCESS_KEY=" + LETTERS[:40],
    "github": "ghp_" + LETTERS[:36],
    "github app": "x ghs_" + LETTERS[:36] + " y",
    "github fine": "github_pat_" + LETTERS[:22] + "_" + LETTERS[:59],
    "gitlab": "glpat-" + LETTERS[:20],
    "slack": "xoxb-" + "123456789012-" + LETTERS[:24],
    "anthropic": "sk-ant-" + "api03-" + LETTERS[:90],
    "openai": "sk-proj-" + LETTERS[:60],
    "google": "AIza" + LETTERS[:35],
    "stripe": "sk_live_" + LETTERS[:24],
    "npm": "npm_" + LETTERS[:36],
    "pypi": "pypi-" + "AgEIcHlwaS5vcmc" + LETTERS[:60],
}
HARMLESS = [
    "AKIA" + "IOSFODNN7EXAMPLE",
    "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCY" + "EXAMPLEKEY",
    "-----BEGIN PUBLIC KEY-----",
    "ghp_short",
    "task-" + "proj-" + LETTERS[:60],
    "sha256:" + "a" * 64,
    "xoxb-token",
]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    origin = Origin.create(tmp_path / "origin", {"README.md": "1\n2\n3\n"})
    run = Run(tmp_path / "run", origin.repository)
    run.clone()
    return run


def everything_on(run: Run) -> str:
    """All that the remote holds."""
    ids = git(run.origin, "cat-file", "--batch-all-objects", "--batch-check=%(objectname)").splitlines()
    return "".join(git(run.origin, "cat-file", "-p", each) for each in ids)


@pytest.mark.parametrize("kind", SECRETS)
def test_a_secret_is_blocked_with_its_file_and_line_and_is_not_shown(run: Run, kind: str) -> None:
    secret = SECRETS[kind]
    run.write({"dir/a b.txt": f"one\ntwo\n{secret}\n", "README.md": f"1\n2\nnew\n{secret}\n3\n"})
    with pytest.raises(ChangesBlocked) as caught:
        run.record()
    assert [(finding.path, finding.line) for finding in caught.value.findings] == [
        ("README.md", 4),
        ("dir/a b.txt", 3),
    ]
    assert secret not in str(caught.value)
    assert secret not in repr(caught.value.findings)
    assert "README.md:4" in caught.value.message
    # The work is not lost: it is in the bundle. The push trusts none, and finds the same.
    with pytest.raises(ChangesBlocked):
        run.push()
    assert secret not in everything_on(run)


def test_what_only_resembles_a_secret_is_let_through(run: Run) -> None:
    run.write({"a.txt": "\n".join(HARMLESS) + "\n"})
    assert run.record().commit


def test_a_secret_that_was_there_before_does_not_block(tmp_path: Path) -> None:
    old = SECRETS["github"]
    origin = Origin.create(tmp_path / "origin", {"old.txt": f"{old}\nx\n", "gone.txt": f"{old}\n"})
    run = Run(tmp_path / "run", origin.repository)
    run.clone()
    run.write({"old.txt": f"{old}\ny\n"})
    (run.workspace / "gone.txt").unlink()
    assert run.record().commit


@pytest.mark.parametrize(
    "attributes", ["", "* -diff\n", "* binary\n"], ids=["plain", "no diff", "binary by attribute"]
)
@pytest.mark.parametrize("name", ['q"uote', "tab\there", "ümlaut", "back\\slash", "new\nline", "++ b/x"])
def test_odd_names_and_attributes_do_not_hide_a_secret(run: Run, name: str, attributes: str) -> None:
    files = {name: f"++ b/other\n-- a\n@@ -1 +1 @@\n\0{SECRETS['npm']}"}
    if attributes:
        files[".gitattributes"] = attributes
    run.write(files)
    with pytest.raises(ChangesBlocked) as caught:
        run.record()
    assert [(finding.path, finding.line) for finding in caught.value.findings] == [(name, 4)]
    assert "\n" not in caught.value.message


def test_a_secret_in_a_very_long_line_is_found(run: Run) -> None:
    run.write({"one-line.js": "x" * 3_000_000 + " " + SECRETS["gitlab"] + " " + "y" * 3_000_000})
    with pytest.raises(ChangesBlocked, match=r"one-line\.js:1"):
        run.record()


def test_the_runs_own_token_is_blocked_before_the_push(run: Run) -> None:
    token = "an-unusual-token-format-1"
    run.write({"notes.md": f"I used {token}\n"})
    run.record()
    run.credentials = GitCredentials(token=token)
    with pytest.raises(ChangesBlocked, match=r"notes.md:1: it holds a secret of this run"):
        run.push()


def test_a_file_over_the_limit_is_blocked_and_the_rest_is_kept(run: Run) -> None:
    with (run.workspace / "huge.bin").open("wb") as file:
        file.truncate(scan.LARGEST_FILE + 1)  # sparse: takes no room
    run.write({"small": "x"})
    with pytest.raises(ChangesBlocked, match=r"huge.bin: its 100 MB"):
        run.record()
    assert [line.split()[1] for line in run.heads()] == ["refs/stepherd/changes", "refs/stepherd/all"]
    facts = run.pushed()
    assert git(run.origin, "ls-tree", "-r", "--name-only", facts.commit).splitlines() == [
        "README.md",
        "small",
    ]


def test_a_tracked_file_that_grew_over_the_limit_is_blocked(run: Run) -> None:
    with (run.workspace / "README.md").open("wb") as file:
        file.truncate(scan.LARGEST_FILE + 1)
    with pytest.raises(ChangesBlocked, match=r"README\.md: its 100 MB"):
        run.record()


def nested_clone(workspace: Path) -> str:
    (workspace / "vendor" / "lib").mkdir(parents=True)
    git(workspace / "vendor" / "lib", "init", "-q")
    (workspace / "vendor" / "lib" / "x").write_text("x")
    git(workspace / "vendor" / "lib", "add", "x")
    git(workspace / "vendor" / "lib", "commit", "-qm", "x")
    return "vendor/lib"


def nested_without_commit(workspace: Path) -> str:
    (workspace / "sub").mkdir()
    git(workspace / "sub", "init", "-q")
    (workspace / "sub" / "x").write_text("x")
    return "sub"


def nested_in_a_folder_of_the_base(workspace: Path) -> str:
    (workspace / "docs" / ".git").mkdir()
    return "docs/.git"


def imitation(workspace: Path) -> str:
    (workspace / "sub" / ".GIT").mkdir(parents=True)
    (workspace / "sub" / ".GIT" / "config").write_text("[core]\n")
    return "sub/.GIT/config"


@pytest.mark.parametrize(
    "plant", [nested_clone, nested_without_commit, nested_in_a_folder_of_the_base, imitation]
)
def test_a_nested_repository_is_blocked_by_its_path_and_the_rest_is_kept(
    tmp_path: Path, plant: Callable[[Path], str]
) -> None:
    origin = Origin.create(tmp_path / "origin", {"docs/a": "a"})
    run = Run(tmp_path / "run", origin.repository)
    run.clone()
    run.write({"work": "x"})
    path = plant(run.workspace)
    with pytest.raises(ChangesBlocked) as caught:
        run.record()
    assert [finding.path for finding in caught.value.findings] == [path]
    facts = run.pushed()  # what was bundled is the rest
    assert origin.show(run.branch, "work") == "x"
    assert path not in git(origin.bare, "ls-tree", "-r", "--name-only", facts.commit).splitlines()


def test_a_nested_repository_that_git_ignores_does_not_matter(tmp_path: Path) -> None:
    origin = Origin.create(tmp_path / "origin", {".gitignore": "vendor/\n"})
    run = Run(tmp_path / "run", origin.repository)
    run.clone()
    nested_clone(run.workspace)
    run.write({"work": "x"})
    assert [file.path for file in run.record().files] == ["work"]


@pytest.mark.parametrize(
    "target", ["/etc/passwd", "../../secret", "..", "docs/../../x", ".git/config", "a/../..", "x\\..\\y"]
)
def test_a_link_outwards_is_blocked(run: Run, target: str) -> None:
    (run.workspace / "link").symlink_to(target)
    with pytest.raises(ChangesBlocked, match="link: it is a symbolic link"):
        run.record()


def test_links_inside_are_let_through(run: Run) -> None:
    (run.workspace / "deep" / "er").mkdir(parents=True)
    (run.workspace / "deep" / "er" / "up").symlink_to("../../README.md")
    (run.workspace / "link").symlink_to("deep/er")
    (run.workspace / "dangling").symlink_to("not/there/yet")
    assert run.record().commit


def test_a_hundred_findings_are_enough(run: Run) -> None:
    run.write({"many.txt": "\n".join(f"{SECRETS['google']} {count}" for count in range(500))})
    with pytest.raises(ChangesBlocked) as caught:
        run.record()
    assert len(caught.value.findings) == 100
    assert len(caught.value.message) < 2000


def test_files_that_cannot_be_read_are_a_clear_error_or_recorded(run: Run) -> None:
    """Root reads everything; anyone else gets the file's name."""
    from stepherd.errors import StepherdError

    run.write({"closed": "x"})
    (run.workspace / "closed").chmod(0)
    if os.geteuid() == 0:
        assert run.record().commit
    else:
        with pytest.raises(StepherdError, match="closed"):
            run.record()
