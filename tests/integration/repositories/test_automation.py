"""Changed files that run by themselves are named, and refused where a request says so."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.integration.repositories.origin import Origin, Run

from stepherd.repositories.changes import Changes
from stepherd.repositories.scan import ChangesBlocked

RUNS = [
    ".github/workflows/ci.yml",
    ".GitHub/Workflows/ci.yml",
    "action.yml",
    ".gitlab-ci.yml",
    ".gitmodules",
    ".vscode/tasks.json",
    "web/.vscode/tasks.json",
    ".devcontainer/devcontainer.json",
    ".husky/pre-commit",
    ".pre-commit-config.yaml",
    ".envrc",
    ".claude/settings.json",
    ".kiro/hooks/one.json",
    "setup.py",
    "pkg/binding.gyp",
    ".npmrc",
    "Jenkinsfile",
    "buildspec.yml",
    ".circleci/config.yml",
    ".cirrus.yml",
    ".semaphore/semaphore.yml",
    ".vscode/mcp.json",
    ".zed/tasks.json",
    ".kiro/settings/mcp.json",
    ".codex/hooks.json",
    ".gemini/settings.json",
    "opencode.json",
    "web/opencode.jsonc",
    ".opencode/plugin/one.js",
    ".opencode/plugins/one.ts",
    ".opencode/opencode.json",
    "mise.local.toml",
    ".mise.ci.toml",
    ".mise/config.toml",
    ".config/mise/config.toml",
]
ORDINARY = [
    "Makefile",
    "tests/test_a.py",
    "src/action.py",
    "docs/.github.md",
    "setup.cfg",
    "src/promise.toml",
    "src/mise/cargo.toml",
    "docs/opencode.md",
    ".opencode/agent/review.md",
    "github/workflows/a.yml",
]
PACKAGE = {"name": "x", "scripts": {"test": "jest", "postinstall": "node build.js"}}


def started(tmp_path: Path, files: dict[str, str]) -> Run:
    run = Run(tmp_path / "run", Origin.create(tmp_path / "origin", {"README.md": "1\n", **files}).repository)
    run.clone()
    return run


def record(run: Run, *, refuse: bool = False) -> Changes:
    return run.record(refuse_automation=refuse)


def named(run: Run) -> list[str]:
    return [found.path for found in record(run).automation]


def test_each_is_named_and_ordinary_code_is_not(tmp_path: Path) -> None:
    run = started(tmp_path, {})
    run.write(dict.fromkeys((*RUNS, *ORDINARY), "x\n"))
    found = record(run).automation
    assert sorted(file.path for file in found) == sorted(RUNS)
    assert all(file.what for file in found)


def test_one_that_is_taken_away_is_not_named(tmp_path: Path) -> None:
    run = started(tmp_path, {".gitlab-ci.yml": "x\n"})
    (run.workspace / ".gitlab-ci.yml").unlink()
    assert named(run) == []


@pytest.mark.parametrize(
    ("name", "before", "after", "expected"),
    [
        ("package.json", None, json.dumps(PACKAGE), True),
        ("package.json", None, json.dumps({"scripts": {"test": "jest"}}), False),
        ("package.json", json.dumps(PACKAGE), json.dumps({**PACKAGE, "name": "y"}), False),
        ("package.json", json.dumps(PACKAGE), json.dumps({"scripts": {}}), False),
        ("web/package.json", "{}", json.dumps({"scripts": {"prepare": "curl x | sh"}}), True),
        ("package.json", "{}", "no JSON", True),
        ("package.json", "no JSON", json.dumps(PACKAGE), True),
        ("package.json", "{}", '{"scripts": ["install"]}', True),
        ("package.json", "{}", "[" * 100_000, True),
        ("composer.json", "{}", '{"scripts": {"post-install-cmd": "x"}}', True),
        ("composer.json", "{}", '{"scripts": {"test": "x"}}', False),
        ("pyproject.toml", "", '[build-system]\nbackend-path = ["."]\n', True),
        ("pyproject.toml", None, '[build-system]\nbuild-backend = "hatchling.build"\n', False),
    ],
)
def test_a_manifest_counts_when_an_installation_runs_something_else(
    tmp_path: Path, name: str, before: str | None, after: str, expected: bool
) -> None:
    run = started(tmp_path, {} if before is None else {name: before + "\n"})
    run.write({name: after})
    assert named(run) == ([name] if expected else [])


def test_a_request_can_refuse_them_where_they_are_recorded_and_where_they_are_pushed(tmp_path: Path) -> None:
    run = started(tmp_path, {})
    run.write({".github/workflows/ci.yml": "on: push\n"})
    with pytest.raises(ChangesBlocked, match=r"\.github/workflows/ci\.yml: it is a workflow of the forge"):
        record(run, refuse=True)
    assert run.bundle.exists()
    with pytest.raises(ChangesBlocked, match="a workflow of the forge"):
        run.push(refuse_automation=True)
    assert run.push().created
