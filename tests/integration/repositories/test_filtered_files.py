"""Files with a ``filter``: none is run, and nothing is pushed that the filter would have kept out."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.integration.repositories.origin import Origin, Run, git

from stepherd.repositories import filtered, lfs_contents
from stepherd.repositories.attributes import encrypts
from stepherd.repositories.changes import Changes
from stepherd.repositories.filtered import Content
from stepherd.repositories.scan import ChangesBlocked, Finding

pytestmark = pytest.mark.exhaustive

ATTRIBUTES = "*.bin filter=lfs diff=lfs merge=lfs -text\n*.key filter=git-crypt diff=git-crypt\n* text=auto\n"
OLD = b"\0" * 2000 + b"old"
HIDDEN = "\0GITCRYPT\0 unreadable"


def pointer(content: bytes) -> str:
    digest = hashlib.sha256(content).hexdigest()
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{digest}\nsize {len(content)}\n"


@dataclass
class Site:
    """A repository with files of Git LFS and of an encrypting filter, and a run that has cloned it."""

    origin: Origin
    run: Run
    kept: list[Content] = field(default_factory=list)

    def write(self, path: str, content: bytes) -> None:
        file = self.run.workspace / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)

    def record(self) -> Changes:
        return self.run.record(keep=self.kept.append)

    def findings(self) -> list[Finding]:
        with pytest.raises(ChangesBlocked) as caught:
            self.record()
        return [*caught.value.findings]

    def show(self, changes: Changes, path: str) -> str:
        """A file of the recorded commit."""
        if not (self.run.folder / "look.git").exists():
            git(self.run.folder, "clone", "-q", "--bare", str(self.origin.bare), "look.git")
        git(self.run.folder / "look.git", "fetch", "-q", str(self.run.bundle), "refs/stepherd/changes")
        assert changes.commit
        return git(self.run.folder / "look.git", "cat-file", "blob", f"{changes.commit}:{path}") + "\n"


@pytest.fixture
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Site:
    files = {
        ".gitattributes": ATTRIBUTES,
        "README.md": "hello\n",
        "a.bin": pointer(OLD),
        "in/b.bin": pointer(OLD + b"b"),
        "raw.bin": "never a pointer\n",
        "secret.key": HIDDEN,
    }
    origin = Origin.create(tmp_path / "origin", files, object_format=getattr(request, "param", "sha1"))
    run = Run(tmp_path / "run", origin.repository)
    run.clone()
    return Site(origin, run)


def test_contents_that_were_fetched_are_no_change(site: Site) -> None:
    """An agent that runs ``git lfs pull`` and edits README commits README."""
    site.write("a.bin", OLD)
    site.write("in/b.bin", OLD + b"b")
    site.write("README.md", b"better\n")
    assert [file.path for file in site.record().files] == ["README.md"]
    assert site.kept == []


def test_nothing_is_a_change_when_nothing_is_done(site: Site) -> None:
    assert site.record().commit is None


@pytest.mark.parametrize("site", ["sha1", "sha256"], indirect=True)
@pytest.mark.parametrize("path", ["a.bin", "new.bin", "in/new.bin", "raw.bin"])
def test_new_content_becomes_a_pointer_and_is_taken_along(site: Site, path: str) -> None:
    content = b"\r\nnew" * 1000
    site.write(path, content)
    changes = site.record()
    assert [file.path for file in changes.files] == [path]
    assert site.show(changes, path) == pointer(content)
    assert [(kept.path, kept.pointer.size) for kept in site.kept] == [(path, len(content))]


def test_a_mode_alone_changes_no_content(site: Site) -> None:
    site.write("a.bin", OLD)
    (site.run.workspace / "a.bin").chmod(0o755)
    changes = site.record()
    assert [(file.path, file.status) for file in changes.files] == [("a.bin", "M")]
    assert site.show(changes, "a.bin") == pointer(OLD)


def test_the_attributes_of_the_new_tree_count(site: Site) -> None:
    """GIVEN an agent that has said ``git lfs track``, and untracked another kind."""
    site.write(".gitattributes", b"*.dat filter=lfs\n*.key filter=git-crypt\n")
    site.write("x.dat", b"large")
    site.write("new.bin", b"plain")
    changes = site.record()
    assert site.show(changes, "x.dat") == pointer(b"large")
    assert [kept.path for kept in site.kept] == ["x.dat"]
    assert site.show(changes, "new.bin") == "plain\n"


def test_attributes_of_the_agents_repository_do_not_count(site: Site) -> None:
    info = site.run.workspace / ".git" / "info"
    info.mkdir(exist_ok=True)
    (info / "attributes").write_text("*.key -filter\n*.bin -filter\n*.md filter=lfs\n")
    site.write("README.md", b"better\n")
    site.write("secret.key", b"plain text")
    assert [(found.path, found.what) for found in site.findings()] == [("secret.key", "filter")]


def test_files_of_lfs_may_be_as_large_as_they_are(site: Site) -> None:
    with (site.run.workspace / "huge.bin").open("wb") as file:
        file.truncate(101_000_000)
    changes = site.record()
    assert "size 101000000" in site.show(changes, "huge.bin")


def test_a_pointer_is_left_as_it_is_and_its_content_found(site: Site) -> None:
    """As a commit of git-lfs leaves it, when the agent has gone back to pointers."""
    content = b"committed"
    oid = hashlib.sha256(content).hexdigest()
    site.write("a.bin", pointer(content).encode())
    site.write(f".git/lfs/objects/{oid[:2]}/{oid[2:4]}/{oid}", content)
    assert site.show(site.record(), "a.bin") == pointer(content)
    assert [kept.pointer.oid for kept in site.kept] == [oid]


def store(site: Site, content: bytes, size: int | None = None) -> str:
    """Put where an agent's git-lfs keeps contents: the content, or as many zeros under its name."""
    oid = hashlib.sha256(content).hexdigest()
    path = site.run.workspace / f".git/lfs/objects/{oid[:2]}/{oid[2:4]}/{oid}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if size is None else b"")
    if size is not None:
        os.truncate(path, size)
    return oid


@pytest.mark.parametrize("size", [0, 8, 10, 1 << 20])
def test_what_is_not_as_large_as_its_pointer_says_is_not_read(site: Site, size: int) -> None:
    """A file of a terabyte needs no room on the disk of the agent, and hours of whoever reads it."""
    store(site, b"committed", size)
    site.write("a.bin", pointer(b"committed").encode())
    changes = site.record()
    assert site.kept == []
    assert any("are not kept" in note for note in changes.notes)


def test_contents_are_read_up_to_a_size_in_all(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filtered, "LARGEST_CONTENTS", 10_000)
    monkeypatch.setattr(lfs_contents, "LARGEST_CONTENTS", 10_000)
    monkeypatch.setattr(lfs_contents, "LARGEST_CONTENT", 9_000)
    for name in ("1.bin", "2.bin", "3.bin"):
        site.write(name, name.encode() * 900)
    for name in ("4.bin", "5.bin", "6.bin", "7.bin"):
        content = name.encode() * (900 if name != "6.bin" else 1900)
        store(site, content)
        site.write(name, pointer(content).encode())
    changes = site.run.recorded(keep=site.kept.append)
    assert sum(kept.pointer.size for kept in site.kept) <= 20_000
    assert len(site.kept) == 4
    assert [(found.path, found.what) for found in changes.left_out] == [("3.bin", "filter")]
    assert any("are not kept" in note for note in changes.notes)


def test_a_link_in_place_of_the_store_is_not_followed(site: Site, tmp_path: Path) -> None:
    oid = "0" * 64
    elsewhere = tmp_path / "elsewhere" / "00" / "00"
    elsewhere.mkdir(parents=True)
    (elsewhere / oid).write_bytes(b"x")
    (site.run.workspace / ".git" / "lfs").mkdir()
    (site.run.workspace / ".git" / "lfs" / "objects").symlink_to(tmp_path / "elsewhere")
    site.record()
    assert site.kept == []


def remove(site: Site) -> None:
    (site.run.workspace / "secret.key").unlink()
    (site.run.workspace / "a.bin").unlink()


def move(site: Site) -> None:
    (site.run.workspace / "secret.key").rename(site.run.workspace / "moved.key")


@pytest.mark.parametrize("act", [remove, move])
def test_hidden_files_may_go_and_move(site: Site, act: Callable[[Site], None]) -> None:
    act(site)
    assert site.record().commit is not None


def change(site: Site) -> None:
    site.write("secret.key", b"plain text")


def add(site: Site) -> None:
    site.write("in/new.key", b"plain text")


def change_without_the_attribute(site: Site) -> None:
    change(site)
    site.write(".gitattributes", b"*.bin filter=lfs\n")


def change_as_lfs(site: Site) -> None:
    change(site)
    site.write(".gitattributes", b"* filter=lfs\n.gitattributes -filter\n")


def copy(site: Site) -> None:
    change(site)
    site.write("copy.txt", b"plain text")


@pytest.mark.parametrize(
    ("act", "paths"),
    [
        (change, {"secret.key"}),
        (add, {"in/new.key"}),
        (change_without_the_attribute, {"secret.key"}),
        (change_as_lfs, {"secret.key"}),
        (copy, {"secret.key", "copy.txt"}),
    ],
)
def test_what_a_filter_would_hide_is_never_pushed(
    site: Site, act: Callable[[Site], None], paths: set[str]
) -> None:
    act(site)
    found = site.findings()
    assert {finding.what for finding in found} == {"filter"}
    assert {finding.path for finding in found} == paths
    with pytest.raises(ChangesBlocked):
        site.run.push()


NOTEBOOKS = b"*.bin filter=lfs\n*.key filter=git-crypt\n*.ipynb filter=nbstripout\n"


def _notebook(site: Site, *, path: str = "a.ipynb", allow: tuple[str, ...] = ()) -> Changes:
    site.write(".gitattributes", NOTEBOOKS)
    site.write(path, b'{"cells": [], "outputs": [1]}')
    return site.run.recorded(allow=allow)


def test_what_an_unknown_filter_would_change_is_left_out_and_can_be_allowed(site: Site) -> None:
    (left_out,) = _notebook(site).left_out
    assert (left_out.path, left_out.what) == ("a.ipynb", "unknown filter")
    assert "--allow a.ipynb" in ChangesBlocked([left_out]).remedy
    # WHEN a person says yes THEN it goes in as it is, and the report warns of it
    changes = _notebook(site, allow=("*.ipynb",))
    assert changes.left_out == ()
    assert site.show(changes, "a.ipynb") == '{"cells": [], "outputs": [1]}\n'
    (warning,) = [note for note in changes.notes if "a.ipynb" in note]
    assert "nbstripout" in warning
    assert "was not run" in warning
    assert site.run.pushed(allow=("*.ipynb",)).left_out == ()
    assert "outputs" in site.origin.show(site.run.branch, "a.ipynb")


def test_the_push_leaves_it_out_as_well(site: Site) -> None:
    _notebook(site, allow=("*.ipynb",))
    unfit = site.run.pushed().unfit
    assert [(each.path, each.what) for each in unfit] == [("a.ipynb", "unknown filter")]


@pytest.mark.parametrize("act", [change, add, change_without_the_attribute, change_as_lfs, copy])
def test_nobody_can_allow_what_an_encrypting_filter_hides(site: Site, act: Callable[[Site], None]) -> None:
    act(site)
    before = {finding.path for finding in site.run.recorded().left_out}
    assert {finding.path for finding in site.run.recorded(allow=("**",)).left_out} == before


def test_an_agent_cannot_rename_the_filter_away(site: Site) -> None:
    change(site)
    site.write(".gitattributes", b"*.key filter=nbstripout\n*.bin filter=lfs\n")
    (left_out,) = site.run.recorded(allow=("**",)).left_out
    assert (left_out.path, left_out.what) == ("secret.key", "filter")


def test_a_copy_of_a_file_that_is_allowed_is_an_ordinary_file(site: Site) -> None:
    site.write("copy.txt", b'{"cells": [], "outputs": [1]}')
    assert {each.path for each in _notebook(site).left_out} == {"a.ipynb", "copy.txt"}
    assert _notebook(site, allow=("a.ipynb",)).left_out == ()


@pytest.mark.parametrize(
    ("name", "hides"),
    [
        *((name, True) for name in ("git-crypt", "git-crypt-team", "crypt", "git-agecrypt", "sops", "age")),
        *((name, True) for name in ("gpg", "ansible-vault", "GitSecret", "age-filter")),
        *((name, False) for name in ("nbstripout", "clean-image", "jupyter_clear_output", "package-lock")),
    ],
)
def test_filters_are_known_to_encrypt_by_their_names(name: str, hides: bool) -> None:
    assert encrypts(name) is hides
