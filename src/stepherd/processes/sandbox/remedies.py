"""Why bubblewrap cannot work here, and what to do about it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from stepherd.errors import ConfigurationError

__all__ = ["not_installed", "refused"]

_APPARMOR: Final = "kernel/apparmor_restrict_unprivileged_userns"
_OLD_DEBIAN: Final = "kernel/unprivileged_userns_clone"
_MOST: Final = "user/max_user_namespaces"
_LONGEST: Final = 300


def not_installed() -> ConfigurationError:
    """There is no bubblewrap, or only one that an agent could have put there."""
    return ConfigurationError(
        "bubblewrap is not installed.",
        remedy="Install the package bubblewrap: apt install bubblewrap, dnf install bubblewrap, …",
    )


def refused(words: str, settings: Path = Path("/proc/sys")) -> ConfigurationError:
    """bubblewrap failed, saying ``words``; the remedy is told by the kernel's ``settings``, for the words
    change from version to version."""
    said = " ".join(words.split())[:_LONGEST] or "it says nothing"
    return ConfigurationError(f"bubblewrap cannot create a sandbox here: {said}.", remedy=_remedy(settings))


def _remedy(settings: Path) -> str:
    if _setting(settings, _APPARMOR) == "1":
        return (
            "AppArmor restricts user namespaces (Ubuntu 23.10 and later). Give bwrap its profile: "
            "apt install apparmor-profiles; "
            "cp /usr/share/apparmor/extra-profiles/bwrap-userns-restrict /etc/apparmor.d/; "
            "apparmor_parser -r /etc/apparmor.d/bwrap-userns-restrict"
        )
    if _setting(settings, _MOST) == "0":
        return "User namespaces are switched off: sysctl user.max_user_namespaces=10000"
    if _setting(settings, _OLD_DEBIAN) == "0":
        return "User namespaces are switched off: sysctl kernel.unprivileged_userns_clone=1"
    return (
        "In a container this is normal: the container is the boundary. Otherwise see docs/how-to-sandbox.md."
    )


def _setting(settings: Path, name: str) -> str:
    try:
        return (settings / name).read_text("ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""
