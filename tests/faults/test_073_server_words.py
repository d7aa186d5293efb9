"""Fault 73: a server says no. Its words decide the message, and all of them are in the log and in the
report."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.integration.repositories.http_server import Fault, GitServer, serve
from tests.integration.repositories.origin import Origin, Run
from tests.integration.repositories.ssh_server import serve_ssh
from tests.integration.steps.rig import Rig

from stepherd.errors import CredentialsError, StepherdError
from stepherd.repositories import refusals as kinds
from stepherd.repositories.address import parse_repository
from stepherd.repositories.credentials import GitCredentials
from stepherd.runs.report import write_report

HOOKS = {
    "GH006: Protected branch update failed for refs/heads/x.": kinds.BranchProtected,
    "GH013: Repository rule violations\n- Commits must have verified signatures.": kinds.SignatureRequired,
    "GitLab: Commit must be signed with a GPG key": kinds.SignatureRequired,
    "refusing to allow an OAuth App to create or update workflow `a.yml` without `workflow` scope":
        kinds.WorkflowScopeMissing,
    "GH001: Large files detected.": kinds.PushTooLarge,
    "GitLab: this repository has exceeded its size limit": kinds.QuotaExceeded,
    "GH007: Your push would publish a private email address.": kinds.IdentityRefused,
    "a policy of our own": kinds.PushRejected,
}  # fmt: skip


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with Rig.at(tmp_path) as made:
        yield made


def _run(tmp_path: Path, server: GitServer) -> Run:
    return Run(
        tmp_path / "run", parse_repository(f"{server.url}/team.git", allow_http_loopback=True), pauses=()
    )


def test_what_a_hook_of_a_real_server_says_decides(tmp_path: Path) -> None:
    origin = Origin.create(tmp_path / "origin")
    with serve(origin.folder) as server:
        run = _run(tmp_path, server)
        run.work()
        for text, error in HOOKS.items():
            (origin.bare / "said").write_text(text)
            origin.hook("pre-receive", f"cat {origin.bare}/said >&2; exit 1")
            with pytest.raises(StepherdError) as caught:
                run.push()
            assert type(caught.value) is error
            assert text.split("\n")[-1] in caught.value.details


@pytest.mark.parametrize(
    ("status", "said", "error"),
    [
        (413, "Request Entity Too Large", kinds.PushTooLarge),
        (429, "Too many requests", kinds.RateLimited),
        (403, "Write access to repository not granted.", kinds.ReadOnlyCredentials),
        (403, "The `o' organization has enabled or enforced SAML SSO.", kinds.SignOnRequired),
        (403, "This repository was archived so it is read-only.", kinds.RepositoryReadOnly),
        (403, "Rate limit for this resource has been exceeded", kinds.RateLimited),
        (403, "no", CredentialsError),
    ],
)
@pytest.mark.parametrize("where", ["fetch", "push"])
def test_what_a_server_answers_to_a_fetch_or_a_push_decides(
    tmp_path: Path, status: int, said: str, error: type[StepherdError], where: str
) -> None:
    origin = Origin.create(tmp_path / "origin")
    with serve(origin.folder, protocol_v2=False) as server:
        run = _run(tmp_path, server)
        if where == "push":
            run.work()
        part = "/git-upload-pack" if where == "fetch" else "/git-receive-pack"
        if status in {403, 429} and where == "push":
            part = "service=git-receive-pack"  # Where git shows what was said with it.
        server.faults.append(Fault(part, "say", times=99, status=status, said=said))
        with pytest.raises(StepherdError) as caught:
            run.clone() if where == "fetch" else run.push()
    if where == "fetch" and status == 403:
        # Of an answer to a POST git keeps the number alone.
        assert isinstance(caught.value, CredentialsError)
        return
    assert type(caught.value) is error
    assert "does not exist" not in str(caught.value)


@pytest.mark.parametrize("v2", [False, True])
@pytest.mark.parametrize("said", ["the moon is full", "Repository quota exceeded"])
def test_an_answer_to_a_fetch_is_not_swallowed(tmp_path: Path, said: str, v2: bool) -> None:
    """GIVEN a server that refuses every fetch in words of its own THEN they are what is said, and not that
    the commit does not exist."""
    origin = Origin.create(tmp_path / "origin")
    with serve(origin.folder, protocol_v2=v2) as server:
        server.faults.append(Fault("/git-upload-pack", "say", times=99, said=said))
        with pytest.raises(StepherdError, match=said) as caught:
            _run(tmp_path, server).clone()
    assert "does not exist" not in str(caught.value)
    assert said in caught.value.details
    assert isinstance(caught.value, kinds.QuotaExceeded) == ("quota" in said)


def test_a_read_only_key_over_ssh_says_so(tmp_path: Path) -> None:
    origin = Origin.create(tmp_path / "origin")
    said = "ERROR: The key you are authenticating with has been marked as read only."
    command = f"case $SSH_ORIGINAL_COMMAND in git-receive-pack*) echo '{said}' >&2; exit 1;; esac"
    with serve_ssh(tmp_path / "ssh", f'{command}; eval \\"$SSH_ORIGINAL_COMMAND\\"') as server:
        repository = parse_repository(f"{server.url}{origin.bare}", allow_http_loopback=True)
        credentials = GitCredentials(ssh_key=server.key, known_hosts=server.known_hosts)
        run = Run(tmp_path / "run", repository, credentials, pauses=())
        run.work()
        with pytest.raises(kinds.ReadOnlyCredentials, match="read only"):
            run.push()


def test_all_of_it_is_in_the_tasks_log_and_in_the_report_without_the_token(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = "canary" + "-t0ken-" + "a1b2c3d4e5"
    monkeypatch.setenv("STEPHERD_ALLOW_LOOPBACK_REMOTES", "1")
    rig.make_remote()
    reason = "GH006: Protected branch update failed for refs/heads/x."
    other = "canary" + "-k3y-" + "0011223344"  # The step holds it, git does not.
    lines = [reason, f"you sent {token}", f"and {other}", *(f"rule {number} | <b>`" for number in range(60))]
    (rig.remote / "said").write_text("\n\n".join(lines))
    (rig.remote / "hooks").mkdir(exist_ok=True)
    hook = rig.remote / "hooks" / "pre-receive"
    hook.write_text(f"#!/bin/sh\ncat {rig.remote}/said >&2\nexit 1\n")
    hook.chmod(0o755)
    with serve(rig.root, token) as server:
        rig.prepare(
            command="sh -c 'echo new > new'", repo=f"{server.url}/remote.git", git_credentials="env:MINE",
            git_token_host=f"127.0.0.1:{server.port}",
        )  # fmt: skip
        more = {"MINE": token, "OTHER_API_KEY": other, "STEPHERD_ALLOW_LOOPBACK_REMOTES": "1"}
        rig.steps("clone", "agent", **more)
        done = rig.step("push", **more)
    error = rig.result("push").error
    assert error is not None
    assert (done.returncode, error.category) == (65, "protected_branch")
    assert reason in error.message
    assert "rule 59" not in error.message
    failure = {"state": "CommitAndPush", "error": "States.TaskFailed", "cause": "{}"}
    report = write_report(rig.folder, rig.run_id, failure=failure)
    assert report.error is not None
    page = rig.folder.store.get("report.md").body.decode()
    for text in (done.stderr, error.details, report.error.details, page):
        assert "rule 59 | <b>`" in text
        assert token not in text
        assert other not in text
    assert "### Message of the server" in page
    assert "\n    remote: rule 59 | <b>`" in page
