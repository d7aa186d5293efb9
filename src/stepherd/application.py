"""Where the application lies: template, state machines, functions, and what builds layer and images.

In a checkout that is its root; an installed wheel carries a copy inside the package.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stepherd.errors import ConfigurationError

__all__ = ["Project", "application_root", "files_below", "find_project"]

_CARRIED: Final = "sam_application"
_LEFT_OUT: Final = frozenset({"__pycache__", _CARRIED})
_SOURCE: Final = "src/stepherd"
_PARTS: Final = (
    *(".dockerignore", "LICENSE", "README.md", "pyproject.toml", "template.yaml"),
    *("container", "functions", "layer", "statemachines", _SOURCE),
)


@dataclass(frozen=True, slots=True)
class Project:
    """The files that Stepherd is built from: those of a checkout or of an installed package."""

    root: Path
    """The folder of template.yaml."""
    package: Path
    """The folder of Stepherd's own modules."""

    def files(self) -> Iterator[tuple[str, Path]]:
        """Names and paths of what a build of the image needs: the names are those of a checkout.

        Raises ConfigurationError when the installation lacks a part.
        """
        for part in _PARTS:
            path = self.package if part == _SOURCE else self.root / part
            if path.is_dir():
                yield from ((f"{part}/{name}", file) for name, file in files_below(path))
            elif path.is_file():
                yield part, path
            else:
                raise ConfigurationError(
                    f"'{path}' is missing: this installation is incomplete.",
                    remedy="Install Stepherd again: pip install --force-reinstall 'stepherd[aws]'",
                )


def find_project() -> Project:
    """The project of this installation. Raises ConfigurationError when it has none."""
    return Project(application_root(), _package())


def application_root() -> Path:
    """The folder of template.yaml. Raises ConfigurationError when the installation has none."""
    package = _package()
    for folder in (package / _CARRIED, package.parents[1]):
        if (folder / "template.yaml").is_file():
            return folder
    raise ConfigurationError(
        f"There is no template.yaml in {package} or its checkout.",
        remedy="Install Stepherd again: pip install stepherd",
    )


def files_below(folder: Path) -> Iterator[tuple[str, Path]]:
    """Names and paths of the files of a folder, sorted; bytecode and what a wheel carries are left out."""
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if path.is_file() and path.suffix not in {".pyc", ".pyo"} and _LEFT_OUT.isdisjoint(name.parts):
            yield name.as_posix(), path


def _package() -> Path:
    return Path(__file__).resolve().parent
