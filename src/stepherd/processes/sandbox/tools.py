"""The tools on PATH for a sandbox: each entry that the system's folders do not show, and its needs."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from stepherd.processes.account import Account
from stepherd.processes.sandbox.private_paths import Privacy
from stepherd.processes.sandbox.view import Mount, hops, shown_by

__all__ = ["Tools", "find_tools"]

_ROOTS: Final = {
    ".nvm": "NVM_DIR",
    ".config/nvm": "NVM_DIR",
    ".pyenv": "PYENV_ROOT",
    ".rbenv": "RBENV_ROOT",
    ".nodenv": "NODENV_ROOT",
    ".goenv": "GOENV_ROOT",
    ".jenv": "JENV_ROOT",
    ".volta": "VOLTA_HOME",
    ".asdf": "ASDF_DATA_DIR",
    ".sdkman": "SDKMAN_DIR",
    ".dotnet": "DOTNET_ROOT",
    ".local/share/mise": "MISE_DATA_DIR",
    ".local/share/fnm": "FNM_DIR",
    ".fnm": "FNM_DIR",
    ".rustup": "RUSTUP_HOME",
    ".local/share/pnpm": "",
    ".bun": "",
    ".deno": "",
    ".opencode": "",
    ".claude/local": "",
}
"""Below the home: the folder of a version manager, and the variable that names it."""
_ALONG: Final = {".cargo/bin": (".rustup",), ".local/bin": (".local/lib",), ".asdf": (".tool-versions",)}
"""Other folders that the programs of a folder need, though no link leads to them."""
_PREFIX_PARTS: Final = ("lib", "libexec", "share", "conda-meta")
_MOST_PROGRAMS: Final = 4096
_SKIPPED: Final = Path("/mnt")  # Windows' folders under WSL: slow to look through, and of no use inside.


@dataclass(frozen=True, slots=True)
class Tools:
    """Mounts for what is on PATH, and the variables that tell tools where they are."""

    mounts: tuple[Mount, ...] = ()
    variables: dict[str, str] = field(default_factory=dict)


def find_tools(
    path: str,
    home: Path,
    shown: Iterable[Mount],
    privacy: Privacy,
    account: Account | None = None,
    needed: Iterable[Path] = (),
) -> Tools:
    """Return read-only mounts for the programs on ``path``, to be added to the mounts ``shown``.

    An entry comes with the root of its version manager or installation; a link or an interpreter that leads
    out of it, with its own. Where a root holds something private, the largest part on the way that does not.
    ``needed`` is shown as it is. Paths that the user ``account`` cannot reach are left out, and those that
    lead over a link that cannot be read, such as /proc/1/root.
    """
    of_system = list(shown)
    finder = _Finder(home, list(of_system), privacy, account)
    for folder in needed:
        with suppress(OSError):
            finder.show_alone(folder)
    for folder in (Path(entry) for entry in dict.fromkeys(path.split(os.pathsep))):
        relevant = folder.is_absolute() and _SKIPPED not in folder.parents
        with suppress(OSError):
            if relevant and not shown_by(of_system, Path(os.path.realpath(folder))):
                finder.take(folder)
    return Tools(tuple(finder.found), finder.variables)


@dataclass(slots=True)
class _Finder:
    home: Path
    mounts: list[Mount]
    privacy: Privacy
    account: Account | None
    found: list[Mount] = field(default_factory=list)
    variables: dict[str, str] = field(default_factory=dict)
    looked_at: set[Path] = field(default_factory=set)
    """Most programs of a folder lead to the same interpreter."""

    def take(self, entry: Path) -> None:
        """One entry of PATH, and what its programs lead to."""
        if not (self.privacy.allows(entry) and can_reach(entry, self.account)):
            return
        self._show(entry)
        for link in _links_of(entry):
            with suppress(OSError):
                for hop in hops(link):
                    self._show(hop)

    def show_alone(self, folder: Path) -> None:
        """A folder without what it may belong to."""
        if not shown_by(self.mounts, folder) and self._may_show(folder):
            self._add(folder)

    def _show(self, path: Path) -> None:
        if path in self.looked_at:
            return
        self.looked_at.add(path)
        if shown_by(self.mounts, path) or not os.path.lexists(path):
            return
        for candidate in self._candidates(path):
            if self._may_show(candidate):
                self._add(candidate)
                return

    def _may_show(self, path: Path) -> bool:
        if not (self.privacy.allows(path) and can_reach(path, self.account)):
            return False
        managed = path.is_relative_to(self.home) and str(path.relative_to(self.home)) in _ROOTS
        return managed or not _holds_repository(path)

    def _add(self, root: Path) -> None:
        mount = Mount(root, "read")
        self.found.append(mount)
        self.mounts.append(mount)
        if not root.is_relative_to(self.home):
            return
        name = str(root.relative_to(self.home))
        if _ROOTS.get(name):
            self.variables[_ROOTS[name]] = str(root)
        for more in _ALONG.get(name, ()):
            self._show(self.home / more)

    def _candidates(self, path: Path) -> Iterator[Path]:
        """From the root that ``path`` belongs to down to ``path`` itself."""
        root = self._root_of(path)
        yield root
        below = root
        for part in path.relative_to(root).parts:
            below = below / part
            yield below

    def _root_of(self, path: Path) -> Path:
        if path.is_relative_to(self.home):
            managed = [self.home / name for name in _ROOTS if path.is_relative_to(self.home / name)]
            if managed:
                return managed[0]
            share = self.home / ".local/share"
            if share in path.parents:
                return share / path.relative_to(share).parts[0]
        for above in path.parents[::-1]:
            if above.name in ("node_modules", ".linuxbrew"):
                return above
        return _prefix_of(path, self.home)


def _prefix_of(path: Path, home: Path) -> Path:
    """The installation that ``path`` is the ``bin`` of, or lies in the ``bin`` of; else itself.

    A folder that many installations share does not count.
    """
    for above in (path, *path.parents):
        prefix = above.parent
        if above.name == "bin" and prefix not in (home, home / ".local", Path("/")):
            is_installation = (prefix / "pyvenv.cfg").exists() or any(
                (prefix / part).is_dir() for part in _PREFIX_PARTS
            )
            return prefix if is_installation else path
    return path


def _holds_repository(path: Path) -> bool:
    """Whether a folder is a person's repository, or has one in it: its programs are shown one by one then."""
    try:
        with os.scandir(path) as entries:
            return any(
                entry.name == ".git" or (entry.is_dir() and os.path.lexists(f"{entry.path}/.git"))
                for entry in entries
            )
    except OSError:
        return False  # A file.


def can_reach(path: Path, account: Account | None) -> bool:
    """Whether ``path`` is there, and a user, by default this one, may come to it and read it; of others the
    modes alone are looked at."""
    if account is None:
        return os.access(path, os.R_OK)
    real = Path(os.path.realpath(path))
    try:
        return _may(real, account, stat.S_IROTH) and all(
            _may(above, account, stat.S_IXOTH) for above in real.parents
        )
    except OSError:
        return False


def _may(path: Path, account: Account, right: int) -> bool:
    """Whether a mode gives the right, named as it is for others."""
    facts = path.stat()
    shift = 6 if facts.st_uid == account.user else 3 if facts.st_gid == account.group else 0
    return bool(facts.st_mode & right << shift)


def _links_of(entry: Path) -> Iterator[Path]:
    """The programs of a folder, which may be links or scripts."""
    try:
        with os.scandir(entry) as programs:
            for number, program in enumerate(programs):
                if number >= _MOST_PROGRAMS:
                    return
                if not program.is_dir() and os.access(program.path, os.X_OK):
                    yield Path(program.path)
    except OSError:
        return
