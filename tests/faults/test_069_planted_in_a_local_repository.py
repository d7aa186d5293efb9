"""Fault 69: whoever can write to a repository on this machine names programs in it; none of them is run."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.e2e.inside import Inside
from tests.e2e.place import Place
from tests.integration.repositories.origin import Origin, Run, git

from stepherd.errors import ConfigurationError, StepherdError
from stepherd.repositories.address import parse_repository
from stepherd.repositories.branch_room import BranchCheckedOut, PushTarget
from stepherd.repositories.credentials import GitCredentials
from stepherd.repositories.git import Git
from stepherd.repositories.local import open_local
from stepherd.repositories.probe import probe

pytestmark = pytest.mark.exhaustive

TELLING = ("post-receive", "post-update", "reference-transaction", "push-to-checkout")
DECIDING = ("pre-receive", "update", "proc-receive")
OTHERS = ("pre-push", "post-checkout", "post-index-change", "pre-auto-gc", "post-merge", "fsmonitor-watchman")


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    return Origin.create(tmp_path / "origin")


@pytest.fixture
def canary(tmp_path: Path) -> Path:
    return tmp_path / "canary"


def _trap(canary: Path) -> Path:
    """A program that says that it was run, and by what."""
    trap = canary.with_name("trap")
    trap.write_text(f'#!/bin/sh\necho "$0 $*" >> {canary}\n', encoding="utf-8")
    trap.chmod(0o755)
    return trap


def _whole_run(run: Run) -> None:
    probe(run.repository, run.credentials, run.scratch)
    run.work()
    run.push()


def _plant_hooks(origin: Origin, trap: Path) -> None:
    for name in (*TELLING, *OTHERS):
        origin.hook(name, f"exec {trap} {name}")


def _plant_hooks_path(origin: Origin, trap: Path) -> None:
    hooks = trap.with_name("hooks")
    hooks.mkdir()
    for name in (*TELLING, *OTHERS):
        (hooks / name).symlink_to(trap)
    git(origin.bare, "config", "core.hooksPath", str(hooks))


def _plant_alternates(origin: Origin, trap: Path) -> None:
    """receive-pack asks each alternate for its tips, by a command of the configuration."""
    other = trap.with_name("other.git")
    git(origin.bare.parent, "clone", "-q", "--bare", str(origin.bare), str(other))
    (origin.bare / "objects/info/alternates").write_text(f"{other}/objects\n")
    git(origin.bare, "config", "core.alternateRefsCommand", str(trap))


def _plant_promisor(origin: Origin, trap: Path) -> None:
    """An object that is missing is fetched from a promisor remote, by a program that the remote names."""
    git(origin.bare, "config", "core.repositoryFormatVersion", "1")
    git(origin.bare, "config", "extensions.partialClone", "evil")
    git(origin.bare, "config", "remote.evil.promisor", "true")
    git(origin.bare, "config", "remote.evil.url", f"{origin.folder}/work")
    git(origin.bare, "config", "remote.evil.uploadpack", str(trap))
    git(origin.bare, "config", "protocol.allow", "always")
    readme = git(origin.bare, "rev-parse", "main:README.md")
    (origin.bare / "objects" / readme[:2] / readme[2:]).unlink()


def _plant_settings(origin: Origin, trap: Path) -> None:
    """All settings of git 2.51 that name a program, and a file that includes them once more."""
    names = (
        "core.fsmonitor", "core.sshCommand", "core.gitProxy", "core.pager", "core.editor", "core.askPass",
        "core.alternateRefsCommand", "uploadpack.packObjectsHook", "gpg.program", "gpg.ssh.program",
        "credential.helper", "diff.external", "diff.x.command", "diff.x.textconv", "filter.x.clean",
        "filter.x.smudge", "filter.x.process", "merge.x.driver", "sequence.editor", "pager.receive-pack",
        "alias.receive-pack", "alias.upload-pack", "receive.certNonceSeed", "trace2.normalTarget",
    )  # fmt: skip
    for name in names:
        git(origin.bare, "config", name, str(trap))
    included = origin.folder / "included"
    included.write_text((origin.bare / "config").read_text(encoding="utf-8"), encoding="utf-8")
    git(origin.bare, "config", "include.path", str(included))
    git(origin.bare, "config", "receive.procReceiveRefs", "refs")
    git(origin.bare, "config", "receive.autogc", "true")
    git(origin.bare, "config", "gc.auto", "1")
    git(origin.bare, "config", "gc.recentObjectsHook", str(trap))
    (origin.bare / "info").mkdir(exist_ok=True)
    (origin.bare / "info/attributes").write_text("* filter=x diff=x merge=x\n")


PLANTS = (_plant_hooks, _plant_hooks_path, _plant_alternates, _plant_settings)


@pytest.mark.parametrize("plant", PLANTS)
def test_nothing_that_a_local_repository_names_is_run(
    origin: Origin, canary: Path, tmp_path: Path, plant: Callable[[Origin, Path], None]
) -> None:
    run = Run(tmp_path / "run", origin.repository)
    plant(origin, _trap(canary))
    _whole_run(run)
    assert origin.tip(run.branch)
    assert not canary.exists(), canary.read_text()


def test_a_repository_that_objects_are_borrowed_from_is_not_entered(origin: Origin, tmp_path: Path) -> None:
    other, view = tmp_path / "other.git", tmp_path / "view.git"
    git(origin.bare.parent, "clone", "-q", "--bare", str(origin.bare), str(other))
    git(other, "update-ref", "refs/heads/asked", git(other, "commit-tree", "-m", "x", "main^{tree}"))
    (origin.bare / "objects/info/alternates").write_text(f"{other}/objects\n")
    say_tips = ("receive-pack", "--stateless-rpc", "--http-backend-info-refs")
    assert ".have" in git(origin.bare, *say_tips, str(origin.bare)), "git itself asks it for its tips"
    open_local(origin.bare, Git(tmp_path, tmp_path / "none")).make_view(view, for_push=True)
    assert ".have" not in git(origin.bare, *say_tips, str(view))


def test_a_push_does_not_collect_garbage_in_a_local_repository(origin: Origin, tmp_path: Path) -> None:
    run = Run(tmp_path / "run", origin.repository)
    run.work()
    # GIVEN so many loose objects that git would collect (it looks at one folder of 256)
    folder = origin.bare / "objects/17"
    folder.mkdir(exist_ok=True)
    for number in range(100):
        (folder / f"{number:038x}").touch()
    run.push()
    assert not (origin.bare / "packed-refs").exists(), "the first thing that a collection writes"


@pytest.mark.parametrize("plant", PLANTS)
def test_what_is_planted_while_the_agent_works_is_not_run_by_the_push(
    origin: Origin, canary: Path, tmp_path: Path, plant: Callable[[Origin, Path], None]
) -> None:
    run = Run(tmp_path / "run", origin.repository)
    run.work()
    plant(origin, _trap(canary))
    run.push()
    assert origin.tip(run.branch)
    assert not canary.exists(), canary.read_text()


def test_a_missing_object_is_not_fetched_by_a_program_of_the_repository(
    origin: Origin, canary: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a git that does not know GIT_NO_LAZY_FETCH, too: of 2.39, before 2.39.4."""
    monkeypatch.delitem(
        __import__("stepherd.repositories.git", fromlist=["_FIXED"])._FIXED, "GIT_NO_LAZY_FETCH"
    )
    _plant_promisor(origin, _trap(canary))
    with pytest.raises(StepherdError) as caught:
        Run(tmp_path / "run", origin.repository).clone()
    assert not canary.exists(), canary.read_text()
    assert str(origin.bare) in caught.value.message


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    hooks=st.sets(st.sampled_from((*TELLING, *OTHERS)), min_size=1, max_size=4),
    place=st.sampled_from(["hooks", "relative path", "absolute path"]),
    bare=st.booleans(),
)
def test_no_hook_is_run_wherever_it_lies(
    tmp_path_factory: pytest.TempPathFactory, hooks: set[str], place: str, bare: bool
) -> None:
    root = tmp_path_factory.mktemp("hooks")
    origin, canary = Origin.create(root / "origin"), root / "canary"
    folder = origin.bare if bare else origin.work
    git_dir = origin.bare if bare else origin.work / ".git"
    where = git_dir / "hooks" if place == "hooks" else git_dir / "elsewhere"
    where.mkdir(exist_ok=True)
    for name in hooks:
        (where / name).symlink_to(_trap(canary))
    if place != "hooks":
        git(folder, "config", "core.hooksPath", "elsewhere" if place == "relative path" else str(where))
    run = Run(root / "run", parse_repository(str(folder)))
    run.work()
    facts = run.push()
    assert not canary.exists(), canary.read_text()
    assert set(facts.unrun_hooks) == hooks & set(TELLING)


@pytest.mark.parametrize("where", ["hooks", "relative path", "absolute path", "included path"])
@pytest.mark.parametrize("name", DECIDING)
def test_a_hook_that_may_refuse_is_not_gone_around(
    origin: Origin, canary: Path, tmp_path: Path, name: str, where: str
) -> None:
    run = Run(tmp_path / "run", origin.repository)
    run.work()
    before = origin.refs()
    hooks = origin.bare / ("hooks" if where == "hooks" else "policy")
    hooks.mkdir()
    (hooks / name).symlink_to(_trap(canary))
    if where == "included path":
        (origin.folder / "included").write_text("[core]\n\thooksPath = policy\n")
        git(origin.bare, "config", "include.path", str(origin.folder / "included"))
    elif where != "hooks":
        git(origin.bare, "config", "core.hooksPath", "policy" if where == "relative path" else str(hooks))
    for push in (
        run.push,
        lambda: probe(
            run.repository, GitCredentials(), run.scratch, target=PushTarget("stepherd/run_1", "run_1")
        ),
    ):
        with pytest.raises(ConfigurationError, match=f"the hook {name}") as caught:
            push()
        assert "--push none" in caught.value.remedy
    assert (origin.refs(), canary.exists()) == (before, False)
    # AND a run that does not push may begin, as a hook that git would not run does not count
    probe(run.repository, GitCredentials(), run.scratch)
    _trap(canary).chmod(0o644)
    assert run.push().created


@pytest.mark.parametrize("planted", [".git", "objects", "commondir", "HEAD"])
def test_a_loop_of_links_is_an_error_of_ours(origin: Origin, tmp_path: Path, planted: str) -> None:
    place = origin.work / planted if planted == ".git" else origin.work / ".git" / planted
    if place.is_dir():
        shutil.rmtree(place)
    place.unlink(missing_ok=True)
    place.symlink_to(place.name)
    with pytest.raises(StepherdError):
        Run(tmp_path / "loop", parse_repository(str(origin.work))).clone()


@pytest.mark.parametrize(
    "text", ["gitdir: loop", "gitdir: loop/loop", "gitdir: ../../../../nowhere", "gitdir:"]
)
def test_a_git_file_that_leads_nowhere_is_an_error_of_ours(origin: Origin, tmp_path: Path, text: str) -> None:
    shutil.rmtree(origin.work / ".git")
    (origin.work / "loop").symlink_to("loop")
    (origin.work / ".git").write_text(f"{text}\n")
    with pytest.raises(StepherdError):
        Run(tmp_path / "loop", parse_repository(str(origin.work))).clone()


def test_the_workspace_does_not_say_where_a_local_repository_is(origin: Origin, tmp_path: Path) -> None:
    run = Run(tmp_path / "run", origin.repository)
    run.clone()
    path = os.fsencode(origin.bare)
    for folder in (run.workspace, run.private_git):
        found = [file for file in folder.rglob("*") if file.is_file() and path in file.read_bytes()]
        assert found == []


def test_permissions_and_a_size_limit_of_a_shared_repository_are_kept(origin: Origin, tmp_path: Path) -> None:
    git(origin.bare, "config", "core.sharedRepository", "0660")
    run = Run(tmp_path / "run", origin.repository)
    run.work()
    run.push()
    assert (origin.bare / "refs/heads" / run.branch).stat().st_mode & 0o777 == 0o660
    git(origin.bare, "config", "receive.maxInputSize", "1")
    with pytest.raises(StepherdError):
        run.push(branch="another")


def test_a_branch_that_is_checked_out_in_any_worktree_is_refused(origin: Origin, tmp_path: Path) -> None:
    worktree = tmp_path / "worktree"
    git(origin.work, "worktree", "add", "-q", "-b", "side", str(worktree))
    for folder in (origin.work, worktree):
        run = Run(tmp_path / f"run-{folder.name}", parse_repository(str(folder)))
        facts = run.clone()
        assert facts.base_ref == ("main" if folder == origin.work else "side")
        run.write({"new.txt": "new\n"})
        run.record()
        for branch in ("main", "side"):
            with pytest.raises(BranchCheckedOut):
                run.push(branch=branch, allow_default_branch=True)
        assert run.push(branch=f"free-{folder.name}").created
    git(origin.work, "config", "receive.denyCurrentBranch", "warn")
    assert run.push(branch="side", allow_default_branch=True).created


def test_a_repository_of_another_user_is_refused_as_git_refuses_it(origin: Origin, tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs another user")
    os.chown(origin.bare, 65534, 65534)
    with pytest.raises(ConfigurationError, match="another user"):
        Run(tmp_path / "run", origin.repository).clone()


def test_packed_and_shallow_repositories_are_read(origin: Origin, tmp_path: Path) -> None:
    git(origin.bare, "gc", "-q")
    assert not list((origin.bare / "refs/heads").iterdir())
    run = Run(tmp_path / "run", origin.repository)
    run.work()
    commit = run.push().commit
    assert (origin.tip(run.branch), origin.tip("main") is not None) == (commit, True)
    shallow = tmp_path / "shallow.git"
    origin.commit({"x": "y"})
    git(tmp_path, "clone", "-q", "--bare", "--depth=1", f"file://{origin.bare}", str(shallow))
    again = Run(tmp_path / "again", parse_repository(str(shallow)))
    again.work()
    assert again.push().created
    # AND where the history is needed as a whole, git is told where it ends
    view = tmp_path / "view.git"
    open_local(shallow, Git(tmp_path, tmp_path / "none")).make_view(view, for_push=False)
    git(tmp_path, "clone", "-q", "--bare", f"file://{view}", str(tmp_path / "copy.git"))


def test_the_report_names_the_hooks_that_were_not_run(place: Place) -> None:
    place.origin.hook("post-receive", f"touch {place.root}/canary")
    with Inside.at(place) as inside:
        assert inside.run(command=place.script("echo new > new.txt")) == "SUCCEEDED"
    report = place.folder().read_report()
    assert report is not None
    assert [note for note in report["notes"] if "not run" in note and "post-receive" in note]
    assert not (place.root / "canary").exists()
