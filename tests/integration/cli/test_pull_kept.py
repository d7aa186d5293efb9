"""``stepherd pull --kept``: work that was not pushed, in a person's own clone."""

from __future__ import annotations

import shlex
import subprocess
from typing import Any

import pytest

pytestmark = pytest.mark.exhaustive

WHO = "git config user.name A; git config user.email a@example.com; "


def _branch(name: str, text: str) -> str:
    return f"git checkout -qb {name} main; echo {text} > a.txt; git add a.txt; git commit -qm {name}; "


def test_kept_work_becomes_a_branch_with_its_commits(place: Any) -> None:
    body = WHO + _branch("fix", "x") + "echo z > z.txt; git add z.txt; git commit -qm more; "
    body += _branch("try", "AKIAZ7QWERTYUIOPLKJH") + "git checkout -q main"
    ran = place.stepherd(*place.run_words(body, "--name", "one"))
    assert ran.returncode == 0, ran.stderr
    assert "stepherd pull one --kept" in ran.stderr
    work = str(place.path / "work")
    bare = place.stepherd("pull", "one", "--into", work)
    assert (bare.returncode, bare.stderr.count("\n")) == (64, 1)
    assert "fix (from branch fix)" in bare.stderr

    pulled = place.stepherd("pull", "one", "--kept", "fix", "--into", work)
    assert (pulled.returncode, pulled.stdout) == (0, "stepherd/one-fix\n"), pulled.stderr
    log = subprocess.run(
        ["git", "-C", work, "log", "--format=%s", "stepherd/one-fix"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert log.stdout.split() == ["more", "fix", "first"]
    assert "Found stepherd/one-fix" in place.stepherd("pull", "one", "--kept", "fix", "--into", work).stderr

    warned = place.stepherd("pull", "one", "--kept", "try", "--into", work)
    assert warned.returncode == 0
    assert "Look before you push this anywhere: a.txt:1" in warned.stderr

    none = place.stepherd("pull", "one", "--kept", "nothing", "--into", work)
    assert (none.returncode, none.stderr.count("\n")) == (66, 1)
    assert "Name one of fix, try." in none.stderr

    ran = place.stepherd(*place.run_words("echo new > new.txt", "--name", "two"))
    assert ran.returncode == 0, ran.stderr
    none = place.stepherd("pull", "two", "--kept", "fix", "--into", work)
    assert none.stderr == (
        "stepherd: The run has kept no work named 'fix'. It has only its result: leave --kept out.\n"
    )


def test_a_branch_that_is_checked_out_and_the_remedy_works(place: Any) -> None:
    ran = place.stepherd(*place.run_words("echo new > new.txt", "--name", "one"))
    assert ran.returncode == 0, ran.stderr
    work = str(place.path / "work")
    refused = place.stepherd("pull", "one", "--branch", "main", "--into", work)
    assert (refused.returncode, refused.stderr.count("\n")) == (78, 1), refused.stderr
    assert "checked out" in refused.stderr
    remedy = refused.stderr.strip().rpartition("merge it: ")[2].rstrip(".")
    assert remedy == "stepherd pull one --branch stepherd/one && git merge stepherd/one"
    pull, merge = remedy.split(" && ")
    assert place.stepherd(*pull.split()[1:], "--into", work).returncode == 0
    subprocess.run([*merge.split()[:1], "-C", work, *merge.split()[1:]], check=True, capture_output=True)
    assert (place.path / "work/new.txt").read_text() == "new\n"
    # AND where another one is checked out, main is a branch like others
    subprocess.run(["git", "-C", work, "checkout", "-q", "-b", "mine"], check=True)
    taken = place.stepherd("pull", "one", "--branch", "main", "--into", work)
    assert taken.returncode == 0, taken.stderr


def test_a_branch_that_holds_other_work_and_the_remedy(place: Any) -> None:
    assert place.stepherd(*place.run_words("echo new > new.txt", "--name", "one")).returncode == 0
    work = str(place.path / "work")
    words = ["git", "-C", work, "-c", "user.name=a", "-c", "user.email=a@b.c"]
    subprocess.run([*words, "checkout", "-q", "-b", "stepherd/one"], check=True)
    subprocess.run([*words, "commit", "-q", "--allow-empty", "-m", "mine"], check=True)
    subprocess.run([*words, "checkout", "-q", "main"], check=True)
    refused = place.stepherd("pull", "one", "--into", work)
    assert (refused.returncode, refused.stderr.count("\n")) == (73, 1), refused.stderr
    assert "stepherd pull one --branch stepherd/one-2 && git merge stepherd/one-2" in refused.stderr


def test_a_clone_that_is_behind_and_the_remedy_works(place: Any) -> None:
    behind, work = str(place.path / "behind clone"), str(place.path / "work")
    subprocess.run(["git", "clone", "-q", str(place.origin), behind], check=True)
    who = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
    subprocess.run(["git", "-C", work, *who, "commit", "-q", "--allow-empty", "-m", "more"], check=True)
    subprocess.run(["git", "-C", work, "push", "-q", str(place.origin), "HEAD:main"], check=True)
    assert place.stepherd(*place.run_words("echo new > new.txt", "--name", "one")).returncode == 0
    refused = place.stepherd("pull", "one", "--into", behind)
    assert (refused.returncode, refused.stderr.count("\n")) == (66, 1), refused.stderr
    remedy = refused.stderr.strip().rpartition("pull again: ")[2]
    subprocess.run(shlex.split(remedy), check=True, capture_output=True)
    assert place.stepherd("pull", "one", "--into", behind).returncode == 0
