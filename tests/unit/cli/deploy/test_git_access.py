"""Tokens and keys are recognised, and neither is shown."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from stepherd.cli.deploy.git_access import TOKEN_VARIABLE, GitAccess, bound_access, given_access
from stepherd.errors import ConfigurationError, DataError, UsageError

_TOKEN = "ghp_0123456789abcdef"


def _key(folder: Path, passphrase: str) -> Path:
    program = shutil.which("ssh-keygen")
    if program is None:
        pytest.skip("ssh-keygen is not installed")
    path = folder / "key"
    subprocess.run([program, "-q", "-t", "ed25519", "-N", passphrase, "-f", str(path)], check=True)
    return path


def test_a_token_comes_bare_or_with_what_else_the_secret_shall_hold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "token"
    file.write_text(f"  {_TOKEN}\n")
    assert given_access(str(file), None, none=False).fields == {"token": _TOKEN}
    file.write_text(f'{{"token": "{_TOKEN}", "email": "ada@example.com"}}')
    assert given_access(str(file), None, none=False).fields == {"token": _TOKEN, "email": "ada@example.com"}
    monkeypatch.setenv(TOKEN_VARIABLE, _TOKEN)
    found = given_access(None, None, none=False)
    assert (found.choice, found.fields) == ("given", {"token": _TOKEN})
    assert _TOKEN not in repr(found)
    assert given_access(None, None, none=True).choice == "none"


@pytest.mark.parametrize("text", ["two words", "-----BEGIN PRIVATE KEY-----\nx", "a\x1bb", "x\ny"])
def test_what_is_no_token_is_refused_unseen(tmp_path: Path, text: str) -> None:
    file = tmp_path / "token"
    file.write_text(text)
    with pytest.raises(DataError) as raised:
        given_access(str(file), None, none=False)
    assert text not in str(raised.value)


def test_a_key_is_taken_whole_and_one_with_a_passphrase_not_at_all(tmp_path: Path) -> None:
    plain = _key(tmp_path, "")
    fields = given_access(None, str(plain), none=False).fields
    assert fields == {"ssh_key": plain.read_text()}
    with pytest.raises(DataError, match="holds no private key"):
        given_access(None, f"{plain}.pub", none=False)
    (tmp_path / "locked").mkdir()
    with pytest.raises(DataError, match="has a passphrase"):
        given_access(None, str(_key(tmp_path / "locked", "secret")), none=False)


def test_two_ways_at_once_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="do not go together"):
        given_access("a", "b", none=False)


def _bound(fields: dict[str, str], hosts: str | None = None, *, likely: str | None = None) -> str:
    access = bound_access(GitAccess("given", fields), hosts, secret_there=False, likely=likely, ask=False)
    return access.fields.get("hosts", "")


def test_a_token_is_bound_to_hosts_from_the_start() -> None:
    plain = {"token": "t0ken-without-a-prefix"}
    assert _bound({"token": _TOKEN}) == "github.com"
    assert _bound({"token": _TOKEN}, "Git.Example.com:8443") == "git.example.com:8443"
    assert _bound({"token": _TOKEN, "hosts": "a.example"}, "b.example") == "b.example"
    assert _bound({"token": _TOKEN, "hosts": "a.example"}, likely="b.example") == "a.example"
    assert _bound(plain, likely="git.example.com") == "git.example.com"
    with pytest.raises(UsageError, match="which hosts") as caught:
        _bound(plain)
    assert "--git-hosts" in caught.value.remedy
    with pytest.raises(ConfigurationError, match="not a host"):
        _bound({**plain, "hosts": "*"})
    assert _bound({"ssh_key": "x"}) == "", "a key is never sent"
    assert _bound({"ssh_key": "x"}, "github.com") == "github.com"


@pytest.mark.parametrize(
    ("token", "typed", "hosts"),
    [
        (_TOKEN, "\n", "github.com"),
        ("glpat-x", "git.example.com\n", "git.example.com"),
        ("plain", "not a host\ngit.example.com\n", "git.example.com"),
    ],
)
def test_a_person_is_asked_for_the_hosts_of_a_token(token: str, typed: str, hosts: str) -> None:
    @click.command()
    def ask() -> None:
        given = GitAccess("given", {"token": token})
        bound = bound_access(given, None, secret_there=False, likely=None, ask=True)
        click.echo(f"bound to {bound.fields['hosts']}")

    done = CliRunner().invoke(ask, input=typed)
    assert f"bound to {hosts}" in done.output, done.output


def test_hosts_alone_are_for_what_is_stored_already() -> None:
    unsaid = GitAccess("unsaid")
    bound = bound_access(unsaid, "github.com", secret_there=True, likely=None, ask=False)
    assert bound.fields == {"hosts": "github.com"}
    with pytest.raises(UsageError, match="--git-hosts"):
        bound_access(unsaid, "github.com", secret_there=False, likely=None, ask=False)
    assert bound_access(unsaid, None, secret_there=True, likely="x", ask=False) == unsaid
