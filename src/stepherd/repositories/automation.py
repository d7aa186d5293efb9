"""Changed files that make programs run by themselves: when they are pushed, merged, installed or opened.

An agent may have good reason to change one. So the report names them, and a request can refuse them. Files
that run only when somebody builds or tests (a Makefile, a test, a build script) are ordinary code.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from stepherd.repositories.git import Git
from stepherd.repositories.raw_changes import RawChange, read_blobs
from stepherd.services.json_text import read_json

__all__ = ["Automation", "find_automation"]

_LARGEST_MANIFEST: Final = 4 << 20  # bytes
_NOTHING, _SUBMODULE = "000000", "160000"  # modes

# Of paths in lower case: file systems of other machines may not tell the cases apart.
_PATHS: Final = tuple(
    (re.compile(pattern), what)
    for pattern, what in (
        (r"\.(github|gitea|forgejo)/(workflows|actions)/.+|(.*/)?action\.ya?ml", "a workflow of the forge"),
        (r"\.gitlab-ci\.ya?ml|\.gitlab/.+\.ya?ml", "a pipeline of GitLab"),
        (
            r"bitbucket-pipelines\.ya?ml|azure-pipelines.*\.ya?ml|\.circleci/.+|\.travis\.ya?ml|\.drone\.ya?ml"
            r"|\.woodpecker(/.+|\.ya?ml)|\.buildkite/.+|(.*/)?jenkinsfile.*|(.*/)?buildspec.*\.ya?ml"
            r"|cloudbuild\.ya?ml|appveyor\.yml|\.appveyor\.yml|\.cirrus\.(ya?ml|star)|\.semaphore/.+\.ya?ml",
            "a pipeline of a build service",
        ),
        (r"\.gitmodules", "the list of submodules"),
        (r"(.*/)?\.vscode/(tasks|launch|settings|mcp)\.json", "a task of the editor"),
        (r"(.*/)?[^/]+\.code-workspace|(.*/)?\.zed/(tasks|settings|debug)\.json", "a task of the editor"),
        (r"(.*/)?\.idea/(runconfigurations/.+|workspace\.xml)", "a task of the editor"),
        (r"(.*/)?\.devcontainer(/.+|\.json)", "a container of the editor"),
        (r"(.*/)?\.(husky|githooks)/.+|(.*/)?\.?lefthook.*\.(ya?ml|toml|json)", "a hook of git"),
        (r"(.*/)?\.pre-commit-(config|hooks)\.ya?ml|(.*/)?\.overcommit\.yml", "a hook of git"),
        (
            r"(.*/)?\.envrc|(.*/)?(\.config/|\.)?mise(\.[^/]+)?\.toml"
            r"|(.*/)?(\.config/|\.)?mise/(config(\.[^/]+)?|conf\.d/[^/]+)\.toml",
            "commands of the shell's folder",
        ),
        (
            r"(.*/)?\.claude/settings.*\.json|(.*/)?\.mcp\.json|(.*/)?\.cursor/(mcp|hooks)\.json"
            r"|(.*/)?\.(amazonq|kiro)/(mcp\.json|settings/.+|cli-agents/.+|agents/.+|hooks/.+)"
            r"|(.*/)?\.codex/(config\.toml|hooks\.json)|(.*/)?\.gemini/settings\.json"
            r"|(.*/)?\.?opencode\.jsonc?|(.*/)?\.opencode/((plugins?|tools?)/.+|[^/]+\.jsonc?)",
            "commands of a coding agent",
        ),
        (r"(.*/)?setup\.py|(.*/)?[^/]+\.pth", "code that Python's installer runs"),
        (r"(.*/)?binding\.gyp|(.*/)?\.pnpmfile\.c?js|(.*/)?\.yarnrc(\.yml)?|(.*/)?\.yarn/(releases|plugins)/.+",
         "code that a package manager of JavaScript runs"),
        (r"(.*/)?\.npmrc", "settings of npm"),
        (r"(.*/)?extconf\.rb", "code that Ruby's installer runs"),
        (r"(.*/)?\.cargo/config(\.toml)?", "settings of Cargo"),
    )
)  # fmt: skip
_NPM_HOOKS: Final = (
    "preinstall",
    "install",
    "postinstall",
    "preprepare",
    "prepare",
    "postprepare",
    "dependencies",
)
_COMPOSER_HOOK: Final = re.compile(r"(pre|post)-(install|update|autoload|root|create|package)\b.*")


@dataclass(frozen=True, slots=True)
class Automation:
    """A changed file that runs by itself, and what it is, in words: "a workflow of the forge"."""

    path: str
    what: str


def find_automation(git: Git, changes: Iterable[RawChange]) -> tuple[Automation, ...]:
    """Those among ``changes``, in their order. A file that is taken away runs nothing.

    Of package.json, composer.json and pyproject.toml only a change of what an installation runs counts; one
    that cannot be read counts, too.
    """
    added = [change for change in changes if change.status != "D" and change.mode != _SUBMODULE]
    named = ((change, _named(git, change)) for change in added)
    return tuple(Automation(change.path, what) for change, what in named if what is not None)


def _named(git: Git, change: RawChange) -> str | None:
    path = change.path.lower()
    for pattern, what in _PATHS:
        if pattern.fullmatch(path):
            return what
    manifest = _MANIFESTS.get(path.rpartition("/")[2])
    if manifest is None or not _runs_other_commands(git, change, manifest):
        return None
    return "a manifest with other commands for its installation"


def _runs_other_commands(git: Git, change: RawChange, manifest: _Manifest) -> bool:
    has_old = change.old_mode not in (_NOTHING, _SUBMODULE)
    old = _hooks(git, change.old_id, manifest) if has_old else {}
    new = _hooks(git, change.object_id, manifest)
    return new is None or (new != old and bool(new))


def _hooks(git: Git, object_id: str, manifest: _Manifest) -> dict[str, Any] | None:
    """The commands that the manifest makes run; None when it cannot be read."""
    size = git.run("Measuring a file", "cat-file", "-s", object_id)
    if int(size) > _LARGEST_MANIFEST:
        return None
    (text,) = read_blobs(git, [object_id])
    try:
        return manifest.hooks(manifest.load(text))
    except (ValueError, RecursionError, AttributeError, TypeError):
        return None


@dataclass(frozen=True, slots=True)
class _Manifest:
    load: Callable[[str], Any]
    hooks: Callable[[dict[str, Any]], dict[str, Any]]


def _of_package(manifest: dict[str, Any]) -> dict[str, Any]:
    return {name: command for name, command in manifest.get("scripts", {}).items() if name in _NPM_HOOKS}


def _of_composer(manifest: dict[str, Any]) -> dict[str, Any]:
    scripts = manifest.get("scripts", {})
    return {name: command for name, command in scripts.items() if _COMPOSER_HOOK.fullmatch(name)}


def _of_pyproject(manifest: dict[str, Any]) -> dict[str, Any]:
    build = manifest.get("build-system", {})
    return {name: value for name, value in build.items() if name == "backend-path"}


_MANIFESTS: Final = {
    "package.json": _Manifest(read_json, _of_package),
    "composer.json": _Manifest(read_json, _of_composer),
    "pyproject.toml": _Manifest(tomllib.loads, _of_pyproject),
}
