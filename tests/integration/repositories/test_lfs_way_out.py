"""Contents of Git LFS go the way that git goes: by its authorities and its proxies."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import pytest
from tests.integration.repositories.authority import Authority
from tests.integration.repositories.http_server import GitServer, serve
from tests.integration.repositories.lfs_backend import LfsBackend
from tests.integration.repositories.origin import Origin, Run, text_below
from tests.integration.repositories.proxy import proxying

from stepherd.errors import UnavailableError
from stepherd.repositories.address import parse_repository
from stepherd.repositories.config_text import config_text
from stepherd.repositories.credentials import GitCredentials
from stepherd.repositories.push import PushFacts
from stepherd.repositories.way_out import PROXY_VARIABLES, TRUST_VARIABLES

TOKEN = "canary" + "-t0ken-" + "4455aa66bb"
NEW = b"\x00\xffnew content\r\n" * 5000
OID = sha256(NEW).hexdigest()
FILES = {".gitattributes": "*.bin filter=lfs -text\n"}


@dataclass
class Site:
    """A forge with Git LFS and a certificate of its own authority, and a person with a home."""

    server: GitServer
    lfs: LfsBackend
    authority: Authority
    other: Authority
    home: Path
    folder: Path

    def configure(self, *pairs: tuple[str, str]) -> None:
        (self.home / ".gitconfig").write_text(config_text(pairs))

    def push(self, url: str) -> PushFacts:
        """A run that adds a file of Git LFS, to its push."""
        self.lfs.url = url
        run = Run(self.folder / "run", parse_repository(f"{url}/team/team.git"), GitCredentials(token=TOKEN))
        run.pauses = ()
        run.clone()
        (run.workspace / "new.bin").write_bytes(NEW)
        run.write({"other.txt": "other\n"})
        run.record(keep=lambda content: shutil.copyfile(run.workspace / content.path, self.folder / OID))
        return run.pushed(fetch=lambda oid, path: shutil.copyfile(self.folder / oid, path))


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    for name in (*PROXY_VARIABLES, *TRUST_VARIABLES, "STEPHERD_USER_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("STEPHERD_ALLOW_LOOPBACK_REMOTES", "1")
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    Origin.create(tmp_path / "team", FILES)
    authority, other = Authority(tmp_path), Authority(tmp_path, "other")
    with serve(tmp_path, TOKEN, tls=authority.context()) as server:
        server.lfs = LfsBackend(server.url)
        yield Site(server, server.lfs, authority, other, home, tmp_path)


@pytest.mark.exhaustive
@pytest.mark.parametrize("way", ["GIT_SSL_CAINFO", "SSL_CERT_FILE", "http.sslCAInfo", "http.URL.sslCAInfo"])
def test_an_authority_of_one_s_own_is_trusted(site: Site, monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    if way.startswith("http."):
        site.configure((way.replace("URL", site.server.url), str(site.authority.file)))
    else:
        monkeypatch.setenv(way, str(site.authority.file))
    assert site.push(site.server.url).left_out == ()
    assert site.lfs.contents == {OID: NEW}


def test_the_narrowest_address_decides_also_against_it(site: Site) -> None:
    of_lfs = f"http.{site.server.url}/team/team.git/info/lfs.sslCAInfo"
    site.configure(("http.sslCAInfo", str(site.authority.file)), (of_lfs, str(site.other.file)))
    with pytest.raises(UnavailableError, match="certificate"):
        site.push(site.server.url)
    assert site.lfs.contents == {}


@pytest.mark.exhaustive
@pytest.mark.parametrize("way", ["https_proxy", "ALL_PROXY", "http.proxy", "http.URL.proxy"])
def test_a_proxy_is_taken_and_sees_no_token(site: Site, monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    monkeypatch.setenv("GIT_SSL_CAINFO", str(site.authority.file))
    url = "https://forge.example"
    with proxying(site.server.port) as proxy:
        proxy.login = "ann:pa/ss"
        address = f"http://ann:pa%2Fss@127.0.0.1:{proxy.port}"
        if way.startswith("http."):
            site.configure((way.replace("URL", url), address))
        else:
            monkeypatch.setenv(way, address)
        assert site.push(url).left_out == ()
    assert site.lfs.contents == {OID: NEW}
    assert set(proxy.asked) == {"CONNECT forge.example:443"}
    assert TOKEN.encode() not in bytes(proxy.seen) + text_below(site.folder / "run")


def test_an_address_that_needs_no_proxy_is_gone_to_without(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    with proxying(site.server.port) as proxy:
        site.configure(
            ("http.sslCAInfo", str(site.authority.file)),
            ("http.proxy", f"http://127.0.0.1:{proxy.port}"),
            (f"http.{site.server.url}.proxy", ""),
        )
        # The variable counts for neither: git's setting comes first.
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{proxy.port}")
        assert site.push(site.server.url).left_out == ()
    assert site.lfs.contents == {OID: NEW}
    assert proxy.asked == []


def test_a_proxy_that_cannot_be_used_leaves_the_file_out_and_says_why(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_lfs = f"http.{site.server.url}/team/team.git/info/lfs.proxy"
    site.configure(("http.sslCAInfo", str(site.authority.file)), (of_lfs, "socks5h://127.0.0.1:9"))
    (left_out,) = site.push(site.server.url).left_out
    assert left_out.path == "new.bin"
    assert "behind a socks5h proxy" in left_out.detail
