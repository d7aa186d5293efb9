"""Fault 66: hostile repository addresses are refused with a reason before anything is started."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stepherd.errors import UsageError
from stepherd.repositories.address import parse_repository
from stepherd.text.plain import is_unsafe

REFUSED = {
    "": "empty",
    "   ": "empty",
    "--upload-pack=touch /tmp/x": "option",
    "-u": "option",
    "ext::sh -c touch% /tmp/x": "remote helper",
    "ext::https://github.com/a/b": "remote helper",
    "::https://github.com/a/b": "remote helper",
    "::": "remote helper",
    "codecommit::eu-west-1://repo": "remote helper",
    "file:///etc": "not the top of a git repository",
    "/etc": "not the top of a git repository",
    "file:///no/such/folder": "no such folder",
    "/no/such/folder": "no such folder",
    "~nobody-of-this-name/x": "no such user",
    "file://host/path": "file:///path",
    "git://github.com/a/b": "not a protocol",
    "ftp://github.com/a/b": "not a protocol",
    "http://github.com/a/b": "not encrypted",
    "ssh://-oProxyCommand=touch%20x/a": "option",
    "ssh://git@-oProxyCommand=x/a": "option",
    "-oProxyCommand=x:a/b": "option",
    "git@-oProxyCommand=x:a/b": "option",
    "ssh://-l@host/a": "user name",
    "host:-x": "starts with '-'",
    "https://github.com/a/b%0aHost:x": "control",
    "https://github.com/a/b%1b[0m": "control",
    "https://github.com/a/%C2%85": "control",
    "https://github.com/a/b\n": "control",
    "https://github.com/a/\x1b[31mb": "control",
    "https://github.com/a/b\u202egit": "control or invisible",
    "https:///h": "no host",
    "https://": "no host",
    "https://github.com": "does not name a repository",
    "https://github.com/": "does not name a repository",
    "https://github.com//etc/x": "'//'",
    "https://github.com/a/../b": "'..'",
    "https://github.com/a/%2e%2e/b": "'..'",
    "https://user:pass@github.com/a/b": "user name or password",
    "https://token@github.com/a/b": "user name or password",
    "https://@github.com/a/b": "user name or password",
    "ssh://git:pass@github.com/a/b": "user name or password",
    "https://gith\u00fcb.com/a/b": "outside ASCII",
    "https://\u0261ithub.com/a/b": "outside ASCII",
    "git@\u0261ithub.com:a/b": "outside ASCII",
    "https://github.com/a b": "space",
    "https://github.com\\@evil.com/a": "backslash",
    "https://github.com/a?x=1": "query",
    "https://github.com/a#x": "fragment",
    "https://github.com:0/a": "port",
    "https://github.com:99999/a": "cannot be read",
    "https://169.254.169.254/latest": "link-local",
    "https://169.254.170.2/v2/credentials": "link-local",
    "https://2852039166/latest": "link-local",
    "https://0xa9fea9fe/latest": "link-local",
    "https://0251.0376.0251.0376/latest": "link-local",
    "https://169.254.43518/latest": "link-local",
    "https://[fe80::1]/a": "link-local",
    "https://[fe80::1%25eth0]/a": "'%'",
    "https://[::ffff:169.254.169.254]/a": "link-local",
    "https://[64:ff9b::a9fe:a9fe]/a": "link-local",
    "https://[2002:a9fe:a9fe::1]/a": "link-local",
    "https://[fd00:ec2::254]/a": "metadata",
    "ssh://git@169.254.169.254/a": "link-local",
    "git@169.254.169.254:a/b": "link-local",
    "https://metadata.google.internal/a": "metadata",
    "https://METADATA.google.internal./a": "metadata",
    "https://100.100.100.200/a": "metadata",
    "https://0.0.0.0/a": "special",
    "https://0/a": "special",
    "https://[::]/a": "special",
    "https://224.0.0.1/a": "special",
    "https://localhost/a": "this machine",
    "https://LOCALHOST./a": "this machine",
    "https://x.localhost/a": "this machine",
    "https://127.0.0.1/a": "this machine",
    "https://127.1/a": "this machine",
    "https://2130706433/a": "this machine",
    "https://[::1]/a": "this machine",
    "https://[::ffff:127.0.0.1]/a": "this machine",
    "http://127.0.0.1/a": "this machine",
    "git@localhost:a/b": "this machine",
    "https://github.com/" + "a" * 3000: "longer than",
    "https://exa mple.com/a": "space",
    "https://-.com/a": "option",
    "https://a..b/c": "not a name",
}


@pytest.mark.parametrize(("text", "reason"), REFUSED.items(), ids=range(len(REFUSED)))
def test_a_hostile_address_is_refused_with_its_reason(text: str, reason: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_repository(text, allow_http_loopback=False)
    assert reason in caught.value.message
    assert caught.value.remedy
    assert not any(ord(letter) < 32 or ord(letter) == 0x202E for letter in str(caught.value))


def test_a_password_in_an_address_is_not_repeated_in_the_error() -> None:
    with pytest.raises(UsageError) as caught:
        parse_repository("https://x:hunter2hunter2@github.com/a/b")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("text", ["/tmp", "file:///tmp", ".", "~"])
def test_no_folder_is_a_repository_where_folders_cannot_be_reached(text: str) -> None:
    with pytest.raises(UsageError, match="cannot reach a folder"):
        parse_repository(text, allow_local=False)


@pytest.mark.parametrize(
    ("text", "url", "host", "path"),
    [
        ("https://github.com/o/n.git", "https://github.com/o/n.git", "github.com", "o/n.git"),
        ("HTTPS://GitHub.com:443/o/n", "https://github.com:443/o/n", "github.com", "o/n"),
        ("git@github.com:o/n.git", "git@github.com:o/n.git", "github.com", "o/n.git"),
        ("ssh://git@host.example:2222/o/n", "ssh://git@host.example:2222/o/n", "host.example", "o/n"),
        ("host:o/n", "host:o/n", "host", "o/n"),
        ("https://10.1.2.3/o/n", "https://10.1.2.3/o/n", "10.1.2.3", "o/n"),
        ("https://[2001:db8::1]/o/n", "https://[2001:db8::1]/o/n", "2001:db8::1", "o/n"),
        ("https://xn--gthub-cta.com/o/n", "https://xn--gthub-cta.com/o/n", "xn--gthub-cta.com", "o/n"),
    ],
)
def test_an_honest_address_is_taken(text: str, url: str, host: str, path: str) -> None:
    found = parse_repository(text, allow_local=False, allow_http_loopback=False)
    assert (found.url, found.host, found.path) == (url, host, path)


def test_loopback_needs_the_operators_word(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEPHERD_ALLOW_LOOPBACK_REMOTES", "1")
    assert parse_repository("http://127.0.0.1:8080/a.git").kind == "http"
    monkeypatch.delenv("STEPHERD_ALLOW_LOOPBACK_REMOTES")
    with pytest.raises(UsageError):
        parse_repository("http://127.0.0.1:8080/a.git")


@example(
    "1:\ud7fc"
)  # Of no category that a terminal obeys: a letter to be, in some later version of Unicode.
@given(st.text(max_size=60) | st.text(alphabet="htps:/@[]-.%0a~\\ \x1bé", max_size=40))
def test_any_text_is_taken_or_refused_and_never_gives_an_option_or_a_control(text: str) -> None:
    try:
        found = parse_repository(text, allow_local=False, allow_http_loopback=False)
    except UsageError:
        return
    assert not found.url.startswith("-")
    assert not is_unsafe(found.url)
    assert found.host


def test_a_folder_is_taken_by_path_and_by_url(tmp_path: Path) -> None:
    import subprocess

    subprocess.run(["git", "init", "-q", str(tmp_path / "a b")], check=True)
    for text in (str(tmp_path / "a b"), f"file://{tmp_path}/a%20b", f"{tmp_path}/./a b/"):
        found = parse_repository(text)
        assert (found.kind, found.url) == ("file", str(tmp_path / "a b"))
    (tmp_path / "a b" / "below").mkdir()
    with pytest.raises(UsageError, match="top of a git"):
        parse_repository(str(tmp_path / "a b" / "below"))


def test_a_folder_within_a_repository_is_told_its_top(tmp_path: Path) -> None:
    (tmp_path / "project/.git").mkdir(parents=True)
    (tmp_path / "project/docs/deep").mkdir(parents=True)
    with pytest.raises(UsageError) as refused:
        parse_repository(str(tmp_path / "project/docs/deep"))
    assert refused.value.remedy == f"Its top is {tmp_path / 'project'}."
