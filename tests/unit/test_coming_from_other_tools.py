"""docs/coming-from-other-tools.md names all that those tools had, and for each row a test that is there."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest
from tests.aws_grants import ROOT

PAGE = (ROOT / "docs" / "coming-from-other-tools.md").read_text(encoding="utf-8")
ROWS = [
    [cell.strip() for cell in line.strip().strip("|").split("|")]
    for line in PAGE.splitlines()
    if line.startswith("| ") and not line.startswith("| there |")
]
HAD = (
    *("setup-fargate.sh", "setup-iam-roles.sh", "setup-secrets.sh", "setup-ecr.sh", "setup-ecs.sh"),
    *("run-fargate-task.sh", "check-task-status.sh", "PROCESS_REQUIREMENTS", "REPO_URL"),
    *("INSTRUCTIONS_S3_URI", "BRANCH_NAME", "COMMIT_MESSAGE", "LOGIN_SNS_TOPIC", "Q_DATABASE_S3_URI"),
    *("GIT_CREDENTIALS_SECRET_ID", "AMAZON_Q_CREDENTIALS_SECRET_ID"),
    *("amazon-q-headless/git-credentials", "amazon-q-headless/amazon-q-credentials"),
    *("mycli init`", "mycli configure", "mycli destroy", "mycli status", "logs -f", "mycli exec"),
    *(".mycli.yaml", "init-project", "config.yaml", "X-API-Key", "POST /executions", "GET /executions/{id}"),
    *("q user export-token", "amazon-q-streaming-client-python", "how-to-integrate-q-externally.md"),
)
"""Scripts, variables, secrets, commands and routes of those tools."""


@pytest.mark.parametrize("name", HAD)
def test_what_they_had_has_a_row(name: str) -> None:
    assert [row for row in ROWS if name in row[0]], name


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0][:40])
def test_a_row_names_a_test_that_is_there(row: list[str]) -> None:
    assert len(row) == 4, row
    path, name = row[3].strip("`").split("::")
    assert name in _tests(ROOT / path)


@cache
def _tests(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
