"""An authority and a proxy of one's own count as they do for git, over real https; neither gets hold of a
token."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tests.integration.repositories.authority import Authority
from tests.integration.repositories.http_server import GitServer, serve
from tests.integration.repositories.origin import Origin, Run, files_below, text_below
from tests.integration.repositories.proxy import Proxy, proxying

from stepherd.engine.local import base_environment
from stepherd.errors import StepherdError
from stepherd.repositories.address import parse_repository
from stepherd.repositories.binding import token_host
from stepherd.repositories.config_text import config_text
from stepherd.repositories.credentials import GitCredentials, prepare_access
from stepherd.repositories.probe import probe
from stepherd.repositories.refusals import CertificateRefused, ProxyRefused
from stepherd.repositories.way_out import PROXY_VARIABLES, TRUST_VARIABLES

TOKEN = "canary" + "-t0ken-" + "0d9c8b7a6f"
PASSWORD = "pr0xy" + "-w0rd-" + "5566aa77"


@dataclass(frozen=True)
class Site:
    """A forge with a certificate of its own authority, and a person with a home."""

    server: GitServer
    origin: Origin
    authority: Authority
    other: Authority
    home: Path


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    origin = Origin.create(folder / "origin")
    authority, other = Authority(folder), Authority(folder, "other")
    home = folder / "home"
    home.mkdir()
    (home / "authority.pem").write_bytes(authority.file.read_bytes())
    with serve(origin.folder, TOKEN, tls=authority.context()) as server:
        yield Site(server, origin, authority, other, home)


@pytest.fixture(autouse=True)
def person(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine's own settings stay outside."""
    for name in (*PROXY_VARIABLES, *TRUST_VARIABLES, "STEPHERD_USER_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(site.home))
    (site.home / ".gitconfig").unlink(missing_ok=True)


def _configure(site: Site, *pairs: tuple[str, str]) -> None:
    (site.home / ".gitconfig").write_text(config_text(pairs))


def _objection(site: Site, scratch: Path, url: str, *, token: bool) -> StepherdError | None:
    repository = parse_repository(url, allow_http_loopback=True)
    credentials = (
        GitCredentials(token=TOKEN, hosts=(token_host(repository) or "",)) if token else GitCredentials()
    )
    scratch.mkdir(exist_ok=True)
    try:
        probe(repository, credentials, scratch)
    except StepherdError as error:
        return error
    finally:
        assert files_below(scratch) == []
    return None


def _git_can(site: Site, folder: Path, url: str, **variables: str) -> bool:
    """Whether the person's own git, with all of the person's settings, gets through."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(site.home),
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_CONFIG_NOSYSTEM": "1",
        **variables,
    }
    words = [
        "git",
        "-c",
        f"credential.helper=!f() {{ echo username=x-access-token; echo password={TOKEN}; }}; f",
    ]
    done = subprocess.run(
        [*words, "ls-remote", url], env=environment, cwd=folder, capture_output=True, check=False
    )
    return done.returncode == 0


FILES = ("none", "right", "wrong", "home")


@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    general=st.sampled_from(FILES),
    narrow=st.sampled_from(FILES),
    variable=st.sampled_from(FILES[:3]),
    where=st.sampled_from(["server", "other"]),
)
@example(general="none", narrow="none", variable="none", where="server")
@example(general="right", narrow="none", variable="none", where="server")
@example(general="wrong", narrow="right", variable="none", where="server")
@example(general="wrong", narrow="right", variable="none", where="other")
@example(general="right", narrow="right", variable="wrong", where="server")
@example(general="home", narrow="none", variable="none", where="server")
@example(general="none", narrow="none", variable="right", where="server")
def test_authorities_count_as_they_do_for_git(
    site: Site, tmp_path: Path, general: str, narrow: str, variable: str, where: str
) -> None:
    """GIVEN an authority named in any of the places, the right one or another WHEN a run asks the forge
    THEN it gets through exactly when the person's own git does."""
    files = {"right": str(site.authority.file), "wrong": str(site.other.file), "home": "~/authority.pem"}
    url = f"{site.server.url}/team.git"
    host = site.server.url if where == "server" else "https://elsewhere.example"
    pairs = []
    if general != "none":
        pairs.append(("http.sslCAInfo", files[general]))
    if narrow != "none":
        pairs.append((f"http.{host}/.sslCAInfo", files[narrow]))
    _configure(site, *pairs)
    variables = {"GIT_SSL_CAINFO": files[variable]} if variable != "none" else {}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        objection = _objection(site, tmp_path / "scratch", url, token=True)
    assert (objection is None) == _git_can(site, tmp_path, url, **variables), str(objection)
    if objection is not None:
        assert isinstance(objection, CertificateRefused)
        assert "http.sslCAInfo" in objection.remedy


@pytest.mark.parametrize("token", [True, False])
def test_what_other_programs_trust_is_trusted_unless_git_says_otherwise(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, token: bool
) -> None:
    helper = ("credential.helper", f"!f() {{ echo username=x-access-token; echo password={TOKEN}; }}; f")
    _configure(site, helper)
    url = f"{site.server.url}/team.git"
    assert isinstance(_objection(site, tmp_path / "s", url, token=token), CertificateRefused)
    monkeypatch.setenv("SSL_CERT_FILE", str(site.authority.file))
    assert _objection(site, tmp_path / "s", url, token=token) is None
    _configure(site, helper, ("http.sslCAInfo", str(site.other.file)))
    assert isinstance(_objection(site, tmp_path / "s", url, token=token), CertificateRefused)


def test_checks_cannot_be_turned_off_by_a_setting(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where git would go on with whoever answers, a token stays here."""
    monkeypatch.setenv("GIT_SSL_NO_VERIFY", "1")
    _configure(site, ("http.sslVerify", "false"), ("http.proxySSLVerify", "false"))
    url = f"{site.server.url}/team.git"
    assert isinstance(_objection(site, tmp_path / "s", url, token=True), CertificateRefused)


@pytest.fixture
def trusting(site: Site, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """A proxy, and a forge that can be reached through it alone: no other server knows its name."""
    monkeypatch.setenv("GIT_SSL_CAINFO", str(site.authority.file))
    with proxying(site.server.port) as proxy:
        yield proxy


@pytest.mark.exhaustive
@pytest.mark.parametrize("way", ["https_proxy", "HTTPS_PROXY", "all_proxy", "http.proxy", "http.URL.proxy"])
def test_a_run_travels_through_a_proxy_that_never_sees_the_token(
    site: Site, trusting: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    address = f"http://127.0.0.1:{trusting.port}"
    if way.startswith("http."):
        _configure(site, (way.replace("URL", "https://forge.example"), address))
    else:
        monkeypatch.setenv(way, address)
    repository = parse_repository("https://forge.example/team.git")
    run = Run(tmp_path / "run", repository, GitCredentials(token=TOKEN), branch=f"stepherd/{way}", pauses=())
    run.work()
    commit = run.push().commit
    assert site.origin.tip(run.branch) == commit
    assert set(trusting.asked) == {"CONNECT forge.example:443"}
    assert TOKEN.encode() not in trusting.seen
    assert TOKEN.encode() not in text_below(run.folder)


@pytest.mark.parametrize("way", ["no_proxy", "NO_PROXY", "http.URL.proxy empty"])
def test_what_needs_no_proxy_is_asked_without(
    site: Site, trusting: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    pairs = [("http.proxy", f"http://127.0.0.1:{trusting.port}")]
    if way in {"no_proxy", "NO_PROXY"}:
        monkeypatch.setenv(way, "127.0.0.1")
    else:
        pairs.append((f"http.{site.server.url}.proxy", ""))
    _configure(site, *pairs)
    assert _objection(site, tmp_path / "s", f"{site.server.url}/team.git", token=True) is None
    assert trusting.asked == []


def test_a_proxy_that_wants_a_login_says_so_and_its_password_is_told_to_nobody(
    site: Site, trusting: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trusting.login = f"ann:{PASSWORD}"
    url = "https://forge.example/team.git"
    monkeypatch.setenv("https_proxy", f"http://ann:{PASSWORD}x@127.0.0.1:{trusting.port}")
    refused = _objection(site, tmp_path / "s", url, token=True)
    assert isinstance(refused, ProxyRefused)
    assert "407" in refused.message
    assert PASSWORD not in str(refused) + refused.details
    monkeypatch.setenv("https_proxy", f"http://ann:{PASSWORD}@127.0.0.1:{trusting.port}")
    assert _objection(site, tmp_path / "s", url, token=True) is None
    # Whatever git says of it one day: its words are searched for it.
    _configure(site, ("http.proxy", f"http://bob:{PASSWORD}%2Fy@127.0.0.1:{trusting.port}"))
    for credentials in (GitCredentials(), GitCredentials(token=TOKEN, hosts=("forge.example",))):
        private = tmp_path / f"private-{credentials.own}"
        private.mkdir()
        access = prepare_access(parse_repository(url), credentials, private)
        assert {PASSWORD, f"{PASSWORD}%2Fy", f"{PASSWORD}/y"} <= set(access.secrets)


@pytest.mark.parametrize("token", [True, False])
def test_no_proxy_is_asked_for_http_which_it_could_read(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, token: bool
) -> None:
    with serve(site.origin.folder, TOKEN) as plain, proxying(plain.port) as proxy:
        address = f"http://127.0.0.1:{proxy.port}"
        for name in ("http_proxy", "all_proxy"):
            monkeypatch.setenv(name, address)
        helper = ("credential.helper", f"!f() {{ echo username=x-access-token; echo password={TOKEN}; }}; f")
        _configure(site, helper, ("http.proxy", address), (f"http.{plain.url}.proxy", address))
        assert _objection(site, tmp_path / "s", f"{plain.url}/team.git", token=token) is None
    assert proxy.asked == []


def test_nothing_of_a_repository_or_of_a_folder_counts(
    site: Site, trusting: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """GIVEN a task that works inside of a repository whose configuration names a proxy and an authority."""
    inside = tmp_path / "repository"
    subprocess.run(["git", "init", "-q", str(inside)], check=True)
    with (inside / ".git" / "config").open("a") as config:
        settings = [("http.proxy", "http://127.0.0.1:9"), ("http.sslCAInfo", str(site.other.file))]
        config.write(config_text(settings))
    monkeypatch.chdir(inside)
    assert _objection(site, inside / "scratch", f"{site.server.url}/team.git", token=True) is None


@pytest.mark.parametrize(
    "value",
    ["!touch CANARY", "ext::touch% CANARY", "file:///etc/passwd", "--upload-pack=touch CANARY", "a b"],
)
def test_a_proxy_that_is_no_address_is_left_out_and_nothing_runs(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("GIT_SSL_CAINFO", str(site.authority.file))
    monkeypatch.chdir(tmp_path)
    _configure(
        site, ("http.proxy", value), ("core.gitProxy", "touch CANARY"), ("core.sshCommand", "touch CANARY")
    )
    _objection(site, tmp_path / "s", f"{site.server.url}/team.git", token=True)
    assert not list(tmp_path.rglob("CANARY"))


def test_tasks_of_the_engine_get_what_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*PROXY_VARIABLES, *TRUST_VARIABLES):
        monkeypatch.setenv(name, name)
    passed = base_environment()
    assert {name: passed.get(name) for name in (*PROXY_VARIABLES, *TRUST_VARIABLES)} == {
        name: name for name in (*PROXY_VARIABLES, *TRUST_VARIABLES)
    }
