"""The parts of a person's home that never go into a sandbox, whatever PATH says."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

__all__ = ["Privacy"]

_OF_HOME: Final = (
    # Keys and logins of a person.
    *(".ssh", ".aws", ".azure", ".gnupg", ".password-store", ".netrc", ".git-credentials", ".vault-token"),
    *(".docker", ".kube", ".config/gcloud", ".config/gh", ".config/glab-cli", ".config/git", ".config/op"),
    *(".pgpass", ".my.cnf", ".mozilla", ".local/share/keyrings", ".terraform.d/credentials.tfrc.json"),
    # Tokens of package registries.
    *(".npmrc", ".yarnrc.yml", ".pypirc", ".gem/credentials", ".bundle/config", ".composer/auth.json"),
    *(".cargo/credentials", ".cargo/credentials.toml", ".config/composer", ".local/share/uv/credentials"),
    *(".m2/settings.xml", ".m2/settings-security.xml", ".gradle/gradle.properties", ".nuget/NuGet"),
    # Logins of agents.
    *(".claude/.credentials.json", ".claude/projects", ".claude.json", ".codex", ".gemini"),
    *(".local/share/amazon-q", ".local/share/kiro-cli", ".local/share/opencode"),
    # Histories of shells, and Stepherd's own folder.
    *(".bash_history", ".zsh_history", ".python_history", ".stepherd"),
)
_SYSTEM: Final = tuple(
    Path(name)
    for name in ("/", "/home", "/root", "/run", "/run/user", "/var", "/tmp", "/proc", "/sys", "/dev", "/mnt")  # noqa: S108
)

# Links of the kernel lead anywhere: /proc/self/cwd.
_KERNEL: Final = (Path("/proc"), Path("/sys"), Path("/dev"))


class Privacy:
    """Judges which folders may be shown."""

    def __init__(self, home: Path, hidden: Iterable[Path] = ()) -> None:
        """``home`` is the person's; ``hidden`` are further paths that are no one else's."""
        paths = [*(home / name for name in _OF_HOME), home, *hidden]
        private = {form for path in paths for form in _forms(path)}
        self._holders = {above for path in private for above in (path, *path.parents)}
        self._folders = {*(private - set(_forms(home))), *_KERNEL}

    def allows(self, path: Path) -> bool:
        """Whether ``path`` holds nothing private, and lies in nothing private."""
        return all(self._allows(form) for form in _forms(path))

    def _allows(self, path: Path) -> bool:
        if path in _SYSTEM or len(path.parts) < 3:
            return False
        return path not in self._holders and self._folders.isdisjoint((path, *path.parents))


def _forms(path: Path) -> tuple[Path, Path]:
    """A path as it is written, and as it is without links."""
    return Path(os.path.normpath(path)), Path(os.path.realpath(path))
