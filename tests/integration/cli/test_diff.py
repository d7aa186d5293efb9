"""``stepherd diff`` and ``open``: a run's changes and its page, from a terminal and for a program."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

HOSTILE = "\\033]0;owned\\007evil\\rgood \\342\\200\\256txt \\302\\233 end"
AGENT = f'printf "{HOSTILE}\\n" > bad.txt; printf "Hello.\\r\\nMore.\\n" > README.md; printf "\\000" > binary'


@pytest.fixture
def ran(place: Any) -> Any:
    script = place.path / "agent.sh"
    script.write_text(AGENT)
    done = place.stepherd(
        "run", "--repo", str(place.origin), "--instructions", str(place.instructions), "--name", "one",
        "--command", f"sh {script}",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return place


def test_a_diff_is_git_s_own_in_a_pipe_and_harmless_at_a_terminal(
    ran: Any, terminal: Callable[..., Any]
) -> None:
    # WHEN it goes into a pipe THEN it applies to the base, and gives the branch
    words = [sys.executable, "-m", "stepherd.cli", "diff", "one"]
    raw = subprocess.run(words, env=ran.environment, capture_output=True, check=True).stdout
    assert b"\x1b]0;owned\x07evil\rgood" in raw
    clone = ran.path / "clone"
    _git(ran.path, "clone", "-q", str(ran.origin), str(clone))
    subprocess.run(["git", "-C", str(clone), "apply", "--exclude=binary", "-"], input=raw, check=True)
    pushed = subprocess.run(
        ["git", "-C", str(ran.origin), "show", "stepherd/one:bad.txt"], capture_output=True, check=True
    ).stdout
    assert (clone / "bad.txt").read_bytes() == pushed
    # WHEN it is shown at a terminal THEN nothing in it drives that, and nothing is hidden
    shown = terminal("diff", "one", columns=120)
    assert shown.end() == 0
    seen = re.sub(r"\x1b\[[0-9;]*m", "", shown.raw)
    assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202e]", seen)
    assert "+<U+001B>]0;owned<U+0007>evil^Mgood <U+202E>txt <U+009B> end" in seen
    assert "+Hello.^M" in seen
    # AND with --stat a line for each file, and as JSON one object
    short = ran.stepherd("diff", "one", "--stat").stdout
    assert re.search(r"bad\.txt +\| +1 \+", short)
    assert "3 files changed" in short
    fields = json.loads(ran.stepherd("diff", "one", "--json").stdout)
    assert fields["diff"].startswith("diff --git a/README.md b/README.md\n")
    assert fields["base_commit"] == _git(ran.path, "-C", str(ran.origin), "rev-parse", "main")


def test_a_run_without_changes_or_without_its_clone_is_said(ran: Any) -> None:
    ran.stepherd(*ran.run_words("true", "--name", "idle"))
    idle = ran.stepherd("diff", "idle")
    assert (idle.returncode, idle.stdout, idle.stderr) == (0, "", "idle changed nothing.\n")
    # WHEN the repository is gone THEN a clone of it does as well
    clone = ran.path / "clone"
    _git(ran.path, "clone", "-q", str(ran.origin), str(clone))
    ran.origin.rename(ran.path / "moved.git")
    gone = ran.stepherd("diff", "one")
    assert gone.returncode == 66
    assert "that the run began with is not found." in gone.stderr
    assert "Change into a clone of the repository that has it" in gone.stderr
    words = [sys.executable, "-m", "stepherd.cli", "diff", "one", "--stat"]
    done = subprocess.run(words, env=ran.environment, cwd=clone, capture_output=True, text=True, check=True)
    assert "bad.txt" in done.stdout


def test_open_names_the_report_where_the_branch_has_no_page(ran: Any) -> None:
    done = ran.stepherd("open", "one")
    assert done.returncode == 0
    report = Path(done.stdout.strip())
    assert report.name == "report.md"
    assert report.is_file()
    assert done.stderr == "No page is known for this repository, so this is the run's report.\n"
    assert json.loads(ran.stepherd("open", "one", "--json").stdout) == {
        "run_id": "one", "page": None, "report": str(report),
    }  # fmt: skip


def _git(folder: Path, *words: str) -> str:
    return subprocess.run(
        ["git", *words], cwd=folder, capture_output=True, text=True, check=True
    ).stdout.strip()


def test_a_renamed_file_is_told_as_one(place: Any) -> None:
    done = place.stepherd(*place.run_words("mv README.md READ.md; echo x > new.txt", "--name", "moved"))
    assert "  files    README.md → READ.md (renamed), new.txt (new) +1 -0\n" in done.stderr
    fields = json.loads(place.stepherd("status", "moved", "--json").stdout)
    shown = {file["path"]: (file["status"], file.get("renamed_from")) for file in fields["files_changed"]}
    assert shown == {"README.md": ("D", None), "READ.md": ("A", "README.md"), "new.txt": ("A", None)}
    assert fields["totals"]["files"] == 3
    assert "| A, renamed from `README.md` |" in Path(fields["report"]).with_name("report.md").read_text()
