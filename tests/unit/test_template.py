"""template.yaml as SAM, CloudFormation and the engine read it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
REGIONS = (
    *("us-east-1", "us-west-2", "ca-central-1", "eu-west-1", "eu-central-1", "ap-northeast-1"),
    *("ap-southeast-2", "sa-east-1"),
)


def _run(program: str, *arguments: str, home: Path) -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "LC_ALL": "C.UTF-8",
        "SAM_CLI_TELEMETRY": "0",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    done = subprocess.run(
        [program, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.exhaustive
def test_sam_accepts_it(require: Callable[[str], str], tmp_path: Path) -> None:
    arguments = ("validate", "--lint", "--region", "us-east-1", "--template", "template.yaml")
    _run(require("sam"), *arguments, home=tmp_path)


def test_cfn_lint_accepts_it(require: Callable[[str], str], tmp_path: Path) -> None:
    _run(require("cfn-lint"), "--regions", *REGIONS, "--", "template.yaml", home=tmp_path)


def test_it_has_no_yaml_aliases_which_cloudformation_does_not_know() -> None:
    import yaml

    tokens = yaml.scan((ROOT / "template.yaml").read_text())
    assert [token for token in tokens if isinstance(token, (yaml.AliasToken, yaml.AnchorToken))] == []


@pytest.mark.exhaustive
def test_checkov_finds_nothing_but_what_is_declined_with_a_reason(
    require: Callable[[str], str], tmp_path: Path
) -> None:
    _run(require("checkov"), "-f", "template.yaml", "--config-file", ".checkov.yaml", home=tmp_path)


def test_every_check_that_is_declined_has_its_reason() -> None:
    lines = (ROOT / ".checkov.yaml").read_text().partition("skip-check:\n")[2].splitlines()
    assert lines
    assert [line for line in lines if len(line.partition("#")[2].split()) < 8] == []
