"""A sandbox shows the system as the machine is laid out, with names resolved where they may be."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from stepherd.processes.sandbox.system import system_mounts
from stepherd.processes.sandbox.view import Mount, View, find_program, hops, shown_by


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A machine: programs by a link, libraries in a folder of their own."""
    for name in ("usr/bin", "etc", "lib", "opt", "run/systemd/resolve", "run/docker", "mnt/wsl", "srv"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "bin").symlink_to("usr/bin")
    return tmp_path


def _resolver(root: Path, target: str, *more: tuple[str, str]) -> None:
    (root / "etc/resolv.conf").symlink_to(target)
    for link, leads in more:
        (root / link).parent.mkdir(parents=True, exist_ok=True)
        (root / link).symlink_to(leads)


def test_folders_are_read_only_links_stay_links_and_the_rest_is_not_there(root: Path) -> None:
    mounts = {str(m.target.relative_to(root)): (m.kind, m.source) for m in system_mounts("on", root)}
    assert mounts["usr"] == mounts["etc"] == mounts["lib"] == mounts["opt"] == ("read", None)
    assert mounts["bin"] == ("link", Path("usr/bin"))
    assert mounts["run"] == ("memory", None)
    assert not mounts.keys() & {"srv", "sbin", "home", "sys", "mnt", "nix"}


@pytest.mark.parametrize(
    ("target", "more", "shown"),
    [
        ("../run/systemd/resolve/stub-resolv.conf", (), "run/systemd/resolve"),
        ("../mnt/wsl/resolv.conf", (), "mnt/wsl"),
        (
            "../run/resolvconf/resolv.conf",
            (("run/resolvconf/resolv.conf", "../systemd/resolve/stub-resolv.conf"),),
            "run/systemd/resolve",
        ),
        ("../run/resolv.conf", (), "run/resolv.conf"),
    ],
)
def test_what_resolv_conf_leads_to_is_shown_at_its_real_path(
    root: Path, target: str, more: tuple[tuple[str, str], ...], shown: str
) -> None:
    _resolver(root, target, *more)
    for name in ("run/systemd/resolve/stub-resolv.conf", "mnt/wsl/resolv.conf", "run/resolv.conf"):
        (root / name).write_text("nameserver 127.0.0.53\n")
    mounts = system_mounts("on", root)
    assert Mount(root / shown, "read") in mounts
    assert all(shown_by(mounts, hop) for hop in hops(root / "etc/resolv.conf"))
    assert not shown_by(mounts, root / "run/docker")


@pytest.mark.parametrize("network", ["off", "proxy"])
def test_without_the_machine_s_network_no_socket_of_its_resolver_is_shown(root: Path, network: str) -> None:
    _resolver(root, "../run/systemd/resolve/stub-resolv.conf")
    (root / "run/systemd/resolve/stub-resolv.conf").write_text("nameserver 127.0.0.53\n")
    (root / "run/systemd/resolve/io.systemd.Resolve").touch()
    mounts = system_mounts(network, root)  # type: ignore[arg-type]
    assert not shown_by(mounts, root / "run/systemd/resolve/io.systemd.Resolve")


def test_a_resolver_that_leads_nowhere_shows_nothing(root: Path) -> None:
    _resolver(root, "../run/systemd/resolve/stub-resolv.conf")
    assert [m for m in system_mounts("on", root) if m.kind == "read" and "run" in m.target.parts[-3:]] == []


def test_a_later_mount_covers_an_earlier_one() -> None:
    opt, hidden, own = Path("/opt"), Path("/opt/stepherd"), Path("/opt/stepherd/tasks/1/workspace")
    view = View((Mount(opt, "read"), Mount(hidden, "hidden"), Mount(own, "write")), own)
    assert view.shows(opt / "tool")
    assert not view.shows(hidden / "journal.sqlite3")
    assert view.shows(own / "file")
    assert not View((Mount(Path("/tmp"), "write", Path("/run1/tmp")),), own).shows(Path("/tmp/x"))


def test_a_script_is_there_only_with_its_interpreter(tmp_path: Path) -> None:
    interpreter, script = tmp_path / "hidden" / "python", tmp_path / "shown" / "tool"
    for path, text in ((interpreter, ""), (script, f"#!{interpreter} -I\n")):
        path.parent.mkdir()
        path.write_text(text)
        path.chmod(0o755)
    shown = Mount(tmp_path / "shown", "read")
    assert find_program("tool", str(script.parent), View((shown,), tmp_path)) is None
    both = View((shown, Mount(tmp_path / "hidden", "read")), tmp_path)
    assert find_program("tool", str(script.parent), both) == script


def test_links_that_lead_to_each_other_end(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    assert list(hops(tmp_path / "a")) == [tmp_path / "a", tmp_path / "b"]
    assert find_program("a", os.fspath(tmp_path)) is None
