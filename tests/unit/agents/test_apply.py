"""The agent that needs no model."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from stepherd.agents.apply import apply_instructions, main
from stepherd.agents.fences import blocks_of
from stepherd.agents.patches import mended
from stepherd.errors import DataError

NUMBERS = "".join(f"{number}\n" for number in range(1, 31))


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    folder = tmp_path / "workspace"
    folder.mkdir()
    (folder / "numbers.txt").write_text(NUMBERS)
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    return folder


def block(info: str, content: str) -> str:
    return f"Words.\n\n```{info}\n{content}```\n"


def patch(content: str) -> str:
    return block("diff", content)


def test_blocks_name_files_and_patches_and_the_rest_is_prose() -> None:
    text = (
        "# Do\n```python\nprose()\n```\n"
        '```python file="a b.py"\nx = 1\n```\n'
        "  ~~~~ file=c.md\n  ```\n  inner\n   ```\n  ~~~~\n"
        "```patch\n--- a\n```\n"
    )
    assert [(b.kind, b.path, b.content, b.line) for b in blocks_of(text)] == [
        ("file", "a b.py", "x = 1\n", 5),
        ("file", "c.md", "```\ninner\n ```\n", 8),
        ("patch", "", "--- a\n", 13),
    ]


def test_files_are_written_with_their_folders(workspace: Path) -> None:
    said = apply_instructions(block("text file=new/deep/a.txt", "Grüße\n"), workspace)
    assert said == ["wrote new/deep/a.txt"]
    assert (workspace / "new/deep/a.txt").read_text() == "Grüße\n"


def test_a_file_keeps_its_mode(workspace: Path) -> None:
    (workspace / "run.sh").write_text("old")
    (workspace / "run.sh").chmod(0o755)
    apply_instructions(block("sh file=run.sh", "new\n"), workspace)
    assert (workspace / "run.sh").stat().st_mode & 0o777 == 0o755


def test_a_patch_with_wrong_counts_and_bare_empty_lines_is_applied(workspace: Path) -> None:
    (workspace / "a.txt").write_text("one\n\nthree\n")
    one = "--- a/a.txt\n+++ b/a.txt\n@@ -1,9 +1,1 @@\n one\n\n-three\n+drei\n"
    two = "--- a/numbers.txt\n+++ b/numbers.txt\n@@ -2,1 +2,1 @@\n 2\n-3\n+drei\n 4\n\n"
    apply_instructions(patch(one + two), workspace)
    assert (workspace / "a.txt").read_text() == "one\n\ndrei\n"
    assert (workspace / "numbers.txt").read_text() == NUMBERS.replace("\n3\n", "\ndrei\n")


def test_a_patch_of_git_is_not_changed_by_mending(workspace: Path) -> None:
    def git(*argv: str) -> str:
        who = ("-c", "user.name=a", "-c", "user.email=a@b")
        return subprocess.run(
            ["git", *who, *argv], cwd=workspace, check=True, capture_output=True, text=True
        ).stdout

    git("add", ".")
    git("commit", "-qm", "x")
    (workspace / "numbers.txt").write_text(NUMBERS.replace("7\n", "seven\n").replace("25\n", "").rstrip("\n"))
    (workspace / "new.txt").write_text("\nnew\n\n")
    git("add", ".")
    diff = git("diff", "--cached")
    assert mended(diff) == diff


def test_a_patch_that_does_not_apply_names_file_and_hunk(workspace: Path) -> None:
    hunks = "@@ -1,3 +1,3 @@\n 1\n-2\n+zwei\n 3\n@@ -20,3 +20,3 @@\n 20\n-22\n+x\n 23\n"
    hunks = f"--- a/numbers.txt\n+++ b/numbers.txt\n{hunks}"
    with pytest.raises(DataError, match=r"numbers\.txt, hunk 2 at line 20"):
        apply_instructions(patch(hunks), workspace)
    assert (workspace / "numbers.txt").read_text() == NUMBERS, "all of a patch or nothing"


@pytest.mark.parametrize(
    "path",
    [
        "/etc/x",
        "../x",
        "a/../../x",
        "a//b",
        "./x",
        ".git/hooks/pre-push",
        "sub/.GIT/config",
        ".git./x",
        "git~1/config",
        "a\\..\\x",
        "",
    ],
)
def test_a_path_outside_the_workspace_or_in_git_is_refused_before_anything_is_written(
    workspace: Path, path: str
) -> None:
    text = block("text file=good.txt", "x\n") + block(f"text file='{path}'", "x\n")
    with pytest.raises(DataError, match="is not acceptable"):
        apply_instructions(text, workspace)
    assert not (workspace / "good.txt").exists()


@pytest.mark.parametrize("where", ["link", "link/x"])
def test_a_link_is_not_followed(workspace: Path, tmp_path: Path, where: str) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (workspace / "link").symlink_to(outside)
    with pytest.raises(DataError, match="link is a link"):
        apply_instructions(block(f"text file={where}", "x\n"), workspace)
    assert list(outside.iterdir()) == []


def test_a_link_that_a_patch_put_in_the_way_is_not_followed(workspace: Path, tmp_path: Path) -> None:
    link = (
        f"diff --git a/l b/l\nnew file mode 120000\n--- /dev/null\n+++ b/l\n@@ -0,0 +1 @@\n+{tmp_path}/out\n"
    )
    link += "\\ No newline at end of file\n"
    with pytest.raises(DataError, match="is a link"):
        apply_instructions(patch(link) + block("text file=l", "x\n"), workspace)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("path", ["../x", "/tmp/x", ".git/hooks/pre-push"])
def test_a_patch_cannot_leave_the_workspace_or_touch_git(workspace: Path, path: str) -> None:
    text = f"--- /dev/null\n+++ b/{path}\n@@ -0,0 +1 @@\n+x\n"
    with pytest.raises(DataError, match="does not apply"):
        apply_instructions(patch(text), workspace)
    assert not (workspace / ".git/hooks/pre-push").exists()


def test_instructions_without_a_block_are_refused(workspace: Path) -> None:
    with pytest.raises(DataError, match="nothing to apply"):
        apply_instructions("# Please write a program\n```python\nx\n```\n", workspace)


def test_a_fence_that_is_not_closed_is_refused_with_its_line(workspace: Path) -> None:
    with pytest.raises(DataError, match="starts in line 2"):
        apply_instructions("words\n```python file=a.py\nx\n", workspace)


def test_the_program_says_what_it_did_or_why_not(
    workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(workspace)
    asked = tmp_path / "asked"
    asked.mkdir()
    page = asked / "instructions.md"
    page.write_text("---\nagent: apply\n---\n" + block("text file=a.txt", "x\n"))
    assert main([str(asked)]) == 0
    page.write_text("nothing")
    assert main([str(asked)]) == 65
    said = capsys.readouterr()
    assert said.out == "wrote a.txt\n"
    assert "nothing to apply" in said.err
