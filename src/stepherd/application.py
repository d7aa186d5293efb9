"""Where the application lies: template.yaml, the state machines and the functions.

In a checkout that is its root; an installed wheel carries a copy inside the package.
"""

from __future__ import annotations

from pathlib import Path

from stepherd.errors import ConfigurationError

__all__ = ["application_root"]


def application_root() -> Path:
    """The folder of template.yaml. Raises ConfigurationError when the installation has none."""
    package = Path(__file__).resolve().parent
    for folder in (package / "sam_application", package.parents[1]):
        if (folder / "template.yaml").is_file():
            return folder
    raise ConfigurationError(
        f"No template.yaml lies in {package} or its checkout.",
        remedy="Install Stepherd again: pip install stepherd",
    )
