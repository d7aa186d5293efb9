from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any, cast

import pytest

from stepherd.errors import ConfigurationError, CredentialsError
from stepherd.repositories.address import Repository
from stepherd.repositories.credentials import GitCredentials, Identity, commit_identity, prepare_access
from stepherd.repositories.own import read_own_settings
from stepherd.services.secrets.contract import parse_secret

SSH = Repository("ssh://git@host/x", "ssh", "host", "host/x", "x")


def test_a_secret_is_read_with_its_known_keys_and_others_are_left_alone() -> None:
    found = GitCredentials.from_secret({"token": " t0ken\n", "name": "Bot", "other": "x", "username": ""})
    assert found == GitCredentials(token="t0ken", name="Bot")
    assert not found.own
    assert GitCredentials.from_secret(None).own
    assert GitCredentials.from_secret({"name": "Bot"}).own


@pytest.mark.parametrize("secret", [{"token": "a\nhost=evil"}, {"username": "a\rb"}, {"token": 5}])
def test_a_secret_that_would_confuse_the_helper_protocol_is_refused(secret: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        GitCredentials.from_secret(cast("dict[str, str]", secret))
    assert "evil" not in str(caught.value)
    assert caught.value.remedy


@pytest.mark.parametrize("secret", [{"token": "t0ken"}, {"ssh_key": "key"}])
@pytest.mark.parametrize("kind", ["ssh", "https"])
def test_credentials_that_say_their_hosts_go_to_no_other(
    tmp_path: Path, kind: Any, secret: dict[str, str]
) -> None:
    """Anyone with the right to start a run may name any repository, one of their own as well."""
    credentials = GitCredentials.from_secret({**secret, "hosts": "github.com, Git.Example.com"})
    evil = Repository(f"{kind}://evil.example/x", kind, "evil.example", "evil.example/x", "x")
    with pytest.raises(CredentialsError) as caught:
        prepare_access(evil, credentials, tmp_path)
    assert "evil.example" in caught.value.message
    assert "github.com" in caught.value.message
    assert list(tmp_path.iterdir()) == [], "nothing was written for it"


def test_a_key_without_hosts_is_for_every_host_because_it_is_never_sent(tmp_path: Path) -> None:
    assert prepare_access(SSH, GitCredentials(ssh_key="KEY"), tmp_path).protocol == "ssh"


def test_ssh_with_a_key_leaves_the_persons_configuration_and_agent_out(tmp_path: Path) -> None:
    access = prepare_access(SSH, GitCredentials(ssh_key="KEY", known_hosts="host ssh-ed25519 AAAA"), tmp_path)
    command = access.environment["GIT_SSH_COMMAND"]
    for part in ("-F /dev/null", "BatchMode=yes", "IdentitiesOnly=yes", "IdentityAgent=none"):
        assert part in command
    for part in ("ProxyCommand=none", "StrictHostKeyChecking=yes", "PermitLocalCommand=no"):
        assert part in command
    assert "KEY" not in command
    assert "SSH_AUTH_SOCK" not in access.environment
    assert (tmp_path / "key").read_text() == "KEY\n"
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600


def test_ssh_without_a_key_uses_the_persons_agent_and_never_writes_their_known_hosts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSH_AUTH_SOCK", "/agent")
    monkeypatch.setenv("STEPHERD_USER_HOME", "/home/person")
    access = prepare_access(SSH, GitCredentials(), tmp_path)
    assert access.environment["SSH_AUTH_SOCK"] == "/agent"
    assert access.environment["HOME"] == "/home/person"
    command = access.environment["GIT_SSH_COMMAND"]
    assert "-F" not in command.split()
    assert f'UserKnownHostsFile="{tmp_path}/known_hosts" "/home/person/.ssh/known_hosts"' in command


def test_only_credentials_trusted_folders_and_the_identity_are_taken_from_the_persons_configuration(
    tmp_path: Path,
) -> None:
    (tmp_path / "more").write_text('[credential "https://h.example"]\n\thelper = "!gh \\"x\\" auth"\n')
    (tmp_path / ".gitconfig").write_text(
        "[user]\n\tname = Ada\n\temail = ada@example.com\n[credential]\n\thelper =\n\tuseHttpPath\n"
        f"[safe]\n\tdirectory = /srv/x\n[include]\n\tpath = {tmp_path}/more\n"
        '[url "evil"]\n\tinsteadOf = good\n[core]\n\thooksPath = /evil\n\tsshCommand = evil\n'
    )
    found = read_own_settings(tmp_path, tmp_path)
    theirs = [pair for pair in found.settings if "h.example" in pair[0] or pair[0] in {"credential.helper"}]
    assert theirs[-2:] == [
        ("credential.helper", ""),
        ("credential.https://h.example.helper", '!gh "x" auth'),
    ]
    assert ("credential.usehttppath", "true") in found.settings
    assert ("safe.directory", "/srv/x") in found.settings
    assert {key.split(".")[0] for key, _ in found.settings} <= {"credential", "safe"}
    assert (found.name, found.email) == ("Ada", "ada@example.com")


def test_settings_survive_the_way_through_the_private_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = "credential.https://h.example/a.b.helper"
    awkward = '!f() { printf "a\\\\b%s\\n" "$1"; }; f # ; "x"'
    home = tmp_path / "home"
    home.mkdir()
    subprocess.run(
        [
            "git",
            "config",
            "--file",
            str(home / ".gitconfig"),
            "credential.https://h.example/a.b.helper",
            awkward,
        ],
        check=True,
    )
    monkeypatch.setenv("STEPHERD_USER_HOME", str(home))
    private = tmp_path / "private"
    private.mkdir()
    https = Repository("https://h.example/x", "https", "h.example", "h/x", "x")
    access = prepare_access(https, GitCredentials(), private)
    assert access.config is not None
    shown = subprocess.run(
        ["git", "config", "--file", str(access.config), key],
        check=True,
        capture_output=True,
        text=True,
    )
    assert shown.stdout == awkward + "\n"


def test_the_commits_identity_comes_from_the_secret_then_the_person_then_us(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEPHERD_USER_HOME", str(tmp_path))
    own = commit_identity(GitCredentials(), tmp_path)
    (tmp_path / ".gitconfig").write_text("[user]\n\tname = Ada\n\temail = ada@example.com\n")
    assert commit_identity(GitCredentials(), tmp_path) == Identity("Ada", "ada@example.com")
    assert commit_identity(GitCredentials(name="Bot"), tmp_path) == Identity("Bot", "ada@example.com")
    assert own.email


@pytest.mark.parametrize("text", ['{"token": {"value": "t0k3n"}}', '{"token": ["t0k3n"]}'])
def test_a_token_that_is_no_text_is_refused_by_its_name(text: str) -> None:
    with pytest.raises(ConfigurationError, match="'token' is not text") as caught:
        GitCredentials.from_secret(parse_secret(text, "env:GIT"))
    assert "t0k3n" not in str(caught.value)


def test_other_fields_of_the_secret_may_have_any_shape() -> None:
    secret = parse_secret('{"token": "t0k3n", "port": 22, "more": {"a": [null, 1]}, "no": null}', "env:GIT")
    assert GitCredentials.from_secret(secret).token == "t0k3n"
