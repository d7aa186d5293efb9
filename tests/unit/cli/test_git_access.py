"""What may be a token or a key, and that neither is shown."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from stepherd.cli.git_access import TOKEN_VARIABLE, given_access
from stepherd.errors import DataError, UsageError

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
