"""docs/coming-from-other-tools.md names all that those tools had, and for each row a test that is there."""

from __future__ import annotations

import ast
from collections.abc import Mapping
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
HAD: Mapping[str, tuple[str, ...]] = {
    "The headless Amazon Q container": (
        *("setup-fargate.sh", "setup-iam-roles.sh", "setup-secrets.sh", "setup-ecr.sh", "setup-ecs.sh"),
        *("run-fargate-task.sh", "check-task-status.sh", "entrypoint.sh", "expect-login.sh"),
        *("q-authenticate.sh", "q-process-requirements.sh", "sync-database.sh", "-v ~/.aws"),
        *("PROCESS_REQUIREMENTS", "REPO_URL", "INSTRUCTIONS_S3_URI", "BRANCH_NAME", "COMMIT_MESSAGE"),
        *("LOGIN_SNS_TOPIC", "Q_DATABASE_S3_URI", "GIT_CREDENTIALS_SECRET_ID"),
        *("AMAZON_Q_CREDENTIALS_SECRET_ID", "amazon-q-headless/git-credentials"),
        *("amazon-q-headless/amazon-q-credentials", "instructions.md", "2 vCPU and 8 GB", "log group", "VPC"),
    ),
    "mycli": (
        *("mycli init`", "--stack-name", "--region", "mycli configure", "mycli destroy", "--force"),
        *("mycli status", "logs -f", "mycli exec", ".mycli.yaml", "init-project", "config.yaml", "X-API-Key"),
        *("POST /executions", "GET /executions/{id}", "execution_id", "`repo`", "`branch`", "`command`"),
        *("timeout_seconds", "`image`", "`env`", "task_arn", "`status`", "log_stream", "created_at", "401"),
        *("API_KEY_HASH", "GITHUB_TOKEN", "GITLAB_TOKEN", "SSH_PRIVATE_KEY", "AdministratorAccess", "ARM64"),
        *("0.25 vCPU", "log retention", "Terraform"),
    ),
    "The token exporter and the streaming client": (
        *("q user export-token", "accessToken", "refreshToken", "amazon-q-streaming-client-python"),
        *("QStreamingClient", "generate_assistant_response", "data.sqlite3"),
        "how-to-integrate-q-externally.md",
    ),
    "The Claude Code container on SQS": (
        *("INPUT_QUEUE_URL", "OUTPUT_QUEUE_URL", "WORKSPACE_PATH", "CLIENT_ID", "PROJECT_ID", "USER_ID"),
        *("ASTRO_PORT", "PREVIEW_DOMAIN", "previewUrl", "chatThreadId", "`instruction`", "interrupts"),
        *("`summary`", "`filesChanged`", "`error`", "dead-letter"),
    ),
}
"""Scripts, variables, secrets, commands, routes and fields of those tools, by the section that has them."""


@pytest.mark.parametrize("section", HAD)
def test_what_they_had_has_a_row(section: str) -> None:
    text = PAGE.partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    first = [line.split(" | ")[0] for line in text.splitlines() if line.startswith("| ")]
    assert [name for name in HAD[section] if not any(name in cell for cell in first)] == []


def test_every_section_is_of_a_tool() -> None:
    assert [line.removeprefix("## ") for line in PAGE.splitlines() if line.startswith("## ")] == [*HAD]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0][:40])
def test_a_row_names_a_test_that_is_there(row: list[str]) -> None:
    assert len(row) == 4, row
    path, name = row[3].strip("`").split("::")
    assert name in _tests(ROOT / path)


@cache
def _tests(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
