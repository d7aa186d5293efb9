"""Obstacles to a push are told before there is anything to push: by git's own rules, and in one go."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tests.integration.repositories.http_server import Fault, serve
from tests.integration.repositories.origin import Origin, Run, git
from tests.integration.repositories.ssh_server import serve_ssh

from stepherd.errors import CredentialsError, NotFoundError, StepherdError
from stepherd.repositories.address import parse_repository
from stepherd.repositories.branch_room import BranchCheckedOut, BranchTaken, PushTarget, branch_refs
from stepherd.repositories.credentials import GitCredentials
from stepherd.repositories.message import RUN_TRAILER
from stepherd.repositories.probe import probe

TOKEN = "canary" + "-t0ken-" + "77ab10cc3e"
NAMES = ("a", "a/b", "a/b/c", "ab", "b")
TARGET = PushTarget("stepherd/run_1", "run_1")


@pytest.fixture(scope="module")
def seed(tmp_path_factory: pytest.TempPathFactory) -> Origin:
    """Its work copy has the base, another commit ``other`` beside it, and ``work``, which a run would
    push."""
    origin = Origin.create(tmp_path_factory.mktemp("seed") / "origin")
    for name in ("other", "work"):
        git(origin.work, "checkout", "-q", "-b", name, "main")
        git(origin.work, "commit", "-q", "--allow-empty", "-m", name)
        git(origin.work, "push", "-q", str(origin.bare), f"{name}:refs/kept/{name}")
    git(origin.work, "checkout", "-q", "main")
    return origin


def _objection(folder: Path, scratch: Path, branch: str) -> StepherdError | None:
    scratch.mkdir(exist_ok=True)
    try:
        probe(
            parse_repository(str(folder)),
            GitCredentials(),
            scratch,
            "main",
            target=PushTarget(branch, "run_1"),
        )
    except StepherdError as error:
        return error
    return None


def _git_takes(origin: Origin, folder: Path, branch: str) -> bool:
    out = git(
        origin.work, "push", "--porcelain", "--dry-run", str(folder), f"work:refs/heads/{branch}", check=False
    )
    if "\t[rejected]" in out:
        return False
    git(origin.work, "push", "-q", str(folder), f"work:refs/heads/{branch}", check=False)
    return git(folder, "rev-parse", "-q", "--verify", f"refs/heads/{branch}", check=False) == git(
        origin.work, "rev-parse", "work"
    )


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    held=st.dictionaries(st.sampled_from(NAMES), st.sampled_from(["main", "other"]), max_size=3),
    branch=st.sampled_from((*NAMES, "main")),
    head=st.sampled_from((*NAMES, "main")),
    linked=st.sampled_from((None, *NAMES, "main")),
    bare=st.booleans(),
    deny=st.sampled_from((None, "refuse", "warn", "ignore", "true", "false")),
)
@example(held={"a": "main"}, branch="a/b", head="main", linked=None, bare=True, deny=None)
@example(held={"a/b/c": "main"}, branch="a", head="main", linked=None, bare=True, deny=None)
@example(held={"a": "other"}, branch="a", head="main", linked=None, bare=True, deny=None)
@example(held={"a": "main"}, branch="a", head="main", linked=None, bare=True, deny=None)
@example(held={}, branch="main", head="main", linked=None, bare=False, deny=None)
@example(held={}, branch="main", head="main", linked=None, bare=True, deny=None)
@example(held={"b": "main"}, branch="b", head="main", linked="b", bare=True, deny=None)
@example(held={}, branch="main", head="main", linked=None, bare=False, deny="warn")
def test_what_git_would_refuse_is_refused_before_and_nothing_else(
    seed: Origin,
    tmp_path: Path,
    held: dict[str, str],
    branch: str,
    head: str,
    linked: str | None,
    bare: bool,
    deny: str | None,
) -> None:
    """GIVEN any branches, checked out anywhere, in a repository of any form WHEN the run's branch is looked
    at THEN it is refused exactly when git refuses a push of one commit on the base to it."""
    place = Path(tmp_path / "place")
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    inside = ".git" if not bare else "repository.git"
    folder = place if not bare else place / inside
    shutil.copytree(seed.bare, place / inside)
    git(place / inside, "config", "core.bare", str(bare).lower())
    for name, commit in held.items():
        source = "refs/kept/other" if commit == "other" else "main"
        git(place / inside, "update-ref", f"refs/heads/{name}", source, check=False)
    there = git(place / inside, "for-each-ref", "--format=%(refname:short)", "refs/heads").split()
    if head in there:
        git(place / inside, "symbolic-ref", "HEAD", f"refs/heads/{head}")
    if linked in there and (bare or linked != head):
        git(place / inside, "worktree", "add", "-q", str(tmp_path / "linked"), str(linked), check=False)
    if deny is not None:
        git(place / inside, "config", "receive.denyCurrentBranch", deny)
    try:
        objection = _objection(folder, tmp_path / "scratch", branch)
        assert (objection is None) == _git_takes(seed, folder, branch), str(objection)
    finally:
        shutil.rmtree(tmp_path / "linked", ignore_errors=True)
    if objection is not None:
        assert isinstance(objection, BranchTaken | BranchCheckedOut)
        assert "--branch" in objection.remedy


def test_the_default_branch_is_taken_when_it_is_named_and_never_otherwise(
    seed: Origin, tmp_path: Path
) -> None:
    named = PushTarget("main", "run_1")
    assert named.may_be_default
    assert not TARGET.may_be_default
    assert probe(seed.repository, GitCredentials(), tmp_path, target=named).default_branch == "main"


def test_a_branch_that_holds_work_of_the_same_run_is_left_to_the_push(seed: Origin, tmp_path: Path) -> None:
    git(seed.work, "checkout", "-q", "--detach", "main")
    git(seed.work, "commit", "-q", "--allow-empty", "-m", f"work\n\n{RUN_TRAILER}: run_1")
    git(seed.work, "commit", "-q", "--allow-empty", "-m", f"more\n\n{RUN_TRAILER}: run_10")
    git(seed.work, "push", "-q", str(seed.bare), "HEAD:refs/heads/mine")
    git(seed.work, "checkout", "-q", "main")
    for run_id, taken in (("run_1", False), ("run_10", False), ("run_2", True), ("run", True)):
        target = PushTarget("mine", run_id)
        if not taken:
            probe(seed.repository, GitCredentials(), tmp_path, target=target)
            continue
        with pytest.raises(BranchTaken, match="'mine' exists"):
            probe(seed.repository, GitCredentials(), tmp_path, target=target)


def test_a_remote_is_asked_for_the_refs_in_question_in_one_go() -> None:
    assert branch_refs("a/b/c") == (
        "refs/heads/a",
        "refs/heads/a/b",
        "refs/heads/a/b/c",
        "refs/heads/a/b/c/*",
    )


def test_refs_and_right_cost_one_round_trip_together(seed: Origin, tmp_path: Path) -> None:
    """GIVEN a server that answers neither question before it has got the other one THEN both are answered."""
    with serve(seed.folder, TOKEN) as server:
        server.meeting = threading.Barrier(2)
        repository = parse_repository(f"{server.url}/team.git", allow_http_loopback=True)
        credentials = GitCredentials(token=TOKEN, owner_hosts=(f"127.0.0.1:{server.port}",))
        assert probe(repository, credentials, tmp_path, target=TARGET).default_branch == "main"
        asked = [path for _, path, authorization in server.requests if authorization]
    assert sorted(asked) == [
        "/team.git/git-upload-pack",
        "/team.git/info/refs?service=git-receive-pack",
        "/team.git/info/refs?service=git-upload-pack",
    ]


@pytest.mark.parametrize("way", ["probe", "clone"])
@pytest.mark.parametrize("answer", ["403", "401", "500"])
def test_a_token_that_may_only_read_is_refused_before_an_agent_is_paid(
    seed: Origin, tmp_path: Path, way: str, answer: str
) -> None:
    with serve(seed.folder) as server:
        run = Run(tmp_path / "run", parse_repository(f"{server.url}/team.git", allow_http_loopback=True))
        server.faults.append(Fault("service=git-receive-pack", answer, times=9))  # type: ignore[arg-type]

        def ask(target: PushTarget | None) -> None:
            shutil.rmtree(run.workspace, ignore_errors=True)
            shutil.rmtree(run.private_git, ignore_errors=True)
            if way == "clone":
                run.clone(target=target)
            else:
                probe(run.repository, run.typed, run.scratch, target=target)

        ask(None)  # Nothing is to be pushed: reading is enough.
        if answer == "500":
            ask(TARGET)  # That may pass: it is not for this question to fail a run.
            return
        with pytest.raises(CredentialsError, match="right to push"):
            ask(TARGET)
    assert list(run.scratch.iterdir()) == []


def test_a_key_that_may_only_read_is_refused_before_an_agent_is_paid(seed: Origin, tmp_path: Path) -> None:
    """A deploy key, as forges answer for one: the server is OpenSSH, with a command of the forge's own."""
    said = "ERROR: The key you are authenticating with has been marked as read only."
    command = f"case $SSH_ORIGINAL_COMMAND in git-receive-pack*) echo '{said}' >&2; exit 1;; esac"
    with serve_ssh(tmp_path / "ssh", f'{command}; eval \\"$SSH_ORIGINAL_COMMAND\\"') as server:
        repository = parse_repository(f"{server.url}{seed.bare}", allow_http_loopback=True)
        credentials = GitCredentials(ssh_key=server.key, known_hosts=server.known_hosts)
        assert probe(repository, credentials, tmp_path).default_branch == "main"
        with pytest.raises(CredentialsError, match="read only"):
            probe(repository, credentials, tmp_path, target=TARGET)


def test_a_base_that_is_not_there_is_said_before_the_branch_is_looked_at(
    seed: Origin, tmp_path: Path
) -> None:
    with pytest.raises(NotFoundError, match="nowhere"):
        probe(seed.repository, GitCredentials(), tmp_path, "nowhere", target=TARGET)
