"""``--submodules``: each is cloned as it is named, from where the credentials may go, and runs nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.integration.repositories.http_server import GitServer, serve
from tests.integration.repositories.origin import Origin, Run, git, text_below

from stepherd.errors import CredentialsError, DataError, StepherdError
from stepherd.repositories.address import parse_repository
from stepherd.repositories.changes import copy_private
from stepherd.repositories.clone_submodules import ALLOW_LOCAL, clone_submodules, list_submodules
from stepherd.repositories.credentials import GitCredentials

TOKEN = "a-token-of-this-test-0815"


@dataclass
class Site:
    folder: Path
    server: GitServer

    def origin(self, name: str) -> Origin:
        return Origin.create(self.folder / name)

    def add(self, origin: Origin, path: str, url: str, inner: Origin, *more: str, name: str = "") -> None:
        """A submodule, without git's own help, which would refuse some of what is tried here."""
        lists = origin.work / ".gitmodules"
        before = lists.read_text() if lists.exists() else ""
        lines = "".join(f"\t{line}\n" for line in (f"path = {path}", f"url = {url}", *more))
        lists.write_text(f'{before}[submodule "{name or path}"]\n{lines}')
        git(origin.work, "add", ".gitmodules")
        git(origin.work, "update-index", "--add", "--cacheinfo", f"160000,{inner.tip('main')},{path}")
        git(origin.work, "commit", "-qm", "a submodule")
        git(origin.work, "push", "-q", str(origin.bare), "HEAD:refs/heads/main")

    def run(self, origin: Origin, *, over: str = "http", token: str | None = TOKEN) -> Run:
        url = f"{self.server.url}/{origin.folder.name}/team.git" if over == "http" else str(origin.bare)
        credentials = GitCredentials(token=token if over == "http" else None)
        run = Run(self.folder / f"run-{over}", parse_repository(url), credentials)
        run.clone()
        return run


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setenv("STEPHERD_ALLOW_LOOPBACK_REMOTES", "1")
    monkeypatch.setenv(ALLOW_LOCAL, "1")
    with serve(tmp_path, TOKEN) as server:
        yield Site(tmp_path, server)


def clone_them(run: Run, *, allow_local: bool = True) -> tuple[str, ...]:
    assert run.facts is not None
    found = clone_submodules(
        run.repository,
        run.workspace,
        run.facts.base_commit,
        credentials=run.typed,
        scratch=run.scratch,
        allow_local=allow_local,
        pauses=(),
    )
    run.private_git.rename(run.folder / "before")
    copy_private(run.workspace / ".git", run.private_git)
    return found


@pytest.mark.parametrize("over", ["http", "file"])
@pytest.mark.parametrize("url", ["relative", "whole"])
def test_a_submodule_is_cloned_and_is_no_change(site: Site, over: str, url: str) -> None:
    inner, origin = site.origin("inner"), site.origin("outer")
    whole = f"{site.server.url}/inner/team.git" if over == "http" else str(inner.bare)
    site.add(origin, "libs/sub", "../../inner/team.git" if url == "relative" else whole, inner)
    run = site.run(origin, over=over)
    assert list_submodules(run.workspace, str(run.facts and run.facts.base_commit), run.scratch) == (
        "libs/sub",
    )
    assert clone_them(run) == ("libs/sub",)
    assert (run.workspace / "libs/sub/README.md").read_text() == "hello\n"
    assert git(run.workspace, "status", "--porcelain") == ""
    assert git(run.workspace / "libs/sub", "rev-parse", "HEAD") == inner.tip("main")
    changes = run.record()
    assert (changes.commit, changes.notes, run.bundle.exists()) == (None, (), False)
    assert TOKEN.encode() not in text_below(run.workspace)


def test_work_in_a_cloned_submodule_is_kept_without_the_rest(site: Site) -> None:
    inner, origin = site.origin("inner"), site.origin("outer")
    site.add(origin, "sub", "../../inner/team.git", inner)
    run = site.run(origin)
    clone_them(run)
    run.write({"sub/README.md": "better\n", "sub/new.txt": "new\n"})
    changes = run.record()
    assert changes.commit is None
    assert "2 changed files inside the submodule sub" in changes.notes[0]
    kept = git(run.workspace, "bundle", "list-heads", str(run.bundle))
    assert kept.endswith("refs/stepherd/kept/submodule-1")


def test_a_commit_in_a_cloned_submodule_that_is_staged_is_a_change(site: Site) -> None:
    inner, origin = site.origin("inner"), site.origin("outer")
    site.add(origin, "sub", "../../inner/team.git", inner)
    run = site.run(origin)
    clone_them(run)
    run.write({"sub/README.md": "better\n"})
    git(run.workspace / "sub", "commit", "-qam", "work")
    git(run.workspace, "add", "sub")
    changes = run.record()
    assert [file.path for file in changes.files] == ["sub"]
    assert "1 changed file inside the submodule sub" in changes.notes[0]
    assert "that commit must be in its own repository" in changes.notes[1]


def test_submodules_of_submodules_come_too(site: Site) -> None:
    deepest, inner, origin = site.origin("deepest"), site.origin("inner"), site.origin("outer")
    site.add(inner, "deep", "../../deepest/team.git", deepest)
    site.add(origin, "sub", "../../inner/team.git", inner)
    run = site.run(origin)
    assert clone_them(run) == ("sub", "sub/deep")
    assert (run.workspace / "sub/deep/README.md").exists()
    status = git(run.workspace, "submodule", "status", "--recursive").splitlines()
    assert [line.split()[1] for line in status] == ["sub", "sub/deep"]
    assert run.record().commit is None


def test_an_endless_nest_ends(site: Site) -> None:
    places = [site.origin(f"nest{number}") for number in range(7)]
    for number in range(5, -1, -1):
        site.add(places[number], "sub", f"../../nest{number + 1}/team.git", places[number + 1])
    with pytest.raises(DataError, match="deeper than 4 levels"):
        clone_them(site.run(places[0]))


@contextmanager
def another(tmp_path: Path, token: str | None) -> Iterator[tuple[GitServer, Origin]]:
    (tmp_path / "other").mkdir()
    origin = Origin.create(tmp_path / "other" / "inner")
    with serve(tmp_path / "other", token) as server:
        yield server, origin


def test_a_public_submodule_on_another_host_is_cloned_without_the_token(site: Site, tmp_path: Path) -> None:
    origin = site.origin("outer")
    with another(tmp_path, None) as (server, inner):
        site.add(origin, "sub", f"{server.url}/inner/team.git", inner)
        assert clone_them(site.run(origin)) == ("sub",)
        assert {authorization for *_, authorization in server.requests} == {None}


def test_a_private_submodule_on_another_host_fails_by_its_name_and_gets_no_token(
    site: Site, tmp_path: Path
) -> None:
    origin = site.origin("outer")
    with another(tmp_path, "another-token-0816") as (server, inner):
        site.add(origin, "sub", f"{server.url}/inner/team.git", inner)
        with pytest.raises(CredentialsError, match="The submodule sub cannot be cloned"):
            clone_them(site.run(origin))
        assert {authorization for *_, authorization in server.requests} == {None}


@pytest.mark.parametrize(
    "url", ["{bare}", "file://{bare}", "ext::sh -c touch% x", "-u./evil", "../../../../../../x"]
)
def test_an_address_that_may_not_be_is_refused(site: Site, url: str) -> None:
    inner, origin = site.origin("inner"), site.origin("outer")
    site.add(origin, "sub", url.format(bare=inner.bare), inner)
    with pytest.raises(StepherdError):
        clone_them(site.run(origin))


def test_a_local_submodule_is_refused_where_local_repositories_are(site: Site) -> None:
    inner, origin = site.origin("inner"), site.origin("outer")
    site.add(origin, "sub", str(inner.bare), inner)
    with pytest.raises(DataError, match="The submodule sub cannot be cloned"):
        clone_them(site.run(origin, over="file"), allow_local=False)


def test_a_local_submodule_is_refused_unless_a_person_allows_it(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever made the repository could name any private one of this machine."""
    monkeypatch.delenv(ALLOW_LOCAL)
    inner, origin = site.origin("inner"), site.origin("outer")
    site.add(origin, "sub", str(inner.bare), inner)
    with pytest.raises(DataError, match="The submodule sub cannot be cloned"):
        clone_them(site.run(origin, over="file"))


def test_a_local_submodule_of_one_from_elsewhere_is_never_cloned(site: Site) -> None:
    private, third, origin = site.origin("private"), site.origin("third"), site.origin("outer")
    site.add(third, "sub", str(private.bare), private)
    site.add(origin, "third", f"{site.server.url}/third/team.git", third)
    with pytest.raises(StepherdError):
        clone_them(site.run(origin, over="file"))


def test_nothing_of_a_submodule_runs(site: Site, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    inner, origin = site.origin("inner"), site.origin("outer")
    inner.commit({".gitattributes": "* filter=evil\n", "hooks/post-checkout": f"#!/bin/sh\ntouch {canary}\n"})
    site.add(origin, "sub", "../../inner/team.git", inner, name="sub/../../hooks")
    with pytest.raises(DataError, match="name"):
        clone_them(site.run(origin))
    other = site.origin("outer2")
    site.add(other, "sub", "../../inner/team.git", inner, name="hooks")
    site.add(other, "two", "../../inner/team.git", inner, name="hooks/x")
    run = Run(
        tmp_path / "again",
        parse_repository(f"{site.server.url}/outer2/team.git"),
        GitCredentials(token=TOKEN),
    )
    run.clone()
    assert clone_them(run) == ("sub", "two")
    assert not canary.exists()
    assert not (run.workspace / ".git" / "hooks").exists()
    assert sorted(path.name for path in (run.workspace / ".git" / "modules").iterdir())[1] == "hooks"
