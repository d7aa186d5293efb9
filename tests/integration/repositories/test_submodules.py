"""An agent's work on submodules is delivered as a whole, or stays as it was and is named."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.integration.repositories.origin import Origin, Run, git

from stepherd.repositories.changes import Changes
from stepherd.repositories.scan import ChangesBlocked, Finding

pytestmark = pytest.mark.exhaustive

LOCAL = ("-c", "protocol.file.allow=always")


@dataclass(frozen=True)
class Team:
    """A repository with the submodule ``sub`` of ``inner``, and a run that has cloned it."""

    origin: Origin
    inner: Origin
    run: Run

    @property
    def workspace(self) -> Path:
        return self.run.workspace

    def agent(self, *arguments: str, folder: str = ".") -> str:
        return git(self.workspace / folder, *LOCAL, *arguments)

    def deliver(self) -> Changes:
        changes = self.run.record()
        self.run.push()
        return changes

    def entry(self, path: str, branch: str | None = None) -> str:
        """Mode and id of what is at ``path`` in the branch; nothing when there is nothing."""
        found = git(self.origin.bare, "ls-tree", branch or self.run.branch, "--", path)
        return found.partition("\t")[0]

    def modules(self) -> str:
        return git(self.origin.bare, "show", f"{self.run.branch}:.gitmodules", check=False)


FORMATS = pytest.mark.parametrize("team", ["sha1", "sha256"], indirect=True)


@pytest.fixture
def team(request: pytest.FixtureRequest, tmp_path: Path) -> Team:
    kind = getattr(request, "param", "sha1")
    inner = Origin.create(tmp_path / "inner", object_format=kind)
    origin = Origin.create(tmp_path / "origin", object_format=kind)
    git(origin.work, *LOCAL, "submodule", "add", "-q", str(inner.bare), "sub")
    origin.commit({}, message="a submodule")
    run = Run(tmp_path / "run", origin.repository)
    run.clone()
    return Team(origin, inner, run)


def findings_of(run: Run) -> tuple[Finding, ...]:
    with pytest.raises(ChangesBlocked) as caught:
        run.record()
    return caught.value.findings


@FORMATS
def test_a_removed_submodule_goes_with_its_entry(team: Team) -> None:
    team.agent("rm", "-q", "sub")
    assert [(file.path, file.status) for file in team.deliver().files] == [(".gitmodules", "M"), ("sub", "D")]
    assert (team.entry("sub"), team.modules()) == ("", "")


def test_a_removed_submodule_goes_also_without_git(team: Team) -> None:
    shutil.rmtree(team.workspace / ".git")
    (team.workspace / "sub").rmdir()
    (team.workspace / ".gitmodules").unlink()
    team.deliver()
    assert (team.entry("sub"), team.entry(".gitmodules")) == ("", "")


def test_an_empty_folder_that_is_gone_takes_no_submodule_away(team: Team) -> None:
    (team.workspace / "sub").rmdir()
    assert team.run.record().commit is None


def test_a_submodule_in_whose_place_files_are_is_replaced_by_them(team: Team) -> None:
    team.agent("rm", "-q", "sub")
    team.run.write({"sub/of-its-own.txt": "here\n"})
    team.deliver()
    assert team.origin.show(team.run.branch, "sub/of-its-own.txt") == "here"
    assert team.modules() == ""


@pytest.mark.parametrize("kind", ["file", "link"])
def test_a_submodule_in_whose_place_a_file_is_is_replaced_by_it(team: Team, kind: str) -> None:
    team.agent("rm", "-q", "sub")
    if kind == "file":
        team.run.write({"sub": "here\n"})
    else:
        (team.workspace / "sub").symlink_to("README.md")
    team.deliver()
    assert team.entry("sub").startswith("100644" if kind == "file" else "120000")


@FORMATS
@pytest.mark.parametrize("version", ["2", *(pytest.param(v, marks=pytest.mark.exhaustive) for v in "34")])
def test_a_new_commit_of_a_submodule_is_a_change(team: Team, version: str) -> None:
    newer = team.inner.commit({"more.txt": "more\n"})
    team.agent("submodule", "update", "-q", "--init", "--remote")
    team.agent("update-index", "--index-version", version)
    team.agent("add", "sub")
    if version == "3":
        team.run.write({"later.txt": "x\n"})
        team.agent("add", "--intent-to-add", "later.txt")
    team.agent("commit", "-q", "-m", "newer")
    team.deliver()
    assert team.entry("sub") == f"160000 commit {newer}"


def test_no_setting_hides_a_new_commit(team: Team) -> None:
    newer = team.inner.commit({"more.txt": "more\n"})
    team.agent("config", "-f", ".gitmodules", "submodule.sub.ignore", "all")
    team.agent("update-index", "--cacheinfo", f"160000,{newer},sub")
    assert [file.path for file in team.deliver().files] == [".gitmodules", "sub"]
    assert team.entry("sub") == f"160000 commit {newer}"


def test_a_new_submodule_comes_with_its_entry(team: Team) -> None:
    team.agent("submodule", "add", "-q", str(team.inner.bare), "libs/two")
    team.deliver()
    assert team.entry("libs/two") == f"160000 commit {team.inner.tip('main')}"
    assert "path = libs/two" in team.modules()


def test_a_submodule_may_take_the_place_of_files(team: Team) -> None:
    team.agent("rm", "-q", "-r", "src")
    team.agent("submodule", "add", "-q", str(team.inner.bare), "src")
    team.deliver()
    assert team.entry("src") == f"160000 commit {team.inner.tip('main')}"
    assert team.entry("src/app.py") == ""


def test_a_moved_submodule_goes_with_its_entry(team: Team) -> None:
    (team.workspace / "libs").mkdir()
    team.agent("mv", "sub", "libs/sub")
    team.deliver()
    assert (team.entry("sub"), team.entry("libs/sub")) == ("", f"160000 commit {team.inner.tip('main')}")


def kept_inside(team: Team, name: str = "submodule-1") -> dict[str, str]:
    """Paths and contents of what is kept under a name."""
    look = team.run.folder / "look.git"
    git(team.run.folder, "clone", "-q", "--bare", str(team.origin.bare), str(look))
    ref = f"refs/stepherd/kept/{name}"
    git(look, "fetch", "-q", str(team.run.bundle), f"{ref}:{ref}")
    paths = git(look, "diff-tree", "-r", "--name-only", f"{ref}^", ref).splitlines()
    return {path: git(look, "show", f"{ref}:{path}") for path in paths}


@FORMATS
def test_files_in_the_empty_folder_are_kept_and_named(team: Team) -> None:
    team.run.write({"sub/new.txt": "new", "sub/in/deep.txt": "deep"})
    changes = team.run.record()
    assert changes.commit is None
    assert kept_inside(team) == {"sub.inside/new.txt": "new", "sub.inside/in/deep.txt": "deep"}
    assert "2 changed files inside the submodule sub" in changes.notes[0]


@pytest.mark.parametrize("way", ["file", "link"])
def test_of_a_cloned_submodule_the_work_alone_is_kept(team: Team, way: str) -> None:
    # Of a path git copies the files; of file:// it makes a pack, as of any other remote.
    if way == "file":
        team.agent("config", "submodule.sub.url", f"file://{team.inner.bare}")
    team.agent("submodule", "update", "-q", "--init")
    team.run.write({"sub/README.md": "better", "sub/new.txt": "new"})
    git(team.workspace / "sub", "commit", "-qam", "work")
    (team.workspace / "sub" / "src" / "app.py").unlink()
    changes = team.run.record()
    found = kept_inside(team)
    assert found == {"sub.inside/README.md": "better", "sub.inside/new.txt": "new"}
    assert len(changes.notes) == 1


def test_a_submodule_that_was_only_cloned_holds_no_work(team: Team) -> None:
    team.agent("config", "submodule.sub.url", f"file://{team.inner.bare}")
    team.agent("submodule", "update", "-q", "--init")
    changes = team.run.record()
    assert (changes.commit, changes.notes, team.run.bundle.exists()) == (None, (), False)


def test_work_inside_is_kept_beside_the_changes(team: Team) -> None:
    team.run.write({"sub/new.txt": "new", "README.md": "better"})
    team.deliver()
    assert kept_inside(team) == {"sub.inside/new.txt": "new"}
    assert team.origin.show(team.run.branch, "README.md") == "better"


def drop_the_entry(team: Team) -> None:
    team.run.write({".gitmodules": ""})


def drop_the_commit(team: Team) -> None:
    team.agent("rm", "-q", "--cached", "sub")
    team.agent("checkout", "-q", "HEAD", ".gitmodules")


def replace_it_and_leave_the_entry(team: Team) -> None:
    drop_the_commit(team)
    team.run.write({"sub/of-its-own.txt": "here\n"})


def add_an_entry_alone(team: Team) -> None:
    team.agent("rm", "-q", "sub")
    team.run.write({".gitmodules": '[submodule "x"]\n\tpath = x\n\turl = ../x\n'})


def add_a_second_without_an_address(team: Team) -> None:
    team.agent("submodule", "add", "-q", str(team.inner.bare), "two")
    team.agent("config", "-f", ".gitmodules", "--unset", "submodule.two.url")


def break_the_list(team: Team) -> None:
    team.agent("submodule", "add", "-q", str(team.inner.bare), "two")
    team.run.write({".gitmodules": "[[["})


@pytest.mark.parametrize(
    "act",
    [
        drop_the_entry,
        drop_the_commit,
        replace_it_and_leave_the_entry,
        add_an_entry_alone,
        add_a_second_without_an_address,
        break_the_list,
    ],
)
def test_half_a_submodule_is_never_pushed(team: Team, act: object) -> None:
    assert callable(act)
    act(team)
    found = findings_of(team.run)
    assert {finding.what for finding in found} <= {"submodule", "nested repository"}
    assert {finding.path for finding in found} <= {".gitmodules", "sub", "sub/of-its-own.txt", "two"}
    with pytest.raises(ChangesBlocked):
        team.run.push()


@FORMATS
@pytest.mark.parametrize("line", ["url = -u./evil", "update = !touch x", "path = -x", "url = http://a%0ab"])
def test_a_list_that_git_refuses_spoils_nothing_else(team: Team, line: str) -> None:
    text = f'[submodule "x"]\n\tpath = x\n\turl = ../x\n\t{line}'
    team.run.write({".gitmodules": text, "README.md": "better", "in/.gitmodules": text})
    found = {finding.path: finding.detail for finding in findings_of(team.run)}
    assert found.keys() == {".gitmodules", "in/.gitmodules"}
    assert "git's own check refuses it" in found[".gitmodules"]
    assert kept_inside(team, "refused") == {".gitmodules.refused": text, "in/.gitmodules.refused": text}
    team.run.push()
    assert team.origin.show(team.run.branch, "README.md") == "better"
    assert "path = sub" in team.modules()
