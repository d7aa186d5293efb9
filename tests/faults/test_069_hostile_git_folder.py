"""Fault 69: whatever an agent made of its ``.git``, its files are recorded, nothing runs, and what cannot be
read is named."""

from __future__ import annotations

import hashlib
import os
import shutil
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.integration.repositories.origin import Origin, Run, git

from stepherd.repositories import agent_objects
from stepherd.repositories.changes import Changes

pytestmark = pytest.mark.exhaustive

LIMITS = agent_objects.ImportLimits


@pytest.fixture
def run(tmp_path: Path) -> Run:
    made = Run(tmp_path / "run", Origin.create(tmp_path / "origin").repository)
    made.clone()
    (made.workspace / "new.txt").write_text("new\n")
    return made


def recorded(run: Run) -> tuple[list[str], str]:
    """The files of the result, and the notes."""
    changes = run.record()
    assert changes.other is not None
    return [file.path for file in changes.files], " ".join(changes.other.notes)


def branch(run: Run, name: str = "fix", text: str = "x\n") -> str:
    git(run.workspace, "checkout", "-qb", name, "main")
    (run.workspace / "README.md").write_text(text)
    git(run.workspace, "commit", "-qam", f"write {name}")
    made = git(run.workspace, "rev-parse", "HEAD")
    git(run.workspace, "checkout", "-qf", "main")
    return made


def loose(run: Run, object_id: str) -> Path:
    return run.workspace / ".git/objects" / object_id[:2] / object_id[2:]


def plant_object(
    run: Run, kind: str, body: bytes, *, named: str | None = None, claimed: int | None = None
) -> str:
    """An object as an agent could write it: under its own id, or under another."""
    data = f"{kind} {len(body) if claimed is None else claimed}\0".encode() + body
    object_id = named or hashlib.sha1(data, usedforsecurity=False).hexdigest()
    path = loose(run, object_id)
    path.parent.mkdir(exist_ok=True)
    path.unlink(missing_ok=True)
    path.write_bytes(zlib.compress(data))
    return object_id


def commit_of(run: Run, tree: str, *parents: str, head: str = "") -> str:
    lines = "".join(f"parent {parent}\n" for parent in parents)
    who = "A <a@example.com> 1900000000 +0000"
    return plant_object(
        run, "commit", f"tree {tree}\n{lines}author {who}\ncommitter {who}\n{head}\nevil\n".encode()
    )


def _a_link(dot_git: Path) -> None:
    dot_git.rename(dot_git.with_name("elsewhere"))
    dot_git.symlink_to("elsewhere")
    shutil.rmtree(dot_git.with_name("elsewhere"))


def _a_file(dot_git: Path) -> None:
    shutil.rmtree(dot_git)
    dot_git.write_text("gitdir: /etc\n")


def _a_pipe(dot_git: Path) -> None:
    shutil.rmtree(dot_git)
    os.mkfifo(dot_git)


def _nothing(dot_git: Path) -> None:
    shutil.rmtree(dot_git)


def _no_objects(dot_git: Path) -> None:
    shutil.rmtree(dot_git / "objects")


def _pipes_inside(dot_git: Path) -> None:
    for path in (
        "packed-refs",
        "HEAD",
        "refs/heads/pipe",
        "logs/HEAD",
        "FETCH_HEAD",
        "objects/pack/pack-1.pack",
    ):
        (dot_git / path).parent.mkdir(exist_ok=True, parents=True)
        (dot_git / path).unlink(missing_ok=True)
        os.mkfifo(dot_git / path)


def _folders_for_files(dot_git: Path) -> None:
    for path in ("packed-refs", "HEAD", "logs/HEAD", "worktrees/x/HEAD", "objects/pack/pack-1.pack"):
        if (dot_git / path).is_file():
            (dot_git / path).unlink()
        (dot_git / path).mkdir(parents=True)


def _links_that_lead_out(dot_git: Path) -> None:
    shutil.rmtree(dot_git / "refs")
    (dot_git / "refs").symlink_to("/")
    (dot_git / "worktrees").symlink_to("/proc")
    (dot_git / "objects/aa").symlink_to("/etc")


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    "spoil",
    [
        _a_link,
        _a_file,
        _a_pipe,
        _nothing,
        _no_objects,
        _pipes_inside,
        _folders_for_files,
        _links_that_lead_out,
    ],
)
def test_a_spoiled_git_folder_costs_no_file(run: Run, spoil: Callable[[Path], None]) -> None:
    spoil(run.workspace / ".git")
    files, notes = recorded(run)
    # The former `.git` may lie beside it now; that is a file like others.
    assert "new.txt" in files
    assert notes or spoil in {_pipes_inside, _folders_for_files}


def test_symbolic_refs_in_a_circle_and_names_of_nothing_are_read_past(run: Run) -> None:
    made = branch(run)
    heads = run.workspace / ".git/refs/heads"
    (heads / "a").write_text("ref: refs/heads/b\n")
    (heads / "b").write_text("ref: refs/heads/a\n")
    (heads / "self").write_text("ref: refs/heads/self\n")
    (heads / "gone").write_text("ab" * 20 + "\n")
    (heads / "blob").write_text(git(run.workspace, "rev-parse", "HEAD:README.md") + "\n")
    (heads / "tree").write_text(git(run.workspace, "rev-parse", "HEAD^{tree}") + "\n")
    (heads / "noise").write_bytes(os.urandom(9000))
    (run.workspace / ".git/HEAD").write_text("ref: refs/heads/a\n")
    git(run.workspace, "update-ref", "refs/odd/tag", git(run.workspace, "mktag", stdin=_tag(made)))
    changes = run.record()
    assert changes.other is not None
    assert [line.source for line in changes.other.kept] == ["branch fix"]
    assert "gone leads to abababababab" in " ".join(changes.other.notes)


def _tag(commit: str) -> bytes:
    return f"object {commit}\ntype commit\ntag t\ntagger A <a@example.com> 1 +0000\n\nt\n".encode()


def test_very_many_refs_are_no_burden(run: Run) -> None:
    made = branch(run)
    lines = "".join(f"{made} refs/heads/n{number}\n" for number in range(300_000))
    (run.workspace / ".git/packed-refs").write_text(lines)
    assert recorded(run)[0] == ["new.txt"]


def test_an_object_that_bears_anothers_name_is_not_taken(run: Run) -> None:
    made = branch(run)
    blob = git(run.workspace, "rev-parse", f"{made}:README.md")
    plant_object(run, "blob", b"something else\n", named=blob)
    changes = run.record()
    assert changes.other is not None
    assert [file.path for file in changes.files] == ["new.txt"]
    assert changes.other.kept == ()
    assert f"commit {made[:12]} (write fix) is not kept" in " ".join(changes.other.notes)


def test_a_commit_whose_parent_is_damaged_is_kept_by_its_tree(run: Run) -> None:
    first = branch(run)
    git(run.workspace, "checkout", "-qf", "fix")
    (run.workspace / "README.md").write_text("y\n")
    git(run.workspace, "commit", "-qam", "second")
    git(run.workspace, "checkout", "-qf", "main")
    loose(run, first).unlink()
    changes = run.record()
    assert changes.other is not None
    (line,) = changes.other.kept
    assert (line.subject, line.source) == ("second", "branch fix")
    assert _content(run, line.commit) == "y"


def _content(run: Run, commit: str) -> str:
    clone = run.folder / "taken"
    git(run.folder, "clone", "-q", "--bare", str(run.repository.path), str(clone))
    git(clone, "fetch", "-q", str(run.bundle), "+refs/*:refs/*")
    return git(clone, "show", f"{commit}:README.md")


def test_a_damaged_pack_gives_what_is_whole(run: Run) -> None:
    first = branch(run, "one", "one\n")
    second = branch(run, "two", "two\n")
    git(run.workspace, "repack", "-adq")
    (pack,) = [
        path
        for path in (run.workspace / ".git/objects/pack").glob("*.pack")
        if not (run.private_git / "objects/pack" / path.name).exists()
    ]
    pack.chmod(0o644)
    pack.write_bytes(pack.read_bytes()[:-60])
    changes = run.record()
    assert changes.other is not None
    assert [file.path for file in changes.files] == ["new.txt"]
    notes = " ".join(changes.other.notes)
    assert f"{pack.name} of the agent's repository is damaged" in notes
    assert {first, second} & {line.commit for line in changes.other.kept}
    for commit in (first, second):  # Kept, or named: never silently gone.
        assert commit in {line.commit for line in changes.other.kept} or commit[:12] in notes


@pytest.mark.parametrize("name", [".git", ".GIT", "..", "a/b"])
def test_a_tree_that_git_does_not_accept_is_not_taken(run: Run, name: str) -> None:
    blob = plant_object(run, "blob", b"evil\n")
    tree = plant_object(run, "tree", f"100644 {name}\0".encode() + bytes.fromhex(blob))
    made = commit_of(run, tree, git(run.workspace, "rev-parse", "HEAD"))
    (run.workspace / ".git/refs/heads/evil").write_text(made)
    good = branch(run)
    changes = run.record()
    assert changes.other is not None
    assert [line.commit for line in changes.other.kept] == [good]
    assert f"commit {made[:12]} (evil) is not kept" in " ".join(changes.other.notes)


def test_a_bomb_is_not_inflated(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "stepherd.repositories.agent_work.ImportLimits", lambda: LIMITS(inflated_bytes=1 << 20)
    )
    good = branch(run)
    plant_object(run, "blob", bytes(64 << 20))
    plant_object(run, "blob", bytes(1 << 22), named="ff" * 20, claimed=10)
    changes = run.record()
    assert changes.other is not None
    assert "could not be read" in " ".join(changes.other.notes)
    assert [file.path for file in changes.files] == ["new.txt"]
    assert good in {line.commit for line in changes.other.kept} or good[:12] in " ".join(changes.other.notes)


def test_a_pack_that_is_too_large_is_named(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stepherd.repositories.agent_work.ImportLimits", lambda: LIMITS(packed_bytes=100))
    made = branch(run)
    git(run.workspace, "repack", "-adq")
    files, notes = recorded(run)
    assert files == ["new.txt"]
    assert "was not read" in notes
    assert f"fix leads to {made[:12]}, which is no commit" in notes


def test_replacements_grafts_and_alternates_are_not_followed(run: Run, tmp_path: Path) -> None:
    other = Origin.create(tmp_path / "secret", {"secret.txt": "secret\n"})
    secret = git(other.work, "rev-parse", "HEAD")
    made = branch(run)
    dot_git = run.workspace / ".git"
    (dot_git / "objects/info").mkdir(exist_ok=True)
    (dot_git / "objects/info/alternates").write_text(f"{other.work}/.git/objects\n")
    (dot_git / "refs/replace").mkdir()
    (dot_git / "refs/replace" / made).write_text(secret + "\n")
    (dot_git / "refs/heads/other").write_text(secret + "\n")
    (dot_git / "info").mkdir(exist_ok=True)
    (dot_git / "info/grafts").write_text(f"{made} {secret}\n")
    changes = run.record()
    assert changes.other is not None
    assert [line.commit for line in changes.other.kept] == [made]
    assert f"other leads to {secret[:12]}, which is no commit" in " ".join(changes.other.notes)
    assert b"secret" not in run.bundle.read_bytes()


@pytest.mark.parametrize("lie", ["/etc", "/", "..", "../../elsewhere", "link/tree"])
def test_a_worktree_that_lies_about_its_place_is_not_read(run: Run, tmp_path: Path, lie: str) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "secret.txt").write_text("secret\n")
    (elsewhere / ".git").write_text("gitdir: x/.git/worktrees/wt\n")
    (run.workspace / "link").symlink_to(tmp_path)
    (run.workspace / ".gitignore").write_text("link\n")
    admin = run.workspace / ".git/worktrees/wt"
    admin.mkdir(parents=True)
    (admin / "HEAD").write_text("ref: refs/heads/main\n")
    place = {"link/tree": "link/elsewhere"}.get(lie, lie)
    (admin / "gitdir").write_text(f"{run.workspace / place if lie[0] != '/' else lie}/.git\n")
    changes = run.record()
    assert changes.other is not None
    assert changes.other.kept == ()
    assert "secret.txt" not in [file.path for file in changes.files]


def test_commits_with_any_text_are_shown_inert(run: Run) -> None:
    tree = git(run.workspace, "rev-parse", "HEAD^{tree}")
    blob = plant_object(run, "blob", b"\n")
    other = plant_object(run, "tree", b"100644 z\0" + bytes.fromhex(blob))
    assert tree != other
    who = "A <a@example.com> 1900000000 +0000"
    body = f"tree {other}\nauthor {who}\ncommitter {who}\n\n\x1b[31mred\u202e\x07 subject\nrest".encode()
    made = plant_object(run, "commit", body)
    (run.workspace / ".git/refs/heads/a\x1b[31mb").write_text(made)
    changes: Changes = run.record()
    assert changes.other is not None
    (line,) = changes.other.kept
    assert (line.name, line.subject, line.source) == ("a-31mb", "red subject", "branch ab")
