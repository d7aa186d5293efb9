"""Submodules and files of Git LFS on their way through the steps of a run."""

from __future__ import annotations

from hashlib import sha256

import pytest
from tests.integration.steps.rig import Rig, git

pytestmark = pytest.mark.exhaustive

NEW = b"new content"
OID = sha256(NEW).hexdigest()


@pytest.fixture
def rig(tester_rig: Rig) -> Rig:
    return tester_rig


LISTED = '[submodule "sub"]\n\tpath = sub\n\turl = ./\n'


def change_base(rig: Rig, name: str, text: str, *, submodule: str | None = None) -> None:
    """A commit of a person's on the remote."""
    work = rig.root / f"person-{name}"
    git(rig.root, "clone", "-q", str(rig.remote), str(work))
    (work / name).write_text(text)
    git(work, "add", name)
    if submodule is not None:
        git(work, "update-index", "--add", "--cacheinfo", f"160000,{submodule},sub")
    git(work, "commit", "-qm", "base")
    git(work, "push", "-q", "origin", "HEAD")


def with_submodule(rig: Rig) -> str:
    commit = git(rig.remote, "rev-parse", "HEAD")
    change_base(rig, ".gitmodules", LISTED, submodule=commit)
    return commit


def test_a_content_of_lfs_comes_from_the_agent_to_the_remote(rig: Rig) -> None:
    change_base(rig, ".gitattributes", "*.bin filter=lfs -text\n")
    rig.tester("printf 'new content' > x.bin")
    rig.steps("agent", "push")
    branch = f"stepherd/{rig.run_id}"
    assert f"oid sha256:{OID}" in git(rig.remote, "show", f"{branch}:x.bin")
    assert (rig.remote / "lfs" / "objects" / OID[:2] / OID[2:4] / OID).read_bytes() == NEW
    assert rig.folder.store.get(f"agent/lfs/{OID}").body == NEW


KEY = "AKIA" + "ABCDEFGHIJKLMNOP"
LINES = f"aws_access_key_id = {KEY}\naws_secret_access_key = " + "abcdefghij" * 4 + "\n"


def test_a_secret_in_a_content_of_lfs_stays_out_and_is_named(rig: Rig) -> None:
    change_base(rig, ".gitattributes", "*.bin filter=lfs -text\n")
    (rig.root / "lines").write_text(LINES)
    rig.tester(f"cat {rig.root}/lines > x.bin; printf 'new content' > y.bin")
    rig.steps("agent")
    assert (
        "x.bin is left out: its content for Git LFS contains what looks like"
        in rig.result("agent").facts["note"]
    )
    rig.steps("push")
    assert git(rig.remote, "ls-tree", "--name-only", f"stepherd/{rig.run_id}").split().count("x.bin") == 0
    assert git(rig.remote, "show", f"stepherd/{rig.run_id}:y.bin")
    assert KEY.encode() not in b"".join(
        each.read_bytes() for each in rig.remote.rglob("lfs/**/*") if each.is_file()
    )


def test_the_push_looks_at_contents_by_itself(rig: Rig) -> None:
    change_base(rig, ".gitattributes", "*.bin filter=lfs -text\n")
    (rig.root / "lines").write_text(LINES)
    rig.tester(f"cat {rig.root}/lines > x.bin; echo more > more.txt")
    rig.steps("agent")
    rig.folder.store.put(f"agent/lfs/{sha256(LINES.encode()).hexdigest()}", LINES.encode())
    rig.steps("push")
    (found,) = rig.result("push").facts["left_out"]
    assert (found["path"], "for Git LFS contains" in found["detail"]) == ("x.bin", True)


def test_a_content_that_is_gone_is_named_and_the_rest_is_pushed(rig: Rig) -> None:
    change_base(rig, ".gitattributes", "*.bin filter=lfs -text\n")
    rig.tester("printf 'new content' > x.bin; echo more > more.txt")
    rig.steps("agent")
    rig.folder.store.delete(f"agent/lfs/{OID}")
    rig.steps("push")
    facts = rig.result("push").facts
    assert [found["path"] for found in facts["left_out"]] == ["x.bin"]
    assert "x.bin: its content is not in the run" in facts["note"]
    assert git(rig.remote, "show", f"stepherd/{rig.run_id}:more.txt") == "more"


def test_a_redrive_finds_contents_and_submodules_as_they_were_left(rig: Rig) -> None:
    commit = with_submodule(rig)
    change_base(rig, ".gitattributes", "*.bin filter=lfs -text\n")
    newer = git(rig.remote, "rev-parse", "HEAD")
    script = f"""
if [ -e x.bin ]; then grep -q 'new content' x.bin && git ls-files -s sub > seen.txt; exit 0; fi
printf 'new content' > x.bin
git update-index --cacheinfo 160000,{newer},sub
exit 3
"""
    rig.tester(script)
    rig.step("agent")
    rig.steps("agent", "push", STEPHERD_ATTEMPT="1.0")
    branch = f"stepherd/{rig.run_id}"
    assert newer in git(rig.remote, "show", f"{branch}:seen.txt")
    assert git(rig.remote, "ls-tree", branch, "sub").split()[2] == newer != commit
    assert f"oid sha256:{OID}" in git(rig.remote, "show", f"{branch}:x.bin")


def test_empty_folders_of_submodules_are_said(rig: Rig) -> None:
    with_submodule(rig)
    rig.tester("echo more > more.txt")
    facts = rig.result("clone").facts
    assert facts["empty_submodules"] == "sub"
    assert "--submodules clones them" in facts["note"]


def test_submodules_are_cloned_when_they_are_asked_for(rig: Rig) -> None:
    with_submodule(rig)
    script = rig.root / "agent.sh"
    script.write_text("cat sub/README.md > seen.txt")
    rig.prepare(agent="tester", command=f"sh {script}", submodules=True)
    rig.steps("clone", STEPHERD_ALLOW_LOCAL_SUBMODULES="1")
    assert "empty_submodules" not in rig.result("clone").facts
    rig.steps("agent", "push")
    assert git(rig.remote, "show", f"stepherd/{rig.run_id}:seen.txt") == "hello"
