"""``python -m stepherd.agents.apply INSTRUCTIONS``: write the files and apply the patches that they hold.

Patches go to ``git apply``, which is there wherever a clone is, knows every form of a unified diff
(new, deleted, renamed files, modes, binary), applies all of a patch or nothing, and refuses paths
outside the folder, below links or in .git; it reads no configuration of the user or the system.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path, PurePosixPath
from typing import Final

from stepherd.agents.fences import Block, blocks_of
from stepherd.agents.patches import hunk_number, mended
from stepherd.errors import DataError, StepherdError, StorageError
from stepherd.services.front_matter import body_of

__all__ = ["apply_instructions", "main"]

_GIT: Final = ("git", "-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "apply")
_OPTIONS: Final = ("--whitespace=nowarn", "--verbose", "-")
_FAILED_HUNK: Final = re.compile(r"error: patch failed: (?P<file>.+):(?P<line>\d+)$", re.MULTILINE)
_PATCH_SECONDS: Final = 120


def apply_instructions(text: str, workspace: Path) -> list[str]:
    """Do what the blocks of ``text`` say in ``workspace``, in order; returns a line for each.

    Every path is judged before anything is written. Raises DataError for a path outside the workspace or
    in .git, a patch that does not apply (naming its file and hunk), and when there is no block at all.
    """
    blocks = list(blocks_of(text))
    if not blocks:
        raise DataError(
            "No fenced block of instructions.md names a file or is a patch, so there is nothing to apply.",
            remedy="Open a block with ```python file=src/name.py or ```diff, or choose another --agent.",
        )
    for block in blocks:
        if block.kind == "file":
            _check_path(block, workspace)
    return [
        _write(block, workspace) if block.kind == "file" else _patch(block, workspace) for block in blocks
    ]


def _check_path(block: Block, workspace: Path) -> None:
    path = PurePosixPath(block.path)
    parts = block.path.split("/")
    if any(ord(character) < 32 or ord(character) == 127 for character in block.path):
        raise _refusal(block, "it has a control character")
    if path.is_absolute() or "\\" in block.path or any(part in {"", ".", ".."} for part in parts):
        raise _refusal(block, "it must be relative, within the workspace, without '..'")
    if any(part.rstrip(". ").lower() in {".git", "git~1"} for part in parts):
        raise _refusal(block, "it is in .git")
    for depth in range(1, len(parts) + 1):
        if workspace.joinpath(*parts[:depth]).is_symlink():
            raise _refusal(block, f"{'/'.join(parts[:depth])} is a link")


def _refusal(block: Block, reason: str) -> DataError:
    return DataError(
        f"The file {block.path!r} in line {block.line} of instructions.md is not acceptable: {reason}.",
        remedy="Use a relative path within the repository.",
    )


def _write(block: Block, workspace: Path) -> str:
    # Judged again: a patch before this block can have put a link in its way.
    _check_path(block, workspace)
    target = workspace / block.path
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o644)
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(block.content)
    except OSError as error:
        raise StorageError(
            f"The file {block.path!r} could not be written: {error.strerror}.",
            remedy="Free some space, or choose another path.",
        ) from error
    return f"wrote {block.path}"


def _patch(block: Block, workspace: Path) -> str:
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "LC_ALL": "C",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CEILING_DIRECTORIES": str(workspace.parent),
    }
    try:
        done = subprocess.run(
            [*_GIT, *_OPTIONS],
            input=mended(block.content).encode(),
            cwd=workspace,
            env=environment,
            capture_output=True,
            timeout=_PATCH_SECONDS,
            check=False,
        )
    except FileNotFoundError:
        raise DataError(
            "The patch cannot be applied because git is not installed here.", remedy="Install git."
        ) from None
    said = done.stderr.decode("utf-8", "replace")
    if done.returncode != 0:
        raise DataError(
            f"The patch in line {block.line} of instructions.md does not apply: "
            f"{_reason(said, block.content)}.",
            remedy="Create the patch again, against the base of the run (git diff).",
        )
    return f"applied the patch in line {block.line}"


def _reason(said: str, patch: str) -> str:
    failed = _FAILED_HUNK.search(said)
    if failed is None:
        errors = [line.removeprefix("error: ") for line in said.splitlines() if line.startswith("error: ")]
        return (errors or said.splitlines() or ["git apply printed nothing"])[-1]
    number = hunk_number(patch, failed["file"], int(failed["line"]))
    return f"{failed['file']}, {f'hunk {number}' if number else 'hunk'} at line {failed['line']}"


def main(argv: list[str]) -> int:
    """Apply ``argv[0]``/instructions.md in the current folder; the exit code is that of the error, if any."""
    try:
        text = (Path(argv[0]) / "instructions.md").read_text("utf-8-sig")
        for line in apply_instructions(body_of(text), Path.cwd()):
            sys.stdout.write(f"{line}\n")
    except StepherdError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
