"""Adding many files writes one pack, and reads no unchanged file twice."""

from __future__ import annotations

from pathlib import Path

from tests.integration.repositories.origin import Origin, git

from stepherd.repositories.git import Git, create_repository
from stepherd.repositories.safe_add import add_all


def test_new_contents_come_into_one_pack_and_unchanged_ones_nowhere(tmp_path: Path) -> None:
    origin = Origin.create(tmp_path / "origin", {f"old/{n}": f"{n}\n" * 20 for n in range(50)})
    base = origin.tip("main")
    assert base is not None
    scratch, work = tmp_path / "scratch", origin.work
    scratch.mkdir()
    own = Git(scratch, scratch / "own.git")
    create_repository(own)
    (own.git_dir / "objects/info/alternates").write_text(f"{origin.bare / 'objects'}\n")
    within = own.within(own.git_dir, work)
    within.run("Reading", "read-tree", base)
    for number in range(50):
        (work / f"new{number}").write_text(f"something new {number}\n")
    (work / "old/7").write_text("changed\n")
    (work / "old/8").unlink()
    (work / ".gitattributes").write_text("*.crlf text\n")
    (work / "a.crlf").write_bytes(b"one\r\ntwo\r\n")

    assert add_all(within, []) == []

    tree = within.run("Writing", "write-tree")
    git(work, "add", "-A")
    assert tree == git(work, "write-tree")
    packs = list((own.git_dir / "objects/pack").glob("*.pack"))
    assert len(packs) == 1
    listed = git(own.git_dir, "verify-pack", "-v", str(packs[0])).splitlines()
    assert sum(" blob " in line for line in listed) == 52  # the 50, the changed one, and the attributes
