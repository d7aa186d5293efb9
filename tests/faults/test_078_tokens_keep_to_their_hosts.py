"""Fault 78: whoever names a repository is not sent the git token: it goes to hosts of its owner's alone."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from stepherd.api.problems import InvalidCall
from stepherd.api.run_body import read_run_body
from stepherd.backends.typed_repo import with_typed_host
from stepherd.container.variables import request_of
from stepherd.errors import ConfigurationError, CredentialsError, StepherdError
from stepherd.repositories.address import parse_repository
from stepherd.repositories.binding import host_by_prefix, read_hosts, token_host
from stepherd.repositories.credentials import GitCredentials, prepare_access
from stepherd.repositories.probe import probe
from stepherd.runs.front_matter import split_front_matter
from stepherd.runs.prepare import check_whole_request
from stepherd.runs.request import Request
from stepherd.services.front_matter import InvalidFrontMatter
from stepherd.services.store.opening import open_store
from stepherd.steps.credentials import git_credentials

SPELLINGS = {
    "address": ("127.0.0.1", "127.1", "2130706433", "0x7f000001"),
    "name": ("localhost", "LocalHost", "localhost."),
}
PLAIN = ("127.0.0.1", "localhost", "LocalHost")
"""Git's HTTP library turns other spellings into these, or does not resolve them, and asks no helper."""
FOREIGN = ("github.com", "gitlab.com", "git.example.com", "127.0.0.1", "localhost:8080")
PREFIXES = ("ghp_", "github_pat_", "gho_", "ghs_", "glpat-", "", "other_")


@dataclass
class Recorder:
    """A server that asks for credentials, or redirects, and keeps what it is sent."""

    port: int = 0
    redirect_to: str = ""
    requests: int = 0
    passwords: list[str] = field(default_factory=list)


@contextmanager
def recording() -> Iterator[Recorder]:
    recorder = Recorder()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            recorder.requests += 1
            for name in ("Authorization", "Proxy-Authorization"):
                if value := self.headers.get(name):
                    recorder.passwords.append(base64.b64decode(value.split()[-1]).decode().partition(":")[2])
            if recorder.redirect_to:
                self.send_response(302)
                self.send_header("Location", f"{recorder.redirect_to}{self.path}")
            else:
                self.send_response(401)
                self.send_header("WWW-Authenticate", 'Basic realm="git"')
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    recorder.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield recorder
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass(frozen=True)
class Spot:
    """A server under one of its two identities, in one of their spellings."""

    server: int
    kind: str
    spelling: str

    @property
    def identity(self) -> tuple[int, str]:
        return self.server, self.kind


def spots() -> st.SearchStrategy[Spot]:
    kinds = st.sampled_from([(kind, text) for kind, texts in SPELLINGS.items() for text in texts])
    return st.builds(lambda server, kind: Spot(server, *kind), st.integers(0, 1), kinds)


@dataclass(frozen=True)
class Case:
    token: str
    hosts: tuple[Spot | str, ...] | None
    address: Spot
    source: str
    default: Spot | None
    redirects: bool

    @property
    def bound(self) -> bool:
        if self.hosts is not None:
            return self.address.identity in [spot.identity for spot in self.hosts if isinstance(spot, Spot)]
        default = self.default is not None and self.default.identity == self.address.identity
        return default or self.source == "command line"


CASES = st.builds(
    Case,
    token=st.builds("{}{}".format, st.sampled_from(PREFIXES), st.text("abcXYZ012", min_size=20, max_size=36)),
    hosts=st.none() | st.lists(spots() | st.sampled_from(FOREIGN), min_size=1, max_size=3).map(tuple),
    address=spots(),
    source=st.sampled_from(["command line", "front matter", "API"]),
    default=st.none() | spots(),
    redirects=st.booleans(),
)  # fmt: skip
HERE, THERE = Spot(0, "address", "127.0.0.1"), Spot(1, "address", "127.0.0.1")


@pytest.fixture
def servers() -> Iterator[tuple[Recorder, Recorder, Recorder]]:
    with recording() as first, recording() as second, recording() as proxy:
        yield first, second, proxy


def _request(case: Case, address: str, folder: Path) -> Request:
    """The request as each face of Stepherd makes it."""
    folder.mkdir(exist_ok=True)
    instructions = folder / "instructions.md"
    head = f"---\nrepo: {address}\n---\n" if case.source == "front matter" else ""
    instructions.write_text(f"{head}# Do it\n", encoding="utf-8")
    given: dict[str, Any] = {"instructions": str(instructions), "command": "true"}
    if case.source == "API":
        body = {"run": {"repo": address, "command": "true"}, "instructions": "# Do it\n"}
        run_body = read_run_body(body, open_store(folder.as_uri()), allow_local=True)
        run_body.bring("run_1")
        given = run_body.request("run_1")
    elif case.source == "command line":
        given = with_typed_host({**given, "repo": address})
    else:
        given = with_typed_host(given)
    return check_whole_request("run_1", given)[0]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(case=CASES)
@example(case=Case("ghp_" + "a" * 36, None, HERE, "front matter", None, False))
@example(case=Case("x" * 40, None, HERE, "API", None, False))
@example(case=Case("x" * 40, None, HERE, "front matter", HERE, False))
@example(case=Case("x" * 40, None, HERE, "command line", None, True))
@example(case=Case("glpat-" + "x" * 20, (HERE,), THERE, "command line", THERE, False))
@example(case=Case("x" * 40, ("127.0.0.1",), HERE, "command line", HERE, False))
def test_no_server_gets_a_token_that_is_not_bound_to_it(
    case: Case, servers: tuple[Recorder, Recorder, Recorder], tmp_path: Path
) -> None:
    first, second, proxy = servers
    for server in servers:
        server.requests, server.redirect_to = 0, ""
        server.passwords.clear()

    def at(spot: Spot) -> str:
        return f"{spot.spelling}:{servers[spot.server].port}"

    asked, other = (first, second) if case.address.server == 0 else (second, first)
    asked.redirect_to = f"http://127.0.0.1:{other.port}" if case.redirects else ""
    secret = {"token": case.token}
    if case.hosts is not None:
        secret["hosts"] = ", ".join(at(each) if isinstance(each, Spot) else each for each in case.hosts)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STEPHERD_ALLOW_LOOPBACK_REMOTES", "1")
        patch.setenv("SECRET", json.dumps(secret))
        patch.setenv("GIT_CREDENTIALS_SECRET_ID", "env:SECRET")
        patch.setenv("DEFAULT_REPO", f"http://{at(case.default)}/x.git" if case.default else "")
        for name in ("http_proxy", "https_proxy", "all_proxy"):
            patch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        patch.delenv("no_proxy", raising=False)
        patch.delenv("NO_PROXY", raising=False)
        request = _request(case, f"http://{at(case.address)}/x.git", tmp_path / "run")
        with pytest.raises(StepherdError) as caught:
            probe(parse_repository(request.repo), git_credentials(request), tmp_path / "scratch")
    assert other.requests == proxy.requests == 0, "neither redirects nor proxies take part"
    assert case.token not in str(caught.value)
    if not case.bound:
        # Refused in words, before anything is sent.
        assert isinstance(caught.value, CredentialsError)
        assert asked.requests == 0
        assert "hosts" in caught.value.remedy
    elif not case.redirects and case.address.spelling in PLAIN:
        assert set(asked.passwords) == {case.token}


@pytest.mark.parametrize(
    ("hosts", "address", "admitted"),
    [
        ("Git.Example.com", "https://git.example.com/x", True),
        ("git.example.com.", "https://git.example.com/x", True),
        ("git.example.com", "https://git.example.com./x", True),
        ("git.example.com:443", "https://git.example.com/x", True),
        ("https://git.example.com/", "https://git.example.com:443/x", True),
        ("git.example.com", "https://git.example.com:8443/x", False),
        ("git.example.com:8443", "https://git.example.com/x", False),
        ("git.example.com", "https://git.example.com.evil.example/x", False),
        ("git.example.com", "https://evilgit.example.com/x", False),
        ("example.com", "https://git.example.com/x", False),
        ("xn--bcher-kva.example", "https://xn--bcher-kva.example/x", True),
        ("10.0.0.1", "https://0x0a000001/x", True),
        ("[fd00::1]:8443", "https://[FD00:0:0::1]:8443/x", True),
        ("[fd00::1]", "https://[fd00::2]/x", False),
        ("github.com, git.example.com", "https://git.example.com/x", True),
    ],
)
def test_hosts_are_compared_as_they_are_reached(
    tmp_path: Path, hosts: str, address: str, admitted: bool
) -> None:
    credentials = GitCredentials.from_secret({"token": "x" * 20, "hosts": hosts})
    repository = parse_repository(address)
    if admitted:
        assert prepare_access(repository, credentials, tmp_path).config is not None
    else:
        with pytest.raises(CredentialsError, match="are for"):
            prepare_access(repository, credentials, tmp_path)
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "hosts",
    [
        "*.example.com", "bücher.example", "me@git.example.com", "git.example.com/x", " , ", "a b", "h:99999",
        "http://git.example.com", "169.254.169.254", "git\t.example.com", "git.example.com?x", "[::1",
    ],
)  # fmt: skip
def test_hosts_that_are_none_are_refused_and_not_passed_over(hosts: str) -> None:
    with pytest.raises(ConfigurationError, match="'hosts'") as caught:
        GitCredentials.from_secret({"token": "t0ken-t0ken", "hosts": hosts})
    assert "github.com, git.example.com:8443" in caught.value.remedy


@pytest.mark.parametrize(
    ("token", "host"),
    [
        ("ghp_x", "github.com"), ("github_pat_x", "github.com"), ("gho_x", "github.com"),
        ("ghs_x", "github.com"), ("ghu_x", "github.com"), ("glpat-x", "gitlab.com"), ("xghp_x", None),
    ],
)  # fmt: skip
def test_a_prefix_tells_the_host_of_a_token_that_names_none(
    tmp_path: Path, token: str, host: str | None
) -> None:
    assert host_by_prefix(token) == host
    for each in ("github.com", "gitlab.com", "gist.github.com"):
        repository = parse_repository(f"https://{each}/x/y.git")
        if each == host:
            assert prepare_access(repository, GitCredentials(token=token), tmp_path).config
        else:
            with pytest.raises(CredentialsError):
                prepare_access(repository, GitCredentials(token=token), tmp_path)


def test_those_who_write_instructions_or_call_cannot_say_that_a_host_was_typed(tmp_path: Path) -> None:
    with pytest.raises(InvalidFrontMatter):
        split_front_matter("---\ngit_token_host: evil.example\n---\n# Do it\n")
    body = {"run": {"repo": "https://evil.example/x", "git_token_host": "evil.example"}, "instructions": "x"}
    with pytest.raises(InvalidCall, match="git_token_host"):
        read_run_body(body, open_store(tmp_path.as_uri()), allow_local=True)


def test_the_owner_of_a_container_s_environment_has_typed_its_repository() -> None:
    """As it was asked for: a token without hosts, and REPO_URL."""
    environment = {
        "REPO_URL": "https://git.example.com/me/x.git", "INSTRUCTIONS_S3_URI": "s3://bucket/instructions.md"
    }  # fmt: skip
    assert with_typed_host(request_of(environment))["git_token_host"] == "git.example.com"


def test_a_run_of_an_earlier_version_ends_as_it_began() -> None:
    request = Request("run_1", "i", "https://git.example.com/x", None, "b", "a", None, "m", 1, "branch", None,
                      False, None)  # fmt: skip
    fields = request.to_json()
    assert Request.from_json(fields).git_token_host is None
    del fields["git_token_host"]
    assert Request.from_json(fields).git_token_host == "git.example.com"


def test_an_address_without_a_server_has_no_token(tmp_path: Path) -> None:
    (tmp_path / ".git").write_text("gitdir: elsewhere\n")
    assert token_host(parse_repository(str(tmp_path))) is None
    assert token_host(parse_repository("git@github.com:me/x.git")) is None
    assert read_hosts("github.com") == ("github.com",)
