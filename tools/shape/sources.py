"""The modules of a package, parsed once for all that measures them."""

from __future__ import annotations

import ast
import io
import tokenize
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

__all__ = ["Source", "read_sources"]


@dataclass(frozen=True)
class Source:
    """One module; ``path`` is relative to the repository."""

    path: str
    module: str
    text: str

    @property
    def package(self) -> str:
        """The package that it belongs to; a module beside the packages is named ``(top)``."""
        words = self.path_in_package
        return words[0] if len(words) > 1 else "(top)"

    @property
    def path_in_package(self) -> tuple[str, ...]:
        """The names below the root package, the file's last."""
        depth = len(self.module.split(".")) - (0 if self.path.endswith("__init__.py") else 1)
        return Path(self.path).parts[-depth:]

    @cached_property
    def tree(self) -> ast.Module:
        """The syntax tree of the whole file."""
        return ast.parse(self.text)

    @cached_property
    def comments(self) -> dict[int, str]:
        """Comments by line, without their hash sign."""
        tokens = tokenize.generate_tokens(io.StringIO(self.text).readline)
        return {
            token.start[0]: token.string.lstrip("# ") for token in tokens if token.type == tokenize.COMMENT
        }


def read_sources(package: Path, root: Path) -> list[Source]:
    """All modules of the package in the folder ``package``, by path; ``root`` is the repository."""
    return [
        Source(str(path.relative_to(root)), _module(path, package.parent), path.read_text(encoding="utf-8"))
        for path in sorted(package.rglob("*.py"))
    ]


def _module(path: Path, above: Path) -> str:
    words = path.relative_to(above).with_suffix("").parts
    return ".".join(words[:-1] if words[-1] == "__init__" else words)
