"""By way of PATH the programs' needs go into a sandbox, and nothing that is private."""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stepherd.processes.account import Account
from stepherd.processes.sandbox.private_paths import Privacy
from stepherd.processes.sandbox.tools import Tools, find_tools
from stepherd.processes.sandbox.view import Mount, View, find_program, shown_by

SYSTEM = [Mount(Path("/usr"), "read"), Mount(Path("/bin"), "link", Path("usr/bin"))]
PRIVATE = (
    *(".npmrc", ".cargo/credentials.toml", ".cargo/credentials", ".config/gh/hosts.yml", ".ssh/id_ed25519"),
    *(".aws/credentials", ".stepherd/journal.sqlite3", ".local/share/keyrings/login.keyring", ".netrc"),
    *(".local/share/amazon-q/data.sqlite3", ".local/share/opencode/auth.json", ".claude/.credentials.json"),
    *(".local/share/uv/credentials/credentials.toml", ".gnupg/key", ".docker/config.json", "code/app/app.py"),
)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with tools of every kind, and with everything that must stay in it."""
    home = tmp_path / "me"
    for name in PRIVATE:
        _write(home / name, "secret")
        (home / name).chmod(0o600)
    for program in (
        *(
            ".nvm/versions/node/v22.1.0/bin/node",
            ".pyenv/shims/python",
            ".cargo/bin/cargo",
            ".volta/bin/volta",
        ),
        *(".local/share/mise/shims/node", ".asdf/shims/ruby", "bin/mine", "go/bin/gopls", ".bun/bin/bun"),
        *("miniconda3/bin/conda", "code/app/bin/rails", "code/app/node_modules/eslint/cli.js"),
        *(".local/share/claude/versions/2.1", ".local/share/pipx/venvs/poetry/bin/poetry", "code/tool.sh"),
        *(".local/share/uv/tools/ruff/bin/ruff", "code/linked/cli.js"),
    ):
        _write(home / program, "#!/bin/sh\n")
    for folder in (
        ".rustup/toolchains",
        "miniconda3/lib",
        ".local/lib/python3",
        "code/app/lib",
        "code/app/.git",
    ):
        (home / folder).mkdir(parents=True)
    _write(home / ".local/share/pipx/venvs/poetry/pyvenv.cfg", "")
    _write(home / ".local/share/uv/tools/ruff/pyvenv.cfg", "")
    for link, target in {
        ".local/bin/claude": "../share/claude/versions/2.1",
        ".local/bin/poetry": str(home / ".local/share/pipx/venvs/poetry/bin/poetry"),
        ".local/bin/ruff": "../share/uv/tools/ruff/bin/ruff",
        ".local/bin/tool": "../../code/tool.sh",
        ".local/bin/linked": "../../code/linked/cli.js",
        ".local/bin/nothing": "../../gone",
        ".local/bin/aws": "../../.aws/credentials",
        "code/app/node_modules/.bin/eslint": "../eslint/cli.js",
    }.items():
        (home / link).parent.mkdir(parents=True, exist_ok=True)
        (home / link).symlink_to(target)
    return home


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


def _find(home: Path, *entries: str, account: Account | None = None) -> Tools:
    path = os.pathsep.join(str(home / entry) for entry in entries)
    return find_tools(path, home, SYSTEM, Privacy(home), account)


def _shows(tools: Tools, path: Path) -> bool:
    return shown_by([*SYSTEM, *tools.mounts], path)


@pytest.mark.parametrize(
    ("entry", "roots", "variables"),
    [
        (".nvm/versions/node/v22.1.0/bin", [".nvm"], {"NVM_DIR": ".nvm"}),
        (".pyenv/shims", [".pyenv"], {"PYENV_ROOT": ".pyenv"}),
        (".volta/bin", [".volta"], {"VOLTA_HOME": ".volta"}),
        (".asdf/shims", [".asdf"], {"ASDF_DATA_DIR": ".asdf"}),
        (".local/share/mise/shims", [".local/share/mise"], {"MISE_DATA_DIR": ".local/share/mise"}),
        (".cargo/bin", [".cargo/bin", ".rustup"], {"RUSTUP_HOME": ".rustup"}),
        (".bun/bin", [".bun"], {}),
        ("miniconda3/bin", ["miniconda3"], {}),
        ("bin", ["bin"], {}),
        ("go/bin", ["go/bin"], {}),
        ("code/app/bin", ["code/app/bin"], {}),
        ("code/app/node_modules/.bin", ["code/app/node_modules"], {}),
    ],
)
def test_an_entry_of_path_comes_with_its_root_and_the_variable_that_names_it(
    home: Path, entry: str, roots: list[str], variables: Mapping[str, str]
) -> None:
    tools = _find(home, entry)
    assert [mount.target for mount in tools.mounts] == [home / root for root in roots]
    assert {mount.kind for mount in tools.mounts} == {"read"}
    assert tools.variables == {name: str(home / root) for name, root in variables.items()}


def test_links_of_local_bin_lead_to_what_they_need_and_to_no_more(home: Path) -> None:
    tools = _find(home, ".local/bin")
    shown = {str(mount.target.relative_to(home)) for mount in tools.mounts}
    assert shown == {
        *(".local/bin", ".local/lib", ".local/share/claude", ".local/share/pipx", ".local/share/uv/tools"),
        # A script in a folder of one's own, and a package that is linked from there: the file alone.
        *("code/tool.sh", "code/linked/cli.js"),
    }


def test_of_a_folder_with_a_repository_in_it_the_programs_alone_are_shown(home: Path) -> None:
    (home / "bin/.git").mkdir()
    tools = _find(home, "bin", "code")
    assert [mount.target for mount in tools.mounts] == [home / "bin/mine", home / "code/tool.sh"]


def test_a_program_is_found_inside_when_everything_it_leads_to_is_there(home: Path) -> None:
    tools = _find(home, ".local/bin")
    view = View((*SYSTEM, *tools.mounts), home)
    path = str(home / ".local/bin")
    assert find_program("claude", path, view) == home / ".local/bin/claude"
    # AND not what leads out of it, though it is found outside
    (home / ".local/bin/other").symlink_to("/proc/self/exe")
    assert find_program("other", path)
    assert find_program("other", path, view) is None


def test_a_folder_that_another_user_cannot_enter_is_left_out(home: Path) -> None:
    stranger = Account(54_321, 54_321)
    assert _find(home, "bin", account=stranger).mounts == ()  # pytest's folders are its own user's
    assert _find(home, "bin").mounts


@pytest.mark.parametrize(
    "entry", ["", ".", "bin", "/", "/mnt/c/Windows", "/proc/self/cwd", "/nonexistent/bin"]
)
def test_odd_entries_of_path_show_nothing(home: Path, entry: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(home)
    assert find_tools(entry, home, SYSTEM, Privacy(home)).mounts == ()


WHERE = (
    *("", ".cargo", ".cargo/bin", ".config", ".config/gh", ".ssh", ".local", ".local/bin", ".local/share"),
    *(
        ".aws",
        ".stepherd",
        "bin",
        "code",
        "code/app/bin",
        ".claude",
        ".local/share/uv",
        ".nvm",
        "..",
        "../..",
    ),
    *(".local/share/opencode", "code/app", ".npmrc", ".docker", ".local/share/uv/tools/ruff/bin"),
)
ENTRIES = st.lists(st.sampled_from(WHERE), max_size=6)


@given(entries=ENTRIES)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
def test_whatever_path_says_nothing_private_is_shown(home: Path, entries: list[str]) -> None:
    tools = _find(home, *entries)
    assert [name for name in PRIVATE if _shows(tools, home / name)] == []
    assert not _shows(tools, home)


def test_a_home_that_is_reached_by_a_link_hides_the_same(home: Path, tmp_path: Path) -> None:
    other = tmp_path / "link"
    other.symlink_to(home)
    entries = [".cargo/bin", ".config/gh", ".ssh", ".local/bin", ".cargo"]
    for named, listed in ((home, other), (other, home)):
        path = os.pathsep.join(str(listed / entry) for entry in entries)
        tools = find_tools(path, named, SYSTEM, Privacy(named))
        assert [n for n in PRIVATE for h in (home, other) if _shows(tools, h / n)] == []


@pytest.mark.parametrize("place", ["an entry of PATH", "a program", "what is needed"])
def test_a_link_that_cannot_be_read_hides_itself_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """Such as /proc/1/root: os.path.realpath raises for it, and without this there was no sandbox at all."""
    home = tmp_path / "me"
    _write(home / "bin/a", "#!/bin/sh\n")
    _write(home / "more/z", "#!/bin/sh\n")
    closed = home / ("bin/closed" if place == "a program" else "closed")
    closed.symlink_to(home / "bin/a")
    read = os.readlink

    def readlink(path: Any, **rest: Any) -> Any:
        if os.fspath(path) == str(closed):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return read(path, **rest)

    monkeypatch.setattr(os, "readlink", readlink)
    path = ":".join(str(each) for each in (closed / "bin", home / "bin", home / "more"))
    found = find_tools(path, home, SYSTEM, Privacy(home), needed=(closed, closed / "x"))
    shown = {mount.target for mount in found.mounts}
    assert {home / "bin", home / "more"} <= shown
