"""Contents of Git LFS arrive before the commit that needs them, or the files that need them stay out."""

from __future__ import annotations

import base64
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from pathlib import Path

import pytest
from tests.integration.repositories.giftless import giftless, passed_on
from tests.integration.repositories.http_server import GitServer, serve
from tests.integration.repositories.lfs_backend import LfsBackend
from tests.integration.repositories.origin import Origin, Run, git

from stepherd.errors import NotFoundError, UnavailableError
from stepherd.repositories.address import parse_repository
from stepherd.repositories.credentials import Access, GitCredentials
from stepherd.repositories.git import Git
from stepherd.repositories.lfs_endpoint import find_endpoint
from stepherd.repositories.lfs_pointer import LfsRefused, Pointer
from stepherd.repositories.push import PushFacts
from stepherd.repositories.remote import Remote
from stepherd.repositories.scan import ChangesBlocked

pytestmark = pytest.mark.exhaustive

TOKEN = "a-token-of-this-test-4711"
BASIC = "Basic " + base64.b64encode(f"x-access-token:{TOKEN}".encode()).decode()
NEW = b"\x00\xffnew content\r\n" * 5000
OID = sha256(NEW).hexdigest()
FILES = {".gitattributes": "*.bin filter=lfs -text\n", "README.md": "a\n"}


@dataclass
class Site:
    """A repository over HTTP with a Git LFS server beside it, and a run that has changed a file there."""

    origin: Origin
    server: GitServer
    lfs: LfsBackend
    run: Run
    folder: Path
    contents: dict[str, Path] = field(default_factory=dict)

    def record(self) -> None:
        def keep(content: object) -> None:
            copy = self.folder / f"kept-{len(self.contents)}"
            shutil.copyfile(self.run.workspace / content.path, copy)  # type: ignore[attr-defined]
            self.contents[content.pointer.oid] = copy  # type: ignore[attr-defined]

        self.run.record(keep=keep)

    def fetch(self, oid: str, path: Path) -> None:
        if oid not in self.contents:
            raise NotFoundError(oid)
        shutil.copyfile(self.contents[oid], path)

    def push(self) -> PushFacts:
        return self.run.push(fetch=self.fetch)

    def reason(self) -> str:
        """Why the new file was left out; the rest is pushed."""
        facts = self.push()
        assert [found.path for found in facts.left_out] == ["new.bin"]
        tree = git(self.origin.bare, "ls-tree", "-r", "--name-only", self.run.branch).splitlines()
        assert tree == [".gitattributes", "README.md"]
        assert self.origin.show(self.run.branch, "README.md") == "better"
        return facts.left_out[0].detail


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setenv("STEPHERD_ALLOW_LOOPBACK_REMOTES", "1")
    origin = Origin.create(tmp_path / "team", FILES)
    with serve(tmp_path, TOKEN) as server:
        server.lfs = LfsBackend(server.url)
        repository = parse_repository(f"{server.url}/team/team.git")
        run = Run(tmp_path / "run", repository, GitCredentials(token=TOKEN))
        run.clone()
        run.write({"README.md": "better\n"})
        (run.workspace / "new.bin").write_bytes(NEW)
        made = Site(origin, server, server.lfs, run, tmp_path)
        made.record()
        yield made


def test_a_content_arrives_before_the_commit(site: Site) -> None:
    facts = site.push()
    assert facts.left_out == ()
    assert site.lfs.contents == {OID: NEW}
    assert f"oid sha256:{OID}" in site.origin.show(site.run.branch, "new.bin")
    asked = [path for _, path, _ in site.server.requests]
    assert asked.index("/team/team.git/git-receive-pack") > asked.index(
        f"/team/team.git/info/lfs/objects/{OID}"
    )
    assert [authorization for *_, authorization in site.lfs.seen] == [BASIC] * len(site.lfs.seen)


def test_a_content_that_is_there_is_not_sent_again(site: Site) -> None:
    site.lfs.contents[OID] = NEW
    site.contents.clear()
    assert site.push().left_out == ()
    assert [method for method, *_ in site.lfs.seen] == ["POST"]


def test_a_second_push_finds_everything(site: Site) -> None:
    first = site.push()
    again = site.push()
    assert (again.commit, again.created) == (first.commit, False)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (401, "did not accept the credentials"),
        (403, "does not let these credentials write"),
        (404, "has no Git LFS for this repository"),
        (422, "answers 422 (no, since it is closed)"),
    ],
)
def test_a_refused_question_leaves_the_file_out(site: Site, status: int, words: str) -> None:
    site.lfs.batch_status = [status]
    assert words in site.reason()


@pytest.mark.parametrize(
    ("status", "words"), [(413, "too large"), (507, "no room left"), (400, "answers 400")]
)
def test_a_refused_content_leaves_its_file_out(site: Site, status: int, words: str) -> None:
    site.lfs.upload_status = [status]
    assert words in site.reason()


def test_a_refused_object_leaves_its_file_out(site: Site) -> None:
    site.lfs.refused = {"code": 507, "message": "quota\nexceeded"}
    assert "has no room left (quota; exceeded)" in site.reason()


def test_a_server_that_finds_another_content_leaves_the_file_out(site: Site) -> None:
    site.lfs.verify_status = 422
    assert "that is another content" in site.reason()


def test_a_server_that_forgets_leaves_the_file_out(site: Site) -> None:
    site.lfs.forgetful = True
    assert "took it and does not have it" in site.reason()


def test_a_content_that_was_changed_in_the_run_folder_is_not_sent(site: Site) -> None:
    site.contents[OID].write_bytes(NEW[:-1] + b"x")
    assert "another content" in site.reason()
    assert site.lfs.contents == {}


def test_a_content_that_is_nowhere_leaves_the_file_out(site: Site) -> None:
    site.contents.clear()
    assert "is not in the run" in site.reason()


def test_when_nothing_is_left_nothing_is_pushed(site: Site) -> None:
    site.run.write({"README.md": "a\n"})
    site.record()
    site.lfs.batch_status = [403]
    with pytest.raises(ChangesBlocked, match=r"new\.bin: its content cannot go to Git LFS"):
        site.push()
    assert site.origin.tip(site.run.branch) is None


def test_a_server_that_is_down_for_a_moment_is_asked_again(site: Site) -> None:
    site.lfs.batch_status = [503, 429, 200]
    site.lfs.upload_status = [500]
    assert site.push().left_out == ()


def test_a_server_that_stays_down_fails_the_push_for_now(site: Site) -> None:
    site.lfs.batch_status = [503] * 3
    with pytest.raises(UnavailableError) as caught:
        site.push()
    assert caught.value.retryable
    assert site.origin.tip(site.run.branch) is None


@pytest.fixture
def other(tmp_path: Path) -> Iterator[GitServer]:
    (tmp_path / "other").mkdir()
    with serve(tmp_path / "other") as server:
        server.lfs = LfsBackend(server.url)
        yield server


@pytest.mark.parametrize("status", [302, 307])
@pytest.mark.parametrize("step", ["batch", "upload"])
def test_a_redirect_takes_the_token_nowhere(site: Site, other: GitServer, step: str, status: int) -> None:
    site.lfs.location = f"{other.url}/team/team.git/info/lfs/objects/batch"
    (site.lfs.batch_status if step == "batch" else site.lfs.upload_status).append(status)
    assert "redirects are not followed" in site.reason()
    assert other.requests == []


def test_another_host_that_keeps_contents_gets_what_the_server_says_and_no_token(
    site: Site, other: GitServer
) -> None:
    site.lfs.uploads, site.lfs.header = (
        other.url,
        {"Authorization": "once-only", "Host": "evil", "X-Extra": "1"},
    )
    assert isinstance(other.lfs, LfsBackend)
    site.lfs.contents = other.lfs.contents
    assert site.push().left_out == ()
    assert [authorization for *_, authorization in other.requests] == ["once-only"]
    site.run.branch = "stepherd/again"
    site.lfs.contents.clear()
    site.lfs.header = {}
    assert site.push().left_out == ()
    assert [authorization for *_, authorization in other.requests] == ["once-only", None]


@pytest.mark.parametrize(
    ("href", "words"),
    [
        ("http://169.254.169.254", "refused"),
        ("http://example.com", "not encrypted"),
        ("ftp://example.com", "not encrypted"),
        ("file:///etc", "refused"),
        ("https://a:b@example.com", "invalid"),
    ],
)
def test_a_content_goes_to_no_address_that_is_refused(site: Site, href: str, words: str) -> None:
    site.lfs.uploads = href
    assert words in site.reason()


def begin_again(site: Site, config: str) -> None:
    site.origin.commit({".lfsconfig": config})
    shutil.rmtree(site.run.workspace)
    shutil.rmtree(site.run.private_git)
    site.run.clone()
    (site.run.workspace / "new.bin").write_bytes(NEW)
    site.run.write({"README.md": "better\n"})
    site.record()


def test_another_address_on_the_same_host_is_gone_to(site: Site) -> None:
    begin_again(site, f"[lfs]\n\turl = {site.server.url}/elsewhere/info/lfs\n")
    assert site.push().left_out == ()
    assert site.lfs.seen[0][1] == "/elsewhere/info/lfs/objects/batch"


def test_a_file_sends_the_token_to_no_other_host(site: Site, other: GitServer) -> None:
    begin_again(site, f"[lfs]\n\turl = {other.url}/team/team.git/info/lfs\n")
    facts = site.push()
    assert "credentials are not for" in facts.left_out[0].detail
    assert other.requests == []


@pytest.mark.parametrize(
    "url",
    ["https://[::1/x", "https://host]/x", "https://h\\nost/x", "-x", "http://host:port/"],
)
def test_an_address_that_makes_no_sense_leaves_the_file_out(site: Site, url: str) -> None:
    site.origin.commit({".lfsconfig": f'[lfs]\n\turl = "{url}"\n'})
    run = Run(site.run.folder / "again", site.run.repository, site.run.credentials)
    run.clone()
    (run.workspace / "new.bin").write_bytes(NEW)
    run.write({"README.md": "better\n"})
    run.record(keep=lambda _content: None)
    facts = run.pushed(fetch=site.fetch)
    assert [found.path for found in facts.left_out] == ["new.bin"]


def test_an_agents_file_names_no_other_server(site: Site, other: GitServer) -> None:
    site.run.write({".lfsconfig": f"[lfs]\n\turl = {other.url}/team/team.git/info/lfs\n"})
    site.record()
    assert site.push().left_out == ()
    assert other.requests == []


def test_the_token_is_in_no_word_of_a_server(site: Site) -> None:
    site.lfs.refused = {"code": 400, "message": f"not with {TOKEN}"}
    assert TOKEN not in site.reason()


def test_in_a_repository_on_this_machine_the_content_lies_where_git_lfs_looks(tmp_path: Path) -> None:
    origin = Origin.create(tmp_path / "team", FILES)
    run = Run(tmp_path / "run", origin.repository)
    run.clone()
    (run.workspace / "new.bin").write_bytes(NEW)
    run.record()
    run.push(fetch=lambda _oid, path: path.write_bytes(NEW) and None)
    kept = origin.bare / "lfs" / "objects" / OID[:2] / OID[2:4] / OID
    assert kept.read_bytes() == NEW


def over_ssh(site: Site, answer: str, ending: int = 0) -> Remote:
    """A remote over SSH, where a program in ssh's place answers what a server would."""
    program = site.folder / "ssh"
    listing = f"printf '%s\\n' \"$@\" > {site.folder}/words"
    program.write_text(f"#!/bin/sh\n{listing}\necho '{answer}'\nexit {ending}\n")
    program.chmod(0o755)
    access = Access("ssh", {"GIT_SSH_COMMAND": f"{program} -o BatchMode=yes"})
    repository = parse_repository("ssh://git@127.0.0.1:2222/team/team.git")
    return Remote(repository, Git(site.folder, site.folder / "none.git", access=access), repository.url)


def test_a_server_over_ssh_says_where_contents_go(site: Site) -> None:
    href = f"{site.server.url}/team/team.git/info/lfs"
    remote = over_ssh(site, json.dumps({"href": href, "header": {"Authorization": BASIC}}))
    endpoint = find_endpoint(remote, Git(site.folder, site.origin.bare), "main")
    words = (site.folder / "words").read_text().splitlines()
    asked = "git-lfs-authenticate /team/team.git upload"
    assert words == ["-o", "BatchMode=yes", "-p", "2222", "--", "git@127.0.0.1", asked]
    wanted = Pointer(OID, len(NEW))
    actions = endpoint.lacks([wanted], "x")[OID]
    assert isinstance(actions, dict)
    endpoint.upload(wanted, site.contents[OID], actions)
    assert site.lfs.contents == {OID: NEW}
    assert endpoint.lacks([wanted], "x") == {}


@pytest.mark.parametrize(
    ("answer", "ending"),
    [
        ("unknown command", 1),
        ("{}", 0),
        ("[", 0),
        ('{"href": "http://169.254.169.254/x"}', 0),
        ('{"href": 4}', 0),
    ],
)
def test_a_server_over_ssh_without_an_acceptable_answer_is_not_gone_to(
    site: Site, answer: str, ending: int
) -> None:
    with pytest.raises(LfsRefused):
        find_endpoint(over_ssh(site, answer, ending), Git(site.folder, site.origin.bare), "main")


def with_git_lfs(folder: Path, *arguments: str) -> str:
    """Real git-lfs, as a person has it: its filters are in their configuration."""
    if shutil.which("git-lfs") is None:
        if os.environ.get("STEPHERD_REQUIRE_ALL") == "1":
            pytest.fail("git-lfs is missing, and STEPHERD_REQUIRE_ALL=1 is set")
        pytest.skip("git-lfs is not installed")
    filters = {
        "filter.lfs.clean": "git-lfs clean -- %f",
        "filter.lfs.smudge": "git-lfs smudge -- %f",
        "filter.lfs.process": "git-lfs filter-process",
        "filter.lfs.required": "true",
        "http.extraHeader": f"Authorization: {BASIC}",
    }
    options = [word for key, value in filters.items() for word in ("-c", f"{key}={value}")]
    return git(folder, *options, *arguments, PATH=os.environ["PATH"])


@pytest.mark.parametrize("kind", ["ours", "giftless"])
def test_git_lfs_gets_the_content_back(site: Site, kind: str) -> None:
    with giftless(site.folder / "giftless") if kind == "giftless" else nullcontext(None) as found:
        if found is not None:
            port, kept = found
            site.server.lfs = partial(passed_on, port)
        assert site.push().left_out == ()
        _look_with_git_lfs(site)
        if found is not None:
            assert [path.name for path in kept.rglob("*") if path.is_file()] == [OID]


def _look_with_git_lfs(site: Site) -> None:
    with_git_lfs(site.folder, "clone", "-q", "-b", site.run.branch, site.run.repository.url, "mine")
    assert (site.folder / "mine" / "new.bin").read_bytes() == NEW
    assert with_git_lfs(site.folder / "mine", "status", "--porcelain") == ""
