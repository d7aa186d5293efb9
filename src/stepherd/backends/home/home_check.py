"""Whether a home can be trusted: what lies in it says what runs, so no one else may put anything there."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from stepherd.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["check_home"]


def check_home(home: Path, *, not_of: int | None = None) -> None:
    """Refuse a home that is another user's, or that others can write to, as ssh refuses such a configuration.

    One that others can only look into is taken: what is made in it is private (``services.file_modes``), and
    ``stepherd doctor`` says so. In a container a volume is its mounter's: there ``not_of``, the user that
    agents run as, is the one whose it must not be. Raises ConfigurationError.
    """
    try:
        facts = home.stat()
    except OSError:
        return  # Whoever uses it says what is wrong, or makes it.
    if facts.st_uid == not_of if not_of is not None else facts.st_uid != os.geteuid():
        raise ConfigurationError(
            f"The home {home} belongs to another user, who could change the programs that run here.",
            remedy="Choose one of your own with --home or STEPHERD_HOME.",
        )
    if stat.S_IMODE(facts.st_mode) & 0o022:
        raise ConfigurationError(
            f"Others on this machine can write to the home {home}, and so change the programs that run here.",
            remedy=f"If you trust what is in it: chmod go-w {home}",
        )
